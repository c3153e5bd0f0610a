"""Other people's printing libraries print to the simulated printer unchanged, and understand what it answers; also through us."""

from __future__ import annotations

import io
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from drivers.document import Document, Text
from drivers.errors import DeviceBusy
from drivers.escpos import profile
from drivers.simulated.pieces import Line, Printed
from drivers.simulated.printer import PrintedReceipt, SimulatedPrinter
from pos_plugin.intercept.papers import Block, Paper
from pos_plugin.intercept.stream import Stream

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
TIMEOUT_S = 30
LINK = ("QRCode", "https://example.org/r/42")

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def printer() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as printer:
        yield printer


def only_receipt(printer: SimulatedPrinter) -> PrintedReceipt:
    assert printer.wait_until(lambda: printer.printed_total > 0, TIMEOUT_S)
    [receipt] = printer.receipts
    return receipt


def text_of(receipt: PrintedReceipt) -> list[str]:
    return [" ".join(line.split()) for line in receipt.lines if line.strip()]


def codes_on(receipt: PrintedReceipt) -> list[tuple[str, str]]:
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(receipt.png())))
    return sorted((code.format.name, code.bytes.decode()) for code in found)


def test_node_thermal_printer_prints_and_asks_how_the_printer_is(run: Run, printer: SimulatedPrinter) -> None:
    told = run("node_thermal_printer.mjs", "127.0.0.1", printer.serve_tcp())
    receipt = only_receipt(printer)
    assert text_of(receipt) == ["CORNER SHOP", "-" * 42, "Café crème 3,50 €", "TOTAL 3,50 €", "Thank you"]
    assert codes_on(receipt) == [("Code128", "T1-42"), LINK]
    assert told == {"isConnected": True, "status": "16"}  # 16h: the drawer it has opened is open
    assert printer.state()["drawer"] == "open"


def test_receiptline_prints_and_hears_that_the_printer_is_done(run: Run, printer: SimulatedPrinter) -> None:
    told = run("receiptline.mjs", "127.0.0.1", printer.serve_tcp(), HERE / "receipt.md")
    receipt = only_receipt(printer)
    assert text_of(receipt)[0] == "CORNER SHOP"
    assert {"Flat white 3.50", "Croissant 2.20", "TOTAL 5.70"} <= set(text_of(receipt))
    assert codes_on(receipt) == [("Code128", "T1-42"), LINK]
    assert told == {"reply": "00"}  # GS r, behind the cut


def test_receipt_printer_encoder_prints_in_several_code_pages(run: Run, printer: SimulatedPrinter) -> None:
    run("receipt_printer_encoder.mjs", "127.0.0.1", printer.serve_tcp())
    receipt = only_receipt(printer)
    assert text_of(receipt)[:3] == ["CORNER SHOP", "Crème brûlée 4,20 €", "Жёлтый чай 2,00 €"]
    assert "PAID" in text_of(receipt)
    assert codes_on(receipt) == [("EAN13", "4006381333931"), ("PDF417", "https://example.org/p/42"), LINK]
    assert printer.wait_until(lambda: printer.drawer_kicks == 1, TIMEOUT_S)


# receiptio: from the handshake to the verdict


@pytest.fixture
def address(printer: SimulatedPrinter) -> str:
    """An address of this machine whose port 9100 is free; the library knows no other port."""
    for last in range(2, 255):
        try:
            printer.serve_tcp(f"127.0.0.{last}", 9100)
        except DeviceBusy:
            continue
        return f"127.0.0.{last}"
    raise AssertionError("port 9100 is taken everywhere")


def test_receiptio_finds_out_what_printer_it_is_and_that_it_has_printed(
    run: Run, printer: SimulatedPrinter, address: str
) -> None:
    assert run("receiptio.mjs", address, HERE / "receipt.md", "-c 48") == {"result": "success"}
    receipt = only_receipt(printer)
    assert text_of(receipt)[0] == "CORNER SHOP"
    assert "TOTAL 5.70" in text_of(receipt)
    assert codes_on(receipt) == [("Code128", "T1-42"), LINK]


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (None, "success"),
        (SimulatedPrinter.open_cover, "coveropen"),
        (SimulatedPrinter.paper_out, "paperempty"),
        (SimulatedPrinter.unrecoverable_error, "error"),
        (SimulatedPrinter.recoverable_error, "error"),
    ],
    ids=["none", "open_cover", "paper_out", "unrecoverable_error", "recoverable_error"],
)
def test_receiptio_says_why_it_cannot_print(
    run: Run, printer: SimulatedPrinter, address: str, fault: Callable[[SimulatedPrinter], None] | None, result: str
) -> None:
    if fault:
        fault(printer)
    assert run("receiptio.mjs", address, HERE / "receipt.md", "-c 48") == {"result": result}
    assert printer.printed_total == (result == "success")
    if fault is SimulatedPrinter.recoverable_error:
        assert printer.state()["error"] == ""  # its DLE ENQ 2 has ended the error; the receipt is for another try


