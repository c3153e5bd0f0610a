"""A receiver of webhooks on loopback, real down to its socket: it answers as it is told, and keeps what it was sent."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def status(code: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {code} Such", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FarEnd:
    """`answers` are used up one by one, the last one for ever: bytes that are sent, None for nothing at all, or what is done
    with the socket."""

    url: str = ""
    answers: list[bytes | Callable[[socket.socket], None] | None] = field(default_factory=lambda: [OK])
    received: list[Received] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    """Set at the end of the test: whoever never answers goes home then."""


def drip(line: bytes, every_s: float = 0.02) -> Callable[[socket.socket], None]:
    """Sends a byte at a time, for as long as somebody listens."""

    def send(connection: socket.socket) -> None:
        tick = threading.Event()
        while not tick.wait(every_s):
            connection.sendall(line)

    return send


def shut(connection: socket.socket) -> None:
    """Closes without a word."""


@contextmanager
def far_end(certificate: ssl.SSLContext | None = None) -> Iterator[FarEnd]:
    listening = socket.create_server(("127.0.0.1", 0))
    there = FarEnd(f"http{'s' if certificate else ''}://127.0.0.1:{listening.getsockname()[1]}/hook?key=k")
    threads: list[threading.Thread] = []

    def serve() -> None:
        while not there.over.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=answer, args=(connection,)))
            threads[-1].start()

    def answer(connection: socket.socket) -> None:
        connection.settimeout(30)
        try:
            if certificate is not None:
                connection = certificate.wrap_socket(connection, server_side=True)
            with connection:
                there.received.append(_read(connection))
                now = there.answers.pop(0) if len(there.answers) > 1 else there.answers[0]
                if now is None:
                    there.over.wait(30)
                elif isinstance(now, bytes):
                    connection.sendall(now)
                else:
                    now(connection)
        except OSError:
            connection.close()  # the sender has gone

    threads.append(threading.Thread(target=serve))
    threads[0].start()
    try:
        yield there
    finally:
        there.over.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for thread in threads:
            thread.join(30)


def _read(connection: socket.socket) -> Received:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65536)):
            raise ConnectionError
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return Received(first.split()[1], headers, body)
