"""Each figure as docs/figures.md defines it, over a few sales that can be counted on fingers."""

import csv
import io
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update
from typer.testing import CliRunner

from central_server import kept_settings, schema
from central_server.applying import apply
from central_server.applying.books import Books, Origin
from central_server.cli import app
from central_server.errors import OfficeError
from central_server.figures import answers, baskets, closing, customers, facts, targets
from central_server.figures.answers import Line
from central_server.figures.bands import band, least
from central_server.figures.plots import Plot, Series, svg
from central_server.figures.ratio import Ratio, ratio
from central_server.figures.scope import Scope, scope_of
from central_server.figures.tiers import migration, renewals
from central_server.membership import desk, members
from central_server.reports import exporting

MARCH = Scope("2026-03-01", "2026-03-31")
YEAR = Scope("2026-01-01", "2026-12-31")


def told(office, scope=MARCH, **more):
    facts.count_pending(office)
    return answers.figures(office, scope, **more)


def sales(till, *bought):
    """(day, member, minor) of each; references count on."""
    for day, member, minor in bought:
        till.day = day
        till.sale(f"{len(till.journal)}", minor, member)
    till.send()


def test_of_a_hundred_sales_sixty_with_a_card_make_sixty_percent(office, till):
    one = till()
    for count in range(100):
        one.sale(f"{count}", 1000 if count < 60 else 500, "anna" if count < 60 else "")
    one.send()
    found = told(office)
    assert found.attach.attach_by_count == Ratio(60, 100, 60.0)
    assert found.attach.attach_by_value == Ratio(60000, 80000, 75.0)
    assert next(line for line in answers.lines(found) if line.name == "attach_by_count") == Line(
        "attach_by_count", "Attach rate by count", "60.0 %", "60 of 100 sales", 60.0
    )


@given(st.lists(st.tuples(st.integers(0, 5000) | st.integers(-300, 10**9), st.booleans()), max_size=40))
def test_a_median_is_found_by_bands_as_among_all_baskets(sold):
    def spread(of):
        counts = Counter((of(minor), is_member) for minor, is_member in sold)
        rows = sorted({amount for amount, _ in counts})
        return baskets._Spread.of([(one, counts[one, 0] + counts[one, 1], counts[one, 1]) for one in rows])

    by_band, by_value = spread(band), spread(int)
    for name in by_value.until:
        places = by_band.middle(name)
        assert places == by_value.middle(name)
        for place in places:
            number, within = by_band.at(name, place)
            inside = sorted(
                minor
                for minor, is_member in sold
                if least(number) <= minor < least(number + 1)
                and {"members": is_member, "others": not is_member}.get(name, True)
            )
            assert inside[within] == by_value.at(name, place)[0]


def test_a_basket_has_a_mean_and_a_median_with_a_member_and_without(office, till):
    march = [("2026-03-02", "anna", minor) for minor in (100, 200, 1000)]
    march += [("2026-03-03", "", minor) for minor in (301, 400)]
    sales(till(), *march)
    found = told(office).baskets
    assert {name: (one.sales, one.mean_minor, one.median_minor) for name, one in found.items()} == {
        "members": (3, 433, 200),
        "others": (2, 351, 351),  # 350.5, half up
        "all": (5, 400, 301),
    }


def test_a_return_lowers_net_sales_on_its_day_and_not_the_basket(office, till):
    one = till()
    sold = one.sale("1", 1000, "anna")
    one.day = "2026-04-02"
    one.give_back(sold, "r", 300)
    one.send()
    march, april = told(office), told(office, Scope("2026-04-01", "2026-04-30"))
    assert (march.attach.all.net_minor, march.baskets["all"].mean_minor) == (1000, 1000)
    assert (april.attach.all.net_minor, april.attach.all.sales, april.attach.all.returns) == (-300, 0, 1)


