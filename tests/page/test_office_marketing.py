"""What marketing keeps: a target, a segment, a programme with an experiment that another takes up. In a Chromium, no script."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from central_server.figures import facts
from central_server.membership import members
from central_server.office import Office
from ledger.wire import MemberDetails
from loyalty.program import preset
from tests.central.conftest import DAY, Clock
from tests.page.offices import office_with_a_till
from tests.page.test_office_experiments import BEFORE

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RULES = preset("points")
CARDS = {"ada": "2900000000018", "bert": "2900000000025", "cleo": "2900000000032"}
TEA_OR_JUICE = BEFORE.replace("2026-10", "2027-01")
"""Not begun yet."""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Three members who bought, one of them twice, and nothing left to count."""
    opened, till = office_with_a_till(tmp_path_factory.mktemp("office") / "office", Clock(), RULES)
    for member in CARDS:
        till.join(member)
        till.sale(f"{member} 1", 5000, member)
    till.sale("ada 2", 5000, "ada")
    till.send()
    for member, card in CARDS.items():
        members.take_details(opened, till.row(), MemberDetails(member, [card], DAY))  # type: ignore[arg-type]
    facts.count_pending(opened)
    yield opened
    opened.close()


def test_a_target_is_set_and_the_distance_to_it_is_said_until_it_is_taken_away(opened: Callable[..., Page]) -> None:
    page = opened("marketing", "/figures")
    form = page.locator("form", has_text="Target, in the figure's own unit")
    for wanted, said in (
        ("5", "Active members: 3, target 5: 2 members short of the target."),
        ("3", "Active members: 3, target 3: reached."),
    ):
        form.locator("select").select_option("active")
        form.get_by_label("Target").fill(wanted)
        form.get_by_role("button").press("Enter")
        expect(page.get_by_role("listitem").filter(has_text="target")).to_have_text(said)
    form.locator("select").select_option("active")
    form.get_by_label("Target").fill("many")
    form.get_by_role("button").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("many")
    page.go_back()
    form.locator("select").select_option("active")
    form.get_by_label("Target").fill("")
    form.get_by_role("button").press("Enter")
    expect(page.get_by_role("heading", name="Targets", exact=True)).to_have_count(0)


def test_a_segment_is_looked_at_kept_found_again_and_removed(opened: Callable[..., Page]) -> None:
    page = opened("marketing", "/segments")
    page.get_by_label("In the last so many days").fill("60")
    page.get_by_label("bought at least so often").fill("2")
    page.get_by_role("button", name="Show how many, and who").press("Enter")
    expect(page.get_by_role("table", name="Members")).to_contain_text("Harbour")
    page.get_by_label("Its name").fill("Twice lately")
    page.get_by_role("button", name="Keep it").press("Enter")
    page.get_by_role("link", name="All segments").press("Enter")
    page.get_by_role("link", name="Twice lately").press("Enter")
    expect(page.get_by_role("table", name="Members").locator("tbody tr")).to_have_count(1)
    page.get_by_text("Remove", exact=False).first.press("Enter")
    page.get_by_role("button", name="Remove Twice lately").press("Enter")
    expect(page.get_by_role("link", name="Twice lately")).to_have_count(0)


def test_a_programme_with_an_experiment_is_in_force_once_another_has_allowed_it(opened: Callable[..., Page]) -> None:
    marketing, finance = opened("marketing", "/program"), opened("finance", "/approvals")
    marketing.get_by_label("The programme's text").fill(RULES.replace("version = 1", "version = 2") + TEA_OR_JUICE)
    marketing.get_by_role("button", name="Check it").press("Enter")
    marketing.get_by_label("Why").fill("what January likes")
    marketing.get_by_role("button", name="Propose").press("Enter")
    expect(marketing.get_by_role("status")).to_be_visible()
    expect(marketing.get_by_role("main")).to_contain_text("In force: points, version 1")
    finance.reload()
    finance.locator("article", has_text="what January likes").get_by_role("button", name="Allow").press("Enter")
    expect(finance.get_by_role("status")).to_be_visible()
    marketing.reload()
    expect(marketing.get_by_role("main")).to_contain_text("In force: points, version 2, from")
    marketing.get_by_role("link", name="Figures", exact=True).first.press("Enter")
    marketing.get_by_role("link", name="Experiments").press("Enter")
    expect(marketing.get_by_role("main")).to_contain_text("tea-or-juice")
