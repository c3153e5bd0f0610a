"""The till's own port, which every program and web page on its machine can reach: too slow, too much, no HTTP."""

import asyncio
import contextlib
import random
import socket
import zlib
from time import monotonic, process_time

import msgspec
import pytest

from ledger.wire import Refusal
from pos_plugin.api_keys import ApiKey
from pos_plugin.local_api.guard import DRAINED_BODY, Guard


def at(till, path, headers=b""):
    key = till.client.headers["Authorization"].encode()
    return b"POST %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: %b\r\n%b" % (path, till.server.port, key, headers)


@pytest.fixture
def till(served_till):
    """Nothing of what a test sends is recorded, and afterwards a sale is."""
    before = served_till.head()
    yield served_till
    assert served_till.head() == before
    served_till.sell(f"after-{before[0]}")


def test_a_body_that_never_ends_is_given_up(till):
    """Straight at the guard, whose bound is ten seconds, so that nobody has to wait for it."""
    said = []

    async def never():
        await asyncio.Event().wait()

    async def send(message):
        said.append(message)

    async def inner(*_):
        raise AssertionError("nothing came")

    port = till.server.port
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/quotes",
        "server": ("127.0.0.1", port),
        "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"127.0.0.1:%d" % port), (b"authorization", b"Bearer x"), (b"content-length", b"5")],
    }
    asyncio.run(Guard(inner, session="s", keys=ApiKey, body_within_s=0.05)(scope, never, send))
    assert said[0]["status"] == 408
    assert (b"connection", b"close") in said[0]["headers"]
    assert msgspec.json.decode(said[1]["body"], type=Refusal).code == "BODY_TOO_SLOW"


def test_gigabytes_are_refused_after_a_few_megabytes(till, tell):
    with socket.create_connection(("127.0.0.1", till.server.port), timeout=15) as peer:
        peer.sendall(
            at(
                till,
                b"/v1/quotes",
                b"Connection: close\r\nContent-Type: application/json\r\nContent-Length: 2147483648\r\n\r\n",
            )
        )
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 2**31:
                peer.sendall(bytes(65536))
                sent += 65536
        assert sent < DRAINED_BODY + 40 * 1024 * 1024
        assert tell.raw_refusal(tell.heard(peer)) == (413, "BODY_TOO_LARGE")


def test_slow_senders_hold_up_nobody(till):
    slow = [
        socket.create_connection(("127.0.0.1", till.server.port)) for _ in range(100)
    ]  # fmt: skip
    for peer in slow:
        peer.sendall(at(till, b"/v1/quotes", b"Content-Length: 100\r\n\r\n{"))
    began = monotonic()
    assert till.client.get("/v1/state").status_code == 200
    assert monotonic() - began < 3
    for peer in slow:
        peer.close()


@pytest.mark.parametrize(
    "garbage",
    [
        random.Random(4).randbytes(3000) + b"\r\n\r\n",
        b"\x16\x03\x01" + bytes(200) + b"\r\n\r\n",
        b"GET /\r\n\r\n",
        b"POST /v1/quotes HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/quotes HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    ],
    ids=["noise", "TLS", "no version", "a length below zero", "a length beyond reason"],
)
def test_what_is_no_http_is_hung_up_on(till, tell, garbage):
    with socket.create_connection(("127.0.0.1", till.server.port), timeout=15) as peer:
        peer.sendall(garbage)
        answer = tell.heard(peer)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Traceback" not in answer


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"scan":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"scan":"' + b"\\u0000" * 100_000 + b'"}',
        b'{"scan":"\\ud800"}',
        b'{"' + b"a" * 900_000 + b'":1}',
        b"{" + b",".join(b'"k%d":1' % index for index in range(60_000)) + b"}",
        b'{"scan":' + b"9" * 900_000 + b"}",
        zlib.compress(b"{}"),
    ],
    ids=["lists", "nested", "NUL", "half a surrogate", "a long name", "60,000 fields", "a long number", "compressed"],
)
def test_a_body_made_to_hurt_is_refused_soon(till, body):
    began = process_time()
    answer = till.client.post("/v1/identify", content=body, headers={"Content-Type": "application/json"})
    till.refused(answer, 422, "INVALID")
    assert len(answer.content) < 20_000
    assert process_time() - began < 2  # of work, however busy the machine is
