"""The printer's side of every wire, in the hands of a test: sockets, pseudo-terminals, a USB bus, a print server."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import tty
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from drivers.simulated.usb import SimulatedUsb, UsbPlug
from drivers.wires import FileWire, HostWire, LinePrinterWire, QueueWire, SerialWire, TcpWire, UsbWire, Wire
from tests.waiting import until

A_WHILE_S = 10


class FarEnd:
    """`receive` waits for bytes and is b'' at the end; `send` answers; `hang_up` goes away."""

    wire: Wire
    answers = True
    hands_over_late = False  # the far end gets a write when it is complete

    def receive(self) -> bytes:
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        raise NotImplementedError

    def hang_up(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.wire.close()
        self.hang_up()

    def receive_all(self, size: int) -> bytes:
        received = b""
        while len(received) < size and (piece := self.receive()):
            received += piece
        return received


class OnTcp(FarEnd):
    def __init__(self, folder: object) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.wire = self._made(self._listener.getsockname()[1])
        opening = threading.Thread(target=self.wire.open)
        opening.start()
        self._socket, _ = self._listener.accept()
        opening.join()

    def _made(self, port: int) -> Wire:
        return TcpWire("127.0.0.1", port)

    def receive(self) -> bytes:
        return self._socket.recv(4096)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def hang_up(self) -> None:
        self._socket.close()

    def close(self) -> None:
        super().close()
        self._listener.close()


class OfAHost(OnTcp):
    """A python-escpos printer that a program has, on its own TCP connection."""

    def _made(self, port: int) -> Wire:
        from escpos.printer import Network

        self._object = Network("127.0.0.1", port)
        return HostWire(self._object)

    def close(self) -> None:
        super().close()
        self._object.close()


class OnSerialLine(FarEnd):
    def __init__(self, folder: object) -> None:
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        self._open = [ours]
        self._ours = ours
        self.wire = self._made(os.ttyname(theirs))
        self.wire.open()
        os.close(theirs)

    def _made(self, path: str) -> Wire:
        return SerialWire(path)

    def receive(self) -> bytes:
        return os.read(self._ours, 4096)

    def send(self, data: bytes) -> None:
        os.write(self._ours, data)

    def hang_up(self) -> None:
        if self._open:
            os.close(self._open.pop())


class OnLinePrinter(OnSerialLine):
    """A terminal in place of /dev/usb/lp0: both hand bytes to the system, which says when there is room."""

    def _made(self, path: str) -> Wire:
        return LinePrinterWire(path)


class BarePrinter:
    """On a USB bus, a device that keeps what it is sent until somebody takes it: `take` as SimulatedPrinter has it."""

    ROOM = 64 * 1024

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self.got = bytearray()
        self.is_plugged = True
        self.paper = "ok"

    def attach(self, end: object) -> None:
        pass

    @contextlib.contextmanager
    def hands(self) -> Iterator[None]:
        with self._lock:
            yield
            self._lock.notify_all()

    def wait_until(self, claim: Callable[[], bool], timeout_s: float) -> bool:
        with self._lock:
            return self._lock.wait_for(claim, timeout_s)

    def state(self) -> dict[str, str]:
        return {"paper": self.paper}

    def take(self, data: bytes, timeout_s: float) -> int:
        taken = 0
        give_up = time.monotonic() + timeout_s
        with self._lock:
            while taken < len(data):
                if not self._lock.wait_for(
                    lambda: len(self.got) < self.ROOM or not self.is_plugged, give_up - time.monotonic()
                ):
                    break
                if not self.is_plugged:
                    break
                piece = data[taken : taken + self.ROOM - len(self.got)]
                self.got += piece
                taken += len(piece)
                self._lock.notify_all()
        return taken


class OnUsb(FarEnd):
    def __init__(self, folder: object) -> None:
        self.bus = SimulatedUsb()
        self.printer = BarePrinter()
        self.plug: UsbPlug = self.bus.plug_in(self.printer)  # type: ignore[arg-type]
        self.wire = UsbWire(0x04B8, 0x0202, backend=self.bus)
        self.wire.open()

    def receive(self) -> bytes:
        self.printer.wait_until(lambda: bool(self.printer.got), A_WHILE_S)
        with self.printer.hands():
            got = bytes(self.printer.got[:4096])
            del self.printer.got[:4096]
        return got

    def send(self, data: bytes) -> None:
        with self.printer.hands():
            self.plug.send(data)

    def hang_up(self) -> None:
        with self.printer.hands():
            self.printer.is_plugged = False
        self.plug.pull()


class OnPipe(FarEnd):
    """A file that is a pipe to a program: it only takes."""

    answers = False

    def __init__(self, folder: object) -> None:
        path = f"{folder}/printer"
        os.mkfifo(path)
        self._open = [os.open(path, os.O_RDONLY | os.O_NONBLOCK)]
        os.set_blocking(self._open[0], True)
        self.wire = FileWire(path)
        self.wire.open()

    def receive(self) -> bytes:
        return os.read(self._open[0], 4096)

    def hang_up(self) -> None:
        if self._open:
            os.close(self._open.pop())


class PrintServer(ThreadingHTTPServer):
    """A small IPP server with one queue. What it says is set by the test; what it is sent it keeps."""

    daemon_threads = True
    NAME = "/printers/till"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _IppHandler)
        self.jobs: list[bytes] = []
        self.asked: list[tuple[int, dict[str, bytes]]] = []
        self.is_accepting = True
        self.printer_state = 3
        self.reasons = ["none"]
        self.job_status = 0x0000
        self.job_states = [9]  # one after another as it is asked; the last stays
        self.began = True
        self.http_status = 200
        self.swallows = threading.Event()  # set: it reads no body and answers nothing, until it is cleared
        self.reads = threading.Event()
        self.raw_answer: bytes | None = None
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def take(self, document: bytes) -> int:
        """Print-Job: the job's number."""
        self.jobs.append(document)
        return 7

    def look_at(self, job: int) -> tuple[int, bool]:
        """Get-Job-Attributes: its state, and whether it was ever begun."""
        return self.job_states.pop(0) if len(self.job_states) > 1 else self.job_states[0], self.began

    def cancel(self, job: int) -> None:
        self.job_states = [7]

    @property
    def url(self) -> str:
        return f"ipp://127.0.0.1:{self.server_address[1]}{self.NAME}"

    def wire(self) -> QueueWire:
        return QueueWire("127.0.0.1", self.server_address[1], self.NAME)

    def close(self) -> None:
        self.swallows.clear()
        self.reads.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that went away in the middle of a request, which is what some tests do


