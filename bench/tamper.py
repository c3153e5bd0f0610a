"""What it costs that nothing can be changed unnoticed, as a share of the checkout: hash, chain, and a batch's signature.

Of the entries that checkouts have just written: SHA-256 over the bytes, the hash to and from hex, the read of the hash before
it, and the share of one Ed25519 signature over the head of a batch. Both in turns of ten in one run.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

from bench.beside import at_most, folder
from bench.checkout import ROUNDS, WARM_ROUNDS, Ours
from ledger.entry import entry_hash
from ledger.keys import SigningKey, batch_message
from offline_store import journal

BATCH = 500
"""Entries that a till sends at once, if head office does not ask for more."""


def measure() -> list[dict[str, Any]]:
    checkouts: list[float] = []
    evidence: list[float] = []
    signatures: list[float] = []
    with folder() as place:
        ours = Ours(place / "till")
        key = SigningKey(ours.store.secret_key())
        for turn in range(ROUNDS):
            last = ours.last()
            now = ours.turn()
            with ours.store.read() as db:
                written = journal.after(db, last, len(now))
                start = time.perf_counter_ns()
                for number, _, data in written:
                    journal.hash_at(db, number - 1)
                    bytes.fromhex(entry_hash(data))
                here = (time.perf_counter_ns() - start) / 1000 / len(written)
            number, head, _ = written[-1]
            start = time.perf_counter_ns()
            key.sign(batch_message("TILL01", "epoch", number, head))
            signature = (time.perf_counter_ns() - start) / 1000
            if turn >= WARM_ROUNDS:
                checkouts += now
                evidence.append(here)
                signatures.append(signature)
        ours.store.close()
    hashing, signing = statistics.median(evidence), statistics.median(signatures) / BATCH
    return [
        at_most(
            "hash, chain and signature of an entry / its durable checkout",
            hashing + signing,
            statistics.median(checkouts),
            0.05,
            "µs",
            hash_and_chain_us=hashing,
            signature_us=signing,
        )
    ]
