"""A shop's till, the relay and a running ledger together: what the customer holds, and what the journal has."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from relays import LONG_S, RecordingPrinter, Shop

from drivers.escpos import profile
from offline_store import journal
from pos_plugin.intercept import relay_announced
from pos_plugin.intercept.papers import Block, PrintedSale, Recognised
from pos_plugin.intercept.relay_ledger import AT_THE_CUT_S, Ledger, RunningTill
from pos_plugin.intercept.relay_sales import RelaySales
from pos_plugin.intercept.stream import Stream
from pos_plugin.intercept.waiting_sales import FILE, NoRoom, WaitingSales
from pos_plugin.lane import Lane
from pos_plugin.running import announced
from tests.waiting import until

CARD = "2900000000018"
RULES = """\
[total]
words = ["Total EUR"]
[reference]
words = ["Receipt no."]
[original]
words = ["Of receipt no."]
[kinds]
void = ["Void"]
"""


def receipt(number: str, total: str = "12.50", title: str = "") -> bytes:
    rows = ["Corner shop", title, f"Receipt no. {number}", f"Tea {total:>36}", f"Total EUR {total:>30}", "Thank you"]
    return b"\x1b@" + "\n".join(row for row in rows if row).encode() + b"\n\n\n\n\x1dV\x00"


class Front:
    """A till that runs, a relay, and a printer that records."""

    def __init__(self, folder: Path, rules: str = RULES) -> None:
        self.folder = folder
        self.printer = RecordingPrinter()
        folder.mkdir(exist_ok=True)
        if rules:
            (folder / "till-receipts.toml").write_text(rules, encoding="utf-8")
        self.shop = Shop(folder, f"tcp://127.0.0.1:{self.printer.port}", more='till = "front"\n')

    def prints(self, data: bytes) -> bytes:
        """What comes out of it, up to the cut."""
        before, cuts = len(self.printer.received), self.printer.received.count(b"\x1dV")
        self.shop.print(data)
        until(lambda: self.printer.received.count(b"\x1dV") == cuts + data.count(b"\x1dV"))
        return bytes(self.printer.received[before:])

    def waiting(self) -> int:
        said = relay_announced.state(self.folder)
        assert said is not None
        return int(said["waiting"])

    def close(self) -> None:
        self.shop.close()
        self.printer.close()


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    with closing(Front(tmp_path / "till")) as made:
        yield made


@pytest.fixture
def till(tmp_path: Path, serve: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    with serve() as made, announced(tmp_path / "till", made.server.url):
        yield made


@pytest.fixture
def both(till: Any, front: Front) -> Front:
    return front


def references(till: Any) -> list[str]:
    with till.terminal.store.read() as db:
        found = [journal.read(db, number) for number in range(1, journal.head(db)[0] + 1)]
    return [one.body.sale.sale_ref for one in found if one is not None and one.kind == "sale"]


def test_a_sale_is_recorded_and_its_block_stands_before_the_feeds_and_the_cut(both: Front, till: Any) -> None:
    came_out = both.prints(receipt("A-17"))
    assert came_out.startswith(receipt("A-17")[:-7])
    assert came_out.endswith(b"\x1dV\x00")
    assert b"You could have earned 12 points" in came_out.replace(b"\n", b" ")
    assert references(till) == ["A-17"]
    until(lambda: any("sale A-17 12.50: recorded" in said for said in both.shop.told))


def test_the_same_receipt_again_says_the_same_and_is_recorded_once(both: Front, till: Any) -> None:
    assert both.prints(receipt("A-17")) == both.prints(receipt("A-17"))
    assert references(till) == ["A-17"]


def test_two_papers_of_one_job_are_two_sales(both: Front, till: Any) -> None:
    both.prints(receipt("A-17") + receipt("A-18"))
    assert references(till) == ["A-17", "A-18"]


def test_behind_a_till_that_broke_off_within_a_receipt_the_next_one_is_a_sale(both: Front, till: Any) -> None:
    """Both numbers stand on one paper then: nobody had it cut."""
    half = receipt("A-17")[:60]
    with both.shop.connect() as connection:
        connection.sendall(half)
        until(lambda: both.printer.received.endswith(half))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert both.prints(receipt("A-18")).startswith(receipt("A-18")[:-7])
    assert references(till) == ["A-18"]


def test_what_is_no_sale_comes_out_as_it_is_and_is_not_recorded(both: Front, till: Any) -> None:
    kitchen = b"\x1b@KITCHEN\nTable 4\n2 x Tea\n\n\n\n\x1dV\x00"
    assert both.prints(kitchen) == kitchen
    assert references(till) == []


def test_a_void_takes_its_sale_back(both: Front, till: Any) -> None:
    both.prints(receipt("A-17"))
    both.prints(receipt("A-18", title="Void").replace(b"Thank you", b"Of receipt no. A-17"))
    assert till.client.get("/v1/sales/front/A-17").json()["returns"][0]["is_void"]


def test_rules_are_read_again_when_the_shop_has_taught(till: Any, tmp_path: Path) -> None:
    with closing(Front(tmp_path / "till", rules="")) as front:
        assert front.prints(receipt("A-17")) == receipt("A-17")
        (front.folder / "till-receipts.toml").write_text(RULES, encoding="utf-8")
        assert front.prints(receipt("A-17")) != receipt("A-17")
        (front.folder / "till-receipts.toml").write_text("total = 7", encoding="utf-8")
        assert front.prints(receipt("A-18")) != receipt("A-18")
        assert any("What was taught before goes on" in said for said in front.shop.told)


@pytest.mark.slow
def test_behind_a_job_that_the_printer_broke_off_the_next_receipt_is_read_again(both: Front, till: Any) -> None:
    with both.shop.connect() as connection:
        connection.sendall(b"\x1b@Logo\n\x1dv0\x00\x48\x00\xff\xff" + b"dots")  # a picture that has just begun
        until(lambda: both.printer.received.endswith(b"dots"))
        both.printer.unplug()
        until(lambda: not is_up(connection))
    both.printer.plug()
    assert both.prints(receipt("A-17")) != receipt("A-17")
    assert references(till) == ["A-17"]


def is_up(connection: socket.socket) -> bool:
    try:
        return bool(connection.send(b"."))
    except OSError:
        return False


# The ledger is down, slow or broken: the bytes are the till's own, and no sale is lost.


def test_without_a_ledger_the_bytes_are_the_tills_own_and_the_sale_is_recorded_once_it_runs(
    tmp_path: Path, serve: Callable[..., AbstractContextManager[Any]]
) -> None:
    with closing(Front(tmp_path / "till")) as front:
        for number in range(3):
            assert front.prints(receipt(f"A-{number}")) == receipt(f"A-{number}")
        assert front.waiting() == 3
        with serve() as till, announced(front.folder, till.server.url):
            until(lambda: front.waiting() == 0)
            assert references(till) == ["A-0", "A-1", "A-2"]
        assert not (front.folder / "printed" / FILE).exists()


def test_on_a_printer_without_a_cutter_each_receipt_is_a_sale_also_without_a_ledger(front: Front) -> None:
    with front.shop.connect() as till:
        for number in range(3):
            uncut = receipt(f"A-{number}").removesuffix(b"\x1dV\x00") + b"\n\n"
            till.sendall(uncut)
            until(lambda number=number: front.waiting() == number + 1)


def test_a_paper_that_comes_again_while_it_waits_waits_once(front: Front) -> None:
    for _ in range(3):
        front.prints(receipt("A-17"))
    assert front.waiting() == 1


class BadLedger:
    """Answers every request with `answer`; b"" is nothing at all."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked = 0
        self.requests = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        try:
            while asked := client.recv(65_536):
                self.asked += 1
                self.requests += asked
                if self.answer:
                    client.sendall(self.answer)
        except OSError:
            pass

    def close(self) -> None:
        self._listener.close()
        for one in self._open:
            one.close()


