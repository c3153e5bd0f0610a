"""Views, menu, keys and sounds of the till's page; devices and their fixes; the customer's window."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from drivers.simulated.printer import SimulatedPrinter
from loyalty.program import preset, read_program
from offline_store import settings
from pos_plugin.page_settings import Shortcuts
from pos_plugin.papers.till_printer import TillPrinter
from tests.page.tills import CARD, WIDE, Till, make_till

pytestmark = pytest.mark.browser


def hear(page: Page, tone: str) -> None:
    expect(page.locator("html")).to_have_attribute("data-tone", tone)


def test_every_key_of_the_settings_does_something_and_no_action_has_a_name_of_its_own(till: Till) -> None:
    named: list[str] = till.page.evaluate("import('/page/keys.js').then(keys => [...keys.actions.keys()])")
    without_key = {"training"}
    assert set(named) - without_key <= set(Shortcuts.model_fields)


def test_the_shop_chooses_its_keys_and_the_page_shows_them(tmp_path: Path, browser: Browser) -> None:
    page_set_up = {"shortcuts": {"complete": "Shift+F12", "returns": "Alt+R", "help": "*", "drawer": ""}}
    for till in make_till(tmp_path / "till", browser, WIDE, page=page_set_up):
        expect(till.page.get_by_role("button", name="Returns")).to_contain_text("Alt+R")
        till.page.keyboard.press("F4")  # has no meaning any more
        expect(till.page.locator("#view-returns")).not_to_be_visible()
        till.page.keyboard.press("Alt+r")
        expect(till.page.locator("#return-of")).to_be_focused()
        till.page.keyboard.type("2*3", delay=130)  # as by hand; in a field it is what it says
        expect(till.page.locator("#return-of")).to_have_value("2*3")
        till.page.evaluate("document.activeElement.blur()")
        till.page.keyboard.press("*")
        till.see("#view-help", "Complete the sale")
        expect(till.page.locator("table.keys")).to_contain_text("Shift+F12")
        expect(till.page.locator("table.keys")).not_to_contain_text("Open the drawer")
        till.page.keyboard.press("F2")
        till.tap("Olive oil")
        till.page.keyboard.press("Shift+F12")
        till.see("#receipt-title", "Sale completed")


@pytest.mark.parametrize("scan", ["?29000000000187", "2900000000018?7", "29000000000187?"])
def test_a_sign_of_a_scan_opens_nothing(till: Till, scan: str) -> None:
    keyboard, clock = till.page.keyboard, till.page.clock
    clock.install()
    clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))  # from here on time passes by run_for alone, in ms
    keyboard.press("F6")
    till.page.evaluate("document.activeElement.blur()")
    clock.run_for(200)  # a hand comes later than a scanner's next sign, and that is what tells them apart
    for sign in (*scan, "Enter"):
        keyboard.press(sign)
        clock.run_for(5)
    till.see("#warned", "This is no member card.")
    clock.run_for(200)
    expect(till.page.locator("#view-members")).to_be_visible()
    keyboard.press("?")
    clock.run_for(200)
    expect(till.page.locator("#view-help")).to_be_visible()


def test_the_menu_lists_what_the_row_has_no_room_for(till: Till) -> None:
    till.page.keyboard.press("F1")
    expect(till.page.locator("#menu")).to_be_visible()
    till.tap("Devices")
    expect(till.page.locator("#menu")).not_to_be_visible()
    till.see("#devices-sum", "Nothing needs you.")
    expect(till.page.locator("#menu-open")).to_have_attribute("aria-current", "page")
    till.page.keyboard.press("F3")
    till.tap("Back to the sale")
    expect(till.page.locator("#view-sale")).to_be_visible()


def test_what_is_refused_sounds_unlike_what_does_not_work(till: Till) -> None:
    till.terminal.scanned("2900000000019")  # a wrong check digit
    till.see("#warned", "The card was not read whole.")
    hear(till.page, "refused")
    till.page.keyboard.press("F4")
    till.page.fill("#return-of", "no such sale")
    till.page.evaluate("delete document.documentElement.dataset.tone")
    till.page.keyboard.press("Enter")
    till.see("#warned", "is not known here")
    hear(till.page, "refused")
    till.page.keyboard.press("F2")
    till.page.route("**/v1/quotes", lambda route: route.abort())
    till.page.route("**/v1/identify", lambda route: route.abort())
    till.page.fill("#sale-lookup", CARD)
    till.page.get_by_role("button", name="Find").first.click()
    till.see("#warned", "The till program does not answer.")
    hear(till.page, "trouble")


def test_how_loud_it_is_comes_from_the_settings_until_this_screen_says_otherwise(
    tmp_path: Path, browser: Browser
) -> None:
    for till in make_till(tmp_path / "till", browser, WIDE, page={"sounds": {"on": False, "volume_percent": 80}}):
        till.page.keyboard.press("?")
        volume = till.page.get_by_label("Volume on this screen")
        expect(volume).to_have_value("0")
        volume.fill("30")
        till.open()
        till.page.keyboard.press("?")
        expect(till.page.get_by_label("Volume on this screen")).to_have_value("30")


def test_before_the_printer_was_asked_the_page_does_not_call_it_silent(
    tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        TillPrinter, "print_all", lambda self, stopping: stopping.wait()
    )  # its thread has not come so far
    with SimulatedPrinter() as printer:
        address = f"tcp://127.0.0.1:{printer.serve_tcp()}"
        for till in make_till(tmp_path / "till", browser, WIDE, printer={"address": address}):
            till.see("#printer", "Asking the printer…")
            till.page.click("#printer")
            till.see('[data-kind="printer"]', "The printer is being asked how it is.")
            assert till.terminal.printer.spooler is not None
            till.terminal.printer.spooler.look()
            till.terminal.events.happened("printer")
            till.see("#printer", "Printer ready")
            till.see('[data-kind="printer"]', "The printer is ready.")


def test_devices_say_what_is_wrong_and_their_buttons_help(tmp_path: Path, browser: Browser) -> None:
    with SimulatedPrinter() as printer:
        address = f"tcp://127.0.0.1:{printer.serve_tcp()}"
        config = {"printer": {"address": address}, "server": {"url": "http://127.0.0.1:9"}}
        for till in make_till(tmp_path / "till", browser, WIDE, **config):
            till.see("#printer", "Printer ready")
            printer.paper_out()
            till.tap("Olive oil")
            reference = till.complete()
            till.page.keyboard.press("Enter")
            till.page.keyboard.press("F3")
            paper = till.page.locator('[data-kind="printer"]')
            expect(paper).to_have_attribute("data-condition", "trouble")
            expect(paper).to_contain_text("Needs you")
            expect(paper).to_contain_text("The paper is out. Put in a new roll.")
            expect(paper).to_contain_text(reference)
            till.see("#outbox", "entries wait for head office, the oldest since 20")
            till.see("#outbox", "One receipt waits for the printer.")
            till.see('[data-kind="head office"]', "not connected to a head office yet")
            till.see(".pairing", "pos-plugin enroll http://127.0.0.1:9 CODE --store")
            logging.getLogger("pos_plugin").warning("the roll was changed by %s", "a test")
            printer.load_paper()
            paper.get_by_role("button", name="Look again").click()
            till.see("#tested", "The printer is ready.")
            expect(paper).to_have_attribute("data-condition", "well")
            expect(paper).to_contain_text("No receipt waits.")
            till.see(".log", "warning: the roll was changed by a test")
            till.page.locator('[data-kind="drawer"]').get_by_role("button").click()
            till.see("#said", "The drawer was told to open.")
            assert printer.wait_until(lambda: printer.drawer_kicks == 1)
            till.page.locator('[data-kind="head office"]').get_by_role("button", name="Connect").click()
            expect(till.page.locator("#connect-url")).to_have_value("http://127.0.0.1:9")  # as the settings have it


REWARDS = """
[[reward]]
name = "two-off"
title = { en = "2.00 off", de = "2,00 weniger" }
points = 40
kind = "money"
value_minor = 200

