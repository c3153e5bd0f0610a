"""What is done for a member at the till's page is done for whoever stands there, and not for whoever was there before."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.page.tills import CARD, NEW_CARD, Till

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("key", "form"), [("F7", "claim"), ("Shift+F7", "ticket")])
def test_a_card_that_nobody_has_takes_the_member_before_it_out_of_the_form(till: Till, key: str, form: str) -> None:
    till.page.keyboard.press(key)
    till.terminal.scanned(CARD)
    till.see(f"#{form}-member", "****0018")
    till.terminal.scanned(NEW_CARD)
    till.see("#warned", "Nobody has joined")
    expect(till.page.locator(f"#{form}-member")).not_to_contain_text("****0018")


def test_the_claim_of_the_next_customer_begins_without_the_one_before(till: Till) -> None:
    till.page.keyboard.press("F7")
    till.terminal.scanned(CARD)
    till.see("#claim-member", "****0018")
    till.page.keyboard.press("F2")
    till.page.keyboard.press("F7")
    expect(till.page.locator("#claim-member")).to_have_text("Scan the card.")


def test_a_card_is_not_replaced_by_itself(till: Till) -> None:
    till.page.keyboard.press("F6")
    till.terminal.scanned(CARD)
    till.page.click("#desk-replace")
    till.page.fill("#replace-new", CARD)
    till.page.fill("#replace-reason", "lost")
    till.page.keyboard.press("Enter")
    till.see("#warned", "This is the old card. Nothing was changed.")
    expect(till.page.locator("#replace")).to_be_visible()