def test_an_empty_period_says_no_sales_and_divides_by_nothing(office, till):
    till().send()
    found = told(office, Scope("2025-01-01", "2025-01-31"), margin_percent=20)
    assert not found.has_sales
    shown = {line.name: line.value for line in answers.lines(found)}
    assert {shown[name] for name in ("sales", "attach_by_count", "attach_by_value", "basket_all", "churn")} == {
        "no sales"
    }
    assert found.attach.attach_by_count == Ratio(0, 0, None)
    assert (found.points.burn, found.cost.of_net_sales.percent) == (ratio(0, 0), None)


def test_who_is_active_who_stayed_and_who_came_again_goes_by_sets_of_members(office, till):
    """t is 1 April and W 30 days: before is from 31 January through 1 March, lately from 2 March through 31 March."""
    sales(
        till(),
        ("2026-01-30", "zoe", 100),  # too long ago for either
        ("2026-01-31", "anna", 100),
        ("2026-03-01", "bert", 100),
        ("2026-02-10", "carl", 100),
        ("2026-03-02", "anna", 100),  # stayed
        ("2026-03-31", "dora", 100),  # new
        ("2026-03-02", "eva", 100),  # new, on the first day
        ("2026-04-01", "bert", 100),  # too late
    )
    found = told(office, Scope("2026-03-01", "2026-03-31", window_days=30)).customers
    assert found.active == 3
    assert (found.churn, found.retention) == (Ratio(2, 3, 66.67), Ratio(1, 3, 33.33))
    assert found.repeat_purchase == Ratio(1, 6, 16.67), "anna bought twice until the end of March"


def merge(office, old, into):
    def work(connection):
        books = Books(connection, office)
        books.merge(old, into, Origin(office.server, 0, "", office.time(), books.today), "m1")
        books.flush()

    office.database.write(work)


def test_two_members_who_merged_are_one(office, till):
    one = till()
    sales(one, ("2026-03-01", "anna", 100), ("2026-03-02", "anne", 100))
    assert told(office).customers.active == 2
    merge(office, "anne", "anna")
    found = told(office).customers
    assert (found.active, found.repeat_purchase) == (1, Ratio(1, 1, 100.0))


def test_burn_is_redeemed_of_issued_and_each_months_issue_is_followed(office, till, clock):
    one = till()
    one.sale("1", 10000, "anna", keep=True)
    one.day = "2026-04-10"
    sold = one.sale("2", 5000, "anna", redeem=60)
    one.day = "2026-05-02"
    one.give_back(sold, "r", 2500)
    one.send()
    found = told(office, Scope("2026-01-01", "2026-04-30"))
    assert (found.points.issued, found.points.redeemed, found.points.burn) == (149, 60, Ratio(60, 149, 40.27))
    march, april = told(office, YEAR).issues
    back = told(office, YEAR).points.restored
    assert (march.month, march.issued, march.redeemed) == ("2026-03", 100, 60 - back)
    assert (april.month, april.issued, april.redeemed) == ("2026-04", 49 - told(office, YEAR).points.reversed, 0)
    assert back > 0


def expire(office, clock, days):
    clock.pass_by(days=days)
    while apply.expire_due(office):
        pass


def test_a_shop_follows_what_it_issued_and_nothing_else_also_once_its_members_have_merged(office, till, clock):
    here, there = till(), till("BBBBBB", "Mill")
    sales(here, ("2026-03-02", "anna", 10000))
    sales(there, ("2026-03-02", "bert", 3000))
    merge(office, "anna", "bert")
    expire(office, clock, days=400)
    [harbour] = told(office, Scope("2026-01-01", "2026-12-31", "Harbour")).issues
    assert (harbour.issued, harbour.matured, harbour.expired) == (100, 100, 100)
    [all_shops] = told(office, YEAR).issues
    assert (all_shops.issued, all_shops.matured, all_shops.expired) == (130, 130, 130)