class _IppHandler(BaseHTTPRequestHandler):
    server: PrintServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer in two pieces would wait 40 ms for its second

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        server = self.server
        length = int(self.headers["content-length"])
        head_and_job = b""
        while len(head_and_job) < length:
            if server.swallows.is_set() and len(head_and_job) > 4096:
                server.reads.wait(A_WHILE_S)
                self.close_connection = True
                return
            piece = self.rfile.read(min(4096, length - len(head_and_job)))
            if not piece:
                return
            head_and_job += piece
        operation, attributes, document = _parsed(head_and_job)
        server.asked.append((operation, attributes))
        known = self.path in (server.NAME, "/")
        answer = self._answer(operation, attributes, document) if known else _ipp(0x0406)
        if server.raw_answer is not None:
            answer = server.raw_answer
        self.send_response(server.http_status)
        self.send_header("content-type", "application/ipp")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _answer(self, operation: int, attributes: dict[str, bytes], document: bytes) -> bytes:
        server = self.server
        job = int.from_bytes(attributes.get("job-id", b""), "big")
        if operation == 0x000B:
            return _ipp(
                0,
                (0x04, b""),
                (0x22, b"printer-is-accepting-jobs", bytes([server.is_accepting])),
                (0x23, b"printer-state", server.printer_state.to_bytes(4, "big")),
                *_many(0x44, b"printer-state-reasons", server.reasons),
                (0x41, b"printer-state-message", b""),
            )
        if operation == 0x0002:
            if server.job_status >= 0x100:
                return _ipp(server.job_status, message=b"Not today.")
            return _ipp(0, (0x02, b""), (0x21, b"job-id", server.take(document).to_bytes(4, "big")))
        if operation == 0x0009:
            state, has_begun = server.look_at(job)
            began = (
                (0x21, b"time-at-processing", (9).to_bytes(4, "big"))
                if has_begun
                else (0x13, b"time-at-processing", b"")
            )
            return _ipp(
                0, (0x02, b""), (0x23, b"job-state", state.to_bytes(4, "big")), began,
                (0x41, b"job-printer-state-message", b"The backend stopped."),
            )  # fmt: skip
        if operation == 0x0008:
            server.cancel(job)
            return _ipp(0)
        if operation == 0x4002:
            return _ipp(
                0, (0x04, b""), (0x42, b"printer-name", b"till"), (0x41, b"printer-make-and-model", b"Local Raw Printer"),
                (0x41, b"printer-info", "Bon für Küche".encode()), (0x45, b"device-uri", b"socket://192.168.1.50"),
                (0x22, b"printer-is-accepting-jobs", b"\x01"),
                (0x04, b""), (0x42, b"printer-name", b"old"), (0x22, b"printer-is-accepting-jobs", b"\x00"),
            )  # fmt: skip
        return _ipp(0x0501)


