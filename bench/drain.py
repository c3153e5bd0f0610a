"""A till's outbox of 20,000 entries through the real exchange until head office has recorded all of it, beside COPY.

Ours is `Sync.step` over HTTP to a served head office on PostgreSQL: signed batches, unpacked and checked entry by entry, each
durable before it is acknowledged. The peer is COPY of the same rows, made beforehand, into a table like the inbox.

Then the same outbox once more, as after a restore: every entry is known already. That is head office's part alone, from batches
made beforehand as the peer's bytes are: in one process, without till, HTTP and compression. What it comes to with them is said
beside it. Last, a smaller drain into a head office that also applies what it records before it answers, as it does in a shop.
"""

from __future__ import annotations

import os
import statistics
from typing import Any

from bench.beside import at_least
from bench.outbox import Draining, Outbox, fill, filled_till, now, served
from central_server.office import Office
from offline_store import settings

ENTRIES = 20_000
APPLIED_ENTRIES = 2_000
ROUNDS = 3


def measure(entries: int = ENTRIES, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    new: list[float] = []
    again: list[float] = []
    again_by_http: list[float] = []
    copied: list[float] = []
    with filled_till(entries) as (filled, head):
        place = filled.parent
        for turn in range(rounds):
            folder = head.new()
            with served(folder, record_only=True) as url:
                till = Draining(filled, place / f"till-{turn}", folder, url)
                new.append(till.last / till.drain())
                till.store.write(lambda db: settings.put(db, "acknowledged", "0"))
                again_by_http.append(till.last / till.drain())
                till.close()
            copied.append(head.copied(folder))
            office = Office.open(head.new(), now, os.urandom)
            outbox = Outbox(filled, office)
            outbox.record()
            again.append(outbox.last / outbox.record())
            office.close()
        folder = head.new()
        fill(place / "small", min(entries, APPLIED_ENTRIES))
        with served(folder, record_only=False) as url:
            small = Draining(place / "small", place / "small-till", folder, url)
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
        at_least(
            "the same outbox once more / COPY",
            statistics.median(again),
            limit,
            0.9,
            "entries/s",
            with_till_and_http_ratio=statistics.median(again_by_http) / limit,
        ),
    ]