def test_breakage_is_of_matured_lots_and_lowers_what_is_expected_of_the_others(office, till, clock):
    one = till()
    one.sale("1", 10000, "anna", keep=True)
    one.sale("2", 100, "anna", redeem=40)
    one.release("anna")
    one.day = "2027-03-20"
    one.sale("3", 20000, "bert")
    one.send()
    expire(office, clock, days=384)
    found = told(office, Scope("2027-03-01", "2027-03-31"))
    march = found.issues[0]
    assert (march.matured, march.expired, march.breakage) == (100, 60, Ratio(60, 100, 60.0))
    assert found.issues[1].matured == 0
    assert (found.liability.points, found.liability.gross_minor, found.liability.expected_minor) == (200, 200, 80)


def test_points_that_one_member_hands_to_another_are_issued_once(office, till):
    one = till()
    one.sale("1", 10000, "anna")
    one.sale("2", 500, "bert")
    one.send()
    desk.transfer(office, "anna", "bert", 60, desk.Who("a present", "Ann", "Ben"))
    one.fetch("bert", 65)
    one.sale("3", 1000, "bert", redeem=65)
    one.send()
    issue = told(office).issues[0]
    assert (issue.issued, issue.redeemed) == (100 + 5 + one.journal[-1].body.awarded, 65)


def test_what_a_member_owes_makes_nobodys_open_points_less(office, till, clock):
    one = till()
    bought = one.sale("1", 10000, "anna", keep=True)
    one.sale("2", 5000, "bert", keep=True)
    one.send()
    one.sale("4", 100, "anna", redeem=100)  # spends all that she has, and earns nothing
    one.day = "2026-03-09"
    one.give_back(bought, "r1")
    one.send()
    with office.database.reading() as connection:
        owed = connection.scalars(select(schema.member.c.debt).order_by(schema.member.c.member)).all()
        held = connection.scalars(select(schema.holding.c.points)).all()
    assert sum(owed) > 0
    found = told(office)
    assert (found.liability.points, found.liability.owed_points) == (sum(held), sum(owed))
    before = told(office, Scope("2026-03-01", "2026-03-08")).liability
    assert before.points == sum(held), "what was spent had been spent before"
    facts.count_pending(office)
    with office.database.reading() as connection:
        books = closing.months(connection)[-1]
    assert books.closing == sum(held) - sum(owed)


def test_points_cost_counts_what_points_paid_and_what_more_is_owed_in_them(office, till):
    one = till()
    one.sale("1", 10000, "anna", keep=True)
    one.day = "2026-04-10"
    one.sale("2", 4000, "anna", redeem=50)  # pays 0.50, earns 39
    one.send()
    found = told(office, Scope("2026-04-01", "2026-04-30")).cost
    assert (found.redemption_minor, found.liability_change_minor) == (50, 39 - 50)
    assert (found.of_net_sales.part, found.of_net_sales.whole) == (39, 4000)
    assert found.cash_of_net_sales == Ratio(50, 4000, 1.25)


def test_the_value_of_a_member_is_margin_less_rewards_and_its_forecast_is_labelled(office, till):
    one = till()
    sales(one, ("2025-02-01", "anna", 1000), ("2025-02-01", "bert", 1000), ("2026-02-01", "anna", 4000))
    found = told(office, Scope("2026-02-01", "2026-02-28"), margin_percent=25)
    value = found.value
    assert (value.members, value.margin_minor, value.historic_minor) == (2, 1500, 750)
    assert (value.per_year_minor, value.churn, value.forecast_minor) == (1000, Ratio(1, 2, 50.0), 2000)
    assert next(line for line in answers.lines(found) if line.name == "clv_forecast").basis.startswith("forecast")
    assert told(office, Scope("2026-02-01", "2026-02-28")).value is None, "no margin was given"


def test_figures_of_a_shop_are_of_its_sales_alone_and_a_cashier_has_a_row(office, till):
    import msgspec

    harbour, mill = till(), till("BBBBBB", "Mill")
    harbour.sale("1", 1000, "anna")
    body = mill.sale("1", 500).body
    rung = msgspec.structs.replace(body, sale=msgspec.structs.replace(body.sale, sale_ref="2", operator="kim"))
    mill.write(rung, rung.sale.document, "bert")
    harbour.send()
    mill.send()
    found = told(office, Scope("2026-03-01", "2026-03-31", "Mill"))
    assert (found.attach.all.sales, found.attach.attach_by_count, found.customers.active) == (2, Ratio(1, 2, 50.0), 1)
    with office.database.reading() as connection:
        rows = baskets.attached(connection, MARCH, "cashier")
    assert [(one.shop, one.cashier, one.all.sales, one.members.sales) for one in rows] == [
        ("Harbour", "", 1, 1),
        ("Mill", "", 1, 0),
        ("Mill", "kim", 1, 1),
    ]


