"""A printer on USB, by libusb and by the kernel's own printer driver: what is printed, and every way it is not."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gadgets import HEALTHY, PAPER_EMPTY, SOON_S, DeviceEnd, PrinterGadget, UsbPrinter, receipt, wait_for

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceError
from drivers.printer import Outcome, Printer
from drivers.wires import UsbWire, Wire, WriteBroken, WriteStalled, wire_from_url

ANY_USB = "usb://04b8:0202"
LP = "lp:///dev/usb/lp0"
BOTH = [pytest.param(ANY_USB, id="usb"), pytest.param(LP, id="lp")]
# No multiple of a packet: the kernel's printer (not a real one) waits for more after a full last packet.
HUNDRED_KB = (bytes(range(256)) * 400)[:100_003]

NewDriver = Callable[[str], Printer]
OpenWire = Callable[[str], Wire]


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def wait_for_lp0() -> None:
    wait_for(Path("/dev/usb/lp0").exists, "the kernel's printer driver takes it up")


@pytest.fixture
def usb_printer(plug_in: Callable[[UsbPrinter], UsbPrinter]) -> UsbPrinter:
    # Beside its own small buffer there is the kernel's: 8 kB that still leave for a printer that stopped.
    printer = plug_in(UsbPrinter(PrinterGadget(), buffer_bytes=1024))
    wait_for_lp0()
    return printer


@pytest.fixture
def bare_gadget() -> Iterator[PrinterGadget]:
    """A printer with nobody in it: the test is the printer."""
    gadget = PrinterGadget()
    wait_for_lp0()
    yield gadget
    gadget.close()


@pytest.fixture
def far_end(bare_gadget: PrinterGadget) -> Iterator[DeviceEnd]:
    end = DeviceEnd(bare_gadget.device)
    end.wait(0)  # from now on it takes in what fits into the kernel
    yield end
    end.close()


def all_that_comes(end: DeviceEnd, expected: int | None = None) -> bytes:
    """What the printer's end receives, up to `expected` bytes, or until nothing comes any more."""
    patience_s = SOON_S if expected else 0.5
    received, give_up = b"", time.monotonic() + patience_s
    while len(received) != expected and time.monotonic() < give_up:
        if data := end.read():
            received, give_up = received + data, time.monotonic() + patience_s
        else:
            end.wait(0.01)
    return received


# What is printed.


def test_a_receipt_is_printed_and_the_printer_says_so(url: str, usb_printer: UsbPrinter, new_driver: NewDriver) -> None:
    verdict = new_driver(url).print(receipt("Sale 1"), timeout_s=SOON_S)
    assert verdict.outcome is Outcome.PRINTED, verdict
    assert usb_printer.printed() == ["Sale 1"]


def test_a_hundred_thousand_bytes_arrive_as_they_were_sent(url: str, far_end: DeviceEnd, open_wire: OpenWire) -> None:
    wire = open_wire(url)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(all_that_comes(far_end, len(HUNDRED_KB))))
    reader.start()
    wire.write(HUNDRED_KB, SOON_S)
    reader.join()
    assert len(received[0]) == len(HUNDRED_KB)
    assert received[0] == HUNDRED_KB


def test_what_the_printer_answers_is_read(url: str, far_end: DeviceEnd, open_wire: OpenWire) -> None:
    wire = open_wire(url)
    assert wire.read(0.05) == b""
    wait_for(lambda: far_end.write(b"\x12\x00\xff") == 3, "the printer can answer")
    assert wire.read(SOON_S) == b"\x12\x00\xff"


# What is not.


def test_a_printer_that_is_not_plugged_in_prints_nothing_and_is_found_once_it_is(
    url: str, usb_printer: UsbPrinter, new_driver: NewDriver
) -> None:
    printer = new_driver(url)
    usb_printer.pull()
    verdict = printer.print(receipt("Sale 1"), timeout_s=SOON_S)
    assert (verdict.outcome, verdict.code) == (Outcome.NOT_PRINTED, "absent")
    usb_printer.plug()
    wait_for_lp0()
    assert printer.print(receipt("Sale 1"), timeout_s=SOON_S).outcome is Outcome.PRINTED
    assert usb_printer.printed() == ["Sale 1"]


