"""Fifty who sell at one till at the same time, quote and commit, on a disk whose flush takes 2 ms (`bench.slow_disk`).

First as fifty threads of the till's own process, which call `Checkout.quote` and `Checkout.commit` again and again without a
pause: what commits in groups are for. Then as fifty tills of other makers at the local API, which the product's own server
answers in a process of its own, each with a key and a connection that it keeps: one sale a second each, which is more than fifty
cashiers do, and again without a pause. The peer is one such client alone. A sale is five lines of a member; every fifth commit is
sent twice. Any answer but 200 ends the measurement, and so does a sale that stands twice or not at all in the journal.

    python -m bench.concurrent serve FOLDER      serves a till made there; says its port and the keys
    python -m bench.concurrent threads FOLDER    the threads, in a process that has the slow disk
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from bench import slow_disk
from bench.beside import at_most, folder, percentile
from bench.checkout import Ours
from loyalty.sale import LineItem, Sale
from offline_store.store import Store

CLIENTS = 50
SALES_EACH = 20
PACED_SALES_EACH = 8
PACE_S = 1.0
ALONE = 200
WARM = 20
TARGET_MS = 50.0


class Client:
    """Another maker's till: one kept connection, requests written as small as they can be."""

    def __init__(self, name: str, port: int, key: str, members: list[str]) -> None:
        self._name, self._members = name, members
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._chance = random.Random(name)
        self._count = 0

    def _ask(self, path: str, body: bytes, **headers: str) -> dict[str, Any]:
        self._connection.request("POST", path, body, {**self._headers, **headers})
        answer = self._connection.getresponse()
        said: dict[str, Any] = json.loads(answer.read())
        if answer.status != 200:
            raise RuntimeError(f"{path}: {said}")
        return said

    def sell(self) -> tuple[float, float]:
        """Milliseconds of a quote, and of its commit."""
        self._count += 1
        amounts = [self._chance.randrange(49, 4999) for _ in range(5)]
        reference = str(self._count)
        sale = {
            "till": self._name,
            "sale_ref": reference,
            "currency": "EUR",
            "total_minor": sum(amounts),
            "lines": [
                {"line_id": str(n), "sku": f"40{n:011}", "name": f"Article {n}", "quantity": 1, "amount_minor": amount}
                for n, amount in enumerate(amounts)
            ],
            "member": self._chance.choice(self._members),
            "operator": "1",
            "shift": "1",
            "sold_at": "2026-11-22T10:00:00",
        }
        body = json.dumps(sale).encode()
        start = time.perf_counter()
        quote = self._ask("/v1/quotes", body)
        quoted = time.perf_counter()
        # As a maker's till would: its own number of the sale is the key.
        path, key = f"/v1/quotes/{quote['quote_id']}/commit", {"Idempotency-Key": f"{self._name} {reference}"}
        done = self._ask(path, b"", **key)
        committed = time.perf_counter()
        if not self._count % 5 and self._ask(path, b"", **key) != done:
            raise RuntimeError(f"{reference} of {self._name}: the second answer is another")
        return (quoted - start) * 1000, (committed - quoted) * 1000

    def close(self) -> None:
        self._connection.close()


def measure() -> list[dict[str, Any]]:
    with folder() as place:
        made = Ours(place / "till")
        members = [member for _, member in made.people]
        made.store.close()
        command = [sys.executable, "-m", "bench.concurrent", "threads", str(place / "till")]
        said = subprocess.run(command, env=slow_disk.environment(place), check=True, stdout=subprocess.PIPE, text=True)
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
            alone = Client("alone", int(port), keys[0], members)
            one = [sum(alone.sell()) for _ in range(WARM + ALONE)][WARM:]
            alone.close()
            busy = _together(int(port), keys, members, "busy", PACED_SALES_EACH, PACE_S)
            start = time.perf_counter()
            many = _together(int(port), keys, members, "rush", SALES_EACH, 0.0)
            took = time.perf_counter() - start
        finally:
            process.communicate("")
        _require_each_once(place / "till")
    alone_p50, alone_p95 = statistics.median(one), percentile(one, 95)
    inside: dict[str, Any] = json.loads(said.stdout)
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
            percentile([sum(pair) for pair in busy], 95),
            TARGET_MS,
            1.0,
            "ms",
            p50_ms=statistics.median([sum(pair) for pair in busy]),
            p95_of_a_quote_ms=percentile([quote for quote, _ in busy], 95),
            p95_of_a_commit_ms=percentile([commit for _, commit in busy], 95),
            one_client_alone_p50_ms=alone_p50,
            one_client_alone_p95_ms=alone_p95,
        ),
        at_most(
            f"{CLIENTS} clients without a pause: p95 of quote and commit / what it may take",
            percentile([sum(pair) for pair in many], 95),
            TARGET_MS,
            1.0,
            "ms",
            p50_ms=statistics.median([sum(pair) for pair in many]),
            p95_of_a_quote_ms=percentile([quote for quote, _ in many], 95),
            p95_of_a_commit_ms=percentile([commit for _, commit in many], 95),
            sales_a_second=CLIENTS * SALES_EACH / took,
            ratio_to_one_client_alone=percentile([sum(pair) for pair in many], 95) / alone_p95,
        ),
    ]


def _require_each_once(folder: Path) -> None:
    """Raises RuntimeError where a sale of the clients is missing in the till's journal, or another one is there."""
    made = WARM + ALONE + CLIENTS * (PACED_SALES_EACH + SALES_EACH)
    with Store.open_for_reading(folder) as store, store.read() as db:
        rows = db.execute("SELECT document, number FROM document WHERE document LIKE 'sale/%'").fetchall()
        ours = [number for document, number in rows if document.startswith(("sale/alone", "sale/busy", "sale/rush"))]
    if len(ours) != made or len(set(ours)) != made:
        raise RuntimeError(f"{made} sales were made, and {len(set(ours))} stand in the journal")


def _together(
    port: int, keys: list[str], members: list[str], name: str, sales_each: int, pace_s: float
) -> list[tuple[float, float]]:
    """Milliseconds of every quote and commit of fifty clients; each begins a sale every `pace_s` seconds, not all at once."""
    clients = [Client(f"{name}{number}", port, keys[number], members) for number in range(CLIENTS)]
    ready = threading.Barrier(CLIENTS)
    times: list[list[tuple[float, float]]] = [[] for _ in clients]
    failed: list[Exception] = []

    def work(index: int) -> None:
        ready.wait()
        begins = time.perf_counter() + pace_s * index / CLIENTS
        for _ in range(sales_each):
            time.sleep(max(0.0, begins - time.perf_counter()))
            try:
                times[index].append(clients[index].sell())
            except Exception as error:
                failed.append(error)
                return
            begins += pace_s

    threads = [threading.Thread(target=work, args=(index,)) for index in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    if failed:
        raise failed[0]
    return [one for own in times for one in own[1:]]  # the first meets fifty threads being started


def _serve(folder: Path) -> None:
    from pos_plugin import api_keys
    from pos_plugin.config import Config
    from pos_plugin.serve import Server
    from pos_plugin.terminal import Terminal

    keys = [api_keys.create(folder, f"bench {number}") for number in range(CLIENTS)]
    with Terminal(Store.open(folder), Config()) as terminal, Server(terminal, 0) as server:
        print(server.port, *keys, flush=True)
        sys.stdin.read()


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