[[reward]]
name = "big"
title = "A hamper"
points = 60
kind = "gift"
"""


def test_the_customer_follows_the_sale_in_a_window_and_in_a_language(till: Till) -> None:
    program = read_program(preset("points") + REWARDS)
    till.terminal.store.write(lambda db: settings.use_program(db, program, "2026-01-01T00:00:00+00:00"))
    till.earn(50)
    till.terminal.customer.tell(None)  # whoever bought before has left
    till.page.keyboard.press("F1")
    with till.page.expect_popup() as opened:
        till.tap("Customer's window")
    window = Till(till.terminal, till.url, opened.value)
    window.see("#now", "Show your card each time you buy.")
    till.terminal.scanned(CARD)
    window.see("#now", "50 points")
    till.tap("Olive oil", "Olive oil", "Sourdough loaf")
    window.see(".goods", "2 × Olive oil")
    window.see("#due", "€22.18")
    window.see("#to-come", "22 points to come")
    window.see("#offer", "2.00 off for 40 points")
    window.see("#reward", "10 points more: A hamper")
    window.page.keyboard.press("3")
    expect(window.page.get_by_label("Deutsch")).to_be_checked()
    window.see("#due", "22,18\u00a0€")
    window.see("#offer", "2,00 weniger")
    expect(window.page.locator("html")).to_have_attribute("lang", "de")
    assert CARD[-4:] not in window.page.inner_text("body")
    till.page.keyboard.press("F9")
    window.see("#now", "Vielen Dank")
    window.see("#now", "72")
    till.page.keyboard.press("Enter")
    till.tap("Olive oil")
    window.see("#due", "8,99\u00a0€")
    till.page.click("#clear")
    till.page.locator("#ask").get_by_role("button", name="Clear").click()
    window.see("#now", "Show your card each time you buy.")  # nobody is there: the next customer has another language


def test_the_customers_window_shows_what_a_host_sells_too(till: Till) -> None:
    window = Till(till.terminal, till.url, till.page.context.new_page())
    window.page.goto(f"{till.url}/customer")
    window.see("#now", "Welcome")
    from loyalty.sale import LineItem, Sale

    with till.terminal.store.read() as db:
        now = till.terminal.checkout.moment(db)
    line = LineItem("1", 250, name="Tea <b>of the house</b>")
    till.terminal.checkout.quote(Sale("other", "1", now.occurred_at, now.today, "EUR", 250, (line,)))
    window.see(".goods", "Tea <b>of the house</b>")
    window.see("#due", "€2.50")
    expect(window.page.locator("#to-come")).to_have_count(0)


def test_the_page_is_light(till: Till) -> None:
    """What docs/till-page.md says of its weight stays true: no library slips in."""
    page = till.page.context.new_page()
    page.goto(till.url)
    expect(page.locator("html")).to_have_attribute("data-ready", "yes")
    sizes: list[int] = page.evaluate(
        """[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
            .filter(one => !one.name.includes("/v1/")).map(one => one.transferSize)"""
    )
    assert 60_000 < sum(sizes) < 200_000
