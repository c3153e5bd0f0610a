"""Many tills of other makers at one local API, in one thread: a socket each, ready bytes out, answers hardly read.

What it costs itself stands beside what it measures. Threads that take one interpreter from each other, or a client that reads
every header, would be measured in place of the till.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

REPEATED = 5
"""Every so many sales a commit is sent once more: the answer must be the first one, to the byte."""
ANSWERED_WITHIN_S = 60.0


@dataclass
class Times:
    """Milliseconds of every request, and of every sale: its quote and its first commit."""

    quotes: list[float] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    repeats: list[float] = field(default_factory=list)
    sales: list[float] = field(default_factory=list)
    took_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def requests(self) -> list[float]:
        return self.quotes + self.commits + self.repeats


class Client:
    """One till, with a key of its own and a connection that it keeps. Any answer but 200 is an error."""

    def __init__(self, name: str, port: int, key: str, members: Sequence[str], sales: int) -> None:
        self._name = name
        self._head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n".encode()
        chance = random.Random(name)
        as_json = b"Content-Type: application/json\r\n"
        self._quotes = [
            self._request(b"/v1/quotes", as_json, json.dumps(_sale(name, number, chance, members)).encode())
            for number in range(1, sales + 1)
        ]
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)

    async def sell(self, times: Times, begins_s: float, pace_s: float) -> None:
        """All its sales, one every `pace_s` seconds; without a pause where that is 0."""
        for number, quote in enumerate(self._quotes, 1):
            if pace_s:
                await asyncio.sleep(max(0.0, begins_s + (number - 1) * pace_s - time.perf_counter()))
            quoted, quote_ms = await self._ask(quote)
            quote_id = quoted.partition(b'"quote_id":"')[2].partition(b'"')[0]
            # As a maker's till would: its own number of the sale is the key.
            key = f"Idempotency-Key: {self._name} {number}\r\n".encode()
            commit = self._request(b"/v1/quotes/%b/commit" % quote_id, key, b"")
            done, commit_ms = await self._ask(commit)
            if number > 1 or pace_s:  # the first ones meet the crowd arriving
                times.quotes.append(quote_ms)
                times.commits.append(commit_ms)
                times.sales.append(quote_ms + commit_ms)
            if number % REPEATED == 0:
                again, repeat_ms = await self._ask(commit)
                times.repeats.append(repeat_ms)
                if again != done:
                    raise RuntimeError(f"{number} of {self._name}: the second answer is another")

    async def _ask(self, request: bytes) -> tuple[bytes, float]:
        """The body of the answer, and the milliseconds that it took."""
        loop, start = asyncio.get_running_loop(), time.perf_counter()
        await loop.sock_sendall(self._socket, request)
        head, body, length = b"", b"", None
        while length is None or len(body) < length:
            heard = await loop.sock_recv(self._socket, 65536)
            if not heard:
                raise RuntimeError("the till hung up")
            body += heard
            if length is None and b"\r\n\r\n" in body:
                head, _, body = body.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        took_ms = (time.perf_counter() - start) * 1000
        if head[9:12] != b"200" or len(body) > length:
            raise RuntimeError(f"{head.decode()} {body.decode()}")
        return body, took_ms

    def _request(self, path: bytes, headers: bytes, body: bytes) -> bytes:
        return b"POST %b HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n%b" % (path, self._head, headers, len(body), body)

    def close(self) -> None:
        self._socket.close()


def sold(
    port: int, keys: Sequence[str], members: Sequence[str], name: str, *, sales_each: int, pace_s: float = 0.0
) -> Times:
    """A client for each key, all at the same time; with `pace_s` each begins its sales at a moment of its own."""
    clients = [Client(f"{name}{place}", port, key, members, sales_each) for place, key in enumerate(keys)]
    times = Times()
    began, began_cpu = time.perf_counter(), time.process_time()

    async def all_of_them() -> None:
        async with asyncio.timeout(ANSWERED_WITHIN_S + sales_each * pace_s), asyncio.TaskGroup() as group:
            for place, client in enumerate(clients):
                group.create_task(client.sell(times, began + pace_s * place / len(clients), pace_s))

    try:
        asyncio.run(all_of_them())
    finally:
        for client in clients:
            client.close()
    times.took_s, times.cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    return times


def _sale(till: str, number: int, chance: random.Random, members: Sequence[str]) -> dict[str, object]:
    amounts = [chance.randrange(49, 4999) for _ in range(5)]
    return {
        "till": till,
        "sale_ref": str(number),
        "currency": "EUR",
        "total_minor": sum(amounts),
        "lines": [
            {"line_id": str(n), "sku": f"40{n:011}", "name": f"Article {n}", "quantity": 1, "amount_minor": amount}
            for n, amount in enumerate(amounts)
        ],
        "member": chance.choice(members),
        "operator": "1",
        "shift": "1",
        "sold_at": "2026-11-22T10:00:00",
    }