def is_well(printer: Printer) -> bool:
    try:
        return not printer.status(SOON_S).trouble
    except DeviceError:  # of a connection that nobody has looked at since
        return False


@pytest.mark.parametrize("has_power", [True, False], ids=["cable", "power"])
def test_a_printer_that_goes_amid_a_receipt_leaves_it_unknown_and_the_next_is_printed(
    has_power: bool, url: str, usb_printer: UsbPrinter, new_driver: NewDriver
) -> None:
    printer = new_driver(url)
    assert printer.print(receipt("Sale 1"), timeout_s=SOON_S).outcome is Outcome.PRINTED
    # It takes in the beginning and no more, and when it goes nobody can say how much of it.
    far = usb_printer.simulated
    far.paper_out(after_lines=3)
    long = b"".join(b"%-40d\n" % number for number in range(1, 501)) + receipt("The end")

    def go_once_it_has_begun() -> None:
        far.wait_until(lambda: far.state()["paper"] == "out", SOON_S)
        usb_printer.pull() if has_power else usb_printer.switch_off()

    hand = threading.Thread(target=go_once_it_has_begun)
    hand.start()
    verdict = printer.print(long, timeout_s=2 * SOON_S)
    hand.join()
    assert verdict.outcome is Outcome.UNKNOWN, verdict
    assert verdict.code in ("absent", "paper_out"), verdict  # whichever was heard of first
    far.load_paper()
    usb_printer.plug() if has_power else usb_printer.switch_on()
    wait_for_lp0()
    # Unlike a printer, the gadget keeps what it had answered before it was pulled, and gives it to whoever asks next.
    assert any(is_well(printer) for _ in range(5))
    assert printer.print(receipt("Sale 3"), timeout_s=SOON_S).outcome is Outcome.PRINTED
    first, second = (piece.lines for piece in usb_printer.simulated.receipts)
    assert first == ["Sale 1"]
    assert [line.strip() for line in second[:3]] == ["1", "2", "3"]
    assert second[-1] == "Sale 3"
    assert (len(second) == 4) is not has_power


def test_a_write_to_a_printer_that_has_gone_breaks_at_once(
    url: str, bare_gadget: PrinterGadget, open_wire: OpenWire
) -> None:
    wire = open_wire(url)
    bare_gadget.pull()
    began_at = time.monotonic()
    with pytest.raises(WriteBroken):
        wire.write(b"x" * 10, SOON_S)
    with pytest.raises(DeviceAbsent):
        wire.read(SOON_S)
    assert time.monotonic() - began_at < SOON_S / 2
    wire.close()
    with pytest.raises(DeviceAbsent):
        wire.open()


def test_a_printer_that_takes_no_more_stalls_within_the_bound_and_no_byte_is_denied(
    url: str, far_end: DeviceEnd, open_wire: OpenWire
) -> None:
    wire = open_wire(url)
    began_at = time.monotonic()
    with pytest.raises(WriteStalled) as stalled:
        wire.write(HUNDRED_KB, 0.5)
    wire.close()
    assert time.monotonic() - began_at < 4
    received = all_that_comes(far_end)
    assert HUNDRED_KB.startswith(received)
    # What it denied and the printer has would be printed twice.
    assert 0 < len(received) <= stalled.value.sent < len(HUNDRED_KB)


# Who has it.


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(ANY_USB, ANY_USB, DeviceBusy, id="usb-usb"),
        pytest.param(LP, LP, DeviceBusy, id="lp-lp"),
        # libusb took the kernel's driver off, and /dev/usb/lp0 with it
        pytest.param(ANY_USB, LP, DeviceAbsent, id="usb-lp"),
        pytest.param(LP, ANY_USB, DeviceBusy, id="lp-usb"),
    ],
)
def test_a_printer_that_another_program_has_is_left_to_it(
    first: str,
    second: str,
    expected: type[DeviceError],
    usb_printer: UsbPrinter,
    open_wire: OpenWire,
    new_driver: NewDriver,
) -> None:
    wire = open_wire(first)
    with pytest.raises(expected):
        wire_from_url(second).open()
    assert new_driver(second).print(receipt("Sale 1"), timeout_s=SOON_S).outcome is Outcome.NOT_PRINTED
    assert usb_printer.printed() == []
    wire.write(receipt("Sale 2"), SOON_S)
    assert usb_printer.simulated.wait_until(lambda: usb_printer.printed() == ["Sale 2"], SOON_S)


