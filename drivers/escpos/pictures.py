"""PNG pictures as dots, and those that a printer keeps in a memory of its own.

A logo on every receipt is sent once and then named by two bytes, where the printer has such a memory. The memory wears out: Epson
allows ten writes a day. So ask which it has (`ASK_STORED_PICTURES`, then `stored_picture_keys` of the answer), and define only
what is missing.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING

from drivers.escpos.profile import Profile

if TYPE_CHECKING:
    from PIL import Image

ASK_STORED_PICTURES = b"\x1d(L\x04\x000@KC"  # GS ( L fn 64
NEXT_BLOCK = b"\x06"  # ACK, after a block that says more follow
_GREY_SHARE = 0.1  # above it a picture is a photograph, below it the grey is the smooth edge of a letter


def picture_key(digest: str) -> bytes:
    """The two bytes, 21h to 7Eh, under which a printer keeps the picture of that digest."""
    number = int(digest, 16)
    return bytes([0x21 + number % 94, 0x21 + number // 94 % 94])


def stored_picture_keys(answer: bytes) -> tuple[frozenset[bytes], bool]:
    """The keys in one block of the answer to `ASK_STORED_PICTURES`, and whether more come after `NEXT_BLOCK` is sent.

    Raises ValueError for what is no such block.

    >>> keys, has_more = stored_picture_keys(b"7r@AAB7\\x00")
    >>> sorted(keys), has_more
    ([b'AA', b'B7'], False)
    """
    keys = answer[3:-1]
    if answer[:2] != b"7r" or answer[2:3] not in (b"@", b"A") or answer[-1:] != b"\x00" or len(keys) % 2:
        raise ValueError(f"not a list of stored pictures: {answer!r}")
    return frozenset(keys[at : at + 2] for at in range(0, len(keys), 2)), answer[2:3] == b"A"


def define_picture(png: bytes, key: bytes, profile: Profile, *, width_columns: int = 0) -> bytes:
    """The bytes that make the printer keep a picture: GS ( L fn 67, above 64 KiB as GS 8 L.

    It takes nothing while it writes: send this alone, with the printer idle, and only when it does not have the picture.
    `width_columns` is that of the documents that will name it, where they are laid out for other paper than the profile's.
    """
    from PIL import Image

    from drivers.escpos.raster import begins_real_time, quiet

    if len(key) != 2 or not all(0x20 <= byte <= 0x7E for byte in key):
        raise ValueError(f"a key is two bytes from 20h to 7Eh, not {key!r}")
    picture = dots_of(png, profile.room_dots(width_columns or profile.width_columns))
    while True:
        # In whole bytes, as GS v 0 has it: centred, it stands on the same dots whichever way it is printed.
        size = ((picture.width + 7) // 8 * 8).to_bytes(2, "little") + picture.height.to_bytes(2, "little")
        data = b"0C0" + key + b"\x01" + size + b"1" + quiet(picture.tobytes())
        is_long = len(data) > 0xFFFF
        head = b"\x1d8L" + len(data).to_bytes(4, "little") if is_long else b"\x1d(L" + len(data).to_bytes(2, "little")
        if not begins_real_time(head + data):
            return head + data
        # A length or a height that reads as a real-time command: one blank row more, and they are others.
        taller = Image.new("1", (picture.width, picture.height + 1))
        taller.paste(picture)
        picture = taller


def print_stored(key: bytes) -> bytes:
    """GS ( L fn 69, in its own size."""
    return b"\x1d(L\x06\x000E" + key + b"\x01\x01"


@lru_cache(maxsize=16)
def raster_of(png: bytes, room_dots: int) -> bytes:
    from drivers.escpos.raster import raster

    return raster(dots_of(png, room_dots))


def dots_of(png: bytes, room_dots: int) -> Image.Image:
    """The PNG in black dots, no wider than the paper, without white at its sides (it stays centred)."""
    from PIL import Image

    with Image.open(io.BytesIO(png), formats=["PNG"]) as opened:
        rgba = opened.convert("RGBA")
    paper = Image.new("RGBA", rgba.size, "white")
    return black_dots(Image.alpha_composite(paper, rgba).convert("L"), room_dots)


def black_dots(grey: Image.Image, room_dots: int) -> Image.Image:
    """A picture in greys (mode "L") likewise: set is black. Photographs are dithered, letters are not."""
    from PIL import Image, ImageOps

    if grey.width > room_dots:
        height = max(round(grey.height * room_dots / grey.width), 1)
        grey = grey.resize((room_dots, height), Image.Resampling.LANCZOS)
    greys = sum(grey.histogram()[48:208])
    dither = Image.Dither.FLOYDSTEINBERG if greys > _GREY_SHARE * grey.width * grey.height else Image.Dither.NONE
    dots = ImageOps.invert(grey).convert("1", dither=dither)
    box = dots.getbbox()
    if box is None:
        return dots.crop((0, 0, 8, dots.height))
    side = min(box[0], dots.width - box[2])
    return dots.crop((side, 0, dots.width - side, dots.height))
