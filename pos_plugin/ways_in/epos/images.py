"""Pictures of a request as dots, black set: no wider than the paper, and as dark as they were meant."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from PIL import Image, ImageDraw, ImageOps

from pos_plugin.ways_in.epos import elements
from pos_plugin.ways_in.epos.elements import SchemaError

_MOST_DOTS: Final = 64 * 1024 * 1024  # a metre and a half of paper, 800 dots wide, is 10 million
_RULE_DOTS: Final = {"thin": 2, "medium": 4, "thick": 6}
_DARK: Final = 96  # of 255: of the dots that become one, so many must be black


def picture_of(image: elements.Image, content: str) -> Image.Image:
    """Its dots, black set. Raises SchemaError where they are not as many as its size says."""
    row_bytes = (image.width + 1) // 2 if image.mode == "gray16" else (image.width + 7) // 8
    if image.width * image.height > _MOST_DOTS:
        raise SchemaError("a picture that is larger than any receipt")
    try:
        data = base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        raise SchemaError("<image> holds no base64") from None
    size = (image.width, image.height)
    if len(data) != row_bytes * image.height:
        if image.mode == "mono" and len(data) == (image.width * image.height + 7) // 8:
            return _without_row_ends(data, size)
        raise SchemaError(f"<image> of {image.width} × {image.height} holds {len(data):,} bytes")
    if image.mode == "mono":
        return Image.frombytes("1", size, data)
    greys = [round(255 * (level / 15) ** (1 / image.brightness)) for level in range(16)]
    dots = bytearray(2 * len(data))
    dots[0::2] = data.translate(bytes(greys[byte >> 4] for byte in range(256)))
    dots[1::2] = data.translate(bytes(greys[byte & 15] for byte in range(256)))
    grey = Image.frombytes("L", (row_bytes * 2, image.height), bytes(dots)).crop((0, 0, *size))
    return ImageOps.invert(grey).convert("1")


def _without_row_ends(data: bytes, size: tuple[int, int]) -> Image.Image:
    """As Odoo packs a picture whose width is no multiple of 8: the rows end within bytes."""
    dots = [bytes(255 * (byte >> bit & 1) for bit in range(7, -1, -1)) for byte in range(256)]
    return Image.frombytes("L", size, b"".join([dots[byte] for byte in data])[: size[0] * size[1]]).convert("1")


def narrowed(picture: Image.Image, room_dots: int) -> Image.Image:
    """Made smaller where it is wider than the paper, so that nothing of it is cut off."""
    if picture.width <= room_dots:
        return picture
    height = max(round(picture.height * room_dots / picture.width), 1)
    smaller = picture.convert("L").resize((room_dots, height), Image.Resampling.LANCZOS)
    return smaller.point([255 * (grey >= _DARK) for grey in range(256)]).convert("1")


def rule(hline: elements.Hline, room_dots: int) -> Image.Image:
    left, right = sorted(min(x, room_dots - 1) for x in (hline.x1, hline.x2))
    thick = _RULE_DOTS[hline.style.removesuffix("_double")]
    picture = Image.new("1", (room_dots, thick * (3 if hline.style.endswith("_double") else 1)))
    draw = ImageDraw.Draw(picture)
    for top in range(0, picture.height, 2 * thick):
        draw.rectangle((left, top, right, top + thick - 1), fill=1)
    return picture
