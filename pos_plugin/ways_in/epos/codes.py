"""Bar codes and two-dimensional symbols of a request, as the printer's own commands or as pictures; None: as a line of text.

Epson's printers leave out a code that cannot exist and report success. Here what it would have said is printed in its place, so
that nothing is missing on a receipt without anybody knowing.
"""

from __future__ import annotations

import re

from drivers.document import Barcode as BarcodeBlock
from drivers.document import Pdf417, Qr
from drivers.escpos.codes import bar_code, pdf417, qr_code
from drivers.escpos.profile import Profile
from drivers.escpos.raster import begins_real_time
from pos_plugin.ways_in.epos.elements import Barcode, Symbol

_GS_K = {
    "upc_a": 65,
    "upc_e": 66,
    "ean13": 67,
    "jan13": 67,
    "ean8": 68,
    "jan8": 68,
    "code39": 69,
    "itf": 70,
    "codabar": 71,
    "code93": 72,
    "code128": 73,
    "gs1_128": 74,
    "gs1_databar_omnidirectional": 75,
    "gs1_databar_truncated": 76,
    "gs1_databar_limited": 77,
    "gs1_databar_expanded": 78,
}
_CAN_BE = {
    "upc_a": r"\d{11,12}",
    "upc_e": r"\d{6,8}|\d{11,12}",
    "ean13": r"\d{12,13}",
    "jan13": r"\d{12,13}",
    "ean8": r"\d{7,8}",
    "jan8": r"\d{7,8}",
    "code39": r"\*?[0-9A-Z $%+\-./]+\*?",
    "itf": r"(\d\d)+",
    "codabar": r"[A-Da-d][0-9$+\-./:]+[A-Da-d]",
    "gs1_databar_omnidirectional": r"\d{13}",
    "gs1_databar_truncated": r"\d{13}",
    "gs1_databar_limited": r"[01]\d{12}",
}
_ANY = r"[\x00-\x7f]+"  # the others
_HRI = {"none": 0, "above": 1, "below": 2, "both": 3}
_FONTS = {"font_b": 1, "font_c": 2, "font_d": 3, "font_e": 4, "special_a": 97, "special_b": 98}
_QR_MODELS = {"qrcode_model_1": 49, "qrcode_model_2": 50, "qrcode_micro": 51}
_QR_LEVELS = {"level_l": 48, "level_m": 49, "level_q": 50, "level_h": 51}
_QR_BYTES = 2953  # version 40, level L
_PDF417_BYTES = 1100
_ESCAPED = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)


def unescaped(content: str) -> str:
    r"""What a code holds: \xnn is a byte, \\ a backslash.

    >>> unescaped("{A12\\x0d")
    '{A12\r'
    """
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], content)


def barcode_bytes(block: Barcode, content: str, profile: Profile, room_dots: int) -> bytes | None:
    """GS h, GS w, GS H, GS f and GS k as asked; where the printer has no bar codes, a picture of those that can be drawn."""
    data = unescaped(content)
    if not re.fullmatch(_CAN_BE.get(block.type, _ANY), data, re.ASCII) or len(data) > 250:
        return None
    if not profile.has_barcode:
        return _drawn(block, data, profile, room_dots)
    if block.type == "code128" and not data.startswith(("{A", "{B", "{C")):
        data = "{B" + data.replace("{", "{{")
    made = b"\x1dk" + bytes([_GS_K[block.type], len(data)]) + data.encode("ascii")
    if begins_real_time(made):
        return None
    look = b"\x1dh" + bytes([block.height]) + b"\x1dw" + bytes([max(block.width, 2)]) + b"\x1dH"
    return look + bytes([_HRI[block.hri]]) + b"\x1df" + bytes([_FONTS.get(block.font or "", 0)]) + made


def _drawn(block: Barcode, data: str, profile: Profile, room_dots: int) -> bytes | None:
    symbology = block.type.replace("jan", "ean").replace("upc_a", "upca")
    if symbology == "code128":
        data = data.removeprefix("{B").replace("{{", "{")
    if symbology == "code39":
        data = data.strip("*")
    match symbology:
        case "code128" | "ean13" | "ean8" | "upca" | "code39" | "itf":
            try:
                return bar_code(BarcodeBlock(data, symbology), profile, room_dots)
            except ValueError:
                return None
        case _:
            return None


def symbol_bytes(block: Symbol, content: str, profile: Profile, room_dots: int) -> bytes | None:
    """QR codes and PDF417, by the printer or as a picture. The other symbols are in no profile: few printers have them."""
    data = unescaped(content)
    if not data:
        return None
    # Of text UTF-8, which is what telephones read; a byte that was written as \xnn stays that byte.
    encoded = data.encode("latin-1") if _ESCAPED.search(content) and max(data) <= "\xff" else data.encode("utf-8")
    try:
        if block.type in _QR_MODELS:
            return _qr(block, data, encoded, profile, room_dots)
        if block.type.startswith("pdf417"):
            return _pdf417(block, data, encoded, profile, room_dots)
    except ValueError:  # more than it can hold
        pass
    return None


def _qr(block: Symbol, data: str, encoded: bytes, profile: Profile, room_dots: int) -> bytes | None:
    module = min(max(block.width or 3, 1), 16)
    level = _QR_LEVELS.get(str(block.level), 48)
    made = _function(49, 80, 48, encoded)
    if profile.has_qr_code and len(encoded) <= _QR_BYTES and not begins_real_time(made):
        model = _function(49, 65, _QR_MODELS[block.type], b"\x00")
        return model + _function(49, 67, module) + _function(49, 69, level) + made + _function(49, 81, 48)
    return qr_code(Qr(data, module), profile, room_dots)


def _pdf417(block: Symbol, data: str, encoded: bytes, profile: Profile, room_dots: int) -> bytes | None:
    made = _function(48, 80, 48, encoded)
    if not profile.has_pdf417 or len(encoded) > _PDF417_BYTES or begins_real_time(made):
        return pdf417(Pdf417(data), profile, room_dots)
    level = str(block.level)
    look = [
        _function(48, 65, min(block.size, 30)),
        _function(48, 67, min(max(block.width or 3, 2), 8)),
        _function(48, 68, min(max(block.height or 3, 2), 8)),
        _function(48, 70, block.type == "pdf417_truncated"),
    ]
    if level[-1].isdigit() and level.startswith("level_"):
        look.append(_function(48, 69, 48, bytes([48 + int(level[-1])])))
    return b"".join(look) + made + _function(48, 81, 48)


def _function(symbol: int, function: int, first: int, rest: bytes = b"") -> bytes:
    """GS ( k."""
    return b"\x1d(k" + (len(rest) + 3).to_bytes(2, "little") + bytes([symbol, function, first]) + rest
