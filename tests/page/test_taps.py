"""A cashier's tap is never lost: whatever is drawn, recorded or asked while the finger is down, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from playwright.sync_api import Browser, Page, Route, expect

from drivers.simulated.printer import SimulatedPrinter
from ledger.wire import OperatorItem
from offline_store import operators
from tests.page.tills import WIDE, Till, make_till

pytestmark = pytest.mark.browser

MORE_MILK = "button[aria-label^='One more Whole milk']"


def press(page: Page, selector: str) -> None:
    """The finger comes down near the upper edge of it, and stays."""
    page.locator(selector).first.hover(position={"x": 20, "y": 5})  # once it is there and stands still
    page.mouse.down()


def held_back(page: Page, path: str) -> Callable[[], None]:
    """From now on the till hears nothing at `path`; what comes back lets it hear."""
    held: list[Route] | None = []

    def asked(route: Route) -> None:
        if held is None:
            route.continue_()  # it set out before it was let go, and came here after
        else:
            held.append(route)

    def let_go() -> None:
        nonlocal held
        waiting, held = held or [], None
        for route in waiting:
            route.continue_()

    page.route(path, asked)
    return let_go


def test_a_tap_on_a_line_counts_though_the_price_comes_while_the_finger_is_down(till: Till) -> None:
    go_on = held_back(till.page, "**/v1/quotes")
    till.tap("Whole milk")
    press(till.page, MORE_MILK)
    expect(till.page.locator(".sums dl.old")).to_have_count(1)
    go_on()
    expect(till.page.locator(".sums dl.old")).to_have_count(0)  # it was drawn
    till.page.mouse.up()
    expect(till.page.locator("#lines output")).to_have_text("2")
    till.see("#due", "€2.78")


@pytest.mark.parametrize("pressed", [".tile:has-text('Olive oil')", MORE_MILK], ids=["an item", "a line"])
def test_a_tap_is_for_what_it_began_on_though_a_band_moves_the_page(till: Till, pressed: str) -> None:
    till.tap("Whole milk")
    till.see("#due", "€1.39")
    press(till.page, pressed)
    till.page.evaluate("document.querySelector('#training-banner').hidden = false")
    till.page.mouse.up()
    expect(till.page.locator("#due")).to_have_text("€10.38" if "Olive" in pressed else "€2.78")


def test_whoever_slides_off_an_item_takes_the_tap_back(till: Till) -> None:
    press(till.page, ".tile:has-text('Olive oil')")
    till.page.mouse.move(900, 400, steps=3)
    till.page.mouse.up()
    till.tap("Whole milk")
    expect(till.page.locator("#due")).to_have_text("€1.39")


def test_an_item_tapped_while_a_sale_is_recorded_begins_the_next_sale(till: Till) -> None:
    till.tap("Whole milk")
    till.see("#due", "€1.39")
    go_on = held_back(till.page, "**/commit")
    till.page.keyboard.press("F9")
    till.see("#complete-text", "Recording")
    till.tap("Whole milk", "Olive oil")
    go_on()
    till.see("#receipt-title", "Sale completed")
    till.see("#receipt", "€1.39")
    till.page.keyboard.press("Escape")
    expect(till.page.locator("#due")).to_have_text("€10.38")
    till.complete()


@pytest.mark.parametrize("place", ["#printing", "#prints", "#view-devices"])
def test_an_answer_about_a_receipt_in_doubt_counts_though_the_till_speaks_meanwhile(
    tmp_path: Path, browser: Browser, place: str
) -> None:
    with SimulatedPrinter() as printer:
        address = f"tcp://127.0.0.1:{printer.serve_tcp()}"
        for till in make_till(tmp_path / "till", browser, WIDE, printer={"address": address}):
            till.tap("Olive oil")
            till.complete()
            till.see("#printing", "Receipt printed.")
            if place != "#printing":
                till.page.keyboard.press("Enter")
            if place == "#view-devices":
                till.tap("More", "Devices")
            till.terminal.store.write(lambda db: db.execute("UPDATE print_job SET state = 'unknown'") and None)
            till.terminal.events.happened("print")
            till.see(place, "Did the receipt come out?")
            press(till.page, f"{place} button:has-text('It came out')")
            till.terminal.store.write(
                lambda db: db.execute("UPDATE print_job SET reason = 'It says no more.'") and None
            )
            with till.page.expect_response("**/v1/state"):
                till.terminal.events.happened("print")
            till.page.evaluate("new Promise(done => setTimeout(done))")  # it was drawn
            till.page.mouse.up()
            expect(till.page.locator(place)).not_to_contain_text("Did the receipt come out?")


def test_an_item_tapped_while_training_begins_is_in_the_training_sale(till: Till) -> None:
    go_on = held_back(till.page, "**/v1/training")
    till.page.get_by_role("switch", name="Training").click()
    till.tap("Whole milk")
    go_on()
    expect(till.page.locator("#training-banner")).to_be_visible()
    expect(till.page.locator("#due")).to_have_text("€1.39")
    till.page.keyboard.press("F9")
    till.see("#receipt-title", "Training sale")


@pytest.fixture
def kept(tmp_path: Path, browser: Browser) -> Iterator[Till]:
    """A till whose shop keeps operators; nobody is on."""
    cheap = Argon2id(salt=b"kim".ljust(16), length=32, iterations=1, lanes=1, memory_cost=8)
    kim = OperatorItem("kim", "Kim", "cashier", cheap.derive_phc_encoded(b"2580"))
    for till in make_till(tmp_path / "till", browser, WIDE):
        till.terminal.store.write(lambda db: operators.apply_items(db, [kim]))
        till.open()
        yield till


def test_an_item_tapped_the_moment_the_sign_on_screen_goes_is_in_the_sale(kept: Till) -> None:
    kept.page.evaluate(
        """() => document.querySelector('#sign-on').addEventListener('close', () =>
            [...document.querySelectorAll('.tile')].find(one => one.textContent.includes('milk')).click())"""
    )
    kept.page.locator("#sign-on-pin").focus()
    kept.page.keyboard.type("2580", delay=60)  # as a hand types, and no scanner
    kept.page.keyboard.press("Enter")
    kept.see("#cashier", "Kim")
    expect(kept.page.locator("#due")).to_have_text("€1.39")
    kept.complete()
