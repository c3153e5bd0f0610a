"""Peers that send too much, too slowly, or no HTTP at all: each is answered or hung up on, and the others are served."""

import contextlib
import random
import signal
import socket
import subprocess
import sys
import threading
import zlib
from time import monotonic

import httpx
import psutil
import pytest

from central_server.app import MAX_BODY_BYTES
from central_server.connections import ANSWER_WITHIN_S, REQUEST_WITHIN_S, Connection

POST = b"POST /v1/entries HTTP/1.1\r\nHost: central\r\n"
LENIENT_S = 10.0
"""What a busy machine may add to a bound."""


# -- too much ------------------------------------------------------------------------------------------------------------


def pour(peer, head, block, most):
    """Sends until it is hung up on, or `most` bytes are sent; answers how many were, and what was said."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        peer.sendall(head)
        while sent < most:
            peer.sendall(block)
            sent += len(block)
    return sent


@pytest.mark.parametrize(
    ("head", "framed"),
    [
        (b"Content-Length: 2147483648\r\n\r\n", lambda data: data),
        (b"Transfer-Encoding: chunked\r\n\r\n", lambda data: b"%x\r\n" % len(data) + data + b"\r\n"),
    ],
    ids=["announced", "chunked"],
)
def test_two_gigabytes_are_refused_before_they_are_read(central, tell, head, framed):
    block = framed(bytes(1024 * 1024))
    with central.unmoved():
        peer = central.connect()
        sent = pour(peer, POST + head, block, 2**31)
        assert sent < 40 * 1024 * 1024  # what is on its way when it is hung up: buffers of two sockets, not gigabytes
        assert tell.raw_refusal(tell.heard(peer)) == (413, "TOO_LARGE")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/v1/nonce", "/v1/health", "/nothing", "/v1/feed", "/v1/enroll"])
def test_a_body_without_end_is_not_read_to_its_end_at_any_address(central, tell, path):
    began = monotonic()
    with central.unmoved():
        peer = central.connect()
        pour(
            peer,
            b"POST %b HTTP/1.1\r\nHost: c\r\nContent-Length: 9000000000\r\n\r\n" % path.encode(),
            bytes(65536),
            2**40,
        )
        peer.close()
    assert monotonic() - began < tell.REQUEST_WITHIN_S + LENIENT_S


def test_who_says_that_a_body_is_too_large_is_refused_before_sending_any_of_it(central, tell):
    with central.unmoved():
        peer = central.connect(POST + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (MAX_BODY_BYTES + 1))
        assert tell.raw_refusal(tell.heard(peer)) == (413, "TOO_LARGE")


def test_many_large_bodies_at_once_are_refused_beyond_what_memory_is_set_aside_for():
    import asyncio

    from central_server.app import Bodies
    from central_server.errors import Refused

    class Slow:
        def __init__(self, release):
            self.headers, self.release = {}, release

        async def stream(self):
            yield bytes(1024 * 1024)
            await self.release.wait()

    async def all_at_once():
        bodies, release = Bodies(60, most_bytes=3 * 1024 * 1024), asyncio.Event()
        waiting = [asyncio.ensure_future(bodies.read(Slow(release))) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await bodies.read(Slow(release))
        assert (refused.value.code, refused.value.status) == ("BUSY", 503)
        release.set()
        assert [len(body) for body in await asyncio.gather(*waiting)] == [1024 * 1024] * 3
        assert len(await bodies.read(Slow(release))) == 1024 * 1024  # what was held is free again

    asyncio.run(all_at_once())


# -- too slow ------------------------------------------------------------------------------------------------------------


def drip(peer, data, stop):
    """A byte every 50 ms."""
    with contextlib.suppress(OSError):
        for place in range(len(data)):
            if stop.wait(0.05):
                return
            peer.sendall(data[place : place + 1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at_once", "dripped", "bound"),
    [
        (b"", b"", "REQUEST_WITHIN_S"),
        (b"", POST * 50, "REQUEST_WITHIN_S"),
        (POST, b"X-A: b\r\n" * 500, "REQUEST_WITHIN_S"),
        (POST + b"Content-Length: 1000\r\n\r\n", b"", "BODY_WITHIN_S"),
        (POST + b"Content-Length: 1000\r\n\r\n", b"x" * 999, "BODY_WITHIN_S"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 500, "BODY_WITHIN_S"),
    ],
    ids=["says nothing", "head by bytes", "headers without end", "no body", "body by bytes", "chunks of one byte"],
)
def test_a_slow_sender_is_cut_off_in_time_and_holds_up_nobody(central, tell, at_once, dripped, bound):
    stop, before = threading.Event(), central.rows()["inbox"]
    began = monotonic()
    peer = central.connect(at_once)
    sender = threading.Thread(target=drip, args=(peer, dripped, stop))
    sender.start()
    for _ in range(3):
        central.an_honest_till_is_served()
    served_in = monotonic() - began
    answer = tell.heard(peer)
    took = monotonic() - began
    stop.set()
    sender.join()
    assert tell.raw_refusal(answer) == (408, "TOO_SLOW")
    assert central.rows()["inbox"] == before + 3
    assert served_in < LENIENT_S
    assert getattr(tell, bound) * 0.9 <= took < getattr(tell, bound) + LENIENT_S


def test_after_an_answer_too_a_slow_head_is_cut_off_and_an_idle_connection_is_closed(central, tell):
    ask = b"GET /v1/health HTTP/1.1\r\nHost: c\r\n\r\n"
    began = monotonic()
    peer = central.connect(ask)
    answer = b""
    while b'"server_time"' not in answer or not answer.endswith(b"}"):
        answer += peer.recv(65536)  # head and body may come one after the other
    peer.sendall(ask[:20])
    assert tell.raw_refusal(tell.heard(peer)) == (408, "TOO_SLOW")
    assert monotonic() - began < tell.REQUEST_WITHIN_S + LENIENT_S


def test_who_does_not_read_the_answers_is_hung_up_on(central, tell):
    """Answers to many requests on one connection fill every buffer between; the connection then ends in time."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.connect(("127.0.0.1", central.port))
    peer.settimeout(0.1)
    ask = b"GET /v1/health HTTP/1.1\r\nHost: c\r\n\r\n" * 100
    give_up = monotonic() + tell.ANSWER_WITHIN_S + 3 * LENIENT_S

    def ask_on():
        while monotonic() < give_up:
            with contextlib.suppress(TimeoutError):
                peer.sendall(ask)

    with peer, pytest.raises(ConnectionError):
        ask_on()
    central.an_honest_till_is_served()


