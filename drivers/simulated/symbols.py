"""GS ( k: what the host stores and sets about two-dimensional codes, and their modules.

QR and PDF417 have modules here; of MaxiCode, GS1 DataBar, composite codes, Aztec and Data Matrix it knows the names and
keeps the data. It draws nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

import segno

from drivers.simulated.pdf417 import pdf417

PDF417, QR = 48, 49
NAMES: Final = {50: "MaxiCode", 51: "GS1 DataBar", 52: "Composite", 53: "Aztec", 54: "DataMatrix"}
_LONGEST_DATA: Final = 8 * 1024


@functools.lru_cache(maxsize=64)
def qr_modules(data: bytes, level: str, *, is_micro: bool = False) -> Sequence[Sequence[int]] | None:
    """Rows of 1 for black; None where the data has no room. Model 1 is drawn as the model 2 that everything reads."""
    try:
        text, encoding = data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = data.decode("latin-1"), "latin-1"
    make = segno.make_micro if is_micro else segno.make_qr
    try:
        code = make(text, error=level, encoding=None if text.isascii() else encoding, boost_error=False)
    except (segno.DataOverflowError, ValueError):
        return None
    return tuple(map(tuple, code.matrix))


@functools.lru_cache(maxsize=64)
def pdf417_modules(
    data: bytes, columns: int, rows: int, level: int, *, is_truncated: bool = False
) -> Sequence[Sequence[int]] | None:
    """Rows of 1 for black; None where the data has no room."""
    try:
        symbol = pdf417(data, columns, rows, level, is_truncated=is_truncated)
        return tuple(tuple(map(int, row)) for row in symbol)
    except ValueError:
        return None


class Symbols:
    """What GS ( k has set and stored, until ESC @."""

    def __init__(self) -> None:
        self.qr_module, self.qr_level, self.qr_is_micro = 3, "L", False
        self.columns, self.rows, self.module, self.row_modules, self.is_truncated = 0, 0, 3, 3, False
        self._level, self._tenths = -1, 1
        self._data: dict[int, bytes] = {}

    def data(self, code: int) -> bytes:
        return self._data.get(code, b"")

    def set(self, code: int, function: int, value: bytes) -> None:
        if function == 80:
            self._data[code] = value[1 : 1 + _LONGEST_DATA]
        elif not value:
            return
        elif code == QR and function == 65:
            self.qr_is_micro = value[0] == 51
        elif code == QR and function == 67:
            self.qr_module = min(max(value[0], 1), 16)
        elif code == QR and function == 69:
            self.qr_level = "LMQH"[value[0] & 3]
        elif code == PDF417:
            self._set_pdf417(function, value)

    def _set_pdf417(self, function: int, value: bytes) -> None:
        n = value[0]
        if function == 65 and n <= 30:
            self.columns = n
        elif function == 66 and (n == 0 or 3 <= n <= 90):
            self.rows = n
        elif function == 67 and 1 <= n <= 8:
            self.module = n
        elif function == 68 and 2 <= n <= 8:
            self.row_modules = n
        elif function == 69 and len(value) == 2 and n == 48:
            self._level = min(max(value[1] - 48, 0), 8)
        elif function == 69 and len(value) == 2 and n == 49:
            self._level, self._tenths = -1, min(max(value[1], 1), 40)
        elif function == 70:
            self.is_truncated = n == 1

    @property
    def level(self) -> int:
        """Of PDF417's error correction: as set, or from its share of the data, by Epson's table under function 69."""
        if self._level >= 0:
            return self._level
        words = len(self.data(PDF417)) * self._tenths // 10
        return next(level for level, most in enumerate((3, 10, 20, 45, 100, 200, 400, words), 1) if words <= most)


def size_answer(code: int, size_dots: tuple[int, int], is_printable: bool) -> bytes:
    """GS ( k function 82: how large the stored code would be, in dots."""
    identifier = b"\x2f" if code == PDF417 else b"\x36"
    fields = (b"%d" % size_dots[0], b"%d" % size_dots[1], b"1", b"0" if is_printable else b"1")
    return b"\x37" + identifier + b"\x1f".join(fields) + b"\x00"
