"""Odoo's receipts, which are pictures: base64 in, dots of this printer out.

Odoo draws its receipts 512 dots wide, one for each dot of an 80 mm printer. Such a picture is printed dot by dot, in the
middle of wider paper; on narrower paper it first loses the white at its sides, and only then is made smaller.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from pos_plugin.ways_in.pictures import NotAPicture

if TYPE_CHECKING:
    from PIL import Image

MOST_ROWS = 16_000
"""On paper: two metres."""
_WHITE = 224  # a JPEG's white is not quite white


def picture_of(text: str) -> bytes:
    """The bytes of a picture in base64, also where it is a data URL. Raises NotAPicture."""
    try:
        return base64.b64decode(text.rpartition("base64,")[2], validate=True)
    except (binascii.Error, ValueError):
        raise NotAPicture("The receipt is not base64.") from None


def dots_for(grey: Image.Image, room_dots: int) -> Image.Image:
    """The receipt in black dots, as wide as the paper. Raises NotAPicture where it would be longer than two metres."""
    from PIL import Image

    from drivers.escpos.pictures import black_dots

    if grey.width > room_dots and (box := grey.point(lambda level: 255 if level < _WHITE else 0).getbbox()):
        side = min(box[0], grey.width - box[2])
        grey = grey.crop((side, 0, grey.width - side, grey.height))
    rows = grey.height * room_dots // grey.width if grey.width > room_dots else grey.height
    if rows > MOST_ROWS:
        raise NotAPicture(f"The receipt would be {rows:,} rows of dots long, which is too long.")
    dots = black_dots(grey, room_dots)
    paper = Image.new("1", (room_dots, dots.height))
    paper.paste(dots, ((room_dots - dots.width) // 2, 0))
    return paper
