"""Pictures that another program sends, as bytes of this till's printer."""

from __future__ import annotations

import hashlib
import io

from drivers.document import Block, Cut, Document, Picture
from drivers.escpos import Profile, encode

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
    with Image.open(io.BytesIO(as_png(data))) as opened:
        grey = Image.alpha_composite(Image.new("RGBA", opened.size, "white"), opened).convert("L")
    if grey.width > room_dots:
        grey = grey.resize((room_dots, max(round(grey.height * room_dots / grey.width), 1)), Image.Resampling.LANCZOS)
    return raster(ImageOps.invert(grey).convert("1"))


def as_png(data: bytes) -> bytes:
    """The picture as a PNG. Raises NotAPicture for what is none, and for one that is too large."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_DOTS:
                raise NotAPicture(f"The picture has more than {MOST_DOTS:,} dots.")
            out = io.BytesIO()
            opened.convert("RGBA").save(out, "PNG", compress_level=1)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise NotAPicture("The picture cannot be read; PNG, JPEG, GIF and BMP can.") from None
    return out.getvalue()
