"""The printer object of a program that has one: real python-escpos objects, and one that does whatever a device may do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import DeviceAbsent, DeviceBusy
from drivers.escpos import profile
from drivers.printer import Outcome, Printer
from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import HostWire, WriteBroken, WriteStalled
from tests.waiting import LONG_S, until

RECEIPT = b"\x1b@Milk  1.20\n\n\x1dV\x00"
SOON_S = 0.05
FAR_TOO_LONG_S = LONG_S


@pytest.fixture
def simulated() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as made:
        yield made


def test_a_programs_network_printer_prints_and_answers(simulated: SimulatedPrinter) -> None:
    from escpos.printer import Network

    host = Network("127.0.0.1", simulated.serve_tcp(), timeout=1)
    owner = Printer(HostWire(host), profile("default"))
    for _ in range(3):
        assert owner.print(RECEIPT, timeout_s=5).outcome is Outcome.PRINTED
    assert simulated.printed_total == 3
    owner.close()
    host.text("still the program's own\n")
    host.close()


# python-escpos leaves the socket of a connection that failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_programs_network_printer_that_broke_is_opened_again(simulated: SimulatedPrinter) -> None:
    from escpos.printer import Network

    host = Network("127.0.0.1", simulated.serve_tcp(), timeout=1)
    owner = Printer(HostWire(host), profile("default"))
    assert owner.print(RECEIPT, timeout_s=5).outcome is Outcome.PRINTED
    simulated.unplug()
    assert owner.print(RECEIPT, timeout_s=5).outcome is Outcome.NOT_PRINTED
    simulated.plug()
    assert owner.print(RECEIPT, timeout_s=5).outcome is Outcome.PRINTED
    owner.close()
    host.close()


def test_a_programs_serial_printer_prints_and_answers(simulated: SimulatedPrinter) -> None:
    from escpos.printer import Serial

    host = Serial(simulated.serve_pty(), timeout=0.1, dsrdtr=False)
    owner = Printer(HostWire(host), profile("default"))
    assert owner.print(RECEIPT, timeout_s=5).outcome is Outcome.PRINTED
    owner.close()
    host.close()


def test_a_programs_dummy_and_file_take_everything_and_never_answer(tmp_path: Path) -> None:
    from escpos.printer import Dummy, File

    dummy, file = Dummy(), File(str(tmp_path / "out"))
    for host in (dummy, file):
        wire = HostWire(host)
        assert not wire.answers
        wire.open()
        wire.write(RECEIPT * 1000, 1)
        assert wire.read(0.01) == b""
        wire.close()
    assert dummy.output == RECEIPT * 1000
    assert (tmp_path / "out").read_bytes() == RECEIPT * 1000
    file.close()


def test_a_programs_file_that_cannot_be_opened_is_absent_and_a_full_disk_breaks_the_write(tmp_path: Path) -> None:
    from escpos.printer import File

    with pytest.raises(DeviceAbsent):
        HostWire(File(str(tmp_path / "no-such-folder" / "out"))).open()
    full = File("/dev/full")
    wire = HostWire(full)
    wire.open()
    with pytest.raises(WriteBroken) as raised:
        wire.write(RECEIPT, 1)
    assert raised.value.sent == len(RECEIPT)
    wire.close()


class Obstinate:
    """Any printer object: what `_raw` and `_read` do is set by the test. `go` lets go whoever hangs in them."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.raises: Exception | None = None
        self.hangs = False
        self.taken: list[bytes] = []
        self.answers: list[bytes] = []
        self.opened = self.closed = 0
        self._device: object = object()

    def open(self) -> None:
        self.opened += 1
        self._do()

    def close(self) -> None:
        self.closed += 1

    def _raw(self, data: bytes) -> None:
        self._do()
        self.taken.append(data)

    def _read(self) -> bytes:
        self._do()
        return self.answers.pop(0) if self.answers else b""

    def _do(self) -> None:
        if self.hangs:
            self.go.wait(FAR_TOO_LONG_S)
        if self.raises:
            raise self.raises


@pytest.fixture
def host() -> Iterator[Obstinate]:
    made = Obstinate()
    yield made
    made.go.set()


def test_an_object_that_never_comes_back_from_a_write_stalls_it_in_time(host: Obstinate) -> None:
    wire = HostWire(host)
    wire.open()
    host.hangs = True
    began = time.monotonic()
    with pytest.raises(WriteStalled) as raised:
        wire.write(RECEIPT, SOON_S)
    assert time.monotonic() - began < FAR_TOO_LONG_S
    assert raised.value.sent == len(RECEIPT)
    wire.close()
    assert host.closed == 1


