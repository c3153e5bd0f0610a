"""What stands in for a character that neither the printer nor this machine has: the nearest ASCII, as wide."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from drivers.document import CONTROLS, display_columns


@lru_cache(maxsize=4096)
def nearest_ascii(cell: str) -> str:
    """As many columns of ASCII as the cell takes, so that what stands after it stays where it was laid out.

    A control becomes a blank: names of goods come from databases, and may hold anything.
    """
    columns = display_columns(cell)
    if not columns:
        return ""
    near = flag(cell) or _LOOKS_LIKE.get(cell[0]) or _plain(cell)
    return (near if near.isprintable() else "")[:columns].ljust(columns) if near else "?" * columns


def _plain(cell: str) -> str:
    if cell.isspace() or CONTROLS.match(cell):
        return " "
    return unicodedata.normalize("NFKD", cell).encode("ascii", "ignore").decode()


def flag(cell: str) -> str:
    """A flag is two letters of a country."""
    if len(cell) == 2 and all("\U0001f1e6" <= half <= "\U0001f1ff" for half in cell):
        return "".join(chr(ord(half) - 0x1F1E6 + ord("A")) for half in cell)
    return ""


_LOOKS_LIKE = dict(
    zip("‐‑‒–—―−‘’‚‛“”„‹›«»•·×ıłŁøØđĐðÐßæœÆŒþÞ€", "-------''''\"\"\"<><>**xilLoOdDdDsaoAOtTE", strict=True)
)
# Where ASCII says the same: marks, blanks, letters that are ASCII's but wide, and controls.
AS_GOOD = frozenset(
    "‐‑‒–—―−‘’‚‛“”„‹›…\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
    + "".join(map(chr, range(0xFF01, 0xFF5F)))
    + "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
)
