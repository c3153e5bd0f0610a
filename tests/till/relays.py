"""A relay between real sockets: the shop's till on one side, a printer that records its bytes on the other."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pos_plugin.intercept import relay_process
from pos_plugin.intercept.relay import Relay
from pos_plugin.intercept.relay_doors import Door
from tests.waiting import LONG_S, until

RECEIPT = b"\x1b@Shop\nMilk   1.20\nTOTAL  1.20\n\n\n\n\x1dV\x00"


class RecordingPrinter:
    """One connection at a time, as most network printers; `replies` are answered to bytes that end in the question."""

    def __init__(self, port: int = 0) -> None:
        self.received = bytearray()
        self.connections = 0
        self.replies: dict[bytes, bytes] = {}
        self.reads = threading.Event()
        self.reads.set()
        self.port = port
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._tail = b""
        self._lock = threading.Lock()
        self.plug()

    def plug(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def unplug(self) -> None:
        """The power goes: the connection breaks, and nobody listens."""
        with self._lock:
            listener, self._listener = self._listener, None
            client = self._client
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        if client is not None:
            self._break(client)

    @staticmethod
    def _break(client: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it has just ended by itself
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.shutdown(socket.SHUT_RD)

    def hang_up(self) -> None:
        """As some printers after a long silence."""
        client = self._client
        assert client is not None
        client.shutdown(socket.SHUT_RDWR)

    def say(self, data: bytes) -> None:
        assert self._client is not None
        self._client.sendall(data)

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._client = client
                is_plugged = self._listener is listener
            if not is_plugged:  # the power went while it was let in
                self._break(client)
            self.connections += 1
            with client:
                while self.reads.wait():
                    try:
                        data = client.recv(65_536)
                    except OSError:
                        break
                    if not data:
                        break
                    self.received += data
                    self._tail = (self._tail + data)[-16:]
                    for question, reply in self.replies.items():
                        if self._tail.endswith(question):
                            client.sendall(reply)
            self._client = None

    def __enter__(self) -> RecordingPrinter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.reads.set()
        if self._listener is not None:
            self.unplug()


class Shop:
    """The folder of a till whose printer stands behind a relay, which runs on a thread."""

    def __init__(self, folder: Path, printer: str, listen: str = "tcp://127.0.0.1:0", more: str = "") -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        settings = f'[printer]\naddress = "{printer}"\n[intercept]\nlisten = "{listen}"\n{more}'
        (folder / "till.toml").write_text(settings, encoding="utf-8")
        self.told: list[str] = []
        self.relay: Relay | None = None
        self.raised: BaseException | None = None
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._is_up.wait(LONG_S)
        if self.raised is not None:
            raise self.raised

    def _run(self) -> None:
        try:
            relay_process.relay_until_stopped(self.folder, lambda sentence, data: self.told.append(sentence), self._up)
        except BaseException as error:
            self.raised = error
        finally:
            self._is_up.set()

    def _up(self, relay: Relay) -> None:
        self.relay = relay
        self._is_up.set()

    def until_open(self) -> Door:
        assert self.relay is not None
        (door,) = self.relay._doors
        until(lambda: door.listener is not None, "the door stays shut")
        return door

    @property
    def port(self) -> int:
        return int(self.until_open().port)  # type: ignore[attr-defined]

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), LONG_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def print(self, data: bytes = RECEIPT) -> None:
        """As most tills: connects, sends, hangs up."""
        with self.connect() as connection:
            connection.sendall(data)

    def close(self) -> None:
        if self.relay is not None:
            self.relay.stop()
        self._thread.join(LONG_S)
        assert not self._thread.is_alive()


@contextmanager
def shop(folder: Path, printer: RecordingPrinter, **how: str) -> Iterator[Shop]:
    one = Shop(folder / "till", f"tcp://127.0.0.1:{printer.port}", **how)
    try:
        yield one
    finally:
        one.close()
        printer.close()