def test_no_further_piece_is_begun_when_the_time_is_up(host: Obstinate) -> None:
    wire = HostWire(host)
    wire.open()
    with pytest.raises(WriteStalled) as raised:
        wire.write(bytes(100_000), 0)
    assert raised.value.sent == 4096
    assert sum(map(len, host.taken)) <= 4096


def test_no_second_call_is_made_while_one_hangs_and_it_works_again_afterwards(host: Obstinate) -> None:
    wire = HostWire(host)
    wire.open()
    host.hangs = True
    with pytest.raises(WriteStalled):
        wire.write(b"first", SOON_S)
    wire.close()
    with pytest.raises(DeviceBusy) as raised:
        wire.open()
    assert raised.value.hint
    host.hangs = False
    host.go.set()
    until(lambda: host.taken)
    wire.open(1)
    wire.write(b"second", 1)
    assert host.taken == [b"first", b"second"]


def test_an_object_that_never_comes_back_from_a_read_is_silent_and_can_be_written_to(host: Obstinate) -> None:
    wire = HostWire(host)
    wire.open()
    wire.read(0.01)
    host.hangs = True
    began = time.monotonic()
    assert wire.read(SOON_S) == b""
    assert time.monotonic() - began < FAR_TOO_LONG_S
    host.hangs = False
    wire.write(RECEIPT, 1)
    host.answers = [b"\x12"]
    host.go.set()  # the read that hung brings the answer
    assert wire.read(1) == b"\x12"


def test_the_next_wire_around_an_object_hears_what_a_read_left_behind_by_the_last_one_takes_in(host: Obstinate) -> None:
    first, second = HostWire(host), HostWire(host)
    first.open()
    host.hangs = True
    assert first.read(SOON_S) == b""  # it goes on, and will take the next answer with it
    first.close()
    second.open()
    host.hangs = False
    host.answers = [b"\x12"]
    host.go.set()
    assert second.read(1) == b"\x12"


def test_an_object_that_never_opens_is_absent_in_time(host: Obstinate) -> None:
    host._device, host.hangs = False, True
    began = time.monotonic()
    with pytest.raises(DeviceAbsent, match="did not open in time"):
        HostWire(host).open(SOON_S)
    assert time.monotonic() - began < FAR_TOO_LONG_S


class USBTimeoutError(OSError):
    """As pyusb's: known by its name, since it may not be installed."""


WRITING: list[tuple[Exception, type[Exception]]] = [
    (BrokenPipeError(32, "Broken pipe"), WriteBroken),
    (AssertionError(), WriteBroken),  # python-escpos without a device
    (RuntimeError("whatever"), WriteBroken),
    (TimeoutError("timed out"), WriteStalled),
    (USBTimeoutError(110, "Operation timed out"), WriteStalled),
]


@pytest.mark.parametrize(("error", "kind"), WRITING)
def test_whatever_an_object_raises_when_written_to_becomes_ours(
    error: Exception, kind: type[Any], host: Obstinate
) -> None:
    wire = HostWire(host)
    wire.open()
    host.raises = error
    with pytest.raises(kind) as raised:
        wire.write(RECEIPT, 1)
    assert raised.value.sent == len(RECEIPT)
    assert raised.value.__cause__ is error
    host.raises = None
    wire.close()
    wire.open()
    assert (host.closed, host.opened) == (2, 1)  # closed when it broke, and by the one who opens it again
    wire.write(RECEIPT, 1)


@pytest.mark.parametrize("error", [TimeoutError("timed out"), USBTimeoutError(110, "Operation timed out")])
def test_a_time_out_of_a_read_is_silence(error: Exception, host: Obstinate) -> None:
    wire = HostWire(host)
    wire.open()
    host.raises = error
    assert wire.read(0.03) == b""
    host.raises, host.answers = None, [b"\x12"]
    assert wire.read(1) == b"\x12"


def test_any_other_trouble_of_a_read_is_a_lost_printer(host: Obstinate) -> None:
    wire = HostWire(host)
    wire.open()
    host.raises = OSError(19, "No such device")
    with pytest.raises(DeviceAbsent):
        wire.read(1)


def test_an_object_whose_class_cannot_read_is_found_out(host: Obstinate) -> None:
    wire = HostWire(host)
    host.raises = NotImplementedError()
    wire.open()
    assert not wire.answers


def test_what_hands_its_job_over_when_closed_is_closed_after_each_job_and_never_answers() -> None:
    class CupsPrinter(Obstinate):
        """Reads "8" or "0" for the state of its queue, which are no answers of a printer."""

    host = CupsPrinter()
    wire = HostWire(host)
    assert wire.connects_per_job
    assert not wire.answers
    wire.open()
    host.answers = [b"0"]
    wire.write(RECEIPT * 1000, 1)
    assert wire.read(0.01) == b""
    assert host.taken == [RECEIPT * 1000]
    wire.close()
    assert host.closed == 1
