"""Pictures that a printer keeps: in its flash (NV), in its memory until ESC @ (download), and the one about to be printed.

GS ( L and GS 8 L with all functions of Epson's reference, the older FS q and GS *, and the columns of ESC *. It gives back
what is to be printed or answered, and prints nothing itself. Colours are one black; grey tones count as black.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from PIL import Image

from drivers.simulated.pieces import Dots

NV_BYTES: Final = 384 * 1024
DOWNLOAD_BYTES: Final = 64 * 1024
_KEYS_A_BLOCK: Final = 40  # function 64 sends the list in blocks of so many


class Outcome(NamedTuple):
    """What a command wants done: a picture printed, or an answer sent."""

    picture: Dots | None = None
    answer: bytes = b""


_NOTHING: Final = Outcome()


class _Store:
    """Pictures under keys of two characters, in so many bytes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.pictures: dict[bytes, Dots] = {}

    @property
    def free(self) -> int:
        return self.capacity - sum(len(picture.rows) for picture in self.pictures.values())

    def define(self, key: bytes, picture: Dots) -> None:
        rest = self.free + (len(self.pictures[key].rows) if key in self.pictures else 0)
        if _is_key(key) and len(picture.rows) <= rest:
            self.pictures[key] = picture

    def keys_answers(self, identifier: bytes) -> list[bytes]:
        keys = sorted(self.pictures)
        blocks = [keys[at : at + _KEYS_A_BLOCK] for at in range(0, len(keys), _KEYS_A_BLOCK)] or [[]]
        more = [b"\x41"] * (len(blocks) - 1) + [b"\x40"]
        return [
            b"\x37" + identifier + mark + b"".join(block) + b"\x00" for mark, block in zip(more, blocks, strict=True)
        ]


class Graphics:
    def __init__(self) -> None:
        self._nv = _Store(NV_BYTES)
        self._nv_images: list[Dots] = []  # FS q
        self.reset()

    def reset(self) -> None:
        """ESC @ and the end of power: all is gone that is not in flash."""
        self._download = _Store(DOWNLOAD_BYTES)
        self._downloaded: Dots | None = None  # GS *
        self._buffer: Dots | None = None
        self._blocks: list[bytes] = []  # of a list that the client takes block by block

    def command(self, parameters: bytes) -> Outcome:
        """GS ( L and GS 8 L, after their length: m fn and the rest."""
        if parameters[:1] != b"0" or len(parameters) < 2:
            return _NOTHING
        function, rest = parameters[1], parameters[2:]
        if function in (112, 113):
            self._compose(function == 112, rest)
        elif function in (2, 50):
            picture, self._buffer = self._buffer, None
            return Outcome(picture)
        elif function in (0, 48):
            return Outcome(answer=_capacity(b"0", self._nv.capacity))
        elif function in (3, 51):
            return Outcome(answer=_capacity(b"1", self._nv.free))
        elif function in (4, 52):
            return Outcome(answer=_capacity(b"2", self._download.free))
        elif 64 <= function <= 69:
            return self._stored(self._nv, b"\x72", function - 64, rest)
        elif 80 <= function <= 85:
            return self._stored(self._download, b"\x73", function - 80, rest)
        return _NOTHING

    def next_block(self) -> Outcome:
        """ACK, after a block of a list that says more follow."""
        return Outcome(answer=self._blocks.pop(0)) if self._blocks else _NOTHING

    def _stored(self, store: _Store, identifier: bytes, function: int, rest: bytes) -> Outcome:
        """Functions 64 to 69 for NV, 80 to 85 for download: list, delete all, delete one, define by rows or columns, print."""
        if function == 0 and rest == b"KC":
            self._blocks = store.keys_answers(identifier)
            return self.next_block()
        if function == 1 and rest == b"CLR":
            store.pictures.clear()
        elif function == 2:
            store.pictures.pop(rest[:2], None)
        elif function in (3, 4) and len(rest) >= 8:
            # a kc1 kc2 b xL xH yL yH, then for each of b colours its number and its dots
            picture = _bitmap(rest[4:8], rest[9:], by_rows=function == 3)
            if picture:
                store.define(rest[1:3], picture)
        elif function == 5 and len(rest) >= 4 and (stored := store.pictures.get(rest[:2])):
            return Outcome(stored._replace(scale=_scale(rest[2], rest[3])))
        return _NOTHING

    def _compose(self, by_rows: bool, rest: bytes) -> None:
        """Functions 112 and 113: a bx by c xL xH yL yH, and the dots. A second colour joins the first."""
        if len(rest) < 8:
            return
        picture = _bitmap(rest[4:8], rest[8:], by_rows=by_rows)
        if not picture:
            return
        picture = picture._replace(scale=_scale(rest[1], rest[2]))
        before = self._buffer
        if before and (before.width, before.height) == (picture.width, picture.height):
            both = int.from_bytes(before.rows, "big") | int.from_bytes(picture.rows, "big")
            picture = picture._replace(rows=both.to_bytes(len(picture.rows), "big"))
        self._buffer = picture

    # the older commands

    def store_images(self, parameters: bytes) -> None:
        """FS q: all of them anew."""
        self._nv_images.clear()
        at = 1
        for _ in range(parameters[0]):
            columns, column_bytes = (int.from_bytes(parameters[at + n : at + n + 2], "little") for n in (0, 2))
            size = 8 * columns * column_bytes
            picture = by_columns(parameters[at + 4 : at + 4 + size], 8 * columns, column_bytes)
            at += 4 + size
            if picture and at <= NV_BYTES:
                self._nv_images.append(picture)

    def stored_image(self, parameters: bytes) -> Dots | None:
        """FS p n m."""
        n, mode = parameters
        return _by_mode(self._nv_images[n - 1], mode) if 1 <= n <= len(self._nv_images) else None

    def download_image(self, parameters: bytes) -> None:
        """GS * x y."""
        self._downloaded = by_columns(parameters[2:], 8 * parameters[0], parameters[1])

    def downloaded_image(self, parameters: bytes) -> Dots | None:
        """GS / m."""
        return _by_mode(self._downloaded, parameters[0]) if self._downloaded else None


