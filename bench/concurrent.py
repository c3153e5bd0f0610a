"""Fifty who sell at one till at the same time, quote and commit, on a disk whose flush takes 2 ms (`bench.slow_disk`).

First as fifty threads of the till's own process, which call `Checkout.quote` and `Checkout.commit` again and again without a
pause: what commits in groups are for. Then as fifty tills of other makers at the local API (`bench.load`), which the product's
own server answers in a process of its own, each with a key and a connection that it keeps: one sale a second each, which is more
than fifty cashiers do, and again without a pause, so that fifty requests are always under way. A sale is five lines of a member;
every fifth commit is sent twice. Any answer but 200 ends the measurement, and so does a sale that stands twice or not at all in
the journal. What till and clients take of the processor moves less than times do on a machine that others use, too.

    python -m bench.concurrent serve FOLDER      serves a till made there; says its port and the keys
    python -m bench.concurrent threads FOLDER    the threads, in a process that has the slow disk
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench import slow_disk
from bench.beside import at_most, folder, percentile
from bench.checkout import Ours
from bench.load import REPEATED, sold
from loyalty.sale import LineItem, Sale
from offline_store.store import Store

CLIENTS = 50
SALES_EACH = 20
PACED_SALES_EACH = 8
PACE_S = 1.0
ALONE = 200
WARM = 20
TARGET_MS = 50.0


def measure() -> list[dict[str, Any]]:
    with folder() as place:
        made = Ours(place / "till")
        members = [member for _, member in made.people]
        made.store.close()
        command = [sys.executable, "-m", "bench.concurrent", "threads", str(place / "till")]
        said = subprocess.run(command, env=slow_disk.environment(place), check=True, stdout=subprocess.PIPE, text=True)
        with _served(place) as till:
            one = sold(till.port, till.keys[:1], members, "alone", sales_each=WARM + ALONE)
            busy = sold(till.port, till.keys, members, "busy", sales_each=PACED_SALES_EACH, pace_s=PACE_S)
            before_s = till.cpu_s()
            rush = sold(till.port, till.keys, members, "rush", sales_each=SALES_EACH)
            till_s = till.cpu_s() - before_s
        _require_each_once(place / "till")
    inside: dict[str, Any] = json.loads(said.stdout)
    sales, requests = CLIENTS * SALES_EACH, CLIENTS * (2 * SALES_EACH + SALES_EACH // REPEATED)
    return [
        at_most(
            f"{CLIENTS} threads of the till without a pause: p95 of quote and commit / what it may take",
            inside.pop("p95_ms"),
            TARGET_MS,
            1.0,
            "ms",
            **inside,
        ),
        at_most(
            f"{CLIENTS} clients, each a sale a second: p95 of quote and commit / what it may take",
            percentile(busy.sales, 95),
            TARGET_MS,
            1.0,
            "ms",
            p50_ms=statistics.median(busy.sales),
            p95_of_a_quote_ms=percentile(busy.quotes, 95),
            p95_of_a_commit_ms=percentile(busy.commits, 95),
            one_client_alone_p50_ms=statistics.median(one.sales[WARM:]),
            one_client_alone_p95_ms=percentile(one.sales[WARM:], 95),
        ),
        at_most(
            f"{CLIENTS} clients without a pause: p95 of a request / what it may take",
            percentile(rush.requests, 95),
            TARGET_MS,
            1.0,
            "ms",
            p50_ms=statistics.median(rush.requests),
            p99_ms=percentile(rush.requests, 99),
            p95_of_a_quote_ms=percentile(rush.quotes, 95),
            p95_of_a_commit_ms=percentile(rush.commits, 95),
            requests_a_second=requests / rush.took_s,
            cpu_of_the_till_ms=till_s / sales * 1000,
            cpu_of_the_clients_ms=rush.cpu_s / sales * 1000,
        ),
        at_most(
            f"{CLIENTS} clients without a pause: p95 of quote and commit / what it may take",
            percentile(rush.sales, 95),
            TARGET_MS,
            1.0,
            "ms",
            p50_ms=statistics.median(rush.sales),
            sales_a_second=sales / rush.took_s,
        ),
    ]


class _Till(NamedTuple):
    """The product's own server in a process of its own, on the slow disk."""

    process: subprocess.Popen[str]
    port: int
    keys: list[str]

    def cpu_s(self) -> float:
        """Of the processor, so much has it had until now."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@contextmanager
def _served(place: Path) -> Iterator[_Till]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.concurrent", "serve", str(place / "till")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=slow_disk.environment(place),
    )
    try:
        assert process.stdout is not None
        port, *keys = process.stdout.readline().split()
        yield _Till(process, int(port), keys)
    finally:
        process.communicate("")


def _require_each_once(folder: Path) -> None:
    """Raises RuntimeError where a sale of the clients is missing in the till's journal, or another one is there."""
    made = WARM + ALONE + CLIENTS * (PACED_SALES_EACH + SALES_EACH)
    with Store.open_for_reading(folder) as store, store.read() as db:
        rows = db.execute("SELECT document, number FROM document WHERE document LIKE 'sale/%'").fetchall()
        ours = [number for document, number in rows if document.startswith(("sale/alone", "sale/busy", "sale/rush"))]
    if len(ours) != made or len(set(ours)) != made:
        raise RuntimeError(f"{made} sales were made, and {len(set(ours))} stand in the journal")