def test_connections_beyond_the_most_are_refused_and_room_comes_back(central, tell):
    with central.unmoved():
        central.client.get("/v1/health")
        idle = [central.connect() for _ in range(tell.MOST_CONNECTIONS)]
        answer = tell.heard(central.connect())
        assert tell.raw_refusal(answer) == (503, "BUSY")
        for peer in idle:
            tell.heard(peer)  # each is cut off by itself, and makes room


def test_the_bounds_that_are_served_with_are_those_that_are_documented():
    assert (Connection.request_within_s, Connection.answer_within_s) == (REQUEST_WITHIN_S, ANSWER_WITHIN_S)


# -- no HTTP -------------------------------------------------------------------------------------------------------------

GARBAGE = {
    "noise": random.Random(3).randbytes(5000),
    "a TLS hello": bytes.fromhex("16030100c8010000c40303") + bytes(200) + b"\r\n\r\n",
    "a line of nothing": b"\x00" * 100 + b"\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "a length below zero": POST + b"Content-Length: -1\r\n\r\n",
    "a length beyond reason": POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "a length in words": POST + b"Content-Length: many\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "NUL in a header": POST + b"X-Terminal: a\x00b\r\n\r\n",
    "a header without a name": POST + b": x\r\n\r\n",
    "a space before the colon": POST + b"X-A : x\r\n\r\n",
    "a folded first header": b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
    "a redis command": b"*1\r\n$4\r\nPING\r\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("what", GARBAGE)
def test_what_is_no_http_is_refused_in_json_and_hung_up_on(central, tell, what):
    with central.unmoved():
        peer = central.connect()
        with contextlib.suppress(ConnectionError):
            peer.sendall(GARBAGE[what])
        assert tell.raw_refusal(tell.heard(peer)) in [(400, "NOT_HTTP"), (408, "TOO_SLOW")]


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/9.9\r\nHost: c\r\nConnection: close\r\n\r\n",
        b"PRI * HTTP/2.0\r\nHost: c\r\nConnection: close\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n",
        b"GET /..%2f..%2fetc/passwd HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n",
        b"GET /%00%ff%zz HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n",
        b"GET http://elsewhere/v1/health/x HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n",
        POST + b"Connection: close\r\n" + b"X-A: " + b"a" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"".join(
            [
                POST,
                b"Connection: close\r\n",
                *(b"X-%d: x\r\n" % index for index in range(5000)),
                b"Content-Length: 0\r\n\r\n",
            ]
        ),
    ],
    ids=[
        "a version of tomorrow",
        "HTTP/2",
        "100 kB",
        "a way up",
        "odd bytes",
        "a proxy's",
        "a large header",
        "5,000 headers",
    ],
)
def test_an_odd_address_or_head_is_refused_in_json(central, tell, head):
    with central.unmoved():
        peer = central.connect()
        with contextlib.suppress(ConnectionError):
            peer.sendall(head)
        status, _ = tell.raw_refusal(tell.heard(peer))
        assert status in (400, 404, 405)