@pytest.mark.parametrize(
    ("question", "before", "result"),
    [
        ("-q printer", None, "online"),
        ("-q printer", SimulatedPrinter.open_cover, "coveropen"),
        ("-q drawer2", None, "drawerclosed"),
        ("-q drawer2", SimulatedPrinter.open_drawer, "draweropen"),
    ],
)
def test_receiptio_asks_how_printer_and_drawer_are(
    run: Run,
    printer: SimulatedPrinter,
    address: str,
    question: str,
    before: Callable[[SimulatedPrinter], None] | None,
    result: str,
) -> None:
    if before:
        before(printer)
    assert run("receiptio.mjs", address, "", question) == {"result": result}


# Through the interception: the same receipts, with a block in each


SILENCE_S = 0.25
BLOCK = Document(32, (Text("POINTS          Card ****1234", bold=True), Text("This sale                 +27")))


class Between:
    """A till's connections, one after the other, through a stream to the printer; what the printer says goes back unchanged."""

    def __init__(self, listener: socket.socket, port: int) -> None:
        self.papers: list[Paper] = []
        self.faults: list[str] = []
        self.address: tuple[str, int] = listener.getsockname()
        self._listener = listener
        self._port = port
        self._stream = Stream(self._answer, profile("default"))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _answer(self, paper: Paper) -> Block:
        self.papers.append(paper)
        return Block(recorded=True, document=BLOCK)

    def _serve(self) -> None:
        while True:
            try:
                till, _ = self._listener.accept()
            except OSError:
                return
            with till, socket.create_connection(("127.0.0.1", self._port), TIMEOUT_S) as printer:
                self._carry(till, printer)

    def _carry(self, till: socket.socket, printer: socket.socket) -> None:
        while True:
            ready, _, _ = select.select([till, printer], [], [], SILENCE_S)
            if printer in ready and (answer := printer.recv(4096)):
                till.sendall(answer)
            if till in ready:
                data = till.recv(4096)
                printer.sendall(self._stream.feed(data) if data else self._stream.close())
                if not data:
                    return
            if not ready:
                printer.sendall(self._stream.flush())
            self.faults += filter(None, [self._stream.fault])

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(TIMEOUT_S)


@contextmanager
def between(printer: SimulatedPrinter, address: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[Between]:
    relay = Between(socket.create_server(address), printer.serve_tcp())
    try:
        yield relay
    finally:
        relay.close()


def without_block(printed: tuple[Printed, ...], *, added: int) -> list[Printed]:
    """What the client has printed. The block stands there once, at its end, with so many blank lines added behind it."""
    texts = [piece.text if isinstance(piece, Line) else None for piece in printed]
    at = texts.index("POINTS          Card ****1234")
    assert texts[at : at + 2 + added] == [
        *(block.text for block in BLOCK.blocks if isinstance(block, Text)),
        *[""] * added,
    ]
    assert not any(text and text.strip() for text in texts[at + 2 :])
    return [*printed[:at], *printed[at + 2 + added :]]


@pytest.mark.parametrize(
    ("script", "codes", "added"),
    [
        ("node_thermal_printer.mjs", 2, 0),
        ("escpos_network.mjs", 1, 2),  # a byte of its pulse is printed, on a line of its own
        ("receipt_printer_encoder.mjs", 3, 2),  # its two lines leave the last one under the cutter
        ("receiptline.mjs", 1, 0),  # its QR code is a picture
    ],
)
def test_a_client_that_prints_through_us_has_all_that_it_printed_and_the_block_at_its_end(
    run: Run, script: str, codes: int, added: int
) -> None:
    more = [HERE / "receipt.md"] if script == "receiptline.mjs" else []
    with SimulatedPrinter() as plain, SimulatedPrinter() as printer:
        told = run(script, "127.0.0.1", plain.serve_tcp(), *more)
        direct = only_receipt(plain)
        with between(printer) as relay:
            assert run(script, *relay.address, *more) == told  # what the printer has answered
            receipt = only_receipt(printer)
        assert without_block(receipt.printed, added=added) == list(direct.printed)
        assert printer.drawer_kicks == plain.drawer_kicks
        assert printer.current.printed == plain.current.printed
        assert not relay.faults
        [paper] = relay.papers
        assert [row.text for row in paper.rows] == [line.rstrip() for line in direct.lines if line.strip()]
        assert len(paper.codes) == codes


def test_receiptio_hears_through_us_that_it_has_printed(run: Run) -> None:
    with SimulatedPrinter() as printer, between_on_9100(printer) as relay:
        assert run("receiptio.mjs", relay.address[0], HERE / "receipt.md", "-c 48") == {"result": "success"}
        receipt = only_receipt(printer)
        assert text_of(receipt)[-2:] == ["POINTS Card ****1234", "This sale +27"]
        assert [code.data for code in relay.papers[0].codes] == ["T1-42"]
        printer.open_cover()
        assert run("receiptio.mjs", relay.address[0], HERE / "receipt.md", "-c 48") == {"result": "coveropen"}
        assert not relay.faults


@contextmanager
def between_on_9100(printer: SimulatedPrinter) -> Iterator[Between]:
    for last in range(2, 255):
        try:
            listener = socket.create_server((f"127.0.0.{last}", 9100))
        except OSError:
            continue
        listener.close()
        with between(printer, (f"127.0.0.{last}", 9100)) as relay:
            yield relay
        return
    raise AssertionError("port 9100 is taken everywhere")