def http(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


BAD = {
    "nothing": b"",
    "an error": http("500 Internal Server Error", b'{"code":"INTERNAL","message":"It broke.","hint":""}'),
    "no disk": http("503 Service Unavailable", b'{"code":"STORE_FULL","message":"The disk is full.","hint":""}'),
    "no key": http("401 Unauthorized", b'{"code":"KEY_UNKNOWN","message":"","hint":""}'),
    "no JSON": http("200 OK", b"<html>"),
    "other JSON": http("200 OK", b"[1, 2]"),
    "no HTTP": b"\x00\xff" * 50,
    "ask again": http("200 OK", b'{"recorded":false,"ask_again":true}'),
}


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
def test_a_ledger_that_answers_no_block_changes_no_byte_and_the_sale_waits(answer: bytes, front: Front) -> None:
    (front.folder / "api-keys.json").unlink(missing_ok=True)
    with closing(BadLedger(answer)) as bad, announced(front.folder, bad.url):
        assert front.prints(receipt("A-17")) == receipt("A-17")
        assert front.waiting() == 1
        assert bad.asked


@pytest.mark.slow
def test_a_void_does_not_overtake_its_sale_that_waits(front: Front) -> None:
    with closing(BadLedger(BAD["no disk"])) as ledger, announced(front.folder, ledger.url):
        front.prints(receipt("A-17"))
        ledger.requests, ledger.answer = b"", http("200 OK", b'{"recorded":true}')
        front.prints(receipt("A-18", title="Void").replace(b"Thank you", b"Of receipt no. A-17"))
        until(lambda: front.waiting() == 0)
        sale_at, void_at = (ledger.requests.index(kind) for kind in (b'"kind":"sale"', b'"kind":"void"'))
        assert sale_at < void_at


def test_a_ledger_that_is_slow_holds_one_receipt_up_for_a_quarter_of_a_second_and_the_next_not_at_all(
    front: Front,
) -> None:
    with closing(BadLedger(b"")) as slow, announced(front.folder, slow.url):
        front.prints(receipt("A-0"))
        several = b"".join(receipt(f"A-{number}") for number in range(1, 21))
        began = time.monotonic()
        assert front.prints(several) == several
        assert time.monotonic() - began < 10 * AT_THE_CUT_S  # of twenty
        assert front.waiting() == 21


# What waits.


def sale(number: int) -> PrintedSale:
    return PrintedSale(
        "front", Recognised("sale", "a test", f"A-{number}", total_minor=100), 42, "2026-11-21T17:05:00+00:00"
    )


def test_what_waits_is_there_again_after_a_restart_in_order(tmp_path: Path) -> None:
    waiting = WaitingSales(tmp_path)
    for number in range(5):
        waiting.add(sale(number))
    waiting.acknowledge(2)
    again = WaitingSales(tmp_path)
    assert again.oldest(9) == [sale(2), sale(3), sale(4)]
    assert again.has("front", "A-3")
    assert not again.has("front", "A-1")
    again.acknowledge(3)
    assert not (tmp_path / FILE).exists()


def test_a_line_that_a_power_cut_has_torn_was_never_promised(tmp_path: Path) -> None:
    WaitingSales(tmp_path).add(sale(1))
    file = tmp_path / FILE
    file.write_bytes(file.read_bytes() + b'{"till":"fro')
    waiting = WaitingSales(tmp_path)
    waiting.add(sale(2))
    assert WaitingSales(tmp_path).oldest(9) == [sale(1), sale(2)]


def test_a_line_that_is_damaged_costs_none_of_the_others(tmp_path: Path) -> None:
    waiting = WaitingSales(tmp_path)
    for number in range(3):
        waiting.add(sale(number))
    file = tmp_path / FILE
    file.write_bytes(file.read_bytes().replace(b'"A-1"', b'"A-1\xff'))
    assert WaitingSales(tmp_path).oldest(9) == [sale(0), sale(2)]
    assert (tmp_path / "waiting.damaged").exists()
    assert WaitingSales(tmp_path).oldest(9) == [sale(0), sale(2)]


def test_a_disk_that_takes_nothing_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    waiting = WaitingSales(tmp_path)
    waiting.add(sale(1))
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(NoRoom, match="No space left"):
        waiting.add(sale(2))
    monkeypatch.undo()
    waiting.add(sale(3))
    assert WaitingSales(tmp_path).oldest(9) == [sale(1), sale(3)]


def test_what_is_acknowledged_on_a_disk_that_takes_nothing_is_not_handed_over_again_and_again(tmp_path: Path) -> None:
    waiting = WaitingSales(tmp_path)
    for number in range(3):
        waiting.add(sale(number))
    in_the_way = tmp_path / "waiting.new"
    in_the_way.mkdir()
    waiting.acknowledge(2)
    assert waiting.oldest(9) == [sale(2)]
    waiting.add(sale(3))
    assert WaitingSales(tmp_path).oldest(9) == [sale(number) for number in range(4)]
    in_the_way.rmdir()
    waiting.acknowledge(1)
    assert WaitingSales(tmp_path).oldest(9) == [sale(3)]


def test_what_waits_and_cannot_be_read_is_told_of_and_not_written_over(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    waiting = WaitingSales(tmp_path)
    assert len(waiting) == 0
    with pytest.raises(NoRoom, match="cannot be read"):
        waiting.add(sale(1))


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files stands for the full disk")
def test_a_relay_that_is_started_on_a_full_disk_prints(tmp_path: Path) -> None:
    folder = tmp_path / "till"
    folder.mkdir()
    with closing(RecordingPrinter()) as printer, closing(RecordingPrinter()) as free:
        port = free.port
        free.close()
        (folder / "till.toml").write_text(
            f'[printer]\naddress = "tcp://127.0.0.1:{printer.port}"\n[intercept]\nlisten = "tcp://127.0.0.1:{port}"\n',
            encoding="utf-8",
        )
        (folder / "till-receipts.toml").write_text(RULES, encoding="utf-8")
        full = (
            "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); "
            "from pos_plugin.cli import main; main()"
        )
        command = [sys.executable, "-c", full, "intercept", "--store", str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as relay:
            try:
                until(lambda: printer.connections == 1)
                until(lambda: sent(port, receipt("A-17")))
                until(lambda: printer.received == receipt("A-17"))
            finally:
                relay.terminate()
            said, _ = relay.communicate(timeout=LONG_S)
        assert "NOT RECORDED" in said


def sent(port: int, data: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port)) as till:
            till.sendall(data)
    except ConnectionRefusedError:
        return False
    return True


def test_a_card_that_was_read_in_the_same_second_as_the_paper_was_printed_was_read_before_it(tmp_path: Path) -> None:
    (tmp_path / "till-receipts.toml").write_text(RULES, encoding="utf-8")
    read_at = datetime(2026, 11, 21, 17, 5, 0, 200_000, tzinfo=UTC)
    lane = Lane(lambda: read_at)
    lane.arrived("anna", "****0018")
    told = list[PrintedSale]()

    class Told(Ledger):
        def __init__(self) -> None:
            pass

        def record(self, sale: PrintedSale) -> Block:
            told.append(sale)
            return Block(recorded=True)

    sales = RelaySales(tmp_path, "front", Told(), clock=lambda: read_at.replace(microsecond=700_000))
    stream = Stream(sales.on_paper, profile("default"))
    stream.feed(receipt("A-17"))
    assert lane.at(datetime.fromisoformat(told[0].printed_at)) is not None


def test_a_sale_that_waits_is_handed_over_before_the_next_is_asked_about(tmp_path: Path) -> None:
    """Else the member of the one that waits, who is at the till until it is recorded, would get the next customer's as well."""
    asked = list[str]()

    class Till(RunningTill):
        is_full = True

        def record(self, sale: PrintedSale, timeout_s: float) -> Block:
            if self.is_full:
                return Block(recorded=False, ask_again=True)
            asked.append(sale.seen.reference)
            return Block(recorded=True)

    till = Till(tmp_path)
    ledger = Ledger(till, WaitingSales(tmp_path))
    assert ledger.record(sale(1)) is None
    assert ledger.record(sale(2)) is None
    till.is_full = False
    assert ledger.record(sale(3)) == Block(recorded=True)
    assert asked == ["A-1", "A-2", "A-3"]


def test_a_members_code_that_the_till_draws_on_its_receipt_says_whose_the_sale_is(both: Front, till: Any) -> None:
    """GS k 73: Code 128, as tills print the card that they were shown."""
    member = till.member(CARD)
    till.client.delete("/v1/lane")
    drawn = b"\x1dkI" + bytes([len(CARD) + 2]) + b"{B" + CARD.encode() + b"\n"
    both.prints(receipt("A-17").replace(b"Thank you", drawn + b"Thank you"))
    assert till.client.get("/v1/sales/front/A-17").json()["member"] == member
