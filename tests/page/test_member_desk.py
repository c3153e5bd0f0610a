"""Consent and lost cards at the till's page: what a cashier shows, ticks and types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ledger.entry import ConsentBody
from ledger.wire import CardBatchItem, ConsentTextItem
from loyalty.program import preset, read_program
from offline_store import card_stock, consents, journal, settings
from offline_store.store import Store
from pos_plugin.config import Config
from pos_plugin.local_api.server import Server
from pos_plugin.members.joining import join
from pos_plugin.terminal import Terminal

pytestmark = pytest.mark.browser

CARD, NEW_CARD = "2900000000018", "2900000000032"
TEXT = ConsentTextItem("letters 3", {"en": "We may write to you about offers of this shop."})


class Till:
    def __init__(self, terminal: Terminal, page: Page) -> None:
        self.terminal, self.page = terminal, page

    def entries(self) -> list[journal.Entry]:
        with self.terminal.store.read() as db:
            last, _ = journal.head(db)
            return [one for number in range(1, last + 1) if (one := journal.read(db, number))]


@pytest.fixture(params=["light", "dark"])
def till(tmp_path: Path, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Till]:
    store = Store.create(tmp_path / "till")
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    store.write(lambda db: consents.use_text(db, TEXT))
    terminal = Terminal(store, Config())
    join(terminal.checkout, CARD)
    with terminal, Server(terminal, 0) as server:
        context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=request.param)
        page = context.new_page()
        trouble: list[str] = []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto(server.url)
        expect(page.locator("html")).to_have_attribute("data-ready", "yes")
        yield Till(terminal, page)
        context.close()
    assert trouble == []


def low(page: Page, dialog: str) -> list[str]:
    """What of a dialog is lower than 48 pixels."""
    return page.evaluate(
        "name => [...document.querySelectorAll(`#${name} button, #${name} .tick, #${name} input:not([type=checkbox])`)]"
        ".filter((one) => one.offsetParent && one.getBoundingClientRect().height < 48).map((one) => one.outerHTML)",
        dialog,
    )


def test_what_is_agreed_to_is_ticked_by_hand_and_stands_in_the_journal(
    till: Till, axe: Callable[[Page], list[str]]
) -> None:
    page = till.page
    boxed = [CardBatchItem("b", [NEW_CARD, "2900000000049"])]
    till.terminal.store.write(lambda db: card_stock.apply_items(db, boxed))
    till.terminal.recorded("members")  # as a step of the exchange does
    till.terminal.scanned(NEW_CARD)
    page.get_by_role("button", name="Join with this card").click()
    expect(page.locator("#join")).to_contain_text("New cards left in this shop: 2.")
    expect(page.locator("#join-consent-text")).to_have_text(TEXT.texts["en"])
    box = page.get_by_label("The member agrees")
    expect(box).not_to_be_checked()
    assert (low(page, "join"), axe(page)) == ([], [])
    box.check()
    page.click("#join-go")
    expect(page.locator("#joined-card")).to_have_text("2900 0000 0003 2")
    *_, said = till.entries()
    assert said.body == ConsentBody("letters 3", True, "till", said.body.operator)  # type: ignore[union-attr]


def test_consent_is_taken_back_and_a_lost_card_waits_for_the_network(
    till: Till, axe: Callable[[Page], list[str]]
) -> None:
    page = till.page
    page.evaluate("document.querySelector('[data-view=members]')?.click()")
    till.terminal.scanned(CARD)
    page.click("#desk-consent")
    expect(page.locator("#consent")).to_contain_text(TEXT.texts["en"])
    assert (low(page, "consent"), axe(page)) == ([], [])
    page.click("#consent-no")
    expect(page.locator("#said")).to_contain_text("nobody writes to them")
    *_, said = till.entries()
    assert isinstance(said.body, ConsentBody)
    assert said.body.is_given is False

    page.click("#desk-replace")
    till.terminal.scanned(NEW_CARD)
    expect(page.locator("#replace-new")).to_have_value(NEW_CARD)
    till.terminal.scanned(CARD)
    expect(page.locator("#warned")).to_contain_text("Somebody has this card already.")
    page.fill("#replace-reason", "lost on the beach")
    assert (low(page, "replace"), axe(page)) == ([], [])
    page.click("#replace-go")
    expect(page.locator("#warned")).to_contain_text("cannot be asked now. Nothing was changed.")
    expect(page.locator("#replace-go")).to_be_enabled()
