"""A real store's year in a head office: every figure is what plain Python makes of the raw baskets."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import update

from bench.figures_by_hand import differences, rung
from bench.journey import baskets
from bench.office import fill, moved, weeks_until
from central_server import schema
from central_server.figures import answers, closing, facts
from central_server.figures.scope import Scope
from central_server.office import Office

LAST = date(2026, 11, 21)
STORE = 359  # some 400 baskets

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("year") / "office"
    done = fill(folder, LAST, frozenset([STORE]))
    office = Office.open(folder, lambda: datetime(2026, 11, 22, 12, tzinfo=UTC), bytes)
    sold = list(rung(moved(baskets(STORE), weeks_until(LAST), frozenset()), LAST))
    yield office, sold, done
    office.close()


def scopes(done):
    last = date.fromisoformat(done.last_day)
    yield Scope(done.first_day, LAST.isoformat())
    yield Scope((last - timedelta(days=100)).isoformat(), done.last_day, window_days=30)
    yield Scope((last - timedelta(days=60)).isoformat(), done.last_day, f"store {STORE}")
    yield Scope("2001-01-01", "2001-01-31")


def test_every_figure_of_a_real_year_is_the_one_computed_by_hand(filled):
    office, sold, done = filled
    assert len(sold) > 200
    for scope in scopes(done):
        assert differences(office, sold, scope) == []


def test_each_month_of_a_real_year_closes_with_what_the_ledger_has(filled):
    office, _, _ = filled
    with office.database.reading() as connection:
        months = closing.months(connection)
        posting = schema.posting.c
        posted = connection.execute(
            schema.posting.select().where(posting.account.in_(["available", "granted", "escrow", "owed"]))
        ).all()
    for one in months:
        assert one.closing == sum(row.amount for row in posted if row.business_day[:7] <= one.period), one.period


def test_counting_a_real_year_again_from_nothing_heals_a_sum_that_somebody_spoiled(filled):
    office, sold, done = filled
    table, scope = schema.figures.sold_everywhere, next(scopes(done))
    with office.database.writing() as connection:
        connection.execute(update(table).values(value_minor=table.c.value_minor + 1))
    answers.forget()
    assert any(": value is" in one for one in differences(office, sold, scope))
    facts.recount(office)
    assert differences(office, sold, scope) == []
