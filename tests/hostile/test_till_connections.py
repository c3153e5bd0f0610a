"""A connection to the till: a head that is too large, too slow or in doubt, and lines without end behind a body."""

import contextlib
import socket
from time import monotonic

import pytest

from pos_plugin.serving.connections import LARGEST_HEAD, MOST_HEADERS, Connection
from pos_plugin.serving.server import WebServer


async def echo(scope, receive, send):
    """Answers how long the body was."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    body = b"%d" % length
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def refusing(scope, receive, send):
    """Answers before it has read any of the body."""
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def port(monkeypatch):
    monkeypatch.setattr(Connection, "head_within_s", 0.2)
    with WebServer(echo, 0, "127.0.0.1") as server:
        yield server.port


def heard(port, *parts):
    """All that is answered until the till hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=15) as peer:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                peer.sendall(part)
        said = b""
        with contextlib.suppress(ConnectionError):
            while more := peer.recv(65536):
                said += more
        return said


HEAD = b"POST /a HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * LARGEST_HEAD,
        b"GET /" + b"a" * LARGEST_HEAD + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"X: " + b"a" * LARGEST_HEAD,
        HEAD + b"X: " + b"a" * LARGEST_HEAD + b"\r\n\r\n",
        HEAD + b"a" * LARGEST_HEAD,
        HEAD + b"".join(b"X-%d: 1\r\n" % number for number in range(MOST_HEADERS)) + b"\r\n",
    ],
    ids=["address without end", "address", "header without end", "header", "name without end", "too many headers"],
)
def test_a_head_that_is_too_large_is_refused(port, sent):
    assert heard(port, sent).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("sent", [b"", b"POST /a HT", HEAD, HEAD + b"X: 1\r\n"])
def test_a_head_that_does_not_come_is_given_up(port, sent):
    assert heard(port, sent).startswith(b"HTTP/1.1 408 ")


def test_a_second_head_that_does_not_come_is_given_up_too(port):
    said = heard(port, HEAD + b"Content-Length: 2\r\n\r\nab", b"P")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in said


def test_a_body_may_take_longer_than_a_head(port):
    with socket.create_connection(("127.0.0.1", port), timeout=15) as peer:
        peer.sendall(HEAD + b"Content-Length: 2\r\n\r\na")
        peer.settimeout(0.5)
        with pytest.raises(TimeoutError):
            peer.recv(10)
        peer.sendall(b"b")
        assert peer.recv(1000).startswith(b"HTTP/1.1 200 ")


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (CHUNKED + b"1\r\na\r\n0\r\nX: 1\r\n\r\n", b"400"),  # a line behind the body
        (CHUNKED + b"1\r\na\r\n0\r\nX: " + b"a" * 2 * LARGEST_HEAD, b"431"),
        (CHUNKED + b"1\r\na\r\n1;" + b"a" * 2 * LARGEST_HEAD, b"431"),
        (b"POST /a HTTP/1.1\r\n\r\n", b"400"),
        (b"POST /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET /a\r\n\r\n", b"400"),
        (b"GET /a HTTP/9.9\r\nHost: x\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", b"400"),
        (HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (HEAD + b"X : 1\r\n\r\n", b"400"),
        (HEAD + b"X: \x00\r\n\r\n", b"400"),
    ],
    ids=[
        "a line behind the body",
        "lines behind the body without end",
        "a chunk's length without end",
        "no host",
        "two hosts",
        "no version",
        "no known version",
        "two lengths",
        "a length and chunks",
        "a blank before the colon",
        "NUL",
    ],
)
def test_what_is_in_doubt_or_without_end_is_hung_up_on(port, sent, status):
    said = heard(port, sent)
    assert not said or said.startswith(b"HTTP/1.1 " + status)  # nothing where the request was being answered already
    assert b"200" not in said


def test_small_chunks_are_a_body(port):
    head = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    said = heard(port, head + b"1\r\na\r\n" * 50_000 + b"0\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"\r\n\r\n50000" in said


def test_requests_sent_at_once_are_answered_in_turn(port):
    last = HEAD + b"Connection: close\r\nContent-Length: 3\r\n\r\nabc"
    said = heard(port, (HEAD + b"Content-Length: 2\r\n\r\nab") * 2 + last)
    assert [said.count(b"\r\n\r\n2"), said.count(b"\r\n\r\n3")] == [2, 1]


def test_a_body_that_was_refused_is_not_read_for_ever():
    with WebServer(refusing, 0, "127.0.0.1") as server:
        began, sent = monotonic(), 0
        with socket.create_connection(("127.0.0.1", server.port), timeout=15) as peer:
            peer.sendall(HEAD + b"Content-Length: 2147483648\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while sent < 2**31:
                    peer.sendall(bytes(65536))
                    sent += 65536
        assert sent < 64 * 1024 * 1024
        assert monotonic() - began < 10
