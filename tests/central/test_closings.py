"""What tills closed, beside what head office has of the same entries."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from typer.testing import CliRunner

from central_server.cli import app
from central_server.errors import Refused
from central_server.pages import closings as pages
from central_server.pages.frame import Visit
from central_server.people.staff import Staff
from central_server.shops import closings
from ledger.closing import covered
from ledger.entry import ClosingBody, Entry, Tally
from ledger.identifiers import receipt_reference


def close(till, day="2026-03-02", before: Entry | None = None, **lies) -> Entry:
    """The Z that the till of these tests writes, by the code with which the real one counts."""
    was = before.body if before else None
    start = was.goes_on_from if was else 1
    head = len(till.journal)
    closed = before.envelope.business_day if before else ""
    found = covered(till.journal[start - 1 :], day, was, closed, head + 2, f"{day}T10:00:00")
    body = ClosingBody(
        was.number + 1 if was else 1,
        operator="kim",
        first=start,
        last=head,
        goes_on_from=found.goes_on_from,
        total=found.total,
        operators=found.operators,
        shifts=found.shifts,
        late=found.late,
        missing=found.missing,
        counted_to=found.counted_to,
        unsent=head - till.sent,
    )
    was_day, till.day = till.day, day
    new = till.write(msgspec.structs.replace(body, **lies), f"closing/{till.name}/{body.number}")
    till.day = was_day
    return new


@pytest.fixture
def one(till):
    return till("AAAAAA")


@pytest.fixture
def two(till):
    return till("BBBBBB")


@pytest.fixture
def day(office, one):
    """A till that has sold to a member, to nobody, and taken something back."""
    one.join("anna")
    sold = one.sale("17", 5000, "anna")
    one.sale("18", 700)
    one.send()
    one.give_back(sold, "R1", 2000)
    return one


def test_fact_2_a_closing_is_equal_to_what_head_office_has_once_all_of_it_is_here(office, day):
    close(day)
    day.send()
    (found,) = closings.compared(office)
    assert found.unlike == []
    assert (found.shop, found.business_day, found.number, found.operator) == ("Harbour", "2026-03-02", 1, "kim")
    assert (found.total.sales, found.total.member_sales, found.total.returns) == (2, 1, 1)
    assert (found.total.issued, found.total.reversed) == (50, 20)
    assert (found.issued, found.redeemed) == (30, 0), "by head office's own ledger"
    assert (found.unsent, found.absent) == (1, 0)


def test_a_day_of_redemptions_is_equal_too(office, one):
    one.join("anna")
    one.sale("1", 50000, "anna", keep=True)
    one.sale("2", 5000, "anna", redeem=100)
    close(one)
    one.send()
    (found,) = closings.compared(office)
    assert found.unlike == []
    assert (found.total.redeemed, found.redeemed) == (100, 100)


@pytest.mark.parametrize(
    ("lies", "what", "said", "has"),
    [
        ({"total": Tally(sales=3, sales_minor=5700)}, "sales", "3", "2"),
        ({"operators": {"lee": Tally(sales=1)}}, "cashier lee", "sales 1", "nothing"),
    ],
)
def test_a_closing_that_says_something_else_than_its_entries_is_shown_with_both(office, day, lies, what, said, has):
    close(day, **lies)
    day.send()
    (found,) = closings.compared(office)
    assert not found.is_equal
    assert (what, said, has) in [(one.what, one.said, one.found) for one in found.unlike]


def test_a_line_that_two_tills_took_back_is_shown_with_its_reason(office, one, two):
    one.join("anna")
    sold = one.sale("17", 5000, "anna")
    one.send()
    one.give_back(sold, "R1", 5000)
    two.give_back(sold, "R2", 5000)  # offline, and nobody told it
    close(one)
    close(two)
    one.send()
    two.send()
    found = {each.terminal: each for each in closings.compared(office)}
    assert found[one.name].is_equal
    (unlike,) = found[two.name].unlike
    assert (unlike.what, unlike.said, unlike.found) == ("points issued", "-50", "0")
    assert unlike.why == f"of the same sale came back as well: {receipt_reference('AAAAAA', 4)}"
    assert found[two.name].issued == 0


def test_a_sale_that_two_tills_brought_counts_once_and_the_second_says_so(office, one, two):
    one.join("anna")
    one.sale("17", 5000, "anna", till="front")
    one.send()
    two.sale("17", 5000, "anna", till="front")
    close(two)
    two.send()
    (found,) = closings.compared(office)
    (unlike,) = found.unlike
    assert (unlike.what, unlike.said, unlike.found) == ("points issued", "50", "0")
    assert unlike.why == f"the same had come before, as {receipt_reference('AAAAAA', 3)}"


def test_a_sale_that_came_late_is_said_and_equal(office, one):
    one.sale("17", 5000)
    first = close(one)
    one.sale("18", 700)
    one.day = "2026-03-03"
    one.sale("19", 900)
    close(one, "2026-03-03", first)
    one.send()
    latest, earlier = closings.compared(office)
    assert (latest.total.sales, latest.late, earlier.total.sales) == (2, {"2026-03-02": 1}, 1)
    assert latest.is_equal
    assert earlier.is_equal
    assert closings.unclosed(office) == []


def test_a_gap_in_the_numbers_is_told_at_head_office(office, one):
    one.sale("17", 100)
    one.sale("20", 100)
    close(one)
    one.send()
    (found,) = closings.compared(office)
    assert found.missing == ["till AAAAAA: 18 to 19"]
    assert found.is_equal


def test_a_day_without_a_z_by_a_till_that_sold_is_listed_once_it_is_over(office, clock, one):
    one.sale("17", 100)
    one.send()
    assert closings.unclosed(office) == [], "the day is not over"
    clock.pass_by(days=1)
    (found,) = closings.unclosed(office)
    assert (found.shop, found.terminal, found.business_day, found.sales, found.closed_with) == (
        "Harbour",
        "AAAAAA",
        "2026-03-02",
        1,
        0,
    )
    one.day = "2026-03-03"
    one.sale("18", 100)
    close(one, "2026-03-03")
    one.send()
    (found,) = closings.unclosed(office)
    assert (found.business_day, found.closed_with) == ("2026-03-02", 1), "its sales are in the next day's Z"
    assert closings.unclosed(office, shop="Mill") == []
    assert closings.unclosed(office, day="2026-03-03") == []


def test_a_closing_of_a_fork_is_compared_with_its_own_branch(office, one):
    one.sale("17", 100)
    one.send()
    twin = one.copy()
    one.sale("18", 100)
    twin.sale("18b", 900)
    close(one)
    close(twin)
    one.send()
    twin.send()
    found = closings.compared(office)
    assert sorted(each.total.sales_minor for each in found) == [200, 1000]
    assert all(each.is_equal for each in found)


def test_closings_are_found_by_shop_and_day(office, one, till):
    two = till("BBBBBB", "Mill")
    close(one)
    close(two)
    one.send()
    two.send()
    assert {each.shop for each in closings.compared(office)} == {"Harbour", "Mill"}
    assert [each.shop for each in closings.compared(office, shop="Mill")] == ["Mill"]
    assert closings.compared(office, day="2026-03-01") == []
    assert closings.days(office) == ["2026-03-02"]


def ran(office, *arguments):
    day = [] if "--day" in arguments else ["--day", "2026-03-02"]  # the command has a real clock
    return CliRunner().invoke(app, ["closings", "--dir", str(office.folder), *day, *arguments])


def test_the_command_ends_with_status_1_where_something_differs(office, one):
    one.sale("17", 1000)
    first = close(one)
    one.send()
    equal = ran(office)
    assert equal.exit_code == 0, equal.output
    assert "Harbour, till AAAAAA, Z 1: 1 sales, +0 +0 +0 points; equal" in equal.output
    one.sale("18", 1000)
    close(one, before=first, total=Tally(sales=9))
    one.send()
    differs = ran(office, "--json")
    assert differs.exit_code == 1
    said = json.loads(differs.output)
    assert [each["equal"] for each in said["closings"]] == [False, True]
    assert said["closings"][0]["unlike"][0] == {
        "what": "sales",
        "said": "9",
        "found": "1",
        "why": "its entries come to something else",
        "entry": "",
    }
    assert "the till says 9, head office has 1" in ran(office).output
    assert ran(office, "--day", "2026-03-1").exit_code == 2


def page(office, **query) -> str:
    """The page as somebody of the role `role` and the shop `shop` sees it."""
    who = Staff("ada", "Ada", query.pop("role", "finance"), query.pop("shop_of", ""))
    visit = Visit(office, who, "", "key", False, "/office/closings", False, {}, {}, query, {})
    answer = pages.shown(visit)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", bytes(answer.body).decode())


def test_the_page_shows_a_days_closings_and_what_differs(office, day, till):
    other = till("BBBBBB", "Mill")
    other.sale("17", 900)
    other.sale("19", 100)
    close(day, total=Tally(sales=3))
    close(other)
    day.send()
    other.send()
    seen = page(office)
    assert "Closings of 2026-03-02" in seen
    assert re.search(r"Harbour, AAAAAA.*?<strong>Differs</strong>.*?Mill, BBBBBB.*?Equal", seen)
    assert '<th scope="row">sales</th><td>–</td><td>3</td><td>2</td>' in seen
    assert "No sale has these receipt numbers: till BBBBBB: 18." in seen
    assert "Harbour" not in page(office, shop="Mill").split("<main")[1].split("<form")[0]


def test_a_manager_sees_the_closings_of_their_own_shop_whatever_they_ask_for(office, day, till):
    other = till("BBBBBB", "Mill")
    close(day)
    close(other)
    day.send()
    other.send()
    seen = page(office, role="manager", shop_of="Mill", shop="Harbour")
    assert "Mill, BBBBBB" in seen
    assert "AAAAAA" not in seen
    assert "All shops" not in seen


def test_the_page_lists_days_that_nobody_closed(office, clock, one):
    assert "No till has closed a day yet" in page(office)
    one.sale("17", 100)
    one.send()
    clock.pass_by(days=1)
    assert "Days on which a till sold, without a Z of their own" in page(office)
    assert "In no Z yet" in page(office)


def test_a_day_that_is_none_is_refused_on_the_page(office):
    with pytest.raises(Refused, match="no day"):
        page(office, day="2026-02-30")