def _serve(folder: Path) -> None:
    from pos_plugin import api_keys
    from pos_plugin.config import Config
    from pos_plugin.local_api.server import Server
    from pos_plugin.serving.server import stays
    from pos_plugin.terminal import Terminal

    keys = [api_keys.create(folder, f"bench {number}") for number in range(CLIENTS)]
    with Terminal(Store.open(folder), Config()) as terminal, Server(terminal, 0) as server:
        stays()
        print(server.port, *keys, flush=True)
        for _ in sys.stdin:
            print(time.process_time(), flush=True)


def _threads(folder: Path) -> None:
    with Store.open(folder) as store, store.read() as db:
        people = db.execute("SELECT card, member FROM card").fetchall()
    till = Ours(folder, people=people)
    alone = [_sell(till, "inside", number) for number in range(WARM + ALONE)][WARM:]
    ready = threading.Barrier(CLIENTS)
    times: list[float] = []

    def work(name: str) -> None:
        ready.wait()
        own = [_sell(till, name, number) for number in range(SALES_EACH)]
        times.extend(own[1:])  # the first meets fifty threads being started

    threads = [threading.Thread(target=work, args=(f"thread{number}",)) for number in range(CLIENTS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - start
    till.store.close()
    said = {
        "p95_ms": percentile(times, 95),
        "p50_ms": statistics.median(times),
        "sales_a_second": CLIENTS * SALES_EACH / took,
        "one_alone_p50_ms": statistics.median(alone),
    }
    print(json.dumps(said))


def _sell(till: Ours, name: str, number: int) -> float:
    """Milliseconds of a quote and its commit."""
    chance = random.Random(f"{name} {number}")
    amounts = [chance.randrange(49, 4999) for _ in range(5)]
    lines = tuple(LineItem(str(n), amount, sku=f"40{n:011}", name=f"Article {n}") for n, amount in enumerate(amounts))
    _, member = chance.choice(till.people)
    day = "2026-11-22"
    sale = Sale(name, str(number), f"{day}T10:00:00", day, "EUR", sum(amounts), lines, "1", "1")
    start = time.perf_counter()
    quote = till.checkout.quote(sale, member)
    till.checkout.commit(quote.quote_id, key=f"{name} {number}")
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    {"serve": _serve, "threads": _threads}[sys.argv[1]](Path(sys.argv[2]))
