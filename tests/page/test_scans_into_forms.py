"""A card that is scanned into a form of the page is that form's alone: whoever stands at the till for a sale stays there."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.tills import CARD, NEW_CARD, OTHER_CARD, WIDE, Till, make_till

pytestmark = pytest.mark.browser


def told(page: Page, into: str, key: str) -> None:
    """Presses a key, and waits until the till knows which form is in front."""
    with page.expect_response(
        lambda one: one.url.endswith("/v1/scans") and f'"{into}"' in (one.request.post_data or "")
    ):
        page.keyboard.press(key)


def at_till(till: Till) -> str:
    there = till.terminal.lane.now
    return there.card if there else ""


def test_scans_into_a_claim_a_ticket_and_who_joins_reach_that_form_alone(tmp_path: Path, browser: Browser) -> None:
    for till in make_till(tmp_path / "till", browser, WIDE):
        page = till.page
        till.terminal.scanned(CARD)
        till.see("#who", "0018")
        assert at_till(till) == "****0018"
        for key, form, place in (("F7", "claim", "#claim-member"), ("Shift+F7", "ticket", "#ticket-member")):
            told(page, form, key)
            till.terminal.scanned(OTHER_CARD)  # the till's own scanner
            till.see(place, "0025")
            till.type_fast(OTHER_CARD)  # one that types
            page.locator(f"#{form}-lookup").fill(OTHER_CARD)
            page.keyboard.press("Enter")
            assert at_till(till) == "****0018"
        told(page, "", "F6")
        page.get_by_role("button", name="Join a member").click()
        expect(page.locator("#join-card")).to_be_visible()
        with page.expect_response(lambda one: one.url.endswith("/v1/identify")):
            till.type_fast(NEW_CARD)
        expect(page.locator("#join-card")).to_have_value(NEW_CARD)
        assert at_till(till) == "****0018"
        page.keyboard.press("Escape")
        page.keyboard.press("F2")
        till.see("#who", "0018")
        till.terminal.scanned(OTHER_CARD)
        expect(page.locator("#ask")).to_contain_text("Another card")
        assert at_till(till) == "****0025"  # of a sale it is the customer's again


def test_the_key_for_all_points_counts_also_before_the_till_has_said_how_many(tmp_path: Path, browser: Browser) -> None:
    for till in make_till(tmp_path / "till", browser, WIDE):
        page, slow = till.page, []
        till.earn(250)
        till.tap("Olive oil")
        page.route("**/v1/quotes", slow.append)  # the till is busy
        till.terminal.scanned(CARD)
        till.see("#who", "0018")
        page.keyboard.press("F8")
        expect(page.locator("#wanted")).to_have_value("0")
        page.unroute("**/v1/quotes")
        for route in slow:
            route.continue_()
        expect(page.locator("#wanted")).to_have_value("250")
        page.keyboard.press("F8")
        expect(page.locator("#wanted")).to_have_value("0")
