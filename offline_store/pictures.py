"""Pictures that receipts name, each kept once, under the first 16 hex digits of its SHA-256.

A picture stays for as long as the file: a receipt that names it can be printed and drawn again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable


def keep(db: sqlite3.Connection, digest: str, png: bytes) -> None:
    db.execute("INSERT INTO picture (digest, png) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING", (digest, png))


def of(db: sqlite3.Connection, digests: Iterable[str]) -> dict[str, bytes]:
    """Those of the named pictures that there are."""
    found = {}
    for digest in digests:
        row = db.execute("SELECT png FROM picture WHERE digest = ?", (digest,)).fetchone()
        if row is not None:
            found[digest] = row[0]
    return found
