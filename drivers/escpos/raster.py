"""Pictures as the bytes of GS v 0 and ESC *, in which a printer finds no command.

A printer acts on DLE EOT, DLE ENQ and DLE DC4 the moment they arrive, also within a picture; Epson's reference warns of it under
each of the three. So 10h before 04h, 05h or 14h becomes 18h: one more dot, an eighth of a millimetre, beside one that is black
anyway.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

STRIP_ROWS = 255  # what every printer takes, also one that reads yL only; and a strip is short enough to wait for


def quiet(dots: bytes) -> bytes:
    """The dots, without the beginnings of real-time commands."""
    return _BEGINS_REAL_TIME.sub(b"\x18", dots) if b"\x10" in dots else dots


_BEGINS_REAL_TIME = re.compile(rb"\x10(?=[\x04\x05\x14])")


def begins_real_time(data: bytes) -> bool:
    return _BEGINS_REAL_TIME.search(data) is not None


def raster(picture: Image.Image, mode: int = 0) -> bytes:
    """GS v 0 of a picture of dots (mode "1", set is black); `mode` 1 prints twice as wide, 2 twice as high, 3 both."""
    row_bytes = (picture.width + 7) // 8
    dots = picture.tobytes()
    out = []
    for top in range(0, picture.height, STRIP_ROWS):
        rows = min(STRIP_ROWS, picture.height - top)
        size = bytes([mode, row_bytes & 255, row_bytes >> 8, rows, 0])
        out += [b"\x1dv0", size, quiet(dots[top * row_bytes : (top + rows) * row_bytes])]
    return b"".join(out)


def column_image(picture: Image.Image) -> bytes:
    """ESC * 33: a picture 24 dots high (mode "1"), within the line."""
    from PIL import Image

    columns = picture.transpose(Image.Transpose.TRANSPOSE)  # its rows are the columns, from the top down
    return b"\x1b*\x21" + picture.width.to_bytes(2, "little") + quiet(columns.tobytes())