def test_figures_are_provisional_until_every_till_has_sent_after_the_period(office, till, clock):
    one, other = till(), till("BBBBBB", "Mill")
    sales(one, ("2026-03-02", "anna", 100))
    other.send()
    assert [tell.terminal for tell in told(office).not_reported] == ["AAAAAA", "BBBBBB"]
    clock.pass_by(days=40)
    one.sale("9", 100)
    one.send()
    found = told(office)
    assert [tell.terminal for tell in found.not_reported] == ["BBBBBB"]
    assert answers.provisional(found) == "Provisional: nothing sent since the period ended: BBBBBB (Mill)."
    other.sale("9", 100)
    other.send()
    found = answers.figures(office, MARCH)
    assert (found.not_reported, found.waiting_entries) == ([], 1)
    assert "1 entry is recorded and not counted yet" in answers.provisional(found)
    assert not told(office).is_provisional
    with office.database.writing() as connection:
        connection.execute(update(schema.terminal).values(sent_at=""))
    assert len(told(office).not_reported) == 2, "one that has sent nothing yet may have sold, too"


def test_the_latest_answer_of_each_member_counts_for_nps_and_csat(office, till):
    till().send()

    def said(number, member, day, rating, recommends):
        return {
            "terminal": "AAAAAA",
            "number": number,
            "shop": "Harbour",
            "member": member,
            "business_day": day,
            "given_at": f"{day}T10:00",
            "rating": rating,
            "recommends": recommends,
            "comment": "",
            "bonus": 0,
        }

    rows = [
        said(1, "anna", "2026-03-01", 1, 0),
        said(2, "anna", "2026-03-09", 5, 9),  # the latest
        said(3, "bert", "2026-03-02", 4, 6),
        said(4, "", "2026-03-02", 3, 8),
        said(5, "", "2026-03-03", 2, -1),  # no answer to that question
        said(6, "carl", "2025-11-01", 5, 10),  # too long ago
    ]
    with office.database.writing() as connection:
        connection.execute(insert(schema.care.feedback), rows)
    found = told(office).voices
    assert (found.nps.promoters, found.nps.detractors, found.nps.answers, found.nps.score) == (1, 1, 3, 0.0)
    assert found.csat == Ratio(2, 4, 50.0)


def test_who_moved_between_tiers_joined_or_left(office, till, tell, clock):
    program = tell.use(
        office,
        'name = "steps"\ncurrency = "EUR"\n[tiers]\nwindow_months = 3\nlasts_months = 3\n'
        '[[tier]]\nname = "gold"\ntitle = "Gold"\nfrom = 5000\n',
    )
    one = till()
    one.program = program
    for day, member in (("2026-02-01", "anna"), ("2026-02-02", "bert"), ("2026-03-10", "carl")):
        one.day = day
        one.join(member)
    for day, member, minor in (("2026-02-01", "anna", 6000), ("2026-02-02", "bert", 100), ("2026-03-20", "bert", 9000)):
        one.day = day
        one.sale(f"{day}{member}", minor, member)
    one.send()
    with office.database.reading() as connection:
        found = migration(connection, program, MARCH)
        assert {(move.start, move.end): move.members for move in found} == {
            ("joined", "base"): 1,
            ("base", "gold"): 1,
            ("gold", "gold"): 1,
        }
        assert renewals(connection, program, MARCH).renewed == ratio(0, 0)