@pytest.mark.parametrize(
    "body",
    [b"zz\r\nhello\r\n", b"-1\r\n", b"ffffffffffffffffffff\r\nx", b"5;" + b"x" * 100_000],
    ids=["no number", "below zero", "beyond reason", "an extension of 100 kB"],
)
@pytest.mark.parametrize("path", ["/v1/entries", "/v1/nonce", "/nothing"])
def test_a_body_in_broken_chunks_is_refused(central, tell, body, path):
    with central.unmoved():
        head = b"POST %b HTTP/1.1\r\nHost: c\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" % path.encode()
        peer = central.connect()
        with contextlib.suppress(ConnectionError):
            peer.sendall(head + body)
        answer = tell.heard(peer)
    assert answer == b"" or b"content-type: application/json" in answer.lower()
    assert b"Traceback" not in answer


def test_whoever_hangs_up_in_the_middle_leaves_nothing_behind(central):
    with central.unmoved():
        for sent in (b"", b"P", POST, POST + b"Content-Length: 10\r\n\r\nxxx", POST + b"Content-Length: 0\r\n\r\n"):
            central.connect(sent).close()


def test_a_wish_for_a_websocket_is_answered_like_any_other(central, tell):
    wish = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "eA=="}
    assert tell.refusal(central.client.get("/v1/entries", headers=wish)) == (405, "NO_SUCH_ADDRESS")


# -- the memory of the process that a shop would run ---------------------------------------------------------------------


@pytest.fixture
def process(initialised, tmp_path):
    """`pos-central serve` as it is installed, in a process of its own."""
    import shutil

    folder = shutil.copytree(initialised, tmp_path / "office")
    command = [
        sys.executable,
        "-c",
        "from central_server.cli import main; main()",
        "serve",
        "--dir",
        str(folder),
        "--port",
        "0",
    ]
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert running.stdout is not None
        url = running.stdout.readline().split(" on ")[1].split()[0]
        yield psutil.Process(running.pid), url
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=20)
    assert "Traceback" not in (tmp_path / "log").read_text()


def bombs(url, body, count):
    """So many senders at once; answers the statuses that they got."""
    statuses = []

    def send():
        with contextlib.suppress(httpx.HTTPError), httpx.Client(trust_env=False, verify=False, timeout=60) as client:
            statuses.append(client.post(f"{url}/v1/entries", content=body).status_code)

    threads = [threading.Thread(target=send) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, statuses


def highest_mib(process, threads):
    most = 0
    while any(thread.is_alive() for thread in threads):
        most = max(most, process.memory_info().rss)
        threads[0].join(0.01)
        if not threads[0].is_alive():
            threads = threads[1:] or threads
    return max(most, process.memory_info().rss) / 2**20


@pytest.mark.slow
def test_bombs_and_gigabytes_from_many_senders_at_once_do_not_fill_the_memory(process):
    running, url = process
    httpx.get(f"{url}/v1/health", trust_env=False)
    before = running.memory_info().rss / 2**20
    port = int(url.rpartition(":")[2])

    def flood():
        peer = socket.create_connection(("127.0.0.1", port), timeout=20)
        head = POST + b"Transfer-Encoding: chunked\r\n\r\n"
        pour(peer, head, b"100000\r\n" + bytes(2**20) + b"\r\n", 2**31)
        peer.close()

    floods = [threading.Thread(target=flood) for _ in range(20)]
    for thread in floods:
        thread.start()
    flooded = highest_mib(running, floods)
    bomb = zlib.compress(bytes(7 * 2**20))
    full = random.Random(5).randbytes(MAX_BODY_BYTES)
    threads, statuses = [], []
    for body in (bomb, full):
        started, heard = bombs(url, body, 40)
        threads += started
        statuses.append(heard)
    bombed = highest_mib(running, threads)
    assert statuses == [[400] * 40, [400] * 40]
    print(f"\nMiB: {before:.0f} at rest, {flooded:.0f} flooded by 20, {bombed:.0f} with 80 bombs and full messages")
    assert flooded - before < 20 * 8
    assert bombed - before < 600
    assert httpx.get(f"{url}/v1/health", trust_env=False).status_code == 200
