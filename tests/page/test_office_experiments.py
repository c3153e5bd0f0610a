"""Experiments on head office's page in a real Chromium, over sales that a till has sent: one that runs, and one that is over."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from playwright.sync_api import Page, expect

from central_server.figures import facts
from central_server.founding import init_office
from central_server.membership import consents
from central_server.membership.consents import ConsentText
from central_server.office import Office
from ledger.entry import ConsentBody, SaleBody
from loyalty.program import preset, read_program
from loyalty.sale import LineItem, Sale
from loyalty.standing import Standing
from tests.central.conftest import SHOPS, Clock, Till

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDE, PHONE = {"width": 1024, "height": 768}, {"width": 360, "height": 740}
DOCS = Path(__file__).parents[2] / "docs" / "write-a-programme.md"
EXAMPLE = re.search(r"^## `experiment`$.*?```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.M | re.S)[1]  # type: ignore[index]
"""Coffee or cake, December and January: it runs when the page is looked at."""
BEFORE = """
[[experiment]]
name = "tea-or-juice"
from = "2026-10-01"
to = "2026-10-31"
""" + "".join(
    f"""
[[reward]]
name = "{goods}"
title = "A {goods}"
points = 100
kind = "product"
goods = {{ categories = ["{goods}"] }}
experiment = "tea-or-juice"
variant = "{variant}"
"""
    for goods, variant in (("tea", "A"), ("juice", "B"))
)
RULES = preset("points") + BEFORE + EXAMPLE
MEMBERS = 240


def drawn_half(name: str, member: str) -> str:
    """As docs/write-a-programme.md says it: half of all hashes, the lower one, are B."""
    return "B" if int(hashlib.sha256(f"{name}/{member}".encode()).hexdigest()[:16], 16) < 2**63 else "A"


def sell(till: Till, day: str, name: str, rewards: dict[str, str], more_of: dict[str, int], chance: Random) -> None:
    """Every member buys once; of a hundred in a variant `more_of` have its reward."""
    till.day, till.recorded_at = day, f"{day}T10:00:00.000+00:00"
    for number in range(MEMBERS):
        member, minor = f"member{number:04}", chance.randrange(300, 4000)
        mine = drawn_half(name, member)
        has = chance.randrange(100) < more_of[mine]
        sale = Sale(till.name, f"{name}-{number}", f"{day}T10:00:00", day, "EUR", minor, (LineItem("1", minor),))
        body = SaleBody(sale, till.program.id, Standing(), reward=rewards[mine] if has else "")
        till.write(body, sale.document, member)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder: Path = tmp_path_factory.mktemp("office") / "office"
    clock, chance = Clock(), Random(7)
    clock.at = datetime(2026, 9, 20, 9, tzinfo=UTC)
    init_office(folder, clock, Random(1).randbytes, program_text=RULES, shops=SHOPS).close()
    opened = Office.open(folder, clock, Random(2).randbytes)
    consents.publish(opened, ConsentText("1", {"en": "May we write to you?"}, ""))
    till = Till(opened, "AAAAAA", "Harbour", read_program(RULES))
    till.enroll()
    for number in range(MEMBERS):
        member = f"member{number:04}"
        till.join(member)
        if chance.random() < 0.5:
            till.write(ConsentBody("1", True), f"consent/{member}", member)
    sell(till, "2026-10-05", "tea-or-juice", {"A": "tea", "B": "juice"}, {"A": 20, "B": 60}, chance)
    sell(till, "2026-12-05", "coffee-or-cake", {"A": "coffee", "B": "cake"}, {"A": 20, "B": 60}, chance)
    clock.at = datetime(2026, 12, 20, 9, tzinfo=UTC)
    till.send()
    facts.count_pending(opened)  # as the loops of a server that runs do
    yield opened
    opened.close()


@pytest.fixture
def opened(signed_in: Callable[..., Page], url: str) -> Callable[..., Page]:
    """The page of experiments, as marketing sees it."""

    def page(size: object = WIDE, colours: str = "light") -> Page:
        one = signed_in("marketing", size=size, script=True, colours=colours)
        one.goto(f"{url}/figures/experiments")
        return one

    return page


def test_one_that_is_over_says_what_is_better_and_one_that_runs_says_nothing_yet(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(page.get_by_role("heading", level=2)).to_have_text(["coffee-or-cake", "tea-or-juice"])
    row = {"has": page.get_by_role("rowheader", name="Had its reward")}
    over = page.get_by_role("table", name="tea-or-juice").get_by_role("row").filter(**row)
    expect(over).to_contain_text(re.compile(r"B is better: by \d\d\.\d to \d\d\.\d percentage points\."))
    runs = page.get_by_role("table", name="coffee-or-cake").get_by_role("row").filter(**row)
    expect(runs).to_contain_text("Too early to say")
    expect(page.get_by_text("It runs until 2027-01-31.")).to_be_visible()
    renewal = page.get_by_role("table", name="tea-or-juice").get_by_role("row").filter(has_text="Renewal")
    expect(renewal).to_contain_text("Nothing to compare.")  # nobody pays for a membership


def test_the_plots_are_drawn_and_the_file_has_every_line_of_the_page(opened: Callable[..., Page]) -> None:
    page = opened()
    plots = page.get_by_role("img", name="B less A, with 95 % intervals")
    expect(plots).to_have_count(2)
    for one in plots.all():
        one.scroll_into_view_if_needed()
        page.wait_for_function("one => one.complete && one.naturalWidth > 0", arg=one.element_handle())
    with page.expect_download() as download:
        page.get_by_role("link", name="As CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert len(text.splitlines()) == 1 + page.locator("table tbody tr").count()


@pytest.mark.parametrize(("size", "colours"), [(WIDE, "light"), (WIDE, "dark"), (PHONE, "light"), (PHONE, "dark")])
def test_nobody_stumbles_over_experiments_and_a_phone_shows_them(
    opened: Callable[..., Page],
    axe: Callable[[Page], list[str]],
    size: dict[str, int],
    colours: str,
) -> None:
    page = opened(size, colours)
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    for said in page.get_by_role("cell", name="percentage points.").all():
        box = said.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= size["width"], "what it says is read without moving the table"
