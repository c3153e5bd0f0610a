"""What befalls a printer between the first byte and the last answer, on a clock that the test moves."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from drivers.errors import DeviceAbsent
from drivers.simulated.printer import SimulatedPrinter

TIMEOUT_S = 10
CUT = b"\x1dVB\x00"
PROCESS_ID = b"\x1d(H\x06\x0000A001"
PROCESS_ID_REPLY = b"\x37\x22A001\x00"
STATUS = [b"\x10\x04\x01", b"\x10\x04\x02", b"\x10\x04\x03", b"\x10\x04\x04"]
READY = b"\x12" * 4
LINE_MM = 30 * 25.4 / 203


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Bench:
    """A printer on the table: its clock, and the wire that the test holds in its hand."""

    def __init__(self, **options: object) -> None:
        self.clock = Clock()
        self.printer = SimulatedPrinter(clock=self.clock, **options)  # type: ignore[arg-type]
        self.wire = self.printer.attach()

    def pass_s(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.printer.tick()

    def ask(self, question: bytes) -> bytes:
        assert self.wire.write(question) == len(question)
        return self.wire.read()

    @property
    def state_bytes(self) -> bytes:
        return b"".join(self.ask(question) for question in STATUS)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    with bench.printer:
        yield bench


@contextlib.contextmanager
def set_up(**options: object) -> Iterator[Bench]:
    bench = Bench(**options)
    with bench.printer:
        yield bench


# time


def test_lines_appear_as_fast_as_the_paper_moves_and_the_process_id_after_the_last(bench: Bench) -> None:
    bench.printer.slow_down(mm_per_s=LINE_MM)  # a line a second
    assert bench.ask(b"one\ntwo\nthree\n" + PROCESS_ID) == b""
    assert bench.printer.current.lines == ["one"]
    bench.pass_s(0.5)
    assert bench.printer.current.lines == ["one"]
    bench.pass_s(0.5)
    assert bench.printer.current.lines == ["one", "two"]
    bench.pass_s(1.5)
    assert bench.printer.current.lines == ["one", "two", "three"]
    assert bench.wire.read() == b""
    assert bench.ask(STATUS[0]) == b"\x12"  # busy is not offline, and real-time questions do not wait
    bench.pass_s(0.5)
    assert bench.wire.read() == PROCESS_ID_REPLY


def test_time_in_which_nothing_could_be_printed_prints_nothing_later(bench: Bench) -> None:
    bench.printer.slow_down(mm_per_s=LINE_MM)
    bench.ask(b"one\ntwo\nthree\n")
    bench.printer.open_cover()
    bench.pass_s(100)
    bench.printer.close_cover()
    assert bench.printer.current.lines == ["one", "two"]
    bench.pass_s(0.9)
    assert bench.printer.current.lines == ["one", "two"]
    bench.pass_s(0.1)
    assert bench.printer.current.lines == ["one", "two", "three"]


def test_a_line_that_ends_before_anybody_looks_at_the_time_does_not_stop_the_rest(bench: Bench) -> None:
    bench.printer.slow_down(mm_per_s=LINE_MM)
    bench.ask(b"one\ntwo\n")
    bench.clock.now_s += 1
    assert bench.printer._inside.next_event_s() == 0  # the wires' thread asks; it would wait for ever


def test_bytes_may_be_slow_as_well(bench: Bench) -> None:
    bench.printer.slow_down(bytes_per_s=10)
    assert bench.ask(b"nine byte\n" + PROCESS_ID) == b""
    bench.pass_s(1)
    assert bench.wire.read() == PROCESS_ID_REPLY


def test_at_full_speed_again_the_rest_comes_at_once(bench: Bench) -> None:
    bench.printer.slow_down(mm_per_s=0.001)
    bench.ask(b"one\ntwo\n")
    bench.printer.slow_down()
    assert bench.printer.current.lines == ["one", "two"]


def test_a_full_buffer_takes_nothing_until_the_paper_has_moved() -> None:
    with set_up(buffer_bytes=100) as bench:
        bench.printer.slow_down(mm_per_s=LINE_MM)
        line = b"x" * 9 + b"\n"
        assert bench.wire.write(line) == 10  # goes straight to the head
        assert bench.wire.write(line * 30) == 100
        assert not bench.wire.has_room
        assert bench.wire.write(line) == 0
        bench.pass_s(3)
        assert bench.wire.write(line * 30) == 30


def test_an_image_larger_than_the_buffer_is_printed_by_a_printer_that_waits_for_it() -> None:
    with set_up(buffer_bytes=100) as bench:
        bench.wire.write(b"\x1dv0\x00\x48\x00\x20\x00" + b"\xff" * 0x48 * 0x10)
        assert bench.ask(b"\xff" * 0x48 * 0x10 + PROCESS_ID) == PROCESS_ID_REPLY


def test_with_the_systems_clock_time_passes_by_itself() -> None:
    with SimulatedPrinter() as printer:
        wire = printer.attach()
        printer.slow_down(mm_per_s=10 * LINE_MM)
        printer.delay_replies(0.01)
        wire.write(b"one\ntwo\n" + PROCESS_ID)
        assert printer.wait_until(lambda: wire.has_replies, TIMEOUT_S)
        assert wire.read() == PROCESS_ID_REPLY


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_serial_line_hears_xoff_before_the_buffer_is_full_and_xon_when_there_is_room() -> None:
    with set_up(buffer_bytes=1000, xonxoff=True) as bench:
        terminal = os.open(bench.printer.serve_pty(), os.O_RDWR | os.O_NOCTTY)
        try:
            bench.printer.open_cover()
            bench.wire.write(b"x" * 872)
            assert not select.select([terminal], [], [], 0)[0]
            bench.wire.write(b"x")
            assert select.select([terminal], [], [], TIMEOUT_S)[0]
            assert os.read(terminal, 16) == b"\x13"
            assert bench.wire.read() == b""  # a matter of the serial line alone
            bench.printer.close_cover()
            bench.wire.write(b"\n")
            assert select.select([terminal], [], [], TIMEOUT_S)[0]
            assert os.read(terminal, 16) == b"\x11"
        finally:
            os.close(terminal)


# answers


def test_half_replies_lack_the_end_of_a_block_and_half_of_an_automatic_status(bench: Bench) -> None:
    bench.printer.half_replies()
    assert bench.ask(PROCESS_ID) == PROCESS_ID_REPLY[:-1]
    assert bench.ask(b"\x1da\xff") == b"\x10\x00"
    assert bench.ask(b"\x1dIB") == b"_EPSON"
    assert bench.ask(STATUS[0]) == b"\x12"
    bench.printer.half_replies(False)
    assert bench.ask(PROCESS_ID) == PROCESS_ID_REPLY


def test_duplicated_replies_come_twice(bench: Bench) -> None:
    bench.printer.duplicate_replies()
    assert bench.ask(STATUS[0]) == b"\x12\x12"
    assert bench.ask(PROCESS_ID) == PROCESS_ID_REPLY * 2


def test_late_replies_keep_their_order(bench: Bench) -> None:
    bench.printer.delay_replies(2)
    assert bench.ask(PROCESS_ID) == b""
    bench.pass_s(1)
    bench.printer.delay_replies(0)
    assert bench.ask(STATUS[0]) == b""
    bench.pass_s(1)
    assert bench.wire.read() == PROCESS_ID_REPLY + b"\x12"


def test_late_replies_do_not_survive_the_power(bench: Bench) -> None:
    bench.printer.delay_replies(2)
    bench.ask(PROCESS_ID)
    bench.printer.power_cycle()
    bench.pass_s(2)
    assert bench.wire.read() == b""


# the printer stops


STOPS: list[tuple[Callable[[SimulatedPrinter], None], Callable[[SimulatedPrinter], None], bytes, bytes, bytes]] = [
    # fault, remedy, DLE EOT 1 to 4, the four bytes of GS a, GS ( H function 49 with causes
    (
        SimulatedPrinter.recoverable_error,
        SimulatedPrinter.clear_error,
        b"\x1a\x52\x16\x12",
        b"\x18\x04\x00\x0f",
        b"7#H\0",
    ),
    (SimulatedPrinter.overheat, SimulatedPrinter.clear_error, b"\x1a\x52\x52\x12", b"\x18\x40\x00\x0f", b"7#H\0"),
    (
        SimulatedPrinter.unrecoverable_error,
        SimulatedPrinter.clear_error,
        b"\x1a\x52\x32\x12",
        b"\x18\x20\x00\x0f",
        b"7#H\0",
    ),
    (SimulatedPrinter.cutter_jam, SimulatedPrinter.clear_error, b"\x1a\x52\x1a\x12", b"\x18\x08\x00\x0f", b"7#D\0"),
    (SimulatedPrinter.open_cover, SimulatedPrinter.close_cover, b"\x1a\x16\x12\x12", b"\x38\x00\x00\x0f", b"7#A\0"),
    (SimulatedPrinter.paper_out, SimulatedPrinter.load_paper, b"\x1a\x32\x12\x7e", b"\x18\x00\x0f\x0f", b"7#B\0"),
    (
        SimulatedPrinter.hold_feed_button,
        SimulatedPrinter.release_feed_button,
        b"\x5a\x1a\x12\x12",
        b"\x58\x02\x00\x0f",
        b"",  # a hand on the button is none of the causes that Epson names
    ),
]


@pytest.mark.parametrize(
    ("fault", "remedy", "real_time", "automatic", "response"), STOPS, ids=[stop[0].__name__ for stop in STOPS]
)
def test_a_stop_is_told_in_every_way_keeps_the_job_and_ends(
    bench: Bench,
    fault: Callable[[SimulatedPrinter], None],
    remedy: Callable[[SimulatedPrinter], None],
    real_time: bytes,
    automatic: bytes,
    response: bytes,
) -> None:
    assert bench.ask(b"\x1da\xff") == b"\x10\x00\x00\x0f"
    assert bench.ask(b"\x1d(H\x03\x00102") == b""
    fault(bench.printer)
    assert bench.wire.read() == response + automatic
    assert bench.state_bytes == real_time
    assert bench.ask(b"one\n" + CUT + PROCESS_ID) == b""
    remedy(bench.printer)
    assert bench.wire.read() == PROCESS_ID_REPLY + b"\x10\x00\x00\x0f"
    assert bench.state_bytes == READY
    assert [receipt.lines for receipt in bench.printer.receipts] == [["one"]]


@pytest.mark.parametrize(
    ("wish", "answer"), [(b"0", b""), (b"1", b"7#\0"), (b"2", b"7#A\0"), (b"\x01", b"7#\0"), (b"\x02", b"7#A\0")]
)
def test_the_offline_response_comes_as_it_was_asked_for(bench: Bench, wish: bytes, answer: bytes) -> None:
    bench.ask(b"\x1d(H\x03\x0010" + wish)
    bench.printer.open_cover()
    assert bench.wire.read() == answer
    bench.printer.paper_out()
    assert bench.wire.read() == b""  # it is offline already


def test_dle_enq_ends_a_recoverable_error_and_no_other(bench: Bench) -> None:
    bench.printer.recoverable_error()
    assert bench.ask(b"one\n" + PROCESS_ID) == b""
    assert bench.ask(b"\x10\x05\x01") == PROCESS_ID_REPLY
    bench.printer.unrecoverable_error()
    assert bench.ask(b"two\n" + PROCESS_ID + b"\x10\x05\x01") == b""
    assert bench.state_bytes == b"\x1a\x52\x32\x12"


# power


def test_power_off_and_on_loses_what_waited_every_mode_and_the_error(bench: Bench) -> None:
    bench.ask(b"\x1da\xff\x1d(H\x03\x00102printed\n\x1bE\x01bold, and no line feed yet")
    bench.printer.unrecoverable_error()
    bench.ask(b"lost\n" + PROCESS_ID)
    bench.wire.read()
    bench.printer.power_cycle()
    assert bench.printer.current.lines == ["printed"]
    assert bench.state_bytes == READY
    assert bench.ask(b"plain\n" + CUT + PROCESS_ID) == PROCESS_ID_REPLY
    [receipt] = bench.printer.receipts
    assert receipt.lines == ["printed", "plain"]
    assert not receipt.printed[-1].parts[0].style.bold  # type: ignore[union-attr]
    bench.printer.open_cover()
    assert bench.wire.read() == b""  # nothing is reported by itself any more


@pytest.mark.parametrize(
    "fault", [SimulatedPrinter.cutter_jam, SimulatedPrinter.open_cover, SimulatedPrinter.paper_out]
)
def test_power_mends_no_mechanics(bench: Bench, fault: Callable[[SimulatedPrinter], None]) -> None:
    fault(bench.printer)
    before = bench.state_bytes
    bench.printer.power_cycle()
    assert bench.state_bytes == before


@pytest.mark.parametrize("drops_connection", [True, False])
def test_a_power_cycle_drops_the_connection_unless_a_print_server_holds_it(drops_connection: bool) -> None:
    with SimulatedPrinter() as printer, closing(_connected(printer)) as client:
        printer.power_cycle(drops_connection=drops_connection)
        if drops_connection:
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        else:
            client.sendall(STATUS[0])
            assert client.recv(1) == b"\x12"


def test_a_reset_connection_breaks_and_the_next_one_prints() -> None:
    with SimulatedPrinter() as printer:
        port = printer.serve_tcp()
        with closing(_connected(printer, port)) as client:
            client.sendall(b"one\n" + PROCESS_ID)
            assert client.recv(64) == PROCESS_ID_REPLY
            printer.reset_connection()
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        with closing(_connected(printer, port)) as client:
            client.sendall(b"two\n" + PROCESS_ID)
            assert client.recv(64) == PROCESS_ID_REPLY
        assert printer.current.lines == ["one", "two"]


def _connected(printer: SimulatedPrinter, port: int = 0) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port or printer.serve_tcp()), TIMEOUT_S)
    client.sendall(STATUS[0])
    assert client.recv(1) == b"\x12"  # the printer has accepted it
    return client


def test_a_wire_within_the_process_ends_with_the_power(bench: Bench) -> None:
    bench.printer.unplug()
    assert not bench.wire.is_open
    assert bench.wire.write(b"x") == 0
    bench.printer.plug()
    assert bench.wire.write(b"x") == 0
    assert bench.printer.attach().write(b"x") == 1


# the drawer


@pytest.mark.parametrize(
    ("sensor", "closed", "opened"), [("high when open", 0, 4), ("low when open", 4, 0), ("none", 4, 4)]
)
def test_the_drawers_sensor_stands_on_pin_3(sensor: str, closed: int, opened: int) -> None:
    with set_up(drawer_sensor=sensor) as bench:
        assert bench.ask(b"\x1da\x01") == bytes([0x10 | closed, 0, 0, 0x0F])
        assert bench.ask(STATUS[0]) == bytes([0x12 | closed])
        assert bench.ask(b"\x1dr\x02") == bytes([closed // 4])
        push = bytes([0x10 | opened, 0, 0, 0x0F]) if opened != closed else b""
        assert bench.ask(b"\x1bp\x00\x19\xfa") == push
        assert bench.ask(STATUS[0]) == bytes([0x12 | opened])
        assert bench.ask(b"\x1dr\x32") == bytes([opened // 4])
        assert bench.printer.state()["drawer"] == "open"
        bench.printer.close_drawer()
        assert bench.ask(b"\x1dr2")[-1:] == bytes([closed // 4])


@pytest.mark.parametrize(
    ("pin", "pulse", "state"), [(2, 0, "open"), (2, 1, "closed"), (5, 49, "open"), (5, 48, "closed")]
)
def test_a_drawer_opens_on_the_pin_that_it_is_wired_to(pin: int, pulse: int, state: str) -> None:
    with set_up(drawer_pin=pin) as bench:
        bench.ask(b"\x1bp%c\x19\xfa" % pulse)
        assert (bench.printer.state()["drawer"], bench.printer.drawer_kicks) == (state, 1)


def test_a_locked_drawer_stays_closed_and_a_key_opens_it(bench: Bench) -> None:
    bench.printer.lock_drawer()
    bench.ask(b"\x10\x14\x01\x00\x05")
    assert (bench.printer.state()["drawer"], bench.printer.drawer_kicks) == ("closed", 1)
    bench.printer.open_drawer()
    assert bench.ask(b"\x1dr\x02") == b"\x01"


# what it says of itself


IDENTITY = [
    # GS I n; a printer without two-byte characters, and one sold in China
    (1, b"\x20", b"\x20"),
    (49, b"\x20", b"\x20"),
    (2, b"\x02", b"\x03"),
    (3, b"\x01", b"\x01"),
    (33, b"=!\x42\x40\x00", b"=!\x43\x40\x00"),
    (65, b"_1.00\x00", b"_1.00\x00"),
    (66, b"_EPSON\x00", b"_EPSON\x00"),
    (67, b"_TM-T88V\x00", b"_TM-T88V\x00"),
    (68, b"_SIMULATED\x00", b"_SIMULATED\x00"),
    (69, b"_\x00", b"_CHINA GB18030\x00"),
    (99, b"", b""),
]


@pytest.mark.parametrize(("n", "western", "chinese"), IDENTITY)
def test_it_answers_who_it_is(bench: Bench, n: int, western: bytes, chinese: bytes) -> None:
    assert bench.ask(b"\x1dI" + bytes([n])) == western
    with set_up(two_byte="gb18030") as abroad:
        assert abroad.ask(b"\x1dI" + bytes([n])) == chinese


def test_the_handshake_of_receiptio_is_answered(bench: Bench) -> None:
    assert bench.ask(b"\x10\x04\x02\x1b\x06\x01\x1b@") == b"\x12"
    assert bench.ask(b"\x1dIB\x1dIC") == b"_EPSON\x00_TM-T88V\x00"
    assert bench.ask(b"\x1b@\x1da\xff") == b"\x10\x00\x00\x0f"
    assert bench.ask(b"TOTAL 5.70\n\x1dVB\x00\x1dr1") == b"\x00"


def test_older_questions_are_answered(bench: Bench) -> None:
    assert bench.ask(b"\x1bv") == b"\x00"
    bench.printer.paper_near_end()
    assert bench.ask(b"\x1bv\x1dr1") == b"\x03\x03"
    bench.printer.open_drawer()
    assert bench.ask(b"\x1bu\x00") == b"\x01"


def test_what_a_command_asks_is_answered_in_its_turn(bench: Bench) -> None:
    bench.printer.open_cover()
    assert bench.ask(b"\x1d(L\x04\x000@KC\x1d(k\x04\x001P0A\x1d(k\x03\x001R0\x1dr1") == b""
    bench.printer.close_cover()
    assert bench.wire.read() == b"7r@\x00" + b"7663\x1f63\x1f1\x1f0\x00" + b"\x00"


@pytest.mark.parametrize("command", [b"\x1b(A\x04\x000\x37\x02\x0a", b"\x1bB\x03\x02", b"\x07"])
def test_the_buzzer_sounds(bench: Bench, command: bytes) -> None:
    bench.ask(command)
    assert bench.printer.buzzes == bench.printer.state()["buzzes"] == 1


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (None, 0x18),
        (SimulatedPrinter.paper_near_end, 0x18),
        (SimulatedPrinter.paper_out, 0x20),
        (SimulatedPrinter.open_cover, 0x08),
        (SimulatedPrinter.cutter_jam, 0x00),
        (SimulatedPrinter.unrecoverable_error, 0x00),
    ],
)
def test_the_port_status_of_usb_follows_the_mechanics(
    bench: Bench, fault: Callable[[SimulatedPrinter], None] | None, status: int
) -> None:
    if fault:
        fault(bench.printer)
    assert bench.printer.port_status == status


# the device side of a USB gadget: here a terminal stands for the kernel's device


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no USB gadgets")
def test_a_gadget_is_read_answered_and_opened_anew_after_the_host_has_gone(tmp_path: Path) -> None:
    import tty

    device = tmp_path / "g_printer0"

    def plug_in() -> tuple[int, int]:
        host, end = os.openpty()
        tty.setraw(end)
        device.unlink(missing_ok=True)
        device.symlink_to(os.ttyname(end))
        return host, end

    def asked(host: int) -> bytes:
        os.write(host, b"one\n" + PROCESS_ID)
        reply = b""
        while len(reply) < len(PROCESS_ID_REPLY):
            assert select.select([host], [], [], TIMEOUT_S)[0]
            reply += os.read(host, 64)
        return reply

    with SimulatedPrinter() as printer:
        ends = plug_in()
        printer.serve_gadget(str(device))
        assert asked(ends[0]) == PROCESS_ID_REPLY
        for end in ends:
            os.close(end)
        ends = plug_in()
        assert asked(ends[0]) == PROCESS_ID_REPLY
        assert printer.current.lines == ["one", "one"]
        for end in ends:
            os.close(end)


def test_a_gadget_that_is_not_there_is_said(tmp_path: Path) -> None:
    with SimulatedPrinter() as printer, pytest.raises(DeviceAbsent, match="no printer gadget") as absent:
        printer.serve_gadget(str(tmp_path / "g_printer0"))
    assert absent.value.hint


# memory


def test_pictures_that_are_never_cut_off_are_torn_off() -> None:
    picture = b"\x1dv0\x00\x48\x00\x00\x40" + b"\xff" * (0x48 * 0x4000)  # 1.2 MB
    with set_up() as bench:
        for _ in range(20):
            assert bench.wire.write(picture[:65536]) == 65536
            sent = 65536
            while sent < len(picture):
                sent += bench.wire.write(picture[sent:])
        [torn] = bench.printer.receipts
        assert not torn.was_cut
        assert len(torn.printed) == 15
        assert len(bench.printer.current.printed) == 5
