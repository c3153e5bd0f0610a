"""Member cards to print: the card, sheets of ten, and a PDF of sheets.

Draws only; which numbers are cards is `loyalty.card`. Black and white at 600 dots an inch, so that a bar is as wide as it should
be on any printer; the same numbers give the same bytes each time.

Sizes: ISO/IEC 7810 ID-1 (the card), GS1 General Specifications 5.2.3 (EAN-13: 0.264 to 0.66 mm a module, 11 and 7 modules of
quiet zone), ISO/IEC 15417 (Code 128: 10 modules), ISO/IEC 18004 (QR: 4 modules). A camera or reader that sees 200 dots an inch
has two dots for the thinnest bar, and five for a module of the QR code.
"""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from loyalty.card import ean_check_digit

if TYPE_CHECKING:
    from PIL import Image, ImageFont

DPI = 600
ACROSS, DOWN = 2, 5
PER_SHEET = ACROSS * DOWN


def _dots(mm: float) -> int:
    return round(mm / 25.4 * DPI)


CARD = (_dots(85.6), _dots(54))
SHEET = (_dots(210), _dots(297))

_MARGIN = _dots(5)
_QR_MODULE = 16  # 0.68 mm
_BAR_MODULE = 8  # 0.34 mm, a little over the 0.33 of GS1
_QUIET = 11  # modules on each side: the most that a code here asks for
_BAR_TOP, _BAR_HEIGHT = _dots(25), _dots(16)
_MARK, _MARK_GAP = _dots(5), _dots(2)


def missing_letters(name: str) -> str:
    """Those letters of a name that cannot be printed on a card."""
    font = _font(_dots(4))
    none = bytes(font.getmask("\U0010ffff"))
    right_to_left = ("R", "AL")
    return "".join(
        letter
        for letter in dict.fromkeys(name)
        if unicodedata.bidirectional(letter) in right_to_left
        or not letter.isprintable()
        or bytes(font.getmask(letter)) == none
    )


