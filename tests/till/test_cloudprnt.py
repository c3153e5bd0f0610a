"""A cloud till's print jobs on this till's printer: what is printed, what the cloud till hears, what happens when things fail."""

from __future__ import annotations

import io
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cloud_till import PATH, CloudJob, CloudTill
from PIL import Image, ImageDraw

from drivers.simulated.printer import SimulatedPrinter
from drivers.status import PrinterStatus
from drivers.verdict import Outcome, Verdict, not_printed, unknown
from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.store import Store
from pos_plugin.config import CloudQueueSettings, Config, DrawerSettings, PrinterSettings
from pos_plugin.doctor.cloud_tills import cloud_tills
from pos_plugin.doctor.finding import Finding, Till
from pos_plugin.papers.host_prints import LARGEST_JOB
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in.cloudprnt import far_end, kept, open_queues
from pos_plugin.ways_in.cloudprnt.far_end import FarEnd, NoAddress
from pos_plugin.ways_in.cloudprnt.kept import FILE, Kept, KeptUnreadable
from pos_plugin.ways_in.cloudprnt.queue import NEXT_S, SLOWEST_S, CloudQueue
from pos_plugin.ways_in.doors import open_doors
from tests.waiting import until

EVERY_S = 5
OK = "200 OK"
TEXT = b"CORNER SHOP\nTea 2.50\n"


