"""Receipts that come as pictures: JPEG or PNG, as dots of a printer.

Odoo draws its receipts 512 dots wide, one for each dot of an 80 mm printer. Such a picture is printed dot by dot, in the
middle of wider paper; on narrower paper it first loses the white at its sides, and only then is made smaller.
"""

from __future__ import annotations

import base64
import binascii
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

    from drivers.document import Block
    from drivers.escpos import Profile

MOST_PIXELS = 24_000_000
"""What a picture may have before it is unpacked: a small file may say that it is as large as a house."""
MOST_ROWS = 16_000
"""On paper: two metres."""
_WHITE = 224  # a JPEG's white is not quite white


class NotPrintable(Exception):
    """The picture cannot be printed; the text says why, to whoever sent it."""


def picture_of(text: str) -> bytes:
    """The bytes of a picture in base64, also where it is a data URL. Raises NotPrintable."""
    try:
        return base64.b64decode(text.rpartition("base64,")[2], validate=True)
    except (binascii.Error, ValueError):
        raise NotPrintable("The receipt is not base64. Nothing was printed.") from None


def grey_of(data: bytes) -> Image.Image:
    """A JPEG or PNG in greys, on white. Raises NotPrintable."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["JPEG", "PNG"]) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                text = f"The receipt is a picture of {opened.width:,} by {opened.height:,} dots, which is too large."
                raise NotPrintable(f"{text} Nothing was printed.")
            if not opened.has_transparency_data:
                return opened.convert("L")
            rgba = opened.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("L")
    except NotPrintable:
        raise
    except Exception:  # what the decoders raise on broken files is of every kind, and nowhere listed
        raise NotPrintable("The receipt is not a JPEG or PNG picture. Nothing was printed.") from None


def dots_for(grey: Image.Image, room_dots: int) -> Image.Image:
    """The receipt in black dots, as wide as the paper. Raises NotPrintable where it would be longer than two metres."""
    from PIL import Image

    from drivers.escpos.pictures import black_dots

    if grey.width > room_dots and (box := grey.point(lambda level: 255 if level < _WHITE else 0).getbbox()):
        side = min(box[0], grey.width - box[2])
        grey = grey.crop((side, 0, grey.width - side, grey.height))
    rows = grey.height * room_dots // grey.width if grey.width > room_dots else grey.height
    if rows > MOST_ROWS:
        raise NotPrintable(f"The receipt would be {rows:,} rows of dots long, which is too long. Nothing was printed.")
    dots = black_dots(grey, room_dots)
    paper = Image.new("1", (room_dots, dots.height))
    paper.paste(dots, ((room_dots - dots.width) // 2, 0))
    return paper


def picture_job(
    data: bytes, profile: Profile, width_columns: int, *, before: tuple[Block, ...] = (), after: tuple[Block, ...]
) -> bytes:
    """The picture on a paper of its own, as wide as the paper, between `before` and `after`. Raises NotPrintable."""
    from drivers.document import Document
    from drivers.escpos import encode
    from drivers.escpos.raster import raster

    dots = dots_for(_printable(data, profile), profile.room_dots(width_columns))
    around = [encode(Document(width_columns, blocks), profile) for blocks in (before, after)]
    return around[0] + raster(dots) + around[1]


def picture_within(data: bytes, profile: Profile, width_columns: int) -> bytes:
    """The picture among a program's own commands, which say where on the line it stands. Raises NotPrintable."""
    from drivers.escpos.pictures import black_dots
    from drivers.escpos.raster import raster

    dots = black_dots(_printable(data, profile), profile.room_dots(width_columns))
    if dots.height > MOST_ROWS:
        raise NotPrintable(f"The picture would be {dots.height:,} rows of dots long. Nothing was printed.")
    return raster(dots)


def _printable(data: bytes, profile: Profile) -> Image.Image:
    if not profile.has_raster:
        raise NotPrintable("This printer prints no pictures. Nothing was printed.")
    return grey_of(data)
