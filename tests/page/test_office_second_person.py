"""What one person proposes about a member and another allows, and what is done at once: in a Chromium, by keyboard, no script."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Page, expect

from central_server.membership import members
from central_server.office import Office
from ledger.keys import seal
from ledger.wire import MemberDetails
from loyalty.program import preset
from tests.central.conftest import DAY, Clock
from tests.page.offices import office_with_a_till

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDE, PHONE = {"width": 1024, "height": 768}, {"width": 360, "height": 740}
RULES = preset("points")
CARDS = {"ada": "2900000000018", "bert": "2900000000025", "cleo": "2900000000032", "dora": "2900000000049"}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Four members of one shop, each with a name, a card and a purchase; and a month that is over."""
    clock = Clock()
    opened, till = office_with_a_till(tmp_path_factory.mktemp("office") / "office", clock, RULES)
    for member, card in CARDS.items():
        till.join(member)
        till.sale(member, 5000, member)
        till.send()
        sealed = seal(opened.sealing_key, msgspec.json.encode(members.Personal(member.title(), "+49 30 1000")))
        members.take_details(opened, till.row(), MemberDetails(member, [card], DAY, sealed=sealed))  # type: ignore[arg-type]
    clock.pass_by(days=40)
    yield opened
    opened.close()


def by_keyboard(page: Page, summary: str, **typed: str) -> None:
    """Opens a form by its title, fills it in and sends it, with no mouse."""
    page.locator("summary", has_text=summary).press("Enter")
    form = page.locator("details[open]")
    for label, value in typed.items():
        form.get_by_label(label.replace("_", " ")).fill(value)
    form.get_by_role("button").press("Enter")


def allow(page: Page, about: str, said: str) -> None:
    """Allows the proposal about the member whose card ends so, by keyboard; what came of it is said."""
    page.reload()
    page.locator("article", has_text=about).get_by_role("button", name="Allow").press("Enter")
    expect(page.get_by_role("status")).to_contain_text(said)


def test_a_merge_waits_on_both_pages_until_another_allows_it(opened: Callable[..., Page]) -> None:
    manager, support = opened("manager", "/members/ada", "Harbour"), opened("support", "/members/bert")
    by_keyboard(manager, "Two members are one person", A_card_of_the_member_who_stays=CARDS["bert"], Why="one person")
    expect(manager.get_by_role("status")).to_contain_text("It waits for somebody else to allow it.")
    expect(manager.get_by_role("heading", name="Waits for a decision")).to_be_visible()
    support.reload()
    expect(support.get_by_role("heading", name="Waits for a decision")).to_be_visible()
    support.get_by_role("link", name="To the approvals").press("Enter")
    allow(support, "0018", "They are one member now")
    manager.reload()
    expect(manager.get_by_role("heading", level=1)).to_have_text("Bert")
    expect(manager.locator("dl.figures")).to_contain_text("100")
    expect(manager.get_by_role("heading", name="Waits for a decision")).to_have_count(0)


def test_the_copy_of_a_members_data_is_fetched_once_another_has_allowed_it(opened: Callable[..., Page]) -> None:
    manager, support = opened("manager", "/members/cleo", "Harbour"), opened("support", "/approvals")
    expect(manager.get_by_role("link", name="Fetch the copy of their data")).to_have_count(0)
    by_keyboard(manager, "A copy of their data", Who_asked_for_it="Cleo, by a letter")
    expect(manager.get_by_role("status")).to_contain_text("It waits for somebody else to allow it.")
    expect(manager.get_by_role("link", name="Fetch the copy of their data")).to_have_count(0)
    allow(support, "0032", "for seven days")
    manager.reload()
    with manager.expect_download() as fetched:
        manager.get_by_role("link", name="Fetch the copy of their data").press("Enter")
    assert json.loads(Path(fetched.value.path()).read_bytes())["member"]["reference"] == "cleo"


def test_a_member_is_forgotten_once_another_has_allowed_it_and_their_points_are_nobodys(
    opened: Callable[..., Page],
) -> None:
    manager, support = opened("manager", "/members/dora", "Harbour"), opened("support", "/approvals")
    by_keyboard(manager, "Forget this person", Who_asked_for_it="Dora, at the till")
    expect(manager.get_by_role("status")).to_contain_text("It waits for somebody else to allow it.")
    allow(support, "0049", "Backups made before still have them.")
    manager.reload()
    expect(manager.get_by_role("heading", level=1)).to_have_text("A member who was forgotten")
    expect(manager.locator("main")).to_contain_text("Nobody can use these points")
    expect(manager.locator("main")).not_to_contain_text("can have them")
    expect(manager.locator("main")).not_to_contain_text("Dora")


def test_a_blocked_card_that_was_found_is_lifted_by_keyboard_on_a_phone(opened: Callable[..., Page]) -> None:
    support = opened("support", "/members/cleo", size=PHONE)
    expect(support.locator("summary", has_text="A blocked card was found")).to_have_count(0)
    by_keyboard(support, "Block a card")
    expect(support.locator("main")).to_contain_text(f"{CARDS['cleo']}: blocked, lost")
    by_keyboard(support, "A blocked card was found")
    expect(support.locator("summary", has_text="A blocked card was found")).to_have_count(0)
    expect(support.locator("main")).not_to_contain_text(f"{CARDS['cleo']}: blocked, lost")


def test_finance_closes_a_month_by_a_second_press_and_reads_who_did(opened: Callable[..., Page]) -> None:
    finance = opened("finance", "/figures/books")
    finance.locator("summary", has_text="Close 2026-03").press("Enter")
    finance.get_by_role("button", name="Close 2026-03 for good").press("Enter")
    expect(finance.get_by_role("status")).to_have_text("2026-03 is closed with 200 open points.")
    expect(finance.get_by_role("row", name="2026-03")).to_contain_text("closed 2026-04-11 by finance")
    expect(finance.locator("summary", has_text="Close")).to_have_count(0)