def grouped(number: str) -> str:
    """How a number stands on a card: an EAN-13 as people know it, others in fours.

    >>> grouped("2900000000018"), grouped("1234567897"), grouped("M-12345678")
    ('2 900000 000018', '1234 5678 97', 'M-12 3456 78')
    """
    if _is_ean13(number):
        return f"{number[0]} {number[1:7]} {number[7:]}"
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def card(number: str, name: str) -> Image.Image:
    """One card: the shop's name, the number as bars and as a QR code, and in digits."""
    from PIL import Image, ImageDraw

    image = Image.new("1", CARD, 1)
    draw = ImageDraw.Draw(image)
    qr = _qr_code(number)
    image.paste(qr, (CARD[0] - _MARGIN - qr.width, _MARGIN))
    room = CARD[0] - 3 * _MARGIN - qr.width
    draw.text((_MARGIN, _MARGIN), name, 0, _fitting(name, _dots(6), room))
    bars = _bars(number)
    image.paste(bars, ((CARD[0] - bars.width) // 2, _BAR_TOP))
    text = grouped(number)
    font = _fitting(text, _dots(5), CARD[0] - 2 * _MARGIN)
    draw.text((CARD[0] // 2, _BAR_TOP + _BAR_HEIGHT + _dots(2)), text, 0, font, anchor="ma")
    return image


def sheets(numbers: Iterable[str], name: str) -> Iterator[Image.Image]:
    """Sheets of A4 with ten cards each and marks along which to cut."""
    from PIL import Image

    left, top = (SHEET[0] - ACROSS * CARD[0]) // 2, (SHEET[1] - DOWN * CARD[1]) // 2
    rest = iter(numbers)
    while batch := list(islice(rest, PER_SHEET)):
        sheet = Image.new("1", SHEET, 1)
        for place, number in enumerate(batch):
            row, column = divmod(place, ACROSS)
            sheet.paste(card(number, name), (left + column * CARD[0], top + row * CARD[1]))
        _mark(sheet, left, top)
        yield sheet


def png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG", dpi=(DPI, DPI))
    return file.getvalue()


def write_pdf(file: BinaryIO, pages: Iterable[Image.Image]) -> None:
    """A PDF of black and white pages, each one picture (ISO 32000-1: 7.5 file structure, 8.9.5 images). Has no date in it."""
    offsets: list[int] = []
    place = 0

    def write(data: bytes) -> None:
        nonlocal place
        place += file.write(data)

    def add(dictionary: str, stream: bytes | None = None) -> int:
        offsets.append(place)
        number = len(offsets) + 2  # 1 and 2 are the catalogue and the list of pages, which come last
        body = f"<<{dictionary}>>" if stream is None else f"<<{dictionary}/Length {len(stream)}>>\nstream\n"
        write(f"{number} 0 obj\n{body}".encode("ascii") + (b"" if stream is None else stream + b"\nendstream"))
        write(b"\nendobj\n")
        return number

    write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    kids = []
    for page in pages:
        width, height = (f"{side * 72 / DPI:.3f}" for side in page.size)
        picture = add(
            f"/Type/XObject/Subtype/Image/Width {page.width}/Height {page.height}/ColorSpace/DeviceGray"
            "/BitsPerComponent 1/Filter/FlateDecode",
            zlib.compress(page.tobytes()),
        )
        shown = add("", f"{width} 0 0 {height} 0 0 cm /P Do".encode("ascii"))
        kids.append(
            add(
                f"/Type/Page/Parent 2 0 R/MediaBox[0 0 {width} {height}]/Contents {shown} 0 R"
                f"/Resources<</XObject<</P {picture} 0 R>>>>"
            )
        )
    places = [place]
    write(b"1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n")
    places.append(place)
    listed = " ".join(f"{kid} 0 R" for kid in kids)
    write(f"2 0 obj\n<</Type/Pages/Count {len(kids)}/Kids[{listed}]>>\nendobj\n".encode("ascii"))
    start, table = place, [*places, *offsets]
    lines = "".join(f"{at:010} 00000 n \n" for at in table)
    write(f"xref\n0 {len(table) + 1}\n0000000000 65535 f \n{lines}".encode("ascii"))
    write(f"trailer\n<</Size {len(table) + 1}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n".encode("ascii"))


def _bars(number: str) -> Image.Image:
    bars = _ean13(number) if _is_ean13(number) else _code128(number)
    room = CARD[0] - _MARGIN
    module = min(_BAR_MODULE, room // (len(bars) + 2 * _QUIET))
    return _magnified([[*map(int, bars)]], module, _BAR_HEIGHT)


def _ean13(number: str) -> str:
    from barcode import ean

    bars: str = ean.EAN13(number).build()[0]
    return bars


def _code128(number: str) -> str:
    from barcode import codex

    class WithNinetyNine(codex.Code128):  # type: ignore[misc]
        """The library takes a first pair of digits 99 for a switch to pairs of digits, and leaves it out of the code."""

        def _try_to_optimize(self, encoded: list[int]) -> list[int]:
            better: list[int] = encoded if encoded[1] == 99 else super()._try_to_optimize(encoded)
            return better

    bars: str = WithNinetyNine(number).build()[0]
    return bars


def _qr_code(number: str) -> Image.Image:
    import segno

    return _magnified(segno.make_qr(number, error="m").matrix, _QR_MODULE, _QR_MODULE)


def _magnified(matrix: Sequence[Iterable[int]], across: int, down: int) -> Image.Image:
    """The modules of a code, 1 is black; the white of the card around it is the quiet zone."""
    from PIL import Image

    rows = [bytes(255 * (1 - module) for module in row) for row in matrix]
    small = Image.frombytes("L", (len(rows[0]), len(rows)), b"".join(rows))
    return small.resize((small.width * across, small.height * down), Image.Resampling.NEAREST).convert("1")


def _mark(sheet: Image.Image, left: int, top: int) -> None:
    """Marks outside the cards, at each edge of a row and a column."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(sheet)
    right, bottom = left + ACROSS * CARD[0], top + DOWN * CARD[1]
    for column in range(ACROSS + 1):
        x = left + column * CARD[0]
        for start in (top - _MARK_GAP - _MARK, bottom + _MARK_GAP):
            draw.line((x, start, x, start + _MARK), 0, 3)
    for row in range(DOWN + 1):
        y = top + row * CARD[1]
        for start in (left - _MARK_GAP - _MARK, right + _MARK_GAP):
            draw.line((start, y, start + _MARK, y), 0, 3)


def _fitting(text: str, size: int, room: int) -> ImageFont.FreeTypeFont:
    """The font at `size`, or as much smaller as the text needs."""
    wide = _font(size).getlength(text)
    return _font(size if wide <= room else max(1, int(size * room / wide)))


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans Mono, which python-barcode brings along: it is the same on every machine."""
    from PIL import ImageFont

    return ImageFont.truetype(BytesIO(files("barcode").joinpath("fonts/DejaVuSansMono.ttf").read_bytes()), size)


def _is_ean13(number: str) -> bool:
    return len(number) == 13 and number.isdigit() and number[-1] == ean_check_digit(number[:-1])
