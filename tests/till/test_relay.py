"""The relay between the shop's till and the printer: the bytes of both are their own, whatever happens to either."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from relays import LONG_S, RECEIPT, RecordingPrinter, Shop, shop

from drivers.errors import DeviceAbsent, DeviceBusy
from pos_plugin.errors import Conflict, TillError
from pos_plugin.intercept import relay_announced, relay_process
from pos_plugin.intercept.kept_jobs import kept_jobs
from pos_plugin.intercept.relay import MOST_CLIENTS
from pos_plugin.intercept.relay_doors import PIECE_BYTES
from pos_plugin.intercept.relay_turns import GIVES_WAY_S
from pos_plugin.intercept.relay_wire import RelayWire
from tests.waiting import until

ASK_STATUS, WELL = b"\x10\x04\x01", b"\x16"


def sent_now(till: socket.socket, data: bytes) -> int:
    """How much the relay takes; 0 for nothing any more."""
    try:
        return till.send(data)
    except (TimeoutError, ConnectionError):
        return 0


@pytest.fixture
def printer() -> RecordingPrinter:
    return RecordingPrinter()


@pytest.fixture
def front(tmp_path: Path, printer: RecordingPrinter) -> Iterator[Shop]:
    with shop(tmp_path, printer) as one:
        yield one


def test_what_the_till_prints_comes_out_byte_for_byte(front: Shop, printer: RecordingPrinter) -> None:
    front.print()
    until(lambda: printer.received == RECEIPT)


@pytest.mark.parametrize(
    "end", [b"\n\n\n\n", b"\n\n\x1bd\x03", b"\n\n\x1dV", b"\n\x1b"], ids=["feeds", "feed", "half a cut", "half"]
)
def test_what_a_till_ends_with_comes_out_when_it_hangs_up(end: bytes, front: Shop, printer: RecordingPrinter) -> None:
    front.print(b"No cutter" + end)
    until(lambda: printer.received == b"No cutter" + end)


def test_every_byte_there_is_passes_in_pieces_of_any_size(front: Shop, printer: RecordingPrinter) -> None:
    everything = bytes(range(256)) * 8 + RECEIPT
    with front.connect() as till:
        for place in range(0, len(everything), 7):
            till.sendall(everything[place : place + 7])
    until(lambda: printer.received == everything)


def test_what_the_printer_says_goes_back_unchanged_to_whoever_prints(front: Shop, printer: RecordingPrinter) -> None:
    printer.replies = {ASK_STATUS: WELL, b"\x1dr1": bytes(range(256))}
    with front.connect() as till:
        till.sendall(ASK_STATUS)
        assert till.recv(100) == WELL
        till.sendall(RECEIPT + b"\x1dr1")
        said = b""
        while len(said) < 256:
            said += till.recv(300)
        assert said == bytes(range(256))


def test_a_till_that_half_closes_still_hears_the_last_answer(front: Shop, printer: RecordingPrinter) -> None:
    printer.replies = {b"\x1dr1": b"\x00"}
    with front.connect() as till:
        till.sendall(RECEIPT + b"\x1dr1")
        till.shutdown(socket.SHUT_WR)
        assert till.recv(10) == b"\x00"
        assert till.recv(10) == b""


def test_what_the_printer_says_late_is_not_for_the_next_till(front: Shop, printer: RecordingPrinter) -> None:
    printer.replies = {ASK_STATUS: WELL}
    front.print()
    until(lambda: front.relay is not None and front.relay.jobs == 1)
    printer.say(b"late")
    with front.connect() as till:
        till.sendall(ASK_STATUS)
        assert till.recv(10) == WELL


def test_a_printer_that_ends_a_silent_connection_is_connected_to_again_for_the_next_job(
    front: Shop, printer: RecordingPrinter
) -> None:
    for count in range(1, 4):
        front.print()
        until(lambda count=count: front.relay is not None and front.relay.jobs == count)
        printer.hang_up()
    assert printer.received == RECEIPT * 3


def test_one_job_comes_out_behind_the_other_and_neither_within(front: Shop, printer: RecordingPrinter) -> None:
    first, second = RECEIPT.replace(b"Milk", b"Mill"), RECEIPT.replace(b"Milk", b"Mist")
    with front.connect() as one, front.connect() as other:
        one.sendall(first[:20])
        until(lambda: bytes(printer.received) == first[:20])
        other.sendall(second)
        other.shutdown(socket.SHUT_WR)
        one.sendall(first[20:])
        until(lambda: len(printer.received) >= len(first))
        assert printer.received[: len(first)] == first
    until(lambda: printer.received == first + second)


def test_a_client_that_says_nothing_keeps_nobody_waiting(front: Shop, printer: RecordingPrinter) -> None:
    with front.connect(), front.connect():
        front.print()
        until(lambda: printer.received == RECEIPT)
    front.print()
    until(lambda: front.relay is not None and front.relay.jobs == 2)
    assert printer.received == RECEIPT * 2  # and who only looked had no turn


@pytest.mark.slow
def test_a_program_that_leaves_its_connections_open_keeps_nobody_out(front: Shop, printer: RecordingPrinter) -> None:
    with contextlib.ExitStack() as left_open:
        for _ in range(MOST_CLIENTS + 4):
            left_open.enter_context(front.connect())
        front.print()
        until(lambda: printer.received == RECEIPT)
    assert front.relay is not None
    assert len(front.relay._clients) <= MOST_CLIENTS


@pytest.mark.slow  # each of 40 turns waits for the printer's last words
def test_of_more_tills_than_are_let_in_at_once_each_gets_its_receipt(front: Shop, printer: RecordingPrinter) -> None:
    """Those who have sent all and hung up cannot be told that they were turned away."""
    many = MOST_CLIENTS + 8
    printer.reads.clear()
    with contextlib.ExitStack() as tills:
        for number in range(many):
            tills.enter_context(front.connect()).sendall(b"\x1b@%03d.\n\x1dV\x00" % number)
    printer.reads.set()
    until(lambda: printer.received.count(b"\x1dV\x00") == many, "not all were printed")
    assert [number for number in range(many) if b"%03d." % number not in printer.received] == []


def test_a_till_that_stays_connected_leaves_the_printer_to_others_between_its_receipts(
    front: Shop, printer: RecordingPrinter
) -> None:
    with front.connect() as stays:
        for count in range(1, 3):
            stays.sendall(ASK_STATUS)
            until(lambda: printer.received.endswith(ASK_STATUS))
            front.print()
            until(lambda count=count: printer.received == (ASK_STATUS + RECEIPT) * count)


def test_a_till_that_breaks_off_within_a_job_has_printed_what_it_sent(front: Shop, printer: RecordingPrinter) -> None:
    import struct

    till = front.connect()
    till.sendall(RECEIPT[:30])
    until(lambda: printer.received == RECEIPT[:30])
    till.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    till.close()
    front.print()
    until(lambda: printer.received == RECEIPT[:30] + RECEIPT)


# The printer's pace, and what it shows of itself.


@pytest.mark.slow
def test_a_printer_that_takes_no_more_holds_the_till_back_and_loses_nothing(
    front: Shop, printer: RecordingPrinter
) -> None:
    picture = b"\x1dv0\x00\x48\x00\xff\xff" + b"dotsDOTS" * (72 * 65_535 // 8)  # of as many rows as there can be
    data = picture * 5
    with front.connect() as till:
        till.settimeout(0.5)
        printer.reads.clear()
        taken = 0
        while piece := sent_now(till, data[taken : taken + 65_536]):
            taken += piece
        assert taken < len(data)
        assert front.relay is not None
        assert front.relay._printer.waiting <= 3 * PIECE_BYTES
        printer.reads.set()
        till.settimeout(LONG_S)
        end = taken + 1000
        till.sendall(data[taken:end])
    until(lambda: len(printer.received) == end)
    assert printer.received == data[:end]


@pytest.mark.slow
def test_while_the_printer_is_off_the_till_is_refused_and_it_is_let_in_again_by_itself(
    front: Shop, printer: RecordingPrinter
) -> None:
    port = front.port

    def is_refused() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            return True
        return False

    printer.unplug()
    until(is_refused)
    assert "refused the connection" in (relay_announced.state(front.folder) or {})["trouble"]
    printer.plug()
    until(lambda: not is_refused())
    front.print()
    until(lambda: printer.received == RECEIPT)


def test_a_printer_that_goes_off_within_a_job_breaks_the_tills_connection_and_nothing_is_sent_twice(
    front: Shop, printer: RecordingPrinter
) -> None:
    door = front.until_open()
    with front.connect() as till:
        till.sendall(RECEIPT[:30])
        until(lambda: printer.received == RECEIPT[:30])
        till.settimeout(LONG_S)
        printer.unplug()
        with pytest.raises(ConnectionResetError):  # and no end in order, which would say that all is printed
            till.recv(10)
    until(lambda: door.listener is None)  # whoever comes before that finds no printer, and is told so like this one
    received = bytes(printer.received)
    printer.plug()
    front.print()
    until(lambda: printer.received == received + RECEIPT)


def test_a_job_at_the_moment_in_which_the_printer_goes_off_is_printed_later_or_told_of(
    front: Shop, printer: RecordingPrinter
) -> None:
    port = front.port
    printer.unplug()
    with socket.create_connection(("127.0.0.1", port), LONG_S) as till:  # before the door is shut
        till.sendall(RECEIPT)
    until(lambda: (relay_announced.state(front.folder) or {"trouble": ""})["trouble"] != "")
    printer.plug()
    # Of a job that was written to a connection just gone nobody knows how much is on paper; a till that hangs up later than
    # most is refused while it still holds on.
    told = ("look at the paper", "was refused")
    until(lambda: printer.received == RECEIPT or any(one in said for one in told for said in front.told))


@pytest.mark.slow
def test_the_job_of_a_till_that_hung_up_in_order_waits_for_a_printer_that_is_shared_and_off(tmp_path: Path) -> None:
    printer = RecordingPrinter()
    printer.unplug()
    one = Shop(tmp_path / "till", f"tcp://127.0.0.1:{printer.port}?connect=job")
    one.print()
    until(lambda: any("is printed once it can" in said for said in one.told))
    printer.plug()
    until(lambda: printer.received == RECEIPT)
    one.print()
    until(lambda: printer.received == RECEIPT * 2)
    assert printer.connections == 2
    one.close()
    printer.close()


def test_a_port_that_another_program_has_is_told_of_once_and_taken_when_it_is_free(
    tmp_path: Path, printer: RecordingPrinter
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        one = Shop(tmp_path / "till", f"tcp://127.0.0.1:{printer.port}", f"tcp://127.0.0.1:{port}")
        until(lambda: str(port) in (relay_announced.state(one.folder) or {"trouble": ""})["trouble"])
    one.print()
    until(lambda: printer.received == RECEIPT)
    assert sum(str(port) in said for said in one.told) == 1
    one.close()
    printer.close()


def test_a_fault_of_ours_costs_one_job_and_not_the_next(
    front: Shop, printer: RecordingPrinter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert front.relay is not None
    with monkeypatch.context() as broken:
        broken.setattr(front.relay._stream, "close", lambda: 1 / 0)
        front.print()
        until(lambda: "ZeroDivisionError" in caplog.text)
    printer.received.clear()
    front.print()
    until(lambda: printer.received == RECEIPT)


# This till's own jobs.


def test_our_own_jobs_go_between_those_of_the_till_and_hear_the_printer(front: Shop, printer: RecordingPrinter) -> None:
    printer.replies = {ASK_STATUS: WELL}
    wire = RelayWire(front.folder)
    wire.open()
    wire.write(b"ours" + ASK_STATUS, 1)
    assert wire.read(LONG_S) == WELL
    with front.connect() as till:
        till.sendall(RECEIPT)
        wire.write(b"still ours", 1)
        wire.close()
        until(lambda: printer.received == b"ours" + ASK_STATUS + b"still ours" + RECEIPT)
    front.close()
    assert front.relay is not None
    assert front.relay.jobs == 1


def test_our_own_job_waits_while_the_till_prints(front: Shop, printer: RecordingPrinter) -> None:
    wire = RelayWire(front.folder)
    with front.connect() as till:
        till.sendall(RECEIPT[:30])
        until(lambda: len(printer.received) == 30)
        with pytest.raises(DeviceBusy, match="shop's till is printing"):
            wire.open(0.1)
        till.sendall(RECEIPT[30:])
    wire.open()
    wire.close()


def test_a_question_of_ours_that_nobody_answers_gives_way_to_the_till(front: Shop, printer: RecordingPrinter) -> None:
    wire = RelayWire(front.folder)
    wire.open()
    wire.write(ASK_STATUS, 1)
    front.print()
    until(lambda: printer.received == ASK_STATUS + RECEIPT)
    with pytest.raises(DeviceBusy, match="shop's till is printing"):
        wire.read(LONG_S)
    wire.close()


@pytest.mark.slow
def test_a_job_of_ours_gives_way_to_nobody(front: Shop, printer: RecordingPrinter) -> None:
    wire = RelayWire(front.folder)
    wire.open()
    wire.write(ASK_STATUS + b"\x1b@ours", 1)
    front.print()
    assert wire.read(3 * GIVES_WAY_S) == b""
    wire.write(b" to the end", 1)
    wire.close()
    until(lambda: printer.received.endswith(RECEIPT))
    assert printer.received.startswith(ASK_STATUS + b"\x1b@ours to the end")


def test_behind_a_job_of_ours_the_tills_modes_are_put_back(front: Shop, printer: RecordingPrinter) -> None:
    with front.connect() as till:
        till.sendall(b"\x1bt\x13\x1bE\x01")  # a code page and bold letters, once for the day
        until(lambda: len(printer.received) == 6)
        wire = RelayWire(front.folder)
        wire.open()
        wire.write(b"\x1b@ours\x1dV\x00", 1)
        wire.close()
        until(lambda: b"ours" in printer.received)
        till.sendall(b"theirs\n")
        until(lambda: printer.received.endswith(b"theirs\n"))
    assert printer.received == b"\x1bt\x13\x1bE\x01\x1b@ours\x1dV\x00\x1b@\x1bt\x13\x1bE\x01theirs\n"


def test_without_a_relay_the_printer_is_absent_in_a_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(DeviceAbsent, match="relay between the shop's till and the printer does not run"):
        RelayWire(tmp_path).open()


def test_our_own_job_hears_why_the_printer_cannot_be_had(front: Shop, printer: RecordingPrinter) -> None:
    printer.unplug()
    until(lambda: any("printer" in said for said in front.told))
    # "A moment ago" where the relay has just tried, and waits before it tries again.
    with pytest.raises(DeviceAbsent, match=r"The printer at tcp://.* (refused the connection|could not be reached)"):
        RelayWire(front.folder).open()


@pytest.mark.parametrize("said", [b"wrong print\n", b"\n", b"x" * 500, b""])
def test_the_own_door_is_shut_to_whoever_does_not_know_the_secret(said: bytes, front: Shop) -> None:
    at = relay_announced.read_announced(front.folder)
    assert at is not None
    with socket.create_connection(("127.0.0.1", at.port), LONG_S) as stranger:
        stranger.sendall(said)
        stranger.shutdown(socket.SHUT_WR)
        assert stranger.recv(100) == b""


def test_only_the_tills_user_can_read_where_the_relay_is_and_what_was_printed(front: Shop) -> None:
    front.print()
    until(lambda: bool(kept_jobs(front.folder / "printed")))
    for file in (front.folder / "printed").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
    assert (front.folder / "printed").stat().st_mode & 0o077 == 0


def test_a_till_that_asks_again_and_again_leaves_the_printer_to_others_and_gets_its_answers(
    front: Shop, printer: RecordingPrinter
) -> None:
    printer.replies[b"\x10\x04\x01"] = b"\x16"
    is_over, answers = threading.Event(), list[bytes]()
    with front.connect() as asks:
        asks.settimeout(LONG_S)

        def ask() -> None:
            while not is_over.wait(0.15):
                asks.sendall(b"\x10\x04\x01")
                answers.append(asks.recv(1))

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            until(lambda: len(answers) > 2)
            front.print()
            until(lambda: RECEIPT in printer.received, "the till that asks keeps the printer")
        finally:
            is_over.set()
            asking.join()
    assert set(answers) == {b"\x16"}


def test_a_second_relay_of_a_folder_says_that_another_has_it(front: Shop) -> None:
    with pytest.raises(Conflict, match="A relay runs already") as refused:
        relay_process.relay_until_stopped(front.folder, lambda sentence, data: None)
    assert refused.value.code == "RELAY_RUNS"


def test_told_to_stop_it_first_finishes_the_job_in_progress(front: Shop, printer: RecordingPrinter) -> None:
    with front.connect() as till:
        till.sendall(RECEIPT[:30])
        until(lambda: len(printer.received) == 30)
        assert front.relay is not None
        front.relay.stop()
        until(lambda: front.relay is not None and front.relay._stopping_at is not None)
        till.sendall(RECEIPT[30:])
    front.close()
    assert printer.received == RECEIPT
    assert relay_announced.state(front.folder) is None


def test_asked_by_its_folder_it_stops(front: Shop) -> None:
    assert relay_announced.stop(front.folder)
    front.close()
    assert not relay_announced.stop(front.folder)


@pytest.mark.parametrize(
    ("listen", "printer", "code"),
    [
        ("", "tcp://127.0.0.1:9100", "INTERCEPT_OFF"),
        ("tcp://127.0.0.1:9100", "", "INTERCEPT_NO_PRINTER"),
        ("tcp://0.0.0.0:9100", "tcp://127.0.0.1:9100", "INTERCEPT_LOOP"),
        ("serial:///dev/ttyS1?baud=9600", "serial:///dev/ttyS1?baud=19200", "INTERCEPT_LOOP"),
        ("telepathy://1", "tcp://127.0.0.1:9101", "INTERCEPT_ADDRESS"),
    ],
)
def test_settings_that_cannot_be_are_refused(listen: str, printer: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(TillError) as refused:
        Shop(tmp_path / "till", printer, listen)
    assert refused.value.code == code
    assert refused.value.hint