def test_who_joined_late_in_the_evening_joined_on_the_shops_day(office, tell):
    """In Berlin the first of March began at 23:00 UTC of the day before."""
    program = tell.use(
        office,
        'name = "steps"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n[tiers]\nwindow_months = 3\nlasts_months = 3\n'
        '[[tier]]\nname = "gold"\ntitle = "Gold"\nfrom = 5000\n',
    )
    joined = {"anna": "2026-02-28T22:59:59.999+00:00", "bert": "2026-02-28T23:00:00.000+00:00"}
    blank = {
        "home_shop": "Mill",
        "merged_into": "",
        "merge": "",
        "merge_signature": "",
        "erased_at": "",
        "debt": 0,
        "loss": 0,
    }
    with office.database.writing() as connection:
        people = [{"member": name, "joined_at": at, **blank} for name, at in joined.items()]
        connection.execute(insert(schema.member), people)
        connection.execute(insert(schema.card), [{"card": name, "member": name} for name in joined])
    with office.database.reading() as connection:
        found = {(move.start, move.end): move.members for move in migration(connection, program, MARCH)}
    assert found == {("base", "base"): 1, ("joined", "base"): 1}
    assert {cells[-2] for cells in exporting.members(office)} == {"2026-02-28", "2026-03-01"}


def test_whoever_stays_away_longer_than_is_their_way_may_be_leaving(office, till):
    often = [(f"2026-01-{day:02d}", "anna", 1000) for day in (1, 5, 9, 13)]  # a gap of 4 days
    seldom = [(day, "bert", 3000) for day in ("2026-01-01", "2026-02-01", "2026-03-01")]
    sales(till(), *often, *seldom, ("2026-01-01", "carl", 100), ("2026-01-02", "carl", 100))
    assert leaving(office, "2026-01-19") == []  # six days: exactly one and a half
    assert leaving(office, "2026-01-20") == [("anna", 4, 4, 7)]
    assert leaving(office, "2026-04-20") == [("bert", 3, 30, 50), ("anna", 4, 4, 97)]  # who brought most comes first


def test_nobody_is_sent_after_a_member_who_was_forgotten(office, till):
    sales(till(), *[(f"2026-01-{day:02d}", member, 1000) for day in (1, 5, 9) for member in ("anna", "anne")])
    merge(office, "anne", "anna")
    assert leaving(office, "2026-01-20") == [("anna", 3, 4, 11)]
    members.erase(office, "anna")
    assert leaving(office, "2026-01-20") == []


def leaving(office, day):
    """Who may be: the days on which they bought, their mean gap, and for how long they have been away."""
    facts.count_pending(office)
    with office.database.reading() as connection:
        found, count = customers.at_risk(connection, Scope(day, day))
    assert len(found) == count
    return [(one.member, one.days, one.gap_days, one.away_days) for one in found]


def test_a_day_in_two_shops_is_one_day_of_buying(office, till):
    sales(till(), *((f"2026-01-{day:02d}", "anna", 100) for day in (1, 5, 9)))
    sales(till("BBBBBB", "Mill"), *((f"2026-01-{day:02d}", "anna", 100) for day in (5, 9)))
    assert leaving(office, "2026-01-15") == []  # six days after four and four; not after two, two, two and two
    assert leaving(office, "2026-01-16") == [("anna", 3, 4, 7)]


def test_a_day_on_which_both_bought_who_have_merged_is_one_day_of_buying(office, till):
    bought = [(f"2026-01-{day:02d}", member, 100) for day in (1, 5, 9) for member in ("anna", "anne")]
    sales(till(), *bought)
    merge(office, "anne", "anna")
    assert leaving(office, "2026-01-15") == []
    assert leaving(office, "2026-01-16") == [("anna", 3, 4, 7)]


def test_a_day_on_which_something_only_came_back_is_no_day_of_buying(office, till):
    one = till()
    sales(one, *((f"2026-01-{day:02d}", "anna", 100) for day in (1, 5)))
    one.day = "2026-01-09"
    sold = one.sale("9", 100, "anna")
    one.day = "2026-01-12"
    one.give_back(sold, "r", 50)
    one.send()
    assert leaving(office, "2026-01-16") == [("anna", 3, 4, 7)]