class Printer:
    """A printer that prints what it gets, or says `verdicts`, one after the other."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.jobs: list[bytes] = []
        self.verdicts: list[Verdict] = []
        self.now = PrinterStatus(True, "ok", False, "")
        self.before: Callable[[], None] = lambda: None

    def print(self, data: bytes, *, timeout_s: float) -> Verdict:
        self.before()
        self.jobs.append(data)
        return self.verdicts.pop(0) if self.verdicts else Verdict(Outcome.PRINTED)

    def status(self, timeout_s: float = 2.0) -> PrinterStatus:
        return self.now

    hear = status

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Terminal, Printer]]:
    printer = Printer()
    config = Config(
        printer=PrinterSettings(address="tcp://192.168.1.50:9100", width_columns=32), drawer=DrawerSettings(pin=5)
    )
    with Terminal(new_store(tmp_path_factory.mktemp("cloud") / "till"), config) as terminal:
        terminal.start(printer)  # type: ignore[arg-type]
        yield terminal, printer


def new_store(folder: Path) -> Store:
    store = Store.create(folder)
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    return store


@pytest.fixture
def terminal(shared: tuple[Terminal, Printer]) -> Terminal:
    return shared[0]


@pytest.fixture
def printer(shared: tuple[Terminal, Printer]) -> Printer:
    terminal, printer = shared
    printer.forget()
    ours = terminal.printer
    until(lambda: ours.spooler is not None and not ours.spooler.trouble and not ours.spooler.notice)
    return printer


@pytest.fixture
def cloud() -> Iterator[CloudTill]:
    cloud = CloudTill()
    yield cloud
    cloud.close()


class Shop:
    """The queue of one cloud till, over the restarts of this one."""

    def __init__(self, terminal: Terminal, cloud: CloudTill, folder: Path) -> None:
        self._terminal, self._cloud, self.folder = terminal, cloud, folder
        self.restart()

    def restart(self, **how: float) -> None:
        """As after a power cut: only what is on the disk is known."""
        if hasattr(self, "queue"):
            self.queue.close()
        known = Kept(self.folder)
        self.queue = CloudQueue(self._terminal, FarEnd(self._cloud.url, known.mac, **how), known, every_s=EVERY_S)

    def steps(self, number: int) -> list[float]:
        return [self.queue.step() for _ in range(number)]


@pytest.fixture
def shop(terminal: Terminal, printer: Printer, cloud: CloudTill, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(terminal, cloud, tmp_path)
    yield shop
    shop.queue.close()


def picture(form: str = "PNG", width: int = 100) -> bytes:
    drawn = Image.new("RGB", (width, 40), "white")
    ImageDraw.Draw(drawn).rectangle((0, 0, width // 2, 39), fill="black")
    out = io.BytesIO()
    drawn.save(out, form)
    return out.getvalue()


# -- the usual


def test_a_poll_says_who_and_how_the_printer_is_as_the_guide_has_it(shop: Shop, cloud: CloudTill) -> None:
    assert shop.queue.step() == EVERY_S
    [poll] = cloud.polls
    assert poll == {
        "status": "23 6 0 0 0 0 0 0 0",
        "printerMAC": kept.read(shop.folder).mac,  # type: ignore[union-attr]
        "uniqueID": "",
        "statusCode": "200%20OK",
        "printingInProgress": False,
        "clientAction": None,
    }
    assert shop.queue.trouble == ""


def test_a_job_is_fetched_printed_and_confirmed(shop: Shop, cloud: CloudTill, printer: Printer) -> None:
    cloud.add(CloudJob(TEXT, token="job 1/ü"))
    assert shop.queue.step() == NEXT_S
    mac = cloud.polls[0]["printerMAC"]
    assert cloud.fetched == [{"path": PATH, "shop": "7", "mac": mac, "type": "text/plain", "token": "job 1/ü"}]
    assert cloud.told == [("job 1/ü", OK)]
    # As the guide writes it: not every server takes "+" for a space.
    assert cloud.queries[2] == f"shop=7&mac={mac.replace(':', '%3A')}&code=200%20OK&token=job%201%2F%C3%BC"
    assert [b"CORNER SHOP\nTea 2.50\n" in job and job.endswith(b"\x1dVB\x00") for job in printer.jobs] == [True]
    assert shop.steps(2) == [EVERY_S, EVERY_S]
    assert len(printer.jobs) == 1


def test_jobs_that_wait_come_out_in_order_without_waiting_for_the_next_poll(
    shop: Shop, cloud: CloudTill, printer: Printer
) -> None:
    cloud.add(*(CloudJob(f"ticket {number}".encode(), token=str(number)) for number in range(3)))
    assert shop.steps(4) == [NEXT_S, NEXT_S, NEXT_S, EVERY_S]
    assert [f"ticket {number}\n".encode() in printer.jobs[number] for number in range(3)] == [True] * 3
    assert cloud.told == [(str(number), OK) for number in range(3)]


def test_a_cloud_till_that_names_no_tokens_is_served_as_well(shop: Shop, cloud: CloudTill, printer: Printer) -> None:
    cloud.add(CloudJob(TEXT), CloudJob(TEXT))  # two of the same content are two
    assert shop.steps(3) == [NEXT_S, NEXT_S, EVERY_S]
    assert cloud.told == [("", OK), ("", OK)]
    assert len(printer.jobs) == 2


def test_a_confirmation_is_sent_as_the_cloud_till_wants_it_and_where(shop: Shop, cloud: CloudTill) -> None:
    cloud.answer = {"deleteMethod": "GET", "jobGetUrl": f"{PATH}/job", "jobConfirmationUrl": f"{PATH}/done"}
    cloud.add(CloudJob(TEXT, token="1"))
    shop.queue.step()
    assert cloud.fetched[0]["path"] == f"{PATH}/job"
    assert cloud.told == [("1", OK)]
    assert len(cloud.fetched) == 1  # the other GET was the confirmation


@pytest.mark.parametrize("name", ["jobGetUrl", "jobConfirmationUrl"])
@pytest.mark.parametrize(
    "other",
    [
        "https://192.168.1.1/",
        "http://127.0.0.1:1/",
        "//evil.example/x",
        "file:///etc/passwd",
        "http://[",
        "/a\x08b",
        "http://127.0.0.1\\@192.168.1.1/",
    ],
)
def test_a_cloud_till_is_no_way_to_other_machines(
    shop: Shop, cloud: CloudTill, printer: Printer, name: str, other: str
) -> None:
    cloud.answer = {name: other}
    cloud.add(CloudJob(TEXT, token="1"))
    assert shop.queue.step() == EVERY_S
    assert "another host" in shop.queue.trouble
    assert cloud.told == []
    assert len(printer.jobs) == (name == "jobConfirmationUrl")


# -- what can be printed


def test_a_picture_is_preferred_and_printed_as_dots(shop: Shop, cloud: CloudTill, printer: Printer) -> None:
    cloud.add(CloudJob(picture(), "application/vnd.star.starprnt", "text/plain", "image/png", token="1"))
    cloud.add(CloudJob(picture("JPEG"), "image/jpeg; quality=9", "IMAGE/JPEG", "image/jpeg", token="2"))
    shop.steps(2)
    assert [one["type"] for one in cloud.fetched] == ["image/png", "image/jpeg"]
    assert [b"\x1dv0" in job and job.endswith(b"\x1dVB\x00") for job in printer.jobs] == [True, True]
    assert cloud.codes == [OK, OK]


@pytest.mark.parametrize(
    ("data", "headers", "lines"),
    [
        ("Café ğ\n".encode(), {}, ["Café ğ", ""]),
        ("\ufeffTea".encode(), {}, ["Tea"]),
        ("Şeker".encode("cp1254"), {"Content-Type": "text/plain; charset=windows-1254"}, ["Şeker"]),
        (b"Tea", {"Content-Type": "text/plain;charset=klingon"}, ["Tea"]),
        (b"Tea", {"Content-Type": "text/plain;charset=idna"}, ["Tea"]),  # a codec of Python's, and none for texts
        (b"a\tb\r\nc\rd", {}, ["a       b", "c", "d"]),
        (b"x" * 33, {}, ["x" * 32, "x"]),  # a printer goes on in the next line
        ("茶".encode() * 17, {}, ["茶" * 16, "茶"]),  # two columns each
        (b"T\x1b@e\x10\x04\x01a\x00", {}, ["T@ea"]),  # plain text commands nothing
    ],
)
def test_text_is_laid_out_for_this_printer_and_commands_nothing(
    terminal: Terminal, data: bytes, headers: dict[str, str], lines: list[str]
) -> None:
    from drivers.document import Cut, Document, Text
    from drivers.escpos import encode
    from pos_plugin.config import printer_profile
    from pos_plugin.ways_in.cloudprnt import papers

    profile = printer_profile(terminal.config.printer)
    charset = headers.get("Content-Type", "").partition("charset=")[2] or "utf-8"
    expected = encode(Document(32, (*map(Text, lines), Cut())), profile)
    assert papers.job(data, "text/plain", charset, headers, profile, 32, DrawerSettings()) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Star-CashDrawer": "start"}, b"\x1b@\x1c.\x1bp\x01\x19\xfaTea\n\x1dVB\x00"),
        ({"x-star-cashdrawer": "END"}, b"\x1b@\x1c.Tea\n\x1dVB\x00\x1bp\x01\x19\xfa"),
        ({"X-Star-CashDrawer": "none", "X-Star-Cut": "none; feed=true"}, b"\x1b@\x1c.Tea\n"),
        ({"X-Star-Cut": "partial; feed=true"}, b"\x1b@\x1c.Tea\n\x1dVB\x00"),
    ],
)
def test_the_cloud_till_may_ask_for_the_drawer_and_for_no_cut(
    shop: Shop, cloud: CloudTill, printer: Printer, headers: dict[str, str], expected: bytes
) -> None:
    cloud.add(CloudJob(b"Tea", token="1", headers=headers))
    shop.queue.step()
    assert printer.jobs == [expected]


@pytest.mark.parametrize(
    ("job", "code"),
    [
        (CloudJob(b"\x1b@", "application/vnd.star.line", "application/vnd.star.starprnt", token="1"), "510"),
        (CloudJob(TEXT, "text/plain", token="1", headers={"Content-Type": "application/vnd.star.line"}), "510"),
        (CloudJob(b"no picture", "image/png", token="1"), "511"),
        (CloudJob(b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "image/png", token="1"), "511"),
        (CloudJob(picture()[:-30], "image/png", token="1"), "511"),
        (CloudJob(b"\n" * 3000, token="1"), "521"),
        (CloudJob(b"x" * (LARGEST_JOB + 1), token="1"), "521"),
        (CloudJob(b"", token="1", status=404), "520"),
        (CloudJob(b"", token="1", status=415), "520"),
        (CloudJob(b"", token="1", status=302, headers={"Location": "http://127.0.0.1:1/"}), "520"),
    ],
    ids=[
        "star's own",
        "another type",
        "no picture",
        "garbage",
        "cut off",
        "endless",
        "huge",
        "gone",
        "refused",
        "elsewhere",
    ],
)
def test_what_never_can_be_printed_is_given_back_with_stars_code_and_does_not_block_the_queue(
    shop: Shop, cloud: CloudTill, printer: Printer, job: CloudJob, code: str
) -> None:
    cloud.add(job, CloudJob(TEXT, token="2"))
    assert shop.queue.step() == EVERY_S
    assert [told[:3] for told in cloud.codes] == [code]
    assert "Nothing was printed" in shop.queue.trouble
    assert printer.jobs == []
    shop.queue.step()
    assert len(printer.jobs) == 1
    assert shop.queue.trouble == ""


# -- what the printer says


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (PrinterStatus(False, "out", False, ""), "410 Out of paper", "Put in a new roll"),
        (PrinterStatus(False, "ok", True, ""), "420 Cover open", "cover is open"),
        (PrinterStatus(False, "ok", False, "cutter"), "411 Paper jam", "cutter is stuck"),
        (PrinterStatus(False, "ok", False, ""), "400 Printer error", "offline"),
    ],
)
def test_a_printer_that_cannot_print_fetches_nothing_and_the_cloud_till_hears_why(
    shop: Shop, terminal: Terminal, cloud: CloudTill, printer: Printer, status: PrinterStatus, code: str, words: str
) -> None:
    assert terminal.printer.spooler
    cloud.add(CloudJob(TEXT, token="1"))
    printer.now = status
    until(lambda: bool(terminal.printer.spooler and terminal.printer.spooler.trouble))
    assert shop.steps(2) == [EVERY_S, EVERY_S]
    assert cloud.status_codes == [code, code]
    assert words in shop.queue.trouble
    assert (cloud.fetched, cloud.told, printer.jobs) == ([], [], [])
    printer.now = PrinterStatus(True, "ok", False, "")
    until(lambda: not (terminal.printer.spooler and terminal.printer.spooler.trouble))
    assert shop.queue.step() == NEXT_S
    assert cloud.codes == [OK]


def test_paper_that_is_nearly_used_up_is_told_and_printed_on(
    shop: Shop, terminal: Terminal, cloud: CloudTill, printer: Printer
) -> None:
    cloud.add(CloudJob(TEXT, token="1"))
    printer.now = PrinterStatus(True, "near end", False, "")
    until(lambda: bool(terminal.printer.spooler and terminal.printer.spooler.notice))
    assert shop.queue.step() == NEXT_S
    assert cloud.status_codes == ["211 Paper low"]
    assert cloud.codes == [OK]


def test_a_job_that_was_not_printed_stays_with_the_cloud_till_and_is_printed_later(
    shop: Shop, cloud: CloudTill, printer: Printer
) -> None:
    cloud.add(CloudJob(TEXT, token="1"))
    printer.verdicts = [not_printed("paper_out", "The paper is out. Put in a new roll.")]
    assert shop.queue.step() == EVERY_S
    assert cloud.status_codes == [OK, "410 Out of paper"]  # it hears so at once
    assert cloud.told == []
    assert "Put in a new roll" in shop.queue.trouble
    shop.restart()
    assert shop.queue.step() == NEXT_S
    assert cloud.codes == [OK]
    assert len(printer.jobs) == 2  # the first of which put nothing on paper


def test_a_job_of_which_nobody_knows_is_never_printed_again_by_itself(
    shop: Shop, cloud: CloudTill, printer: Printer
) -> None:
    cloud.forgets_nothing = True
    cloud.add(CloudJob(TEXT, token="1"))
    printer.verdicts = [unknown("paper_out", "The paper ran out.")]
    shop.queue.step()
    assert cloud.codes == ["410 Out of paper; Look at the paper"]
    assert "Look at the paper" in shop.queue.trouble
    assert "not printed again by itself" in shop.queue.trouble
    shop.steps(2)
    shop.restart()
    shop.steps(2)
    assert set(cloud.codes) == {"410 Out of paper; Look at the paper"}
    assert len(printer.jobs) == 1


# -- the network


def test_a_cloud_till_that_names_no_tokens_and_forgets_nothing_does_not_use_up_the_roll(
    shop: Shop, terminal: Terminal, cloud: CloudTill, printer: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    monkeypatch.setattr(terminal, "clock", lambda: now)
    cloud.forgets_nothing = True
    cloud.add(CloudJob(TEXT))
    assert shop.steps(5) == [NEXT_S, NEXT_S, NEXT_S, EVERY_S, EVERY_S]
    assert cloud.codes == [OK] * 5
    assert len(printer.jobs) == 3  # as many alike may be meant
    now += timedelta(minutes=2)
    shop.queue.step()
    assert len(printer.jobs) == 4


@pytest.mark.parametrize("token", ["1", None])
@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("took_it", [False, True])
def test_a_confirmation_that_is_lost_prints_nothing_twice_and_takes_no_other_job_away(
    shop: Shop, cloud: CloudTill, printer: Printer, token: str | None, restarts: bool, took_it: bool
) -> None:
    """Whether the cloud till has heard it or not."""
    cloud.add(CloudJob(b"first", token=token), CloudJob(b"second", token=token and "2"))
    cloud.forgets_nothing = not took_it
    cloud.after = lambda method: method != "DELETE"
    assert shop.queue.step() == EVERY_S
    assert "No connection" in shop.queue.trouble
    cloud.after = lambda method: True
    cloud.forgets_nothing = False
    if restarts:
        shop.restart()
    shop.steps(3)
    assert cloud.jobs == []
    assert [b"first" in printer.jobs[0], b"second" in printer.jobs[1], len(printer.jobs)] == [True, True, 2]
    assert set(cloud.codes) == {OK}


def test_the_same_token_again_is_the_same_job_also_after_a_restart(
    shop: Shop, cloud: CloudTill, printer: Printer
) -> None:
    cloud.forgets_nothing = True
    cloud.add(CloudJob(TEXT, token="1"))
    shop.steps(3)
    shop.restart()
    shop.steps(3)
    assert cloud.codes == [OK] * 6
    assert "is offered again. It was printed." in shop.queue.trouble
    assert len(cloud.fetched) == len(printer.jobs) == 1


@pytest.mark.parametrize("token", ["1", None])
def test_a_power_cut_while_it_prints_is_an_unknown_job(
    shop: Shop, cloud: CloudTill, printer: Printer, tmp_path: Path, token: str | None
) -> None:
    """Whatever is on the disk when the printer gets its first byte is what the till finds when it is switched on again."""
    on_disk: list[bytes] = []
    printer.before = lambda: on_disk.append((shop.folder / FILE).read_bytes())
    cloud.add(CloudJob(TEXT, token=token))
    cloud.forgets_nothing = True
    shop.queue.step()
    cloud.told.clear()
    (shop.folder / FILE).write_bytes(on_disk[0])
    shop.restart()
    shop.queue.step()
    assert [code[:3] for code in cloud.codes] == ["400"]
    assert "look at the paper" in cloud.codes[0]
    assert len(printer.jobs) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b"7",
        b'{"jobReady": "perhaps"}',
        b"[" * 5000,
        b'{"jobReady": true, "mediaTypes": 5}',
        b"\xff\xfe",
    ],
)
def test_garbage_is_no_job(shop: Shop, cloud: CloudTill, printer: Printer, answer: bytes) -> None:
    cloud.raw_answer = answer
    assert shop.queue.step() == EVERY_S
    assert "no cloud till for Star printers" in shop.queue.trouble
    cloud.raw_answer = None
    assert shop.queue.step() == EVERY_S
    assert shop.queue.trouble == ""
    assert printer.jobs == []


def test_an_endless_answer_and_a_token_without_end_are_not_taken(
    shop: Shop, cloud: CloudTill, printer: Printer
) -> None:
    cloud.raw_answer = b" " * (far_end.LARGEST_ANSWER + 1)
    shop.queue.step()
    assert "larger than" in shop.queue.trouble
    cloud.raw_answer = None
    cloud.add(CloudJob(TEXT, token="t" * 513))
    shop.queue.step()
    assert "513 letters" in shop.queue.trouble
    assert printer.jobs == []


def test_a_cloud_till_that_does_not_answer_is_asked_less_and_less_often(shop: Shop, cloud: CloudTill) -> None:
    cloud.status = 503
    waits = shop.steps(9)
    assert waits == [5, 10, 20, 40, 80, 160, SLOWEST_S, SLOWEST_S, SLOWEST_S]
    assert "status 503" in shop.queue.trouble
    cloud.status = 200
    assert shop.queue.step() == EVERY_S
    cloud.status = 401
    assert shop.queue.step() == EVERY_S


def test_a_job_that_cannot_be_fetched_now_is_fetched_later(shop: Shop, cloud: CloudTill, printer: Printer) -> None:
    job = CloudJob(TEXT, token="1", status=500)
    cloud.add(job)
    assert shop.queue.step() == EVERY_S
    assert cloud.told == []
    cloud.after = lambda method: method != "GET"
    assert shop.queue.step() == 2 * EVERY_S
    cloud.after = lambda method: True
    job.status = 200
    assert shop.queue.step() == NEXT_S
    assert (len(printer.jobs), cloud.codes) == (1, [OK])


def test_an_answer_that_drips_is_given_up(shop: Shop, cloud: CloudTill) -> None:
    held = threading.Event()
    cloud.before = lambda method: held.wait(0.2) and None
    shop.restart(whole_s=0.1)
    shop.queue.step()
    assert "too slowly" in shop.queue.trouble


def test_nothing_that_is_packed_is_unpacked_or_printed(shop: Shop, cloud: CloudTill, printer: Printer) -> None:
    cloud.add(CloudJob(b"\x1f\x8b packed", token="1", headers={"Content-Encoding": "gzip"}))
    assert shop.queue.step() == EVERY_S
    assert "packs its answers" in shop.queue.trouble
    assert (printer.jobs, cloud.told) == ([], [])


# -- who it is


def test_the_printer_keeps_its_address_which_no_maker_has_given_out(shop: Shop, cloud: CloudTill) -> None:
    shop.queue.step()
    mac = cloud.polls[0]["printerMAC"]
    first, *rest = (int(part, 16) for part in mac.split(":"))
    assert (first & 3, len(rest)) == (2, 5)
    shop.restart()
    shop.queue.step()
    assert cloud.polls[1]["printerMAC"] == mac
    assert Kept(shop.folder / "..", random_bytes=lambda size: b"\xff" * size).mac == "fe:ff:ff:ff:ff:ff"


def test_what_the_cloud_till_asks_of_a_printer_is_answered_at_once(shop: Shop, cloud: CloudTill) -> None:
    asked = ["ClientType", "ClientVersion", "Encodings", "GetPollInterval", "PageInfo", "SetFirmware"]
    cloud.answer = {"clientAction": [{"request": one, "options": ""} for one in asked] + [{"request": 7}, {}]}
    assert shop.queue.step() == EVERY_S
    assert len(cloud.polls) == 2
    results = {one["request"]: one["result"] for one in cloud.polls[1]["clientAction"]}
    assert results == {
        "ClientType": "pos-plugin",
        "ClientVersion": "1.0",
        "Encodings": "image/png;image/jpeg;text/plain",
        "GetPollInterval": "5",
        "PageInfo": {"paperWidth": "58", "printWidth": "48", "horizontalResolution": "8", "verticalResolution": "8"},
        "SetFirmware": "",
        "7": "",
        "": "",
    }


def test_a_name_that_the_cloud_till_gives_is_kept_and_said(shop: Shop, cloud: CloudTill) -> None:
    cloud.answer = {"clientAction": [{"request": "SetID", "options": "kitchen 1"}]}
    shop.queue.step()
    cloud.answer = {"clientAction": [{"request": "SetID", "options": "x" * 64}]}
    shop.queue.step()
    cloud.answer = {}
    shop.restart()
    cloud.add(CloudJob(TEXT, token="1"))
    shop.queue.step()
    assert cloud.polls[-1]["uniqueID"] == cloud.fetched[0]["uid"] == "kitchen 1"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes; the folder is the user's own")
def test_what_is_kept_is_for_the_tills_user_alone_and_bounded(
    shop: Shop, cloud: CloudTill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "KEPT_JOBS", 5)
    known = Kept(shop.folder)
    for number in range(10):
        known.end(known.start("u", str(number), "d"), "printed", OK)
    assert (shop.folder / FILE).stat().st_mode & 0o077 == 0
    assert stat.S_ISREG((shop.folder / FILE).stat().st_mode)
    again = Kept(shop.folder)
    assert again.by_token("u", "4") is None
    assert again.by_token("u", "5") is not None
    assert cloud.url not in (shop.folder / FILE).read_text()


@pytest.mark.parametrize("content", [b"", b"{", b'{"mac": 5}', b"\xff", b"[" * 5000])
def test_a_damaged_file_polls_nothing_and_says_what_to_do(
    terminal: Terminal, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(KeptUnreadable, match="take the file away"):
        Kept(tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


def test_nothing_is_printed_that_cannot_be_written_down_first(shop: Shop, cloud: CloudTill, printer: Printer) -> None:
    cloud.add(CloudJob(TEXT, token="1"))
    (shop.folder / f"{FILE}.new").mkdir()  # as where the disk is full, or the folder may not be written
    assert shop.queue.step() == EVERY_S
    assert "cannot be written" in shop.queue.trouble
    assert (printer.jobs, cloud.told) == ([], [])
    (shop.folder / f"{FILE}.new").rmdir()
    shop.queue.step()
    assert (len(printer.jobs), cloud.codes) == (1, [OK])


def test_what_became_of_a_job_is_known_also_where_it_cannot_be_written_down(
    shop: Shop, cloud: CloudTill, printer: Printer
) -> None:
    cloud.add(CloudJob(TEXT, token="1"))
    printer.before = (shop.folder / f"{FILE}.new").mkdir
    shop.queue.step()
    assert "cannot be written" in shop.queue.trouble
    (shop.folder / f"{FILE}.new").rmdir()
    shop.queue.step()
    assert (len(printer.jobs), cloud.codes) == (1, [OK])


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://cloud.example/poll", "without encryption"),
        ("http://192.168.1.9/poll", "without encryption"),
        ("ftp://cloud.example/", "no address"),
        ("https://", "no address"),
        ("https://[", "no address"),
        ("https://cloud.example:99999/", "no address"),
    ],
)
def test_an_address_that_may_not_be_polled_is_refused(url: str, words: str) -> None:
    with pytest.raises(NoAddress, match=words):
        FarEnd(url, "02:00:00:00:00:01")


# -- what doctor says


def findings(folder: Path, *urls: str) -> list[Finding]:
    config = Config(cloudprnt=[CloudQueueSettings(url=url) for url in urls])
    return list(cloud_tills(Till(folder, lambda: datetime.now(UTC), config=config)))


def test_doctor_shows_the_address_to_enter_at_the_cloud_till(tmp_path: Path) -> None:
    assert findings(tmp_path) == []
    [before] = findings(tmp_path, "https://cloud.example/p")
    assert before.ok
    assert "Run the till once" in before.do
    mac = Kept(tmp_path).mac
    [after] = findings(tmp_path, "https://user:secret@cloud.example/p")
    assert mac in after.found
    assert mac in after.do
    assert "secret" not in f"{after.found} {after.do}"


def test_doctor_says_what_is_wrong_with_a_cloud_tills_address_or_what_is_kept(tmp_path: Path) -> None:
    assert [one.ok for one in findings(tmp_path, "http://cloud.example/p", "https://cloud.example/p")] == [False, True]
    (tmp_path / FILE).write_bytes(b"{")
    [damaged] = findings(tmp_path, "https://cloud.example/p")
    assert not damaged.ok
    assert "take the file away" in damaged.found


# -- the till's own loop, and a real printer's language


def test_a_running_till_polls_by_itself_and_sells_on_where_one_address_is_wrong(
    tmp_path: Path, cloud: CloudTill, caplog: pytest.LogCaptureFixture
) -> None:
    with SimulatedPrinter() as printer:
        config = Config(
            printer=PrinterSettings(address=f"tcp://127.0.0.1:{printer.serve_tcp()}"),
            cloudprnt=[
                CloudQueueSettings(url="http://secret:word@cloud.example/"),
                CloudQueueSettings(url=cloud.url, every_s=1),
                CloudQueueSettings(),
            ],
        )
        cloud.add(CloudJob(TEXT, token="1"), CloudJob(picture(), "image/png", token="2"))
        with Terminal(new_store(tmp_path / "till"), config) as terminal:
            terminal.start()
            assert open_doors(terminal) == []
            until(lambda: cloud.codes == [OK, OK])
        assert [line.strip() for line in printer.receipts[0].lines if line.strip()] == ["CORNER SHOP", "Tea 2.50"]
        assert printer.printed_total == 2
    assert "cloud.example is to be polled without encryption" in caplog.text
    assert "secret" not in caplog.text


def test_a_till_without_cloud_tills_keeps_no_file(terminal: Terminal) -> None:
    assert open_queues(terminal) == []
    assert not (terminal.store.folder / FILE).exists()