def bit_image(x: int, parameters: bytes) -> Dots | None:
    """ESC * m: 0 and 1 are columns of 8 dots, 32 and 33 of 24; 0 and 32 are half as dense across."""
    mode, columns = parameters[0], int.from_bytes(parameters[1:3], "little")
    if mode not in (0, 1, 32, 33):
        return None
    picture = by_columns(parameters[3:], columns, 3 if mode >= 32 else 1)
    scale = (1 if mode & 1 else 2, 1 if mode >= 32 else 3)
    return picture._replace(x=x, scale=scale) if picture else None


def raster_image(mode: int, row_bytes: int, rows: int, dots: bytes) -> Dots | None:
    """GS v 0 and GS Q 0: rows from the top down."""
    return _by_mode(Dots(0, 8 * row_bytes, rows, dots), mode) if row_bytes and rows else None


def by_columns(data: bytes, width: int, column_bytes: int) -> Dots | None:
    """Columns from the top down, as ESC *, ESC &, GS * and FS q send them; a bitmap has rows."""
    if not width or not column_bytes or len(data) < width * column_bytes:
        return None
    # A bitmap of one row a column, turned a quarter and mirrored, is the picture.
    turned = Image.frombytes("1", (8 * column_bytes, width), data).transpose(Image.Transpose.TRANSPOSE)
    return Dots(0, width, 8 * column_bytes, turned.tobytes())


def _bitmap(size: bytes, data: bytes, *, by_rows: bool) -> Dots | None:
    width, height = int.from_bytes(size[:2], "little"), int.from_bytes(size[2:4], "little")
    if not width or not height:
        return None
    if not by_rows:
        whole = by_columns(data, width, (height + 7) // 8)
        return whole._replace(height=height, rows=whole.rows[: (width + 7) // 8 * height]) if whole else None
    count = (width + 7) // 8 * height
    return Dots(0, width, height, data[:count]) if len(data) >= count else None


def _by_mode(picture: Dots, mode: int) -> Dots:
    """1 doubles the width, 2 the height."""
    return picture._replace(scale=(1 + (mode & 1), 1 + (mode >> 1 & 1)))


def _scale(x: int, y: int) -> tuple[int, int]:
    return (min(x, 2) or 1, min(y, 2) or 1)


def _capacity(identifier: bytes, count: int) -> bytes:
    return b"\x37" + identifier + b"%d" % count + b"\x00"


def _is_key(key: bytes) -> bool:
    return len(key) == 2 and all(0x20 <= byte <= 0x7E for byte in key)
