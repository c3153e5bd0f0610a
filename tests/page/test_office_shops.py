"""A new till, a stolen one, new cards, files to take away: proposed, allowed and fetched in a Chromium, without script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from central_server.office import Office
from loyalty.program import preset
from tests.central.conftest import Clock
from tests.page.offices import office_with_a_till

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RULES = preset("points")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One till that sold something."""
    opened, till = office_with_a_till(tmp_path_factory.mktemp("office") / "office", Clock(), RULES)
    till.sale("1", 5000)
    till.send()
    yield opened
    opened.close()


def allow(page: Page, why: str) -> None:
    page.reload()
    page.locator("article", has_text=why).get_by_role("button", name="Allow").press("Enter")
    expect(page.get_by_role("status")).to_be_visible()


def test_a_code_for_one_more_till_is_made_once_another_has_allowed_it(opened: Callable[..., Page]) -> None:
    asks, allows = opened("manager", "/shops/Harbour", "Harbour"), opened("integrator", "/approvals")
    asks.get_by_label("Why").fill("a second counter")
    asks.get_by_role("button", name="Propose one more till").press("Enter")
    expect(asks.get_by_role("button", name="Make the code now")).to_have_count(0)
    allow(allows, "a second counter")
    asks.goto(asks.url)
    asks.get_by_role("button", name="Make the code now").press("Enter")
    expect(asks.get_by_role("status")).to_have_text(re.compile(r"^[0-9A-Z-]{8,}$"))
    asks.get_by_role("link", name="Back to the shop").press("Enter")
    expect(asks.get_by_role("button", name="Make the code now")).to_have_count(0)


def test_a_stolen_till_is_revoked_once_another_has_allowed_it(opened: Callable[..., Page]) -> None:
    asks, allows = opened("manager", "/terminals/AAAAAA", "Harbour"), opened("integrator", "/approvals")
    asks.locator("summary", has_text="It was stolen: revoke it").press("Enter")
    asks.locator("details[open]").get_by_label("Why").fill("gone from the counter")
    asks.locator("details[open]").get_by_role("button", name="Propose").press("Enter")
    expect(asks.get_by_role("status")).to_contain_text("It waits for somebody else to allow it.")
    allow(allows, "gone from the counter")
    asks.reload()
    expect(asks.get_by_role("main")).to_contain_text("Revoked. Nothing of it is taken any more.")
    expect(asks.locator("summary", has_text="It was stolen: revoke it")).to_have_count(0)


def test_new_cards_are_made_once_another_has_allowed_it_and_their_numbers_fetched_once(
    opened: Callable[..., Page],
) -> None:
    asks, allows = opened("marketing", "/card-stock"), opened("finance", "/approvals")
    asks.get_by_label("Name of the batch").fill("spring")
    asks.get_by_label("Cards, 1 to").fill("12")
    asks.locator("form", has_text="Name of the batch").get_by_label("Why").fill("the drawer is empty")
    asks.locator("form", has_text="Name of the batch").get_by_role("button", name="Propose").press("Enter")
    allow(allows, "the drawer is empty")
    asks.reload()
    with asks.expect_download() as file:
        asks.get_by_role("button", name="Fetch the numbers of spring, once").press("Enter")
    numbers = Path(file.value.path()).read_text(encoding="utf-8-sig").split()
    assert len(set(numbers) - {"card"}) == 12
    asks.reload()
    expect(asks.get_by_role("button", name="Fetch the numbers of spring, once")).to_have_count(0)


def test_the_sales_of_a_period_are_taken_away_as_a_file(opened: Callable[..., Page]) -> None:
    page = opened("finance", "/exports")
    with page.expect_download() as file:
        page.get_by_role("button", name="Sales as CSV").press("Enter")
    headings, *rows = Path(file.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert headings.startswith("day,shop,sales,")
    assert len(rows) == 1
    assert "Harbour" in rows[0]
