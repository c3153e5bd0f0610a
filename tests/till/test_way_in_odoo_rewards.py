"""A receipt that comes as a picture and bears a fiscal code ends with the rewards of whoever's card was read."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import segno
from PIL import Image, ImageDraw

from drivers.simulated.pieces import Line
from drivers.simulated.printer import SimulatedPrinter
from loyalty.program import preset, read_program
from loyalty.sale import document_name
from offline_store import journal, settings
from offline_store.errors import StoreError
from offline_store.store import Store
from pos_plugin.config import Config, DoorSettings
from pos_plugin.members.joining import join
from pos_plugin.serving.server import WebServer
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in.door import Door
from pos_plugin.ways_in.odoo import Odoo

CARD = "2900000000018"
# RKSV, "maschinenlesbarer Code": till KASSE1, receipt 42, 12.00 at 20 % and 5.50 at 10 %.
AUSTRIAN = "_R1-AT0_KASSE1_42_2026-11-21T18:05:00_12,00_5,50_0,00_0,00_0,00_aGe0roWrPMk=_1_z8qkXAkDVyo=_NTFa"
TRAINING = AUSTRIAN.replace("aGe0roWrPMk=", base64.b64encode(b"TRA").decode())
FIRST_ROWS = 600


class Counter:
    def __init__(self, folder: Path, far: SimulatedPrinter, *, fiscal_codes: bool = True) -> None:
        self.far = far
        store = Store.create(folder)
        store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
        printer, odoo = {"address": f"tcp://127.0.0.1:{far.serve_tcp()}"}, {"fiscal_codes": fiscal_codes}
        config = Config.model_validate({"printer": printer, "odoo": odoo})
        now = datetime(2026, 11, 21, 17, 5, tzinfo=UTC)  # 18:05 in Vienna
        self.terminal = Terminal(store, config, clock=lambda: now)
        join(self.terminal.checkout, CARD)
        self.terminal.start()
        self.server = WebServer(Door(Odoo(self.terminal), DoorSettings()), 0, "127.0.0.1").start()

    def prints(self, code: str = "") -> bool:
        """As Odoo does; whether it is told that its receipt is on paper."""
        data = {"action": "print_receipt", "receipt": receipt(code)}
        said = httpx.post(
            f"{self.server.url}/hw_proxy/default_printer_action",
            json={"id": 1, "params": {"data": data}},
            timeout=10,
            trust_env=False,
        )
        return said.json()["result"] is True

    def words(self) -> list[str]:
        """What stands below the picture of the last receipt."""
        paper = self.far.receipts[-1]
        assert paper.was_cut
        assert not isinstance(paper.printed[0], Line)
        return [line.strip() for line in paper.lines if line.strip()]

    def sale(self, reference: str = "KASSE1-42") -> Any:
        with self.terminal.store.read() as db:
            return journal.find(db, document_name("sale", "1", reference))

    def close(self) -> None:
        self.server.stop()
        self.terminal.close()


@pytest.fixture
def counter(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Counter]:
    with SimulatedPrinter(width_dots=504) as far:
        made = Counter(tmp_path / "till", far, fiscal_codes=getattr(request, "param", True))
        yield made
        made.close()


def receipt(code: str) -> str:
    """As Odoo draws it, in the browsers' JPEG."""
    drawn = Image.new("L", (512, FIRST_ROWS), "white")
    ImageDraw.Draw(drawn).text((40, 40), "TOTAL 17,50", fill="black", font_size=32)
    if code:
        file = io.BytesIO()
        segno.make(code, error="m").save(file, kind="png", scale=4)
        drawn.paste(Image.open(file).convert("L"), (80, 120))
    out = io.BytesIO()
    drawn.save(out, "JPEG", quality=92)
    return base64.b64encode(out.getvalue()).decode()


def test_the_sale_of_whoever_held_out_a_card_is_theirs_and_the_picture_ends_with_their_points(counter: Counter) -> None:
    assert counter.terminal.scanned(CARD, device="hand scanner").kind == "member"
    assert counter.prints(AUSTRIAN)
    sale = counter.sale()
    assert (sale.body.sale.total_minor, sale.body.awarded) == (1750, 17)
    assert "Card ****0018" in counter.words()[0]
    assert any(line.startswith("This sale") and line.endswith("+17") for line in counter.words())
    assert counter.prints(AUSTRIAN)  # Odoo's button, to print it again
    first, again = counter.far.receipts
    assert first.lines == again.lines
    with counter.terminal.store.read() as db:
        assert journal.head(db)[0] == sale.number


@pytest.mark.parametrize("code", ["", "https://shop.odoo.com/pos/ticket", TRAINING, "_R1-AT0_KASSE1_42"])
def test_a_picture_without_a_fiscal_code_of_a_sale_is_printed_as_it_came(counter: Counter, code: str) -> None:
    counter.terminal.scanned(CARD, device="hand scanner")
    assert counter.prints(code)
    assert counter.words() == []
    assert counter.sale() is None
    assert counter.terminal.printed_sales.notes == []  # the cashier is not told of every paper that is no sale


@pytest.mark.parametrize("counter", [False], indirect=True)
def test_unless_the_shop_wants_it_nothing_is_read_from_its_receipts(counter: Counter) -> None:
    """Where a program reports the sales, they would stand twice."""
    counter.terminal.scanned(CARD, device="hand scanner")
    assert counter.prints(AUSTRIAN)
    assert (counter.words(), counter.sale()) == ([], None)


def test_what_fails_in_the_ledger_keeps_no_receipt_from_being_printed(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("The disk is full.")

    counter.terminal.scanned(CARD, device="hand scanner")
    with monkeypatch.context() as fault:
        fault.setattr(counter.terminal.store, "write", full)
        assert counter.prints(AUSTRIAN)
    assert counter.words() == []
    assert "without its rewards: StoreError" in caplog.text
    assert counter.prints(AUSTRIAN)
    assert "Card ****0018" in counter.words()[0]


def test_where_no_code_can_be_read_the_picture_is_printed_as_it_came(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "zxingcpp", None)  # the package is not installed
    Odoo(counter.terminal)
    assert "pip install 'pos-plugin[camera]'" in caplog.text
    caplog.clear()
    assert counter.prints(AUSTRIAN)
    assert (counter.words(), counter.sale(), caplog.text) == ([], None, "")
