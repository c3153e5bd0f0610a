"""QR codes, PDF417 and bar codes: the printer's own where it has them, otherwise drawn and sent as a picture.

Every code is checked before a byte of it is made. A code that cannot exist is a ValueError in one sentence.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from drivers.document import Barcode, Pdf417, Qr
from drivers.escpos.profile import Profile
from drivers.escpos.raster import begins_real_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PIL import Image

_BAR_DOTS = 80
_QUIET_MODULES = 2  # above and below a drawn code; the lines of text bring the rest
_QR_BYTES = 2331  # version 40, level M
_PDF417_BYTES = 1000
_NAMES = {"code128": "Code 128", "ean13": "EAN-13", "ean8": "EAN-8", "upca": "UPC-A", "code39": "Code 39", "itf": "ITF"}
_GS_K = {"upca": 65, "ean13": 67, "ean8": 68, "code39": 69, "itf": 70, "code128": 73}
_DIGITS = {"ean13": 13, "ean8": 8, "upca": 12}


def bar_code(block: Barcode, profile: Profile, room_dots: int) -> bytes | None:
    """GS h, GS w, GS H and GS k, or a picture with its text to be printed below; None: no room for it, or no way.

    Raises ValueError for data that the symbology cannot hold, or whose check digit is wrong.
    """
    _check(block)
    dots = _module_dots(_modules(block), room_dots)
    data = block.data.encode("ascii")
    if block.symbology == "code128":
        data = b"{B" + data.replace(b"{", b"{{")  # code set B, in which a brace is written twice
    if not dots or len(data) > 255:
        return None  # a printer leaves out a code that is too wide
    if profile.has_barcode:
        size = b"\x1dh" + bytes([_BAR_DOTS]) + b"\x1dw" + bytes([dots]) + b"\x1dH\x02"
        return size + b"\x1dk" + bytes([_GS_K[block.symbology], len(data)]) + data
    return _drawn_bar_code(block, dots) + block.data.encode("ascii") + b"\n" if profile.has_raster else None


def qr_code(block: Qr, profile: Profile, room_dots: int) -> bytes | None:
    """GS ( k fn 165, 167, 169, 180 and 181: model 2, module size, level M, data, print; or a picture; None: no way."""
    # DLE would start a real-time command even inside the data (DLE EOT, DLE ENQ, DLE DC4).
    data = block.data.replace("\x10", "").encode()
    if not 0 < len(data) <= _QR_BYTES:
        raise ValueError(f"a QR code of level M holds 1 to {_QR_BYTES} bytes, not {len(data)}")
    store = b"\x1d(k" + (len(data) + 3).to_bytes(2, "little") + b"1P0" + data
    if profile.has_qr_code and not begins_real_time(store):
        module = bytes([min(max(block.module_dots, 1), 16)])
        return b"\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C" + module + b"\x1d(k\x03\x001E1" + store + b"\x1d(k\x03\x001Q0"
    return _drawn_qr_code(data.decode(), block.module_dots, room_dots) if profile.has_raster else None


def pdf417(block: Pdf417, profile: Profile, room_dots: int) -> bytes | None:
    """GS ( k fn 65, 67, 69, 80 and 81: as many columns as fit, 2 or 3 dots a module, level 2; or a picture; None: no way."""
    data = block.data.replace("\x10", "").encode()
    if not 0 < len(data) <= _PDF417_BYTES:
        raise ValueError(f"a PDF417 code here holds 1 to {_PDF417_BYTES} bytes, not {len(data)}")
    if profile.has_pdf417:
        store = b"\x1d(k" + (len(data) + 3).to_bytes(2, "little") + b"0P0" + data
        module = b"\x03" if room_dots >= 504 else b"\x02"
        size = b"\x1d(k\x03\x000A\x00\x1d(k\x03\x000C" + module + b"\x1d(k\x04\x000E02"
        return size + store + b"\x1d(k\x03\x000Q0"
    return _drawn_pdf417(data.decode(), room_dots) if profile.has_raster else None


def _check(block: Barcode) -> None:
    name, data = _NAMES[block.symbology], block.data
    if block.symbology == "code128":
        if not data or not (data.isascii() and data.isprintable()):
            raise ValueError(f"a Code 128 bar code holds printable ASCII, not {data!r}")
    elif block.symbology == "code39":
        if not re.fullmatch(r"[0-9A-Z $%+\-./]+", data):
            raise ValueError(f"a Code 39 bar code holds digits, capital letters, blanks and $%+-./, not {data!r}")
    elif not (data.isascii() and data.isdigit()):
        raise ValueError(f"{name} holds digits, not {data!r}")
    elif block.symbology == "itf":
        if len(data) % 2:
            raise ValueError(f"ITF holds an even number of digits, not {data!r}")
        if len(data) == 14:
            _check_last_digit(name, data)
    else:
        if len(data) != _DIGITS[block.symbology]:
            raise ValueError(f"{name} has {_DIGITS[block.symbology]} digits, the check digit included, not {data!r}")
        _check_last_digit(name, data)


def _check_last_digit(name: str, data: str) -> None:
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(data[:-1]), start=1))
    if data[-1] != str(-total % 10):
        raise ValueError(f"{name} {data} does not end with its check digit, {-total % 10}")


def _modules(block: Barcode) -> int:
    """How many of its thinnest bars a code is wide, with the quiet zones; wide bars count as three."""
    length = len(block.data)
    match block.symbology:
        case "code128":
            return 11 * (length + 2) + 13 + 20  # start, data and check symbols; the stop
        case "code39":
            return 16 * (length + 2) - 1 + 20
        case "itf":
            return 9 * length + 9 + 20
        case "ean8":
            return 67 + 14
        case _:
            return 95 + 18


def _module_dots(modules: int, room_dots: int) -> int:
    """3 or 2 dots a module, whichever fits the paper; 0 when none does."""
    return next((dots for dots in (3, 2) if modules * dots <= room_dots), 0)


@lru_cache(maxsize=32)
def _drawn_bar_code(block: Barcode, module_dots: int) -> bytes:
    """Half as many rows, printed twice as high."""
    from drivers.escpos.raster import raster

    bars = _bars(block)
    return raster(_dots([[int(bar) for bar in bars]], module_dots, _BAR_DOTS // 2), mode=2)


def _bars(block: Barcode) -> str:
    from barcode import codex, ean, itf, upc

    class Code128(codex.Code128):  # type: ignore[misc]
        """The library takes a first pair of digits 99 for a switch to pairs of digits, and leaves it out of the code."""

        def _try_to_optimize(self, encoded: list[int]) -> list[int]:
            better: list[int] = encoded if encoded[1] == 99 else super()._try_to_optimize(encoded)
            return better

    data = block.data
    drawn = {
        "code128": lambda: Code128(data),  # type: ignore[no-untyped-call]
        "code39": lambda: codex.Code39(data, add_checksum=False),
        "itf": lambda: itf.ITF(data, narrow=1, wide=3),
        "upca": lambda: upc.UPCA(data),
        "ean8": lambda: ean.EAN8(data),
        "ean13": lambda: ean.EAN13(data),
    }[block.symbology]()
    bars: str = drawn.build()[0]
    return bars


@lru_cache(maxsize=32)
def _drawn_qr_code(text: str, module_dots: int, room_dots: int) -> bytes | None:
    import segno

    from drivers.escpos.raster import raster

    code = segno.make_qr(text, error="m", boost_error=False, encoding=None if text.isascii() else "utf-8")
    module = min(max(module_dots, 1), room_dots // len(code.matrix))
    return raster(_with_quiet_zone(_dots(code.matrix, module, module), module)) if module else None


@lru_cache(maxsize=32)
def _drawn_pdf417(text: str, room_dots: int) -> bytes | None:
    import pdf417gen

    from drivers.escpos.raster import raster

    for module in (3, 2):
        columns = min((room_dots // module - 69) // 17, 8)
        if columns >= 1 and (columns > 2 or module == 2):
            try:
                rows = pdf417gen.encode(text, columns=columns, security_level=2, encoding="utf-8")
            except ValueError:
                continue  # more than 90 rows
            matrix = [[int(bar) for bar in "".join(f"{word:b}" for word in row)] for row in rows]
            return raster(_with_quiet_zone(_dots(matrix, module, 3 * module), module))
    return None


def _dots(matrix: Sequence[Iterable[int]], across: int, down: int) -> Image.Image:
    from PIL import Image

    rows = [bytes(255 * module for module in row) for row in matrix]
    small = Image.frombytes("L", (len(rows[0]), len(rows)), b"".join(rows))
    return small.resize((small.width * across, small.height * down), Image.Resampling.NEAREST).convert("1")


def _with_quiet_zone(code: Image.Image, module_dots: int) -> Image.Image:
    from PIL import Image

    framed = Image.new("1", (code.width, code.height + 2 * _QUIET_MODULES * module_dots))
    framed.paste(code, (0, _QUIET_MODULES * module_dots))
    return framed
