"""Pictures that another program sends, as bytes of this till's printer."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from drivers.document import Block, Cut, Document, Picture
from drivers.escpos import Profile, encode

if TYPE_CHECKING:
    from PIL import Image

MOST_DOTS = 20_000_000
"""A receipt 576 dots wide and four metres long is a tenth of it; a small file can claim to be a thousand times larger."""
FORMATS = ("PNG", "JPEG", "GIF", "BMP")


class NotAPicture(Exception):
    """What cannot be printed as a picture, in a sentence."""


def picture_job(
    data: bytes,
    profile: Profile,
    width_columns: int,
    *,
    before: tuple[Block, ...] = (),
    after: tuple[Block, ...] = (Cut(),),
) -> bytes:
    """A job that prints the picture on a paper of its own, no wider than the paper, and cuts. Raises NotAPicture."""
    if not profile.has_raster:
        raise NotAPicture("This printer prints no pictures.")
    png = as_png(data)
    digest = hashlib.sha256(png).hexdigest()[:16]
    return encode(Document(width_columns, (*before, Picture(digest), *after)), profile, pictures={digest: png})


def picture_within(data: bytes, profile: Profile, width_columns: int) -> bytes:
    """The picture between a program's own commands, which say where on the line it stands. Raises NotAPicture."""
    from PIL import Image, ImageOps

    from drivers.escpos.raster import raster

    if not profile.has_raster:
        raise NotAPicture("This printer prints no pictures.")
    room_dots = profile.room_dots(width_columns)
    grey = grey_of(data)
    if grey.width > room_dots:
        grey = grey.resize((room_dots, max(round(grey.height * room_dots / grey.width), 1)), Image.Resampling.LANCZOS)
    return raster(ImageOps.invert(grey).convert("1"))


def as_png(data: bytes) -> bytes:
    """The picture as a PNG. Raises NotAPicture for what is none, and for one that is too large."""
    out = io.BytesIO()
    grey_of(data).save(out, "PNG", compress_level=1)
    return out.getvalue()


def grey_of(data: bytes) -> Image.Image:
    """The picture in greys (mode "L"), on white. Raises NotAPicture for what is none, and for one that is too large."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_DOTS:
                raise NotAPicture(f"The picture has more than {MOST_DOTS:,} dots.")
            if not opened.has_transparency_data:
                return opened.convert("L")
            rgba = opened.convert("RGBA")
    except NotAPicture:
        raise
    except Exception:  # what the decoders raise on broken files is of every kind, and nowhere listed
        raise NotAPicture("The picture cannot be read; PNG, JPEG, GIF and BMP can.") from None
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("L")
