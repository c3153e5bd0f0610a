"""A till's outbox of 20,000 entries through the real exchange until head office has recorded all of it, beside COPY.

Ours is `Sync.step` over HTTP to a served head office on PostgreSQL: signed batches, unpacked and checked entry by entry, each
durable before it is acknowledged. The peer is COPY of the same rows, made beforehand, into a table like the inbox. Then the
same outbox once more, as after a restore: every entry is known already. Last, a smaller drain into a head office that also
applies what it records before it answers, as it does in a shop.
"""

from __future__ import annotations

import statistics
from typing import Any

from bench.beside import at_least, folder
from bench.outbox import Copied, Draining, Head, fill, served
from bench.postgres import postgres
from offline_store import settings

ENTRIES = 20_000
APPLIED_ENTRIES = 2_000
ROUNDS = 3


def measure(entries: int = ENTRIES, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    new: list[float] = []
    again: list[float] = []
    copied: list[float] = []
    with folder() as place, postgres() as server:
        fill(place / "filled", entries)
        head = Head(server, place)
        for turn in range(rounds):
            office = head.new()
            with served(office, record_only=True) as url:
                till = Draining(place / "filled", place / f"till-{turn}", office, url)
                new.append(till.last / till.drain())
                till.store.write(lambda db: settings.put(db, "acknowledged", "0"))
                again.append(till.last / till.drain())
                till.close()
            peer = Copied(head.dsn(office))
            assert peer.rows == till.last
            peer.copy()
            copied.append(peer.rows / peer.copy())
            peer.close()
        office = head.new()
        fill(place / "small", min(entries, APPLIED_ENTRIES))
        with served(office, record_only=False) as url:
            small = Draining(place / "small", place / "small-till", office, url)
            applied = small.last / small.drain()
            small.close()
    limit = statistics.median(copied)
    return [
        at_least(
            f"an outbox of {till.last:,} entries, recorded / COPY of the same rows",
            statistics.median(new),
            limit,
            0.35,
            "entries/s",
            with_applying_ratio=applied / limit,
            with_applying_a_second=applied,
        ),
        at_least("the same outbox once more / COPY", statistics.median(again), limit, 0.9, "entries/s"),
    ]
