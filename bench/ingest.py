"""Head office posting what it has recorded: books, postings, sales and feed on PostgreSQL, beside COPY of the same inbox rows.

Ours is `apply.apply_pending` over a whole inbox, in its own transactions, each durable. The peer is COPY of that inbox's rows
into a table like it, which posts nothing.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

from bench.beside import at_least, folder
from bench.outbox import Copied, Draining, Head, fill, now, served
from bench.postgres import postgres
from central_server import apply
from central_server.office import Office

ENTRIES = 5_000
ROUNDS = 3


def measure(entries: int = ENTRIES, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    ours: list[float] = []
    whole: list[float] = []
    copied: list[float] = []
    with folder() as place, postgres() as server:
        fill(place / "filled", entries)
        head = Head(server, place)
        for turn in range(rounds):
            folder_of_office = head.new()
            with served(folder_of_office, record_only=True) as url:
                till = Draining(place / "filled", place / f"till-{turn}", folder_of_office, url)
                recording = till.drain()
                till.close()
            office = Office.open(folder_of_office, now, os.urandom)
            start = time.perf_counter()
            applied = 0
            while done := apply.apply_pending(office):
                applied += done
            applying = time.perf_counter() - start
            office.close()
            assert applied == till.last
            ours.append(applied / applying)
            whole.append(applied / (applying + recording))
            peer = Copied(head.dsn(folder_of_office))
            peer.copy()
            copied.append(peer.rows / peer.copy())
            peer.close()
    limit = statistics.median(copied)
    return [
        at_least(
            f"{applied:,} recorded entries posted / COPY of their rows",
            statistics.median(ours),
            limit,
            0.12,
            "entries/s",
            with_recording_ratio=statistics.median(whole) / limit,
        )
    ]