def test_the_kernels_driver_is_back_after_libusb_was_done(
    usb_printer: UsbPrinter, open_wire: OpenWire, new_driver: NewDriver
) -> None:
    wire = open_wire(ANY_USB)
    wait_for(lambda: not Path("/dev/usb/lp0").exists(), "the kernel's driver is taken off")
    wire.close()
    wait_for_lp0()
    assert new_driver(LP).print(receipt("Sale 1"), timeout_s=SOON_S).outcome is Outcome.PRINTED
    assert usb_printer.printed() == ["Sale 1"]


# Which it is.


def test_a_printer_is_found_by_its_serial_number_in_whatever_socket(
    usb_printer: UsbPrinter, new_driver: NewDriver
) -> None:
    printer = new_driver(f"{ANY_USB}?serial=SN0001")
    assert printer.print(receipt("Sale 1"), timeout_s=SOON_S).outcome is Outcome.PRINTED
    usb_printer.move(slot=1)
    assert printer.print(receipt("Sale 2"), timeout_s=SOON_S).outcome is Outcome.PRINTED
    assert usb_printer.printed() == ["Sale 1", "Sale 2"]


def test_two_printers_of_a_model_are_told_apart_by_serial_number_and_by_socket(
    plug_in: Callable[[UsbPrinter], UsbPrinter], new_driver: NewDriver
) -> None:
    bar, kitchen = plug_in(UsbPrinter(PrinterGadget(0, "BAR"))), plug_in(UsbPrinter(PrinterGadget(1, "KITCHEN")))
    with pytest.raises(DeviceError) as several:
        wire_from_url(ANY_USB).open()
    assert "serial=BAR" in several.value.hint
    assert "serial=KITCHEN" in several.value.hint
    for url, text in (
        (f"{ANY_USB}?serial=BAR", "By serial number to the bar"),
        (f"{ANY_USB}?serial=KITCHEN", "By serial number to the kitchen"),
        (f"{ANY_USB}?port={bar.gadget.port_path}", "By socket to the bar"),
        (f"{ANY_USB}?port={kitchen.gadget.port_path}", "By socket to the kitchen"),
    ):
        printer = new_driver(url)
        assert printer.print(receipt(text), timeout_s=SOON_S).outcome is Outcome.PRINTED
        printer.close()
    assert bar.printed() == ["By serial number to the bar", "By socket to the bar"]
    assert kitchen.printed() == ["By serial number to the kitchen", "By socket to the kitchen"]


# What the port says.


def test_the_device_id_and_the_status_of_the_port_are_read(far_end: DeviceEnd) -> None:
    wire = UsbWire(0x04B8, 0x0202)
    wire.open()
    assert wire.device_id().rstrip() == "MFG:EPSON;CMD:ESC/POS;MDL:TM-T20;CLS:PRINTER;SN:SN0001;"
    far_end.set_port_status(HEALTHY)
    assert (wire.port_status(), wire.trouble(1)) == (HEALTHY, "")
    far_end.set_port_status(PAPER_EMPTY)
    assert wire.port_status() == PAPER_EMPTY
    assert "paper" in wire.trouble(1)
    far_end.set_port_status(HEALTHY)
    wire.close()


def test_lp0_says_try_again_when_it_is_full(far_end: DeviceEnd) -> None:
    """What LinePrinterWire builds upon: the bytes that the system took are counted, and it never blocks."""
    lp0 = os.open("/dev/usb/lp0", os.O_RDWR | os.O_NONBLOCK)
    taken: list[int] = []

    def fill() -> None:
        while sum(taken) < len(HUNDRED_KB):
            taken.append(os.write(lp0, HUNDRED_KB[:8192]))

    with pytest.raises(BlockingIOError):  # EAGAIN
        fill()
    os.close(lp0)
    assert 0 < sum(taken) < len(HUNDRED_KB)
