"""The till's own port, which every program and web page on its machine can reach: too slow, too much, no HTTP."""

import asyncio
import contextlib
import random
import socket
import threading
import zlib
from collections import Counter
from time import monotonic, process_time

import httpx
import msgspec
import pytest

from ledger.wire import Refusal
from pos_plugin import api_keys
from pos_plugin.api_keys import ApiKey
from pos_plugin.local_api import rights
from pos_plugin.local_api.guard import DRAINED_BODY, Guard
from pos_plugin.papers.drawer import no_printer


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


# -- who has a key and means ill, or is set up wrongly


def client_of(till, key):
    return httpx.Client(
        base_url=till.server.url, headers={"Authorization": f"Bearer {key}"}, timeout=20, trust_env=False
    )


def new_key(till, name, **limits):
    folder = till.terminal.store.folder
    api_keys.remove(folder, name)
    return api_keys.create(folder, name, **limits)


def test_a_stolen_key_is_refused_as_soon_as_it_is_taken_out(till):
    key = new_key(till, "stolen")
    with client_of(till, key) as thief:
        assert thief.get("/v1/state").status_code == 200
        api_keys.remove(till.terminal.store.folder, "stolen")
        for path in ("/v1/members", "/v1/quotes", "/v1/sales/front/1/void", "/v1/drawer", "/v1/print"):
            said = till.refused(thief.post(path, json={}), 401, "KEY_UNKNOWN", "may have been taken out")
            assert "api-key" in said["hint"]


def test_a_key_that_is_over_or_may_not_is_refused_before_its_body_is_read(till):
    over, reader = new_key(till, "over", until="2026-11-20"), new_key(till, "reader", may=["read"])
    with client_of(till, over) as one, client_of(till, reader) as other:
        big = b"x" * 5_000_000
        till.refused(one.post("/v1/members", content=big), 401, "KEY_EXPIRED")
        till.refused(other.post("/v1/members", content=big), 403, "KEY_MAY_NOT")


def test_a_flood_with_a_right_key_is_held_up_and_the_page_and_the_other_tills_are_not(till, monkeypatch):
    """Eight threads ask as fast as they can until they have been refused fifty times; meanwhile somebody sells."""
    monkeypatch.setattr(rights, "AT_ONCE", 100)
    monkeypatch.setattr(rights, "A_SECOND", 20.0)
    key, statuses, stop = new_key(till, "flood"), Counter(), threading.Event()

    def ask():
        with client_of(till, key) as one:
            while not stop.is_set() and sum(statuses.values()) < 4000:
                statuses[one.get("/v1/state").status_code] += 1
                if statuses[429] >= 50:
                    stop.set()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for one in threads:
        one.start()
    times = []
    with httpx.Client(base_url=till.server.url, timeout=20, trust_env=False) as page:
        page.get("/")
        while not stop.is_set() and len(times) < 200:
            began = monotonic()
            assert page.get("/v1/state").status_code == 200
            assert till.client.post("/v1/identify", json={"scan": "2900000000018"}).json()["kind"] == "member"
            times.append(monotonic() - began)
    for one in threads:
        one.join()
    assert set(statuses) == {200, 429}
    assert statuses[200] < 100 + 20 * 60  # what the bucket holds, and a minute of what runs in: this takes seconds
    assert max(times) < 5


def test_what_waits_for_something_slow_leaves_threads_to_the_page(till, monkeypatch):
    """A host asks for its printer again and again without hearing; no more of it is in hand than its share."""
    monkeypatch.setattr(rights, "IN_HAND", 3)
    monkeypatch.setattr(rights, "IN_LINE", 2)
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def slowly(*_):
        begun.release()
        assert go_on.wait(30)
        return no_printer()

    monkeypatch.setattr(till.terminal.printer, "open_drawer", slowly)
    key, codes = new_key(till, "slow"), []

    def ask():
        with client_of(till, key) as one:
            codes.append(one.post("/v1/drawer").json()["code"])

    threads = [threading.Thread(target=ask) for _ in range(9)]
    for one in threads:
        one.start()
    assert all(begun.acquire(timeout=20) for _ in range(3))
    for _ in range(1000):  # the four that have no place in the line are told so at once
        if len(codes) == 4:
            break
        threading.Event().wait(0.01)
    assert codes == ["TOO_MANY_REQUESTS"] * 4
    assert not begun.acquire(blocking=False)
    assert till.client.get("/v1/state").status_code == 200
    go_on.set()
    for one in threads:
        one.join()
    assert Counter(codes) == {"TOO_MANY_REQUESTS": 4, "DRAWER_NOT_OPENED": 5}


@pytest.mark.parametrize(
    "more",
    [
        b"".join(b"X-%d: 1\r\n" % number for number in range(20_000)),
        b"X: " + b"a" * 2_000_000,
        b"Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n" + b"1\r\n \r\n" * 100_000,
    ],
    ids=["headers without end", "a header without end", "chunks without end"],
)
def test_a_request_without_end_is_given_up_and_holds_up_nobody(till, more):
    with socket.create_connection(("127.0.0.1", till.server.port), timeout=20) as peer:
        with contextlib.suppress(ConnectionError):
            peer.sendall(at(till, b"/v1/quotes", more))
        began = monotonic()
        assert till.client.get("/v1/state").status_code == 200
        assert monotonic() - began < 5


def test_another_name_of_this_machine_is_refused_whatever_is_shown(till):
    for host in ("evil.example", f"evil.example:{till.server.port}", "127.0.0.1.nip.io", "", "127.0.0.1:80"):
        answer = till.client.post("/v1/members", json={}, headers={"Host": host})
        assert answer.status_code in (400, 403), host