def _parsed(data: bytes) -> tuple[int, dict[str, bytes], bytes]:
    """RFC 8010, read anew: operation, the attributes of the one group, and the document behind."""
    assert data[:2] == b"\x01\x01"
    assert data[8] == 0x01
    at, attributes = 9, {}
    while data[at] != 0x03:
        size = int.from_bytes(data[at + 1 : at + 3], "big")
        name = data[at + 3 : at + 3 + size].decode()
        at += 3 + size
        size = int.from_bytes(data[at : at + 2], "big")
        attributes[name] = data[at + 2 : at + 2 + size]
        at += 2 + size
    return int.from_bytes(data[2:4], "big"), attributes, data[at + 1 :]


def _ipp(status: int, *parts: tuple[int, bytes] | tuple[int, bytes, bytes], message: bytes = b"") -> bytes:
    made = b"\x01\x01" + status.to_bytes(2, "big") + b"\x00\x00\x00\x01\x01"
    for part in ((0x47, b"attributes-charset", b"utf-8"), (0x41, b"status-message", message), *parts):
        made += bytes([part[0]])
        for field in part[1:] if len(part) == 3 else ():
            made += len(field).to_bytes(2, "big") + field
    return made + b"\x03"


def _many(kind: int, name: bytes, values: list[str]) -> Iterator[tuple[int, bytes, bytes]]:
    for index, value in enumerate(values):
        yield (kind, b"" if index else name, value.encode())


class OnQueue(FarEnd):
    answers = False
    hands_over_late = True

    def __init__(self, folder: object) -> None:
        self.server = PrintServer()
        self.wire = self.server.wire()
        self.wire.open()
        self.server.swallows.set()

    def receive(self) -> bytes:
        self.server.swallows.clear()
        self.server.reads.set()
        until(lambda: self.server.jobs)
        return self.server.jobs.pop(0)

    def hang_up(self) -> None:
        self.server.reads.set()

    def close(self) -> None:
        super().close()
        self.server.close()


ALL: list[type[FarEnd]] = [OnTcp, OnSerialLine, OnUsb, OnLinePrinter, OfAHost, OnPipe, OnQueue]
