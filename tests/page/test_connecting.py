"""A new till's first minutes on its page: connected to a real head office by keyboard alone, and by finger on a phone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from central_server.founding import init_office
from central_server.office import Office
from central_server.tills import enrolment
from tests.central.served import served
from tests.page.tills import make_till

pytestmark = pytest.mark.browser

SIZES = {"counter": {"width": 1024, "height": 768}, "phone": {"width": 360, "height": 740}}


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office") / "office"
    init_office(folder, clock, random.Random(1).randbytes, shops=["Mill"]).close()
    with_one = Office.open(folder, clock, random.Random(2).randbytes)
    yield with_one
    with_one.close()


def type_into(page: Page, text: str) -> None:
    page.keyboard.type(text, delay=45)  # as a hand types, and no scanner


def test_a_new_till_is_connected_with_the_keyboard_alone_and_sells_on_while_it_cannot_be(
    office: Office, tmp_path: Path, browser: Browser, axe: Callable[[Page], list[str]], pytestconfig: pytest.Config
) -> None:
    for till in make_till(tmp_path / "till", browser, SIZES["counter"]):
        page = till.page
        till.see("#network", "No head office")
        page.keyboard.press("F3")
        till.see("[data-kind='head office']", "not connected to a head office yet")
        page.locator("[data-key='connect-head office']").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#connect-url")).to_be_focused()
        assert axe(page) == []
        type_into(page, "127.0.0.1:1")
        page.keyboard.press("Tab")
        type_into(page, "K7QF-2M9X")
        page.keyboard.press("Enter")
        till.see("#connect-said", "The same code can be typed again")
        expect(page.locator("#connect-url")).to_have_value("127.0.0.1:1")
        assert axe(page) == []
        page.keyboard.press("Escape")
        page.keyboard.press("F2")
        till.tap("Milk")
        till.complete()
        page.keyboard.press("Escape")
        with served(office) as url:
            page.keyboard.press("F3")
            page.locator("[data-key='connect-head office']").focus()
            page.keyboard.press("Enter")
            expect(page.locator("#connect-url")).to_be_focused()
            type_into(page, url)
            page.keyboard.press("Tab")
            type_into(page, enrolment.new_code(office, "Mill"))
            page.keyboard.press("Enter")
            till.see("#said", "belongs to Mill now")
            till.see("#network", "Connected")
            till.see(".pairing", "Mill")
            till.see("#outbox", "Head office has everything.")
            expect(page.locator("[data-key='connect-head office']")).to_have_count(0)
            assert axe(page) == []


def test_on_a_phone_nothing_scrolls_sideways_and_axe_finds_nothing(
    tmp_path: Path, browser: Browser, axe: Callable[[Page], list[str]]
) -> None:
    for till in make_till(tmp_path / "till", browser, SIZES["phone"]):
        page = till.page
        page.click("#network")
        till.see("[data-kind='head office']", "not connected to a head office yet")
        assert axe(page) == []
        page.get_by_role("button", name="Connect to head office").click()
        expect(page.locator("#connect")).to_be_visible()
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        low = "all => all.filter(one => one.getBoundingClientRect().height < 48).map(one => one.id || one.textContent)"
        assert page.locator("#connect button, #connect input").evaluate_all(low) == []
