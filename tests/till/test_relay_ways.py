"""How a till reaches the relay, and how the relay reaches the printer: serial lines, a print server, a queue."""

from __future__ import annotations

import os
import sys
import tempfile
import tty
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "drivers"))

from far_ends import PrintServer
from relays import LONG_S, RECEIPT, RecordingPrinter, Shop
from test_wires_queue import Cups

from drivers.document import Document, Text
from drivers.escpos import encode, profile
from drivers.printer import Outcome, Printer
from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import QueueWire
from pos_plugin.intercept.relay_wire import RelayWire
from tests.waiting import until


class SerialTill:
    """The till's end of a cable; the relay opens the other."""

    def __init__(self) -> None:
        self._till, self._relay = os.openpty()
        tty.setraw(self._till)
        self.path = os.ttyname(self._relay)

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._till, data) :]

    def hear(self, size: int) -> bytes:
        said = b""
        while len(said) < size:
            said += os.read(self._till, size)
        return said

    def close(self) -> None:
        os.close(self._till)
        os.close(self._relay)


@pytest.fixture
def cable() -> Iterator[SerialTill]:
    with closing(SerialTill()) as made:
        yield made


def test_a_till_on_a_serial_line_prints_and_hears_the_printer(tmp_path: Path, cable: SerialTill) -> None:
    with RecordingPrinter() as printer:
        printer.replies = {b"\x10\x04\x01": b"\x16"}
        listen = f"serial://{cable.path}?baud=115200"
        with closing(Shop(tmp_path / "till", f"tcp://127.0.0.1:{printer.port}", listen)) as shop:
            shop.until_open()
            cable.send(RECEIPT)
            until(lambda: printer.received == RECEIPT)
            cable.send(b"\x10\x04\x01")
            assert cable.hear(1) == b"\x16"
            everything = bytes(range(256)) * 40 + RECEIPT
            cable.send(everything)
            until(lambda: bytes(printer.received).endswith(everything))


def test_between_two_receipts_of_a_serial_till_others_print(tmp_path: Path, cable: SerialTill) -> None:
    with RecordingPrinter() as printer:
        listen = f"serial://{cable.path}?baud=115200"
        with closing(Shop(tmp_path / "till", f"tcp://127.0.0.1:{printer.port}", listen)) as shop:
            shop.until_open()
            cable.send(RECEIPT)
            until(lambda: printer.received == RECEIPT)
            wire = RelayWire(shop.folder)
            wire.open()
            wire.write(b"ours", 1)
            wire.close()
            cable.send(RECEIPT)
            until(lambda: printer.received == RECEIPT + b"ours" + RECEIPT)


def test_to_a_print_queue_a_job_goes_as_one(tmp_path: Path) -> None:
    with closing(PrintServer()) as server, closing(Shop(tmp_path / "till", server.url)) as shop:
        for place in range(2):
            with shop.connect() as till:
                till.sendall(RECEIPT[:20])
                till.sendall(RECEIPT[20:])
            until(lambda place=place: len(server.jobs) > place)
    assert server.jobs == [RECEIPT, RECEIPT]


def test_verdicts_on_our_own_jobs_are_made_through_the_relay(tmp_path: Path) -> None:
    with SimulatedPrinter() as far:
        address = f"tcp://127.0.0.1:{far.serve_tcp()}"
        with closing(Shop(tmp_path / "till", address)) as shop:
            printer = Printer(RelayWire(shop.folder), profile())
            data = encode(Document(42, (Text("Ours"),)), profile())
            assert printer.print(data, timeout_s=LONG_S).outcome is Outcome.PRINTED
            shop.print()
            assert far.wait_until(lambda: far.printed_total == 1)
            far.paper_out()
            verdict = printer.print(data, timeout_s=LONG_S)
            assert (verdict.outcome, verdict.code) == (Outcome.NOT_PRINTED, "paper_out")
            printer.close()


@pytest.mark.slow
def test_debians_cups_prints_through_the_relay(tmp_path: Path) -> None:
    with SimulatedPrinter() as far, tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)  # its backends run as a user of their own
        with closing(Shop(tmp_path / "till", f"tcp://127.0.0.1:{far.serve_tcp()}")) as shop:
            cups = Cups(Path(place), shop.port)
            queue = cups.wire()
            assert isinstance(queue, QueueWire)
            queue.open()
            for number in range(3):
                queue.write(RECEIPT, 30)
                assert far.wait_until(lambda number=number: far.printed_total == number + 1, 20)
            queue.close()
            cups.close()
            assert shop.relay is not None
            assert shop.relay.jobs == 3
            assert {tuple(receipt.lines) for receipt in far.receipts} == {
                ("Shop", "Milk   1.20", "TOTAL  1.20", "", "", "")
            }
