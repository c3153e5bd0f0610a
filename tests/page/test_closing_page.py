"""The end of the day on the till's page: a look, the Z, a balance on paper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from drivers.simulated.printer import SimulatedPrinter
from loyalty.program import preset, read_program
from loyalty.sale import Sale
from offline_store import journal, settings
from offline_store.store import Store
from pos_plugin.config import Config
from pos_plugin.local_api.server import Server
from pos_plugin.members.joining import join
from pos_plugin.shop_day.closing import close
from pos_plugin.terminal import Terminal

pytestmark = pytest.mark.browser

CARD = "2900000000018"


@contextmanager
def day_at_a_till(folder: Path, browser: Browser) -> Iterator[tuple[Terminal, Page]]:
    """Two cashiers' sales, one of them with a member, a receipt number that is missing, and a printer."""
    store = Store.create(folder)
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    with SimulatedPrinter() as printer:
        address = f"tcp://127.0.0.1:{printer.serve_tcp()}"
        terminal = Terminal(store, Config.model_validate({"printer": {"address": address, "width_columns": 42}}))
        member = join(terminal.checkout, CARD).member
        with store.read() as db:
            now = terminal.checkout.moment(db)
        for number, (who, ref) in enumerate([(member, "17"), ("", "18"), ("", "20")]):
            sale = Sale("1", ref, now.occurred_at, now.today, "EUR", 1000, operator="1" if number else "Lee")
            terminal.checkout.commit(terminal.checkout.quote(sale, who).quote_id)
        terminal.start()
        with terminal, Server(terminal, 0) as server:
            page = browser.new_page(viewport={"width": 1024, "height": 768})
            page.goto(server.url)
            expect(page.locator("html")).to_have_attribute("data-ready", "yes")
            yield terminal, page
            page.close()


def test_in_training_nobody_is_asked_whether_the_day_ends(tmp_path: Path, browser: Browser) -> None:
    with day_at_a_till(tmp_path / "till", browser) as (_, page):
        page.click("#training")
        expect(page.locator("#training-banner")).to_be_visible()
        page.keyboard.press("Shift+F9")
        page.click("#closing-z")
        expect(page.locator("#warned")).to_contain_text("Leave training first.")
        expect(page.locator("dialog[open]")).to_have_count(0)


def test_a_day_is_looked_at_closed_once_and_its_paper_printed(tmp_path: Path, browser: Browser, axe) -> None:
    with day_at_a_till(tmp_path / "till", browser) as (terminal, page):
        page.keyboard.press("Shift+F9")
        now = page.locator("#closing-now")
        expect(now).to_contain_text("You: 2 sales, 0.0 % with a member.")
        expect(now).to_contain_text("No sale of till 1 has the receipt number 19.")
        expect(now).to_contain_text("1, 33.3 % of the sales and 33.3 % of their value")
        assert axe(page) == []
        page.get_by_role("button", name="Close the day").click()
        page.get_by_role("dialog").get_by_role("button", name="Close the day").click()
        expect(page.locator("#said")).to_contain_text("is closed: Z 1")
        expect(page.locator("#closings")).to_contain_text("Z 1")
        expect(now).to_contain_text("There is nothing to close.")
        expect(page.locator("#closing-z")).to_have_count(0)
        assert axe(page) == []
        with terminal.store.read() as db:
            last = journal.read(db, journal.head(db)[0])
        assert last is not None
        assert last.kind == "closing"


def test_fact_11_a_balance_is_printed_without_a_sale_and_nothing_moves(tmp_path: Path, browser: Browser) -> None:
    with day_at_a_till(tmp_path / "till", browser) as (terminal, page):
        with terminal.store.read() as db:
            before = journal.head(db)
        page.keyboard.press("F6")
        page.locator("#members-lookup").fill(CARD)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Print the balance").click()
        expect(page.locator("#said")).to_contain_text("The balance is printed.")
        with terminal.store.read() as db:
            assert journal.head(db) == before


def test_an_empty_day_is_closed_only_by_whoever_says_so_twice(
    tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    with day_at_a_till(tmp_path / "till", browser) as (terminal, page):
        close(terminal.checkout)
        monkeypatch.setattr(terminal.checkout, "clock", lambda: datetime.now(UTC) + timedelta(days=1))
        page.keyboard.press("Shift+F9")
        expect(page.locator("#closing-now")).to_contain_text("nothing was sold, given or taken back")
        page.get_by_role("button", name="Close an empty day").click()
        expect(page.locator("#ask")).to_contain_text("Nothing is in it")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Close an empty day").click()
        page.get_by_role("button", name="Close the empty day").click()
        expect(page.locator("#said")).to_contain_text("is closed: Z 2")
