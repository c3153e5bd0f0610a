"""Head office taking a till's entries in: recorded, settled and posted on PostgreSQL, beside COPY of the same inbox rows.

Ours is `inbox.record` of batches made beforehand, then `apply.apply_pending` until nothing is pending: inbox, documents, sales,
postings, holdings, lots, feed and head office's own journal, in its own transactions, each durable. All in one process, without
till and HTTP: `drain` has those. The peer is COPY of the inbox's rows, made beforehand, into a table like it; it posts nothing.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

from bench.beside import at_least
from bench.outbox import Outbox, filled_till, now
from central_server.applying import apply
from central_server.office import Office

ENTRIES = 20_000
ROUNDS = 3


def measure(entries: int = ENTRIES, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    ours: list[float] = []
    recorded: list[float] = []
    posted: list[float] = []
    copied: list[float] = []
    with filled_till(entries) as (filled, head):
        for _ in range(rounds):
            folder = head.new()
            office = Office.open(folder, now, os.urandom)
            outbox = Outbox(filled, office)
            recording = outbox.record()
            start = time.perf_counter()
            applied = 0
            while done := apply.apply_pending(office):
                applied += done
            posting = time.perf_counter() - start
            office.close()
            assert applied == outbox.last
            ours.append(applied / (recording + posting))
            recorded.append(applied / recording)
            posted.append(applied / posting)
            copied.append(head.copied(folder))
    limit = statistics.median(copied)
    return [
        at_least(
            f"{applied:,} entries recorded and posted / COPY of their rows",
            statistics.median(ours),
            limit,
            0.12,
            "entries/s",
            recording_ratio=statistics.median(recorded) / limit,
            posting_ratio=statistics.median(posted) / limit,
        )
    ]