def test_a_target_says_how_far_it_is_in_words(office, till):
    sales(till(), ("2026-03-02", "anna", 100), ("2026-03-02", "", 100))
    targets.set_target(office, "attach_by_count", "62.5", "mia")
    targets.set_target(office, "active", "1", "mia")
    targets.set_target(office, "churn", "10", "mia")
    found = {one.line.name: one.distance for one in targets.reached(office, answers.lines(told(office)))}
    assert found == {
        "attach_by_count": "12.5 percentage points short of the target",
        "active": "reached",
        "churn": "nothing to compare yet",
    }
    targets.set_target(office, "active", "", "mia")
    assert len(targets.reached(office, answers.lines(told(office)))) == 2
    for figure, wanted in (("active", "many"), ("active", "nan"), ("nonsense", "3")):
        with pytest.raises(OfficeError):
            targets.set_target(office, figure, wanted, "mia")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"first": "2026-04-01", "last": "2026-03-01"}, "ends on 2026-03-01, before"),
        ({"first": "yesterday"}, "yesterday is no day"),
        ({"last": "20260301"}, "20260301 is no day"),
        ({"shop": "Moon"}, "no shop Moon"),
        ({"window_days": -1}, "1 to 3660 days"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_with_the_reason(office, question, said):
    with office.database.reading() as connection, pytest.raises(OfficeError, match=said):
        scope_of(office, connection, **question)


def test_a_report_as_people_and_programs_read_it(office, till, monkeypatch, clock):
    monkeypatch.setattr("central_server.cli.basics.now", clock)
    sales(till(), ("2026-03-02", "anna", 1000), ("2026-03-02", "", 500))

    def typed(*options):
        return CliRunner().invoke(app, ["report", "--dir", str(office.folder), *options])

    lines = typed("--from", "2026-03-01", "--to", "2026-03-02").stdout.splitlines()
    assert lines[0] == "2026-03-01 to 2026-03-02, all shops; window 90 days"
    assert "  Attach rate by count                     50.0 %   1 of 2 sales" in lines
    assert lines[-1] == "Provisional: nothing sent since the period ended: AAAAAA (Harbour)."
    found = json.loads(typed("--json", "--by", "shop").stdout)
    assert (found["from"], found["to"], found["window_days"]) == ("2026-03-01", "2026-03-02", 90)
    assert found["attach"]["attach_by_count"] == {"part": 1, "whole": 2, "percent": 50.0}
    assert [one["shop"] for one in found["by"]] == ["Harbour"]
    rows = list(csv.DictReader(io.StringIO(typed("--by", "month", "--csv").stdout)))
    assert [(one["month"], one["sales"], one["attach_by_count_percent"]) for one in rows] == [("2026-03", "2", "50.0")]
    assert "There are no sales in this period." in typed("--from", "2025-01-01", "--to", "2025-01-31").stdout
    with office.database.writing() as connection:
        kept_settings.change(connection, "window_days", "30")
    assert typed().stdout.splitlines()[0].endswith("; window 30 days"), "the setting of head office"
    assert typed("--window", "60").stdout.splitlines()[0].endswith("; window 60 days")
    wrong = typed("--from", "2026-03-09", "--to", "2026-03-01")
    assert (wrong.exit_code, "before it begins" in wrong.stderr) == (2, True)


@pytest.mark.slow  # for Matplotlib to load
def test_a_plot_is_drawn_once_for_the_same_numbers_and_says_its_title_and_unit():
    plot = Plot(
        "Sales each month", "stacked", "sales", ("2026-03",), (Series("with a member", (3,)), Series("without", (2,)))
    )
    drawn = svg(plot).decode()
    assert svg(plot) is svg(Plot(*plot))
    assert all(f">{words}<" in drawn for words in ("Sales each month", "sales", "2026-03", "with a member", "without"))
    assert plot.said == (
        "Sales each month: with a member and without, sales, 2026-03 to 2026-03. The table below has the numbers."
    )
    assert b"nothing in this period" in svg(plot._replace(months=(), series=(Series("without", ()),)))
