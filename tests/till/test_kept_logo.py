"""The shop's logo is sent once and kept by the printer; no receipt ever bears another picture, and no verdict depends on it.

The printers are simulated ones at the far end of a real socket.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from PIL import Image, ImageDraw

from drivers.escpos import define_picture, picture_key, profile
from drivers.kept_pictures import free_key
from drivers.printer import Printer
from drivers.simulated.graphics import NV_BYTES
from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import TcpWire, WriteStalled
from offline_store import pictures, receipts, settings
from pos_plugin.config import Config
from pos_plugin.papers.kept_logo import WRITES_A_DAY, KeptLogo
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.receipt_template import Logo
from pos_plugin.papers.spooler import Spooler
from pos_plugin.terminal import Terminal

PROFILE = profile("TM-T88V")
DEFINES = b"0C0"  # GS ( L fn 67, behind its length
LISTS = b"0@KC"
SHORT_BYTES = 1_000  # a receipt that names its logo, with the questions around it; the logo alone is 6 KB


def logo_of(word: str, width: int = 400, height: int = 120) -> Logo:
    picture = Image.new("L", (width, height), 255)
    ImageDraw.Draw(picture).text((10, 10), word, fill=0, font_size=80)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return Logo(hashlib.sha256(file.getvalue()).hexdigest()[:16], file.getvalue())


LOGO, NEW_LOGO, FOREIGN = logo_of("SHOP"), logo_of("MARKET"), logo_of("NOT OURS")


class Line(TcpWire):
    """Remembers what went out, and can be meddled with."""

    def __init__(self, port: int, *, connect_per_job: bool = False) -> None:
        super().__init__("127.0.0.1", port, connect_per_job=connect_per_job)
        self.sent_bytes = 0
        self.definitions = 0
        self.lists = 0
        self.on_definition: Callable[[bytes], bytes] = lambda data: data
        self.heard: Callable[[bytes], bytes] = lambda data: data

    def write(self, data: bytes, timeout_s: float) -> None:
        if DEFINES in data:
            self.definitions += 1
            data = self.on_definition(data)
        self.lists += LISTS in data
        self.sent_bytes += len(data)
        super().write(data, timeout_s)

    def read(self, timeout_s: float) -> bytes:
        return self.heard(super().read(timeout_s))


class Counter:
    """A till, and the printer that is plugged in."""

    def __init__(self, till) -> None:
        self.till = till
        self.far = SimulatedPrinter(serial="A1")
        self.port = self.far.serve_tcp()
        self.sales = 0
        self.start()

    def start(self, logo: Logo = LOGO, *, kept: bool = True, is_shared: bool = False, ready_s: float = 30.0) -> None:
        """The till starts, with that logo. `ready_s` counts where the printer does not answer after it was given the logo."""
        self.till.new_checkout(layout=Layout(42, logo=logo.digest))
        self.till.store.write(lambda db: pictures.keep(db, logo.digest, logo.png))
        self.line = Line(self.port, connect_per_job=is_shared)
        self.printer = printer = Printer(self.line, PROFILE, reply_timeout_s=5.0, settle_s=0.02, poll_s=0.02)
        store = self.till.store
        kept_logo = KeptLogo(
            store, printer, PROFILE, logo, 42, lambda: self.till.now, sleep=lambda _: None, ready_s=ready_s
        )
        self.spooler = Spooler(store, printer, PROFILE, logo=kept_logo if kept else None)

    def restart(self, logo: Logo = LOGO, **how: float) -> None:
        self.spooler.close()
        self.start(logo, **how)

    def swap(self, **another: object) -> SimulatedPrinter:
        """Another printer at the same address, while the till runs."""
        self.far.close()
        self.far = SimulatedPrinter(**another)  # type: ignore[arg-type]
        self.far.serve_tcp(port=self.port)
        return self.far

    def work(self) -> None:
        while self.spooler.step():
            pass

    def sell(self) -> None:
        self.sales += 1
        self.till.sell(str(self.sales))
        self.work()

    def copy(self, number: int = 1) -> bytes:
        """An earlier receipt once more, as a picture of the paper."""
        self.till.store.write(lambda db: receipts.ask_to_print(db, number, copy=True))
        self.work()
        return self.far.receipts[-1].png()

    def copied_bytes(self, as_paper: bytes) -> int:
        """All that goes out for a copy that looks like that."""
        before = self.line.sent_bytes
        assert self.copy() == as_paper
        return self.line.sent_bytes - before

    def states(self) -> list[str]:
        with self.till.store.read() as db:
            return [job.state for job in receipts.shown_jobs(db)]

    def keys(self) -> set[bytes]:
        return set(self.kept())

    def kept(self) -> dict[bytes, object]:
        return self.far._inside.paper._graphics._nv.pictures


@pytest.fixture
def counter(till) -> Iterator[Counter]:
    one = Counter(till)
    yield one
    one.spooler.close()
    one.far.close()


@pytest.fixture
def as_paper(counter: Counter) -> bytes:
    """The copy of the first receipt as it is with the logo sent along."""
    counter.restart(kept=False)
    counter.sell()
    paper = counter.copy()
    assert counter.keys() == set()
    counter.restart()
    return paper


def type_in(far: SimulatedPrinter, data: bytes) -> None:
    """By another cable."""
    assert far.take(data, 5) == len(data)


def put(far: SimulatedPrinter, logo: Logo, key: bytes) -> None:
    """Somebody else's picture, in the printer's memory."""
    type_in(far, define_picture(logo.png, key, PROFILE))
    assert far.wait_until(lambda: key in far._inside.paper._graphics._nv.pictures)


def key_of(logo: Logo) -> bytes:
    """The key that the till takes for a picture where nobody has taken it."""
    definition = define_picture(logo.png, b"00", PROFILE)
    return picture_key(hashlib.sha256(definition).hexdigest()[:16])


def test_once_kept_a_receipt_names_the_logo_and_the_paper_is_the_same(counter: Counter, as_paper: bytes) -> None:
    whole = counter.copied_bytes(as_paper)
    assert len(counter.keys()) == 1
    assert counter.copied_bytes(as_paper) < SHORT_BYTES < whole
    assert counter.line.definitions == 1


def test_it_is_asked_once_for_each_connection(counter: Counter) -> None:
    for _ in range(5):
        counter.sell()
    asked = counter.line.lists
    assert asked == 2, "what it has, and whether the logo has arrived"
    counter.far.reset_connection()
    for _ in range(3):
        counter.sell()
    assert counter.line.lists == asked + 1
    assert counter.line.definitions == 1


def test_a_till_that_starts_again_finds_its_logo_there(counter: Counter, as_paper: bytes) -> None:
    counter.sell()
    counter.restart()
    counter.far.power_cycle()
    counter.copy()
    assert counter.copied_bytes(as_paper) < SHORT_BYTES
    assert counter.line.definitions == 0


def test_a_new_logo_takes_a_key_of_its_own_and_old_receipts_keep_theirs(counter: Counter, as_paper: bytes) -> None:
    counter.sell()
    before = counter.keys()
    counter.restart(NEW_LOGO)
    counter.sell()
    assert counter.keys() > before
    before_bytes = counter.line.sent_bytes
    counter.sell()
    assert counter.line.sent_bytes - before_bytes < SHORT_BYTES
    assert counter.copy(1) == as_paper


def test_a_receipt_for_paper_of_another_width_carries_its_own(counter: Counter) -> None:
    counter.sell()
    counter.till.new_checkout(layout=Layout(32, logo=LOGO.digest))
    before = counter.line.sent_bytes
    counter.sell()
    assert counter.line.sent_bytes - before > len(define_picture(LOGO.png, b"00", PROFILE, width_columns=32))


def test_a_picture_of_somebody_else_under_our_key_is_neither_printed_nor_touched(
    counter: Counter, as_paper: bytes
) -> None:
    key = key_of(LOGO)
    put(counter.far, FOREIGN, key)
    theirs = counter.kept()[key]
    assert counter.copy() == as_paper
    assert counter.copy() == as_paper
    assert counter.kept()[key] == theirs
    assert len(counter.keys()) == 2


def test_another_printer_at_the_same_address_gets_the_logo_with_the_next_receipt(
    counter: Counter, as_paper: bytes
) -> None:
    counter.copy()
    (key,) = counter.keys()
    put(counter.swap(serial="B2"), FOREIGN, key)
    assert counter.copy() == as_paper, "also where the till notices only when it prints"
    assert counter.copied_bytes(as_paper) < SHORT_BYTES
    assert len(counter.keys()) == 2
    assert set(counter.states()) == {"printed"}


def test_the_first_printer_comes_back_and_still_has_it(counter: Counter, as_paper: bytes) -> None:
    counter.copy()
    first = counter.far._inside.paper._graphics
    counter.swap(serial="B2")
    counter.copy()
    counter.swap(serial="A1")._inside.paper._graphics = first
    counter.copy()
    assert counter.copy() == as_paper
    assert counter.line.definitions == 2


def test_a_logo_that_the_printer_has_lost_is_given_to_it_again(counter: Counter, as_paper: bytes) -> None:
    counter.copy()
    counter.kept().clear()
    counter.far.reset_connection()
    counter.copy()
    assert counter.copy() == as_paper
    assert len(counter.keys()) == 1


@pytest.mark.parametrize(
    "printer", [{"serial": ""}, {"serial": "TM-T88V"}], ids=["no serial number", "a doubling line"]
)
def test_a_printer_that_cannot_be_told_from_another_gets_the_logo_with_each_receipt(
    counter: Counter, as_paper: bytes, printer: dict[str, object]
) -> None:
    counter.swap(**printer)
    for _ in range(3):
        assert counter.copy() == as_paper
    assert counter.keys() == set()


def told_wrong(answer: bytes, instead: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(answer, instead)


WRONG = [
    (b"7r@", b""),  # nothing
    (b"7r@", b"7rX"),
    (b"7r@\x00", b"7r@A\x00"),  # half a key
    (b"7r@\x00", b"7rAAB\x007rAAB\x00"),  # a list without an end
    (b"71", b""),
    (b"71", b"71x"),
    (b"_A1\x00", b"_A1"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "instead"), WRONG, ids=map(repr, WRONG))
def test_a_printer_that_answers_nothing_or_nonsense_gets_the_logo_with_each_receipt(
    counter: Counter, as_paper: bytes, answer: bytes, instead: bytes
) -> None:
    counter.line.heard = told_wrong(answer, instead)
    for _ in range(3):
        assert counter.copy() == as_paper
    assert counter.line.definitions == 0
    assert set(counter.states()) == {"printed"}


@pytest.mark.slow
def test_garbage_and_silence_leave_the_receipts_as_they_are_without_the_logo_in_the_printer(
    counter: Counter, as_paper: bytes
) -> None:
    for fault in (counter.far.garbage_replies, counter.far.silence):
        counter.spooler.look()
        fault(True)
        counter.spooler.step()
        fault(False)
    assert counter.keys() == set()
    counter.copy()
    assert counter.copy() == as_paper


def test_a_printer_without_room_is_not_written_to(counter: Counter, as_paper: bytes) -> None:
    full = b"\x1d8L" + (11 + NV_BYTES).to_bytes(4, "little") + b"0C0XX\x01\x00\x08\x00\x061" + bytes(NV_BYTES)
    type_in(counter.far, full)
    assert counter.far.wait_until(lambda: b"XX" in counter.kept())
    assert counter.copy() == counter.copy() == as_paper
    assert counter.line.definitions == 0


def test_a_printer_that_drops_it_although_it_has_room_is_not_tried_again(counter: Counter, as_paper: bytes) -> None:
    counter.line.on_definition = lambda data: data.replace(DEFINES, b"0Z0")
    for _ in range(4):
        assert counter.copy() == as_paper
        counter.till.now += timedelta(days=1)
        counter.far.reset_connection()
    assert counter.line.definitions == 1


@pytest.mark.parametrize("is_stalled", [True, False], ids=["stalled", "cut off unseen"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
def test_a_definition_that_is_cut_off_spoils_no_receipt_and_is_made_good(
    counter: Counter, as_paper: bytes, share: float, *, is_stalled: bool
) -> None:
    def cut_off(data: bytes) -> bytes:
        counter.line.on_definition = lambda data: data
        piece = data[: round(len(data) * share)]
        if is_stalled:
            TcpWire.write(counter.line, piece, 5)
            raise WriteStalled("It takes no more.", sent=len(piece))
        return piece

    counter.restart(ready_s=0.1)
    counter.line.heard = lambda data: data if counter.line.definitions != 1 or is_stalled else b""
    counter.line.on_definition = cut_off
    assert counter.copy() == as_paper
    counter.line.heard = lambda data: data
    assert counter.copy() == as_paper, "the next one, with the printer still within the definition"
    counter.far.reset_connection()
    assert counter.copy() == as_paper
    assert counter.copied_bytes(as_paper) < SHORT_BYTES
    assert len(counter.keys()) == 1
    assert set(counter.states()) == {"printed"}


def test_the_power_goes_in_the_middle_of_it(counter: Counter, as_paper: bytes) -> None:
    def power_cut(data: bytes) -> bytes:
        TcpWire.write(counter.line, data[:2000], 5)
        counter.far.wait_until(lambda: counter.far._inside.waiting_bytes > 1000)
        counter.far.unplug()
        counter.line.on_definition = lambda data: data
        return data[2000:]

    counter.line.on_definition = power_cut
    assert counter.copy() == as_paper
    assert counter.keys() == set()
    counter.far.plug()
    assert counter.copy() == as_paper
    assert counter.copy() == as_paper
    assert len(counter.keys()) == 1


def cut_always(counter: Counter) -> Callable[[bytes], bytes]:
    def stall(data: bytes) -> bytes:
        raise WriteStalled("It takes no more.", sent=0)

    return stall


def test_it_is_written_at_most_three_times_a_day(counter: Counter, as_paper: bytes) -> None:
    counter.line.on_definition = cut_always(counter)
    written = []
    for _ in range(3):
        for _ in range(WRITES_A_DAY + 2):
            assert counter.copy() == as_paper
        written.append(counter.line.definitions)
        counter.till.now += timedelta(days=1)
        counter.far.reset_connection()
    assert written == [3, 6, 9]


def test_neither_a_start_nor_a_clock_set_back_begins_a_new_day(counter: Counter, as_paper: bytes) -> None:
    counter.line.on_definition = cut_always(counter)
    for _ in range(WRITES_A_DAY):
        counter.copy()
    counter.till.now -= timedelta(days=400)
    counter.copy()
    assert counter.line.definitions == WRITES_A_DAY
    counter.restart()
    assert counter.copy() == counter.copy() == as_paper
    assert counter.line.definitions == 0


def test_nothing_is_asked_or_written_while_a_receipt_is_in_doubt(counter: Counter) -> None:
    counter.far.paper_out(after_lines=3)
    counter.sell()
    assert counter.states() == ["unknown"]
    counter.work()
    assert counter.line.lists == counter.line.definitions == 0
    counter.far.load_paper()
    counter.spooler.look()
    assert counter.states() == ["printed"]
    counter.work()
    assert counter.line.definitions == 1


def test_also_while_a_person_has_not_said_what_became_of_it(counter: Counter) -> None:
    counter.far.paper_out(after_lines=3)
    counter.sell()
    counter.far.reset_connection()
    counter.far.load_paper()
    counter.spooler.look()
    assert counter.printer.is_idle, "to the driver it is over: nothing can be proven any more"
    counter.work()
    assert counter.line.definitions == 0
    counter.till.store.write(lambda db: receipts.mark(db, 1, "printed", "", ""))
    counter.spooler.look()
    counter.work()
    assert counter.line.definitions == 1


def test_a_printer_that_keeps_a_part_of_a_receipt_is_told_nothing_else(counter: Counter) -> None:
    counter.far.paper_out(after_lines=3)
    counter.sell()
    sent = counter.line.sent_bytes
    assert counter.printer.ask(b"\x1dID", lambda block: True, timeout_s=0.1) is None
    assert not counter.printer.tell(b"\x1b@", timeout_s=0.1)
    assert counter.line.sent_bytes == sent


def test_a_printer_with_many_pictures_tells_of_them_in_blocks(counter: Counter, as_paper: bytes) -> None:
    key = key_of(LOGO)
    small = logo_of("x", 8, 8)
    for number in range(95):
        put(counter.far, small, b"%02d" % number)
    put(counter.far, FOREIGN, key)
    assert counter.copy() == counter.copy() == as_paper
    assert len(counter.keys()) == 97


def test_a_key_is_free_and_never_one_that_would_read_as_the_end_of_a_job() -> None:
    every = {picture_key(f"{number:x}") for number in range(94 * 94)}
    assert picture_key("74") == b'7"', "37h 22h is how the echo of a process id begins"
    assert free_key("74", ()) == b'8"'
    assert free_key("74", every - {b"AB"}) == b"AB"
    assert free_key("74", every) is None


def test_a_printer_that_is_shared_by_tills_is_not_asked(counter: Counter, as_paper: bytes) -> None:
    counter.restart(is_shared=True)
    assert counter.copy() == counter.copy() == as_paper
    assert counter.line.lists == counter.line.definitions == 0


def test_where_the_tills_file_says_what_it_does_not_understand_it_trusts_no_key(
    counter: Counter, as_paper: bytes
) -> None:
    counter.copy()
    counter.till.store.write(lambda db: settings.put(db, "kept_pictures", '{"printers": []}'))
    counter.restart()
    assert counter.copy() == counter.copy() == as_paper
    assert len(counter.keys()) == 2


@pytest.mark.parametrize(("model", "keeps"), [("TM-T88V", True), ("default", False)])
def test_a_till_uses_the_memory_of_printers_that_have_one(till, model: str, *, keeps: bool) -> None:
    (till.folder / "logo.png").write_bytes(LOGO.png)
    (till.folder / "receipt.toml").write_text('logo = "logo.png"\n')
    settings_of = Config.model_validate({"printer": {"address": "tcp://127.0.0.1:1", "profile": model}})
    spooler = Terminal(till.store, settings_of, clock=lambda: till.now).printer.open()
    assert (spooler._logo is not None) == keeps
    spooler.close()
