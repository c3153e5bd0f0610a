"""Months of the books: exact, closed for good, and what is heard late lands in the next open one."""

import json

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from central_server import schema
from central_server.applying import apply
from central_server.cli import app
from central_server.errors import OfficeError
from central_server.figures import closing, facts
from central_server.figures.closing import Between, Month


def months(office):
    facts.count_pending(office)
    with office.database.reading() as connection:
        return {one.period: one for one in closing.months(connection)}


def open_points(office):
    with office.database.reading() as connection:
        held = connection.scalars(select(schema.holding.c.points).where(schema.holding.c.place != "expired")).all()
        return sum(held) - sum(connection.scalars(select(schema.member.c.debt)).all())


@pytest.fixture
def spring(office, till, clock):
    """Sales of March, April and May at one till; head office's clock is in June."""
    one = till()
    first = one.sale("1", 10000, "anna", keep=True)
    one.day = "2026-04-10"
    one.sale("2", 5000, "anna", redeem=60)
    one.give("anna", -10, "adjustment")
    one.day = "2026-05-02"
    one.give_back(first, "r1", 2000)
    one.send()
    clock.pass_by(days=100)
    return one


def test_each_month_opens_where_the_one_before_closed_and_explains_every_point(office, spring):
    assert months(office) == {
        "2026-03": Month("2026-03", 0, 100, 0, 0, 0, 0, 0, 0, 100, {}),
        "2026-04": Month("2026-04", 100, 49, 0, 60, 0, 0, -10, 0, 79, {}),
        "2026-05": Month("2026-05", 79, 0, 20, 0, 0, 0, 0, 0, 59, {}),
    }
    assert open_points(office) == 59


def test_a_late_entry_of_a_closed_month_lands_in_the_next_open_one_and_is_shown_as_late(office, spring, till, clock):
    closing.close(office, "2026-03", "Ada")
    closing.close(office, "2026-04", "Ada")
    before = months(office)
    other = till("BBBBBB", "Mill")
    other.day = "2026-03-20"
    other.sale("1", 3000, "bert")
    other.day = "2026-05-03"
    other.sale("2", 700, "bert")
    other.send()
    found = months(office)
    assert (found["2026-03"], found["2026-04"]) == (before["2026-03"], before["2026-04"])
    assert found["2026-05"] == Month("2026-05", 79, 37, 20, 0, 0, 0, 0, 0, 96, {"issued": 30})
    assert open_points(office) == 96
    facts.recount(office)
    assert months(office) == found, "which month an entry is in does not depend on when it was counted"
    with office.database.reading() as connection:
        assert closing.as_closed(connection, "2026-04") == found["2026-04"]


def test_a_late_entry_is_in_the_figures_of_its_own_day_all_the_same(office, spring, till):
    closing.close(office, "2026-03", "Ada")
    other = till("BBBBBB", "Mill")
    other.day = "2026-03-20"
    other.sale("1", 3000, "bert")
    other.send()
    facts.count_pending(office)
    with office.database.reading() as connection:
        day = schema.figures.shop_day.c
        assert connection.scalar(select(day.sales).where(day.shop == "Mill", day.day == "2026-03-20")) == 1


@pytest.mark.parametrize(
    ("period", "code", "said"),
    [
        ("2026-04", "PERIOD_OPEN", "2026-03 is open and comes before"),
        ("2026-06", "PERIOD_UNFIT", "no month 2026-06"),
        ("soon", "PERIOD_UNFIT", "no month soon"),
    ],
)
def test_a_month_that_cannot_be_closed_is_refused_with_the_reason(office, spring, period, code, said):
    with pytest.raises(OfficeError, match=said) as refused:
        closing.close(office, period, "Ada")
    assert refused.value.code == code
    assert not any(one.closed_at for one in months(office).values())


def test_a_month_is_closed_once_and_not_before_it_is_over(office, till, clock):
    one = till()
    one.sale("1", 1000, "anna")
    one.send()
    with pytest.raises(OfficeError, match="not over yet"):
        closing.close(office, "2026-03", "Ada")
    clock.pass_by(days=60)
    closing.close(office, "2026-03", "Ada")
    with pytest.raises(OfficeError, match=r"closed on 2026-05-01 by Ada"):
        closing.close(office, "2026-03", "Ben")
    facts.recount(office)
    (march,) = months(office).values()
    assert (march.issued, march.late) == (10, {}), "the last entry before a closing is in what was closed"


def test_which_shops_points_paid_where_adds_up_to_what_was_redeemed(office, till, clock):
    harbour, mill = till(), till("BBBBBB", "Mill")
    harbour.sale("1", 10000, "anna")
    mill.sale("1", 5000, "anna", keep=True)
    harbour.send()
    mill.send()
    assert mill.fetch("anna", 70) == 70
    bought = mill.sale("2", 9000, "anna", redeem=110)
    mill.send()
    facts.count_pending(office)
    with office.database.reading() as connection:
        found = closing.between(connection, "2026-03")
    assert sum(one.points for one in found) == 110
    assert {(one.issued_in, one.redeemed_in) for one in found} == {("Harbour", "Mill"), ("Mill", "Mill")}
    mill.day = "2026-04-02"
    mill.give_back(bought, "r1")
    mill.send()
    facts.count_pending(office)
    with office.database.reading() as connection:
        assert closing.between(connection, "2026-03") == found
        back = closing.between(connection, "2026-04")
    assert back == [Between(one.issued_in, one.redeemed_in, -one.points) for one in found]


def test_the_books_as_people_and_programs_read_them(office, spring, clock, monkeypatch):
    monkeypatch.setattr("central_server.cli.basics.now", clock)

    def typed(*options):
        return CliRunner().invoke(app, ["period", *options, "--dir", str(office.folder)])

    assert typed("close", "2026-03", "--by", "Ada").stdout == "2026-03 is closed with 100 open points.\n"
    assert typed("close", "2026-03", "--by", "Ada").exit_code == 2
    april = "2026-04          100 + 49 issued - 60 redeemed - 0 expired -10 adjusted = 79  (open)"
    assert april in typed("list").stdout
    assert typed("list", "--csv").stdout.splitlines()[1].startswith("2026-03,0,100,0,0,0,0,0,0,100,0,2026-06-10")
    shown = json.loads(typed("show", "2026-04", "--json").stdout)
    assert shown["between"] == [{"issued_in": "Harbour", "redeemed_in": "Harbour", "points": 60}]
    assert "issued in Harbour, redeemed in Harbour: 60" in typed("show", "2026-04").stdout


def test_points_that_expire_late_are_in_the_month_in_which_they_are_posted(office, spring, clock):
    clock.pass_by(days=400)
    while apply.expire_due(office):
        pass
    assert sum(one.expired for one in months(office).values()) + open_points(office) == 59
