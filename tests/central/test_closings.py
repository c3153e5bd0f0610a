"""What tills closed, beside what head office has of the same entries."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from itertools import islice

import msgspec
import pytest
from sqlalchemy import select, text, update
from typer.testing import CliRunner

from central_server import schema
from central_server.applying import apply
from central_server.cli import app
from central_server.errors import Refused
from central_server.migrations import migrate
from central_server.pages import closings as pages
from central_server.pages.frame import Visit
from central_server.people.staff import Staff
from central_server.schema.shops import closing as closing_table
from central_server.shops import closings, operators
from ledger import entry as entries
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


def test_a_closing_of_a_fork_goes_on_from_its_own_branchs_last_and_not_from_the_others(office, one):
    one.sale("17", 100)
    one.send()
    twin = one.copy()
    close(one)
    one.send()
    twin.sale("18", 900)
    twin.sale("19", 900)
    close(twin)
    twin.send()
    latest, earlier = closings.compared(office)
    assert (latest.total.sales, latest.unlike) == (3, [])
    assert earlier.is_equal


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
    close(day)
    close(other, total=Tally(sales=3))
    day.send()
    other.send()
    seen = page(office)
    assert "Closings of 2026-03-02" in seen
    assert "2 Zs of 2026-03-02: <strong>1 differs</strong>, all others are equal." in seen
    assert re.search(r"Mill, BBBBBB.*?<strong>Differs</strong>.*?Harbour, AAAAAA.*?Equal", seen), (
        "what differs comes first"
    )
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


# -- what a till may say of itself ------------------------------------------------------------------------------------------


def test_a_closing_that_claims_what_an_earlier_one_covers_is_said_and_only_the_rest_is_read(office, one, monkeypatch):
    monkeypatch.setattr(closings, "MOST_COUNTED", 10)  # its own entry, and the six of the first
    for number in range(5):
        one.sale(f"{number}", 100)
    first = close(one)
    one.sale("9", 700)
    close(one, before=first, first=1)
    one.send()
    found, honest = closings.compared(office)
    assert honest.is_equal
    (unlike,) = found.unlike
    assert (unlike.what, unlike.said, unlike.found) == ("its first entry", "1", str(first.number + 1))
    assert found.total.sales == 1


def test_one_look_counts_so_many_entries_of_a_till_again_and_says_which_closings_it_did_not_count(
    office, one, monkeypatch
):
    monkeypatch.setattr(closings, "MOST_COUNTED", 8)
    for number in range(5):
        one.sale(f"{number}", 100)
    first = close(one, goes_on_from=1)  # so that each closing of this till begins at its first entry
    close(one, before=first)
    one.send()
    latest, earlier = closings.compared(office)
    assert latest.is_equal
    (unlike,) = earlier.unlike
    assert (unlike.found, unlike.why) == ("not counted again", "one look counts at most 8 entries of a till again")


def test_a_closing_that_says_wrongly_where_the_next_one_goes_on_differs(office, day):
    close(day, goes_on_from=1)
    day.send()
    (found,) = closings.compared(office)
    (unlike,) = found.unlike
    assert (unlike.what, unlike.said) == ("the entry from which the next one goes on", "1")


def test_closings_dated_ahead_do_not_hide_the_days_that_have_come(office, one):
    before = close(one)
    for number in range(closings.SHOWN_DAYS):
        before = close(one, (date(2030, 1, 1) + timedelta(days=number)).isoformat(), before)
    one.send()
    found = closings.days(office)
    assert found[0] == "2026-03-02"
    assert "2030-01-01" in found, "they can be looked at"
    assert "Closings of 2026-03-02" in page(office)


def test_people_are_called_by_the_names_that_head_office_knows(office, day):
    operators.add(office, "Harbour", "kim", "Kim Ward", "cashier", "2580", by="root")
    operators.add(office, "Mill", "sam", "Sam of the Mill", "cashier", "2580", by="root")
    close(day, approved_by="sam", operators={"kim": Tally(sales=1)})
    day.send()
    seen = page(office)
    assert ", Kim Ward, allowed by sam</span>" in seen, "whoever is of another shop is somebody else"
    assert "cashier Kim Ward (kim)" in seen


# -- what was found is kept ---------------------------------------------------------------------------------------------------


def keep_all(office) -> None:
    """As the upkeep does."""
    while closings.compare_some(office):
        pass


def states(office) -> list[tuple[str, int, str]]:
    """What is kept of each Z, by its till and number."""
    table = closing_table.c
    with office.database.reading() as connection:
        return sorted(map(tuple, connection.execute(select(table.terminal, table.closing, table.compared))))


def counted_again(office) -> list[closings.Compared]:
    """What a look finds that counts every entry."""
    with office.database.writing() as connection:
        connection.execute(update(closing_table).values(compared=""))
    return closings.compared(office)


def test_what_is_kept_is_what_counting_again_finds(office, one, two, till, monkeypatch):
    monkeypatch.setattr(closings, "COMPARED_AT_ONCE", 2)
    for name in ("Kim", "Lee"):
        operators.add(office, "Harbour", name.lower(), name, "cashier", "2580", by="root")
    other, lying, forked = till("CCCCCC", "Mill"), till("DDDDDD"), till("EEEEEE")
    one.join("anna")
    sold = one.sale("17", 50000, "anna", keep=True)
    one.send()
    paid = one.sale("18", 5000, "anna", redeem=100)
    one.give_back(paid, "R0")
    one.give_back(sold, "R1", 20000)
    two.give_back(sold, "R2", 50000)  # which the other did as well, in part
    first = close(one, approved_by="kim")
    one.send()
    one.sale("19", 700)  # late
    one.sale("29", 700)  # ten numbers later
    one.day = "2026-03-03"
    one.sale("30", 900)
    close(one, "2026-03-03", first)
    close(two)
    other.sale("1", 100)
    close(other)
    lying.sale("1", 100)
    close(lying, total=Tally(sales=7))
    forked.sale("1", 100)
    forked.send()
    twin = forked.copy()
    forked.sale("2", 100)
    close(forked)
    twin.sale("3", 900)
    close(twin, total=Tally(sales=7))
    for each in (two, other, lying, forked, twin):
        each.send()
    keep_all(office)
    one.send()
    assert states(office) == [
        ("AAAAAA", 1, "equal"),
        ("AAAAAA", 2, ""),
        ("BBBBBB", 1, "differs"),
        ("CCCCCC", 1, "equal"),
        ("DDDDDD", 1, "differs"),
        ("EEEEEE", 1, "differs"),
        ("EEEEEE", 1, "equal"),
    ]
    found = closings.compared(office)
    assert found == counted_again(office)
    assert sum(each.is_equal for each in found) == 4
    assert [each.names for each in found if each.shop == "Harbour"] == [{"kim": "Kim"}] * 6


def test_a_closing_that_was_found_equal_is_not_counted_at_each_look(office, day, monkeypatch):
    close(day)
    day.send()
    keep_all(office)
    monkeypatch.setattr(closings, "MOST_COUNTED", 0)
    (found,) = closings.compared(office)
    assert found.is_equal


def test_the_reason_of_a_difference_is_that_of_now(office, one, two, till):
    one.join("anna")
    sold = one.sale("17", 5000, "anna")
    one.send()
    one.give_back(sold, "R1", 5000)
    one.send()
    two.give_back(sold, "R2", 5000)
    close(two)
    two.send()
    keep_all(office)
    third = till("CCCCCC")
    third.give_back(sold, "R3", 5000)
    third.send()
    (found,) = closings.compared(office)
    [why] = [unlike.why for unlike in found.unlike]
    assert why.endswith(f"{receipt_reference('AAAAAA', 4)}, {receipt_reference('CCCCCC', 2)}")


def test_closings_over_entries_that_nobody_could_read_are_compared_again_once_they_are_understood(office, one):
    one.sale("1", 1000, "anna", keep=True)
    close(one)
    known = entries._bodies.pop("sale")  # an older program, which has not heard of sales yet
    try:
        one.send()
        keep_all(office)
        assert states(office) == [("AAAAAA", 1, "differs")]
    finally:
        entries._bodies["sale"] = known
    assert apply.understand(office) == 1
    keep_all(office)
    assert states(office) == [("AAAAAA", 1, "equal")]


def test_the_upkeep_compares_no_closing_that_nobody_looks_for(office, clock, one):
    close(one)
    one.send()
    clock.pass_by(days=closings.SHOWN_DAYS + 1)
    assert closings.compare_some(office) == 0
    clock.pass_by(days=-1)
    assert closings.compare_some(office) == 1
    assert closings.compare_some(office) == 0


# -- the days that are open, as they are kept -------------------------------------------------------------------------------


def kept(office) -> dict[tuple[str, str], int]:
    with office.database.reading() as connection:
        return {
            (row.terminal, row.business_day): row.sales for row in connection.execute(select(schema.shops.open_day))
        }


def counted_anew(office) -> dict[tuple[str, str], int]:
    """As the migration counts them that brings them to a head office that had none."""
    with office.database.writing() as connection:
        connection.execute(text("DROP TABLE open_day"))
        connection.execute(text("DROP INDEX closing_by_day"))
        connection.execute(text("ALTER TABLE closing DROP COLUMN late"))
        connection.execute(text("ALTER TABLE closing DROP COLUMN compared"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0015'"))
        migrate(connection, "0016")
        connection.execute(text("UPDATE alembic_version SET version_num = :now"), {"now": schema.VERSION})
    return kept(office)


def late(office) -> dict[str, str]:
    with office.database.reading() as connection:
        return dict(connection.execute(select(closing_table.c.hash, closing_table.c.late)).all())


def test_a_sale_opens_its_day_and_a_closing_ends_the_days_that_it_covers(office, one, two):
    one.sale("1", 100)
    one.sale("2", 100)
    two.sale("3", 100)
    one.send()
    two.send()
    assert kept(office) == {(one.name, "2026-03-02"): 2, (two.name, "2026-03-02"): 1}
    one.day = "2026-03-03"
    one.sale("4", 100)
    close(one, "2026-03-02")
    one.send()
    assert kept(office) == {(one.name, "2026-03-03"): 1, (two.name, "2026-03-02"): 1}


def test_former_sales_from_a_file_open_no_day(office, one):
    sold = one.sale("1", 100)
    one.journal.pop()
    one.write(msgspec.structs.replace(sold.body, is_past=True), sold.envelope.document)
    one.send()
    assert kept(office) == {}


def test_a_closing_that_names_entries_to_come_does_not_hide_their_days(office, one):
    one.sale("1", 100)
    close(one, goes_on_from=1000)
    one.day = "2026-03-03"
    one.sale("2", 100)
    one.send()
    assert kept(office) == {(one.name, "2026-03-03"): 1}


def busy(till) -> None:
    """Some days of a till: closed, closed late, closed out of turn, and open."""
    days = iter(["2026-02-26", "2026-02-27", "2026-02-26", "2026-02-26", "2026-02-28", "2026-03-02"])

    def sell(count: int) -> None:
        for till.day in islice(days, count):
            till.sale(f"{till.name}{len(till.journal)}", 100)

    sell(3)
    first = close(till, "2026-02-26")  # leaves the sale of the next day
    sell(2)
    close(till, "2026-02-27", first)  # takes that one, and the one of the day before; leaves that of the 28th
    sell(1)


@pytest.mark.parametrize("at_once", [1, 3, 1000])
def test_the_open_days_are_the_same_however_they_were_heard_and_when_they_are_counted_anew(office, one, two, at_once):
    one.send()
    twin = one.copy()
    for till in (one, two):
        busy(till)
    twin.sale("fork", 100)
    close(twin)
    twin.sale("after", 100)
    for till in (two, twin, one):
        while till.sent < len(till.journal):
            till.send(at_once)
    found, said = kept(office), late(office)
    # Of the fork, what is before the furthest closing of its till counts as closed, whichever was heard first.
    assert found == {(till.name, day): 1 for till in (one, two) for day in ("2026-02-28", "2026-03-02")}
    assert counted_anew(office) == found
    assert late(office) == said
    assert sorted(said.values()) == [""] * 3 + ['{"2026-02-26": 1}'] * 2
