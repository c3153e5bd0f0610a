"""A sale that another program prints here is recorded once, and its receipt ends with the rewards; all else passes as it came."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from epson_tills import EpsonTill

from drivers.simulated.printer import SimulatedPrinter
from offline_store import journal
from pos_plugin.errors import TillError
from pos_plugin.intercept.kept_jobs import kept_jobs
from pos_plugin.intercept.papers import Block, PrintedSale
from pos_plugin.members.joining import join
from pos_plugin.ways_in import whole_jobs
from pos_plugin.ways_in.whole_jobs import with_rewards
from tests.waiting import until

CARD = "2900000000018"
RULES = """\
[total]
words = ["Total EUR"]
[reference]
words = ["Receipt no."]
"""


@pytest.fixture
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EpsonTill]:
    monkeypatch.setattr(whole_jobs, "WITHIN_S", 10.0)  # however busy this machine is
    with SimulatedPrinter() as far:
        made = EpsonTill(tmp_path / "till", far, intercept={"till": "front"})
        (tmp_path / "till" / "till-receipts.toml").write_text(RULES, encoding="utf-8")
        join(made.terminal.checkout, CARD)
        made.terminal.scanned(CARD)
        yield made
        made.close()


def receipt(number: str, total: str = "12.50") -> bytes:
    rows = ["Corner shop", f"Receipt no. {number}", f"Tea {total:>36}", f"Total EUR {total:>30}", "Thank you"]
    return b"\x1b@" + "\n".join(rows).encode() + b"\n\n\n\n\x1dV\x00"


def sales(till: EpsonTill) -> list[tuple[str, str, int]]:
    with till.terminal.store.read() as db:
        last, _ = journal.head(db)
        entries = [journal.read(db, number) for number in range(1, last + 1)]
    found = [entry.body.sale for entry in entries if entry is not None and entry.kind == "sale"]
    return [(sale.till, sale.sale_ref, sale.total_minor) for sale in found]


def test_a_sale_printed_as_text_ends_with_its_rewards_and_is_in_the_journal_once(till: EpsonTill) -> None:
    job = (
        "<text align='center' em='true'>Corner shop&#10;</text><text align='left' em='false'>Receipt no. 17&#10;"
        f"Tea {'12.50':>36}&#10;Total EUR {'12.50':>30}&#10;Thank you&#10;</text><feed line='3'/><cut/>"
    )
    assert till.send(job).success
    assert till.send(job).success  # the same paper again
    first, again = ([line for line in paper.lines if line.strip()] for paper in till.far.receipts)
    assert first[4] == "Thank you"
    assert "This sale" in " ".join(first[5:])
    assert "+12" in " ".join(first[5:])
    assert again == first
    assert sales(till) == [("front", "17", 1250)]


def test_what_is_no_sale_passes_as_it_came(till: EpsonTill) -> None:
    for job in (b"\x1b@Table 4\n2 x Tea\n\n\n\x1dV\x00", b"\x1bp\x00\x19\xfa", b"", bytes(range(256)) * 40):
        assert with_rewards(till.terminal, job) == job
    assert sales(till) == []
    assert till.terminal.printed_sales.notes == []


def test_a_receipt_that_nobody_cuts_is_over_when_it_was_fed(till: EpsonTill) -> None:
    uncut = receipt("1").removesuffix(b"\x1dV\x00") + b"\n\n"
    assert b"+12" in with_rewards(till.terminal, uncut)


def test_what_has_words_is_kept_to_learn_from(till: EpsonTill) -> None:
    picture = b"No. 1\n\x1dv0\x00\x08\x00\xf0\x00" + bytes([255]) * 8 * 240 + b"\n\n\n\x1dV\x00"
    for job in (b"\x1bp\x00\x19\xfa", picture, receipt("1")):
        with_rewards(till.terminal, job)
    folder = till.terminal.store.folder / "printed"
    until(lambda: [file.read_bytes() for file in kept_jobs(folder)] == [receipt("1")])


def test_two_receipts_in_one_job_each_have_their_own(till: EpsonTill) -> None:
    data = with_rewards(till.terminal, receipt("1") + receipt("2", "3.00"))
    first, second, rest = data.split(b"\x1dV\x00")
    assert rest == b""
    assert b"+12" in first
    assert b"You could have earned 3 points" in second  # the card was held out for the first
    assert sales(till) == [("front", "1", 1250), ("front", "2", 300)]


def test_without_rules_or_with_broken_ones_nothing_is_a_sale(till: EpsonTill, caplog: pytest.LogCaptureFixture) -> None:
    rules = till.terminal.store.folder / "till-receipts.toml"
    rules.write_text("[total]\nwords = 3\n", encoding="utf-8")
    assert with_rewards(till.terminal, receipt("1")) == receipt("1")
    assert "till-receipts.toml" in caplog.text
    assert "Traceback" not in caplog.text
    rules.unlink()
    assert with_rewards(till.terminal, receipt("1")) == receipt("1")
    assert sales(till) == []


def test_whatever_is_wrong_with_the_till_the_job_is_printed_at_once(caplog: pytest.LogCaptureFixture) -> None:
    assert with_rewards(SimpleNamespace(), receipt("1")) == receipt("1")  # type: ignore[arg-type]
    assert "were not there within" not in caplog.text


class Refusing:
    def record(self, printed: PrintedSale) -> Block:
        raise TillError("NO", "The disk is full.")


class Slow:
    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.has_answered = False

    def record(self, printed: PrintedSale) -> Block:
        self.go_on.wait(10)
        self.has_answered = True
        return Block(recorded=False)


def test_a_ledger_that_fails_or_is_slow_holds_no_receipt_up(till: EpsonTill, monkeypatch: pytest.MonkeyPatch) -> None:
    till.terminal.printed_sales = Refusing()  # type: ignore[assignment]
    assert with_rewards(till.terminal, receipt("1")) == receipt("1")
    till.terminal.printed_sales = slow = Slow()  # type: ignore[assignment]
    monkeypatch.setattr(whole_jobs, "WITHIN_S", 0.05)
    assert with_rewards(till.terminal, receipt("1")) == receipt("1")
    assert not slow.has_answered
    slow.go_on.set()
