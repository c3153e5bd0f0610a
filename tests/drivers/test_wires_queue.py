"""Print queues by IPP: against a small server that says what a test wants, and against a real CUPS of our own on loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from far_ends import PrintServer

from drivers.errors import DeviceAbsent, DeviceDenied, DeviceError
from drivers.finding import found_printers
from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import QueueWire, WriteBroken, WriteStalled, ipp
from drivers.wires.print_queue import sentence
from tests.waiting import LONG_S

RECEIPT = b"\x1b@Milk  1.20\n\n\x1dV\x00"
SOON_S = 1
PRINT, CANCEL = 0x0002, 0x0008


@pytest.fixture
def server() -> Iterator[PrintServer]:
    made = PrintServer()
    yield made
    made.close()


@pytest.fixture
def wire(server: PrintServer) -> Iterator[QueueWire]:
    made = server.wire()
    made.open()
    yield made
    made.close()


def test_a_write_is_one_job_as_it_is_past_every_filter(wire: QueueWire, server: PrintServer) -> None:
    wire.write(RECEIPT, 2)
    assert server.jobs == [RECEIPT]
    (attributes,) = [attributes for operation, attributes in server.asked if operation == PRINT]
    assert attributes["document-format"] == b"application/vnd.cups-raw"
    assert attributes["printer-uri"].decode() == server.url
    assert list(attributes)[:3] == [
        "attributes-charset",
        "attributes-natural-language",
        "printer-uri",
    ]  # RFC 8011 4.1.4


def test_a_queue_answers_nothing_whatever_it_says(wire: QueueWire) -> None:
    wire.write(RECEIPT, 2)
    assert not wire.answers
    assert wire.read(0.01) == b""


# A queue that does not take jobs is found out before anything is sent.

REFUSALS = [
    ({"is_accepting": False}, DeviceAbsent, "takes no jobs", "cupsaccept"),
    ({"printer_state": 5}, DeviceAbsent, "is stopped", "cupsenable"),  # it would print it whenever it is started again
    ({"http_status": 401}, DeviceDenied, "refuses this till", "Allow"),
    ({"http_status": 403}, DeviceDenied, "refuses this till", "Allow"),
    ({"http_status": 404}, DeviceAbsent, "answers 404", "address"),
    ({"http_status": 503}, DeviceAbsent, "answers 503", "address"),
    ({"raw_answer": b"<html>"}, DeviceAbsent, "no print server", "address"),
    (
        {"raw_answer": b"\x01\x01\x00\x00\x00\x00\x00\x01\x04\x44\x00\x09short"},
        DeviceAbsent,
        "no print server",
        "address",
    ),
    ({"raw_answer": b"\x01\x01\x04\x01\x00\x00\x00\x01\x03"}, DeviceDenied, "refuses this till", "Allow"),
]


@pytest.mark.parametrize(("states", "kind", "says", "hint"), REFUSALS)
def test_a_queue_that_takes_no_jobs_cannot_be_opened(
    states: dict[str, object], kind: type[DeviceError], says: str, hint: str, server: PrintServer
) -> None:
    vars(server).update(states)
    wire = server.wire()
    with pytest.raises(kind, match=says) as raised:
        wire.open()
    assert hint in raised.value.hint
    assert not wire.is_open


def test_a_queue_that_does_not_exist_is_absent(server: PrintServer) -> None:
    with pytest.raises(DeviceAbsent, match="no queue") as raised:
        QueueWire("127.0.0.1", server.server_address[1], "/printers/other").open()
    assert "lpstat" in raised.value.hint


def test_a_print_server_that_is_not_there_is_absent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeviceAbsent, match="cannot be reached") as raised:
        QueueWire("127.0.0.1", port, "/printers/till").open()
    assert "CUPS" in raised.value.hint


def test_a_print_server_that_says_nothing_is_absent_within_the_bound() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        with pytest.raises(DeviceAbsent, match="in time"):
            QueueWire("127.0.0.1", listener.getsockname()[1], "/printers/till").open(SOON_S)
        assert time.monotonic() - began < LONG_S


# What became of a job: how much of it may be under way decides whether it may be printed again.


def test_a_job_that_the_queue_refuses_was_not_sent(wire: QueueWire, server: PrintServer) -> None:
    server.job_status = 0x0507  # server-error-not-accepting-jobs: since it was opened
    with pytest.raises(WriteBroken, match="Not today") as raised:
        wire.write(RECEIPT, 2)
    assert raised.value.sent == 0


def test_a_server_that_went_away_since_it_was_opened_was_not_sent_anything(server: PrintServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    wire = server.wire()
    wire.open()
    wire._address = f"127.0.0.1:{port}"
    with pytest.raises(WriteBroken) as raised:
        wire.write(RECEIPT, 2)
    assert raised.value.sent == 0
    wire.close()


@pytest.mark.parametrize(("began", "sent"), [(True, len(RECEIPT)), (False, 0)])
@pytest.mark.parametrize(("state", "word"), [(7, "canceled"), (8, "aborted")])
def test_a_job_that_the_queue_gave_up_was_sent_unless_it_never_began(
    state: int, word: str, began: bool, sent: int, wire: QueueWire, server: PrintServer
) -> None:
    server.job_states, server.began = [3, 5, state], began
    with pytest.raises(WriteBroken, match=f"gave the job up \\({word}\\). The backend stopped.") as raised:
        wire.write(RECEIPT, 2)
    assert raised.value.sent == sent


@pytest.mark.parametrize(("state", "began", "sent"), [(3, False, 0), (3, True, len(RECEIPT)), (5, True, len(RECEIPT))])
def test_a_job_that_the_queue_does_not_come_to_in_time_is_taken_back(
    state: int, began: bool, sent: int, wire: QueueWire, server: PrintServer
) -> None:
    server.job_states, server.began, server.reasons = [state], began, ["media-empty-error"]
    began_at = time.monotonic()
    with pytest.raises(WriteStalled, match="The queue says that the paper is out") as raised:
        wire.write(RECEIPT, SOON_S)
    assert time.monotonic() - began_at < LONG_S
    assert raised.value.sent == sent
    assert CANCEL in [operation for operation, _ in server.asked]


def test_a_job_whose_answer_was_lost_may_be_under_way(wire: QueueWire, server: PrintServer) -> None:
    server.http_status = 500
    with pytest.raises(WriteBroken) as raised:
        wire.write(RECEIPT, 2)
    assert raised.value.sent == len(RECEIPT)


REASONS = [
    (["none"], ""),
    (["media-empty-error"], "The queue says that the paper is out."),
    (["media-needed"], "The queue says that the paper is out."),
    (["toner-low-report", "cover-open-warning"], "The queue says that the cover is open."),
    (["connecting-to-device"], "The queue is still trying to reach the printer."),
    (["offline-report"], "The queue says that the printer is offline."),
    (["com.maker.secret-error"], ""),
    (["media-low-warning"], ""),  # it prints
]


@pytest.mark.parametrize(("reasons", "text"), REASONS)
def test_the_reasons_of_a_queue_become_sentences(reasons: list[str], text: str) -> None:
    assert sentence(ipp.Answer(0, ({"printer-state-reasons": tuple(reasons)},))) == text


def test_trouble_of_a_queue_is_asked_for(wire: QueueWire, server: PrintServer) -> None:
    server.reasons = ["cover-open"]
    assert wire.trouble(1) == "The queue says that the cover is open."
    server.http_status = 503
    assert "503" in wire.trouble(1)


UNREADABLE = [
    b"",
    b"\x01\x01\x00\x00\x00\x00\x00\x01",  # no end
    b"\x01\x01\x00\x00\x00\x00\x00\x01\x04",
    b"\x01\x01\x00\x00\x00\x00\x00\x01\x44\x00\x01a\x00\x01b\x03",  # a value before any group
    b"\x01\x01\x00\x00\x00\x00\x00\x01\x04\x44\x00\x00\x00\x01b\x03",  # a further value of nothing
    b"\x01\x01\x00\x00\x00\x00\x00\x01\x04\x44\x00",
]


@pytest.mark.parametrize("data", UNREADABLE)
def test_what_is_no_answer_of_a_print_server_is_refused(data: bytes) -> None:
    with pytest.raises(ipp.IppUnreadable):
        ipp.answer(data)


# A real CUPS.

CUPSD_CONF = """\
Listen 127.0.0.1:{port}
LogLevel warn
WebInterface no
Browsing no
DefaultAuthType None
MaxLogSize 0
JobRetryInterval 1
<Location />
Order allow,deny
Allow all
</Location>
<Policy default>
<Limit All>
Order allow,deny
Allow all
</Limit>
</Policy>
"""

CUPS_FILES_CONF = """\
ServerRoot {folder}
RequestRoot {folder}/spool
TempDir {folder}/spool/tmp
CacheDir {folder}/cache
StateDir {folder}/state
AccessLog {folder}/access_log
ErrorLog {folder}/error_log
PageLog {folder}/page_log
SyncOnClose no
"""

PRINTERS_CONF = """\
<Printer till>
DeviceURI socket://127.0.0.1:{printer}/?contimeout=5&snmp=false
State Idle
Accepting Yes
Shared No
JobSheets none none
ErrorPolicy retry-job
</Printer>
<Printer closed>
DeviceURI socket://127.0.0.1:{printer}/
State Idle
Accepting No
Shared No
</Printer>
<Printer stopped>
DeviceURI socket://127.0.0.1:{printer}/
State Stopped
Accepting Yes
Shared No
</Printer>
"""


class Cups:
    """A cupsd of its own on loopback, whose queue `till` leads to the simulated printer."""

    def __init__(self, folder: Path, printer: int) -> None:
        cupsd = shutil.which("cupsd") or shutil.which("cupsd", path="/usr/sbin")
        assert cupsd, "install CUPS: apt install cups-daemon"
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        for name in ("spool/tmp", "cache", "state"):
            (folder / name).mkdir(parents=True)
        (folder / "cupsd.conf").write_text(CUPSD_CONF.format(port=self.port))
        (folder / "cups-files.conf").write_text(CUPS_FILES_CONF.format(folder=folder))
        (folder / "printers.conf").write_text(PRINTERS_CONF.format(printer=printer))
        command = [cupsd, "-f", "-c", str(folder / "cupsd.conf"), "-s", str(folder / "cups-files.conf")]
        self._log = folder / "error_log"
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE)
        give_up = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                assert self._process.poll() is None, self._process.stderr.read()  # type: ignore[union-attr]
                assert time.monotonic() < give_up, self._log.read_text()
                time.sleep(0.05)

    def wire(self, queue: str = "till") -> QueueWire:
        return QueueWire("127.0.0.1", self.port, f"/printers/{queue}")

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=20)


@pytest.fixture
def printer() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as made:
        yield made


@pytest.fixture
def cups(printer: SimulatedPrinter) -> Iterator[Cups]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # its backends run as a user of their own
        made = Cups(Path(folder), printer.serve_tcp())
        yield made
        made.close()


@pytest.mark.slow
def test_a_real_cups_prints_the_bytes_as_they_are_and_answers_nothing(cups: Cups, printer: SimulatedPrinter) -> None:
    wire = cups.wire()
    wire.open()
    wire.write(RECEIPT, 20)
    assert printer.wait_until(lambda: printer.printed_total == 1)
    assert [receipt.lines for receipt in printer.receipts] == [["Milk  1.20", ""]]
    assert wire.read(0) == b""
    assert wire.trouble(2) == ""
    wire.close()


@pytest.mark.slow
def test_a_real_cups_refuses_before_anything_is_sent(cups: Cups, printer: SimulatedPrinter) -> None:
    for queue, says in (("closed", "takes no jobs"), ("stopped", "is stopped"), ("other", "no queue")):
        with pytest.raises(DeviceAbsent, match=says):
            cups.wire(queue).open()
    assert printer.printed_total == 0


@pytest.mark.slow
def test_a_real_cups_whose_printer_is_off_is_asked_to_give_the_job_back_and_it_never_comes_out(
    cups: Cups, printer: SimulatedPrinter
) -> None:
    printer.unplug()
    first, second = cups.wire(), cups.wire()
    first.open()
    with pytest.raises(WriteStalled) as raised:
        first.write(RECEIPT, 3)
    assert raised.value.sent == len(RECEIPT)  # it had begun with it, and that it sent nothing is not proven
    printer.plug()
    second.open()
    second.write(b"\x1b@Bread 2.10\n\x1dV\x00", 20)
    assert printer.wait_until(lambda: printer.printed_total == 1)
    assert [receipt.lines for receipt in printer.receipts] == [["Bread 2.10"]]
    for wire in (first, second):
        wire.close()


@pytest.mark.slow
def test_a_job_that_waits_behind_another_in_a_real_cups_is_taken_back_as_not_sent(
    cups: Cups, printer: SimulatedPrinter
) -> None:
    printer.stall()
    first, second = cups.wire(), cups.wire()
    about: ipp.Attributes = {"printer-uri": first.name, "requesting-user-name": "other", "job-name": "a long report"}
    first.open()
    long_report = bytes(8 * 1024 * 1024)
    assert first._asked(ipp.request(ipp.PRINT_JOB, about), time.monotonic() + 10, long_report).is_success
    second.open()
    with pytest.raises(WriteStalled, match="taken back") as raised:
        second.write(RECEIPT, 3)
    assert raised.value.sent == 0
    for wire in (first, second):
        wire.close()


@pytest.mark.slow
def test_the_queues_of_a_real_cups_are_found(cups: Cups, tmp_path: Path) -> None:
    found = found_printers(usb=_NoUsb(), root=tmp_path, serial_ports=[], print_server=f"127.0.0.1:{cups.port}")
    addresses = {each.address: each.trouble for each in found}
    assert addresses == {
        f"ipp://127.0.0.1:{cups.port}/printers/{name}": trouble
        for name, trouble in (("till", ""), ("stopped", ""), ("closed", "It takes no jobs."))
    }


class _NoUsb:
    def enumerate_devices(self) -> list[object]:
        return []
