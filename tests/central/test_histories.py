"""What members did beside moving points: counted once, whatever is heard first, and told to the tills."""

import itertools

import msgspec
import pytest
from sqlalchemy import select

from central_server import schema
from central_server.applying import apply
from central_server.applying.books import Books, Origin
from central_server.applying.histories import for_a_till, read_history
from central_server.membership import members
from central_server.tills import inbox
from ledger.entry import SaleBody
from ledger.wire import ExpiringPoints, MemberDetails
from loyalty.program import preset, read_program
from loyalty.standing import Effects, History, Standing

TIERS = """
[tiers]
by = "spend"

[[tier]]
name = "silver"
title = "Silver"
from = 50000

[[accrual]]
name = "double"
title = "Twice the points"
times = 2
limits = [{ uses = 2, per = "month" }]
"""
PLAIN = preset("points")
INACTIVE = PLAIN.replace("[expire]", '[expire]\nrule = "inactivity"').replace("months = 12", "months = 6", 1)


def history_of(office, member):
    table = schema.member_history.c
    with office.database.reading() as connection:
        text = connection.scalar(select(table.history).where(table.member == member))
    return read_history(text or "")


@pytest.fixture
def tiered(office, till, tell):
    """A till under a programme with a tier and a counted rule."""
    one = till()
    one.program = tell.use(office, PLAIN + TIERS)
    return one


def test_sales_add_up_and_the_feed_tells_of_them(office, tiered, tell):
    tiered.sale("1", 20000, "anna")
    tiered.sale("2", 5000, "anna")
    tiered.send()
    known = History(
        qualifying={"2026-03-02": 25000}, counts={"double/uses/2026-03": 2}, sales=2, last_activity="2026-03-02"
    )
    assert history_of(office, "anna") == known
    item = tell.told(office, tiered, "anna")
    assert item.history == known
    assert item.includes == 3


def test_what_is_sold_to_nobody_is_in_no_history_until_it_is_claimed(office, tiered):
    sold = tiered.sale("1", 20000)
    tiered.send()
    assert history_of(office, "anna") == History()
    tiered.claim(sold, "anna")
    tiered.send()
    assert history_of(office, "anna").qualifying == {"2026-03-02": 20000}
    assert history_of(office, "anna").sales == 1


@pytest.mark.parametrize("parts", [[20000], [5000, 15000], [1, 1, 19998]])
def test_returns_take_out_what_the_sale_did_however_they_are_split(office, tiered, parts):
    tiered.sale("0", 1000, "anna")
    sold = tiered.sale("1", 20000, "anna")
    for number, minor in enumerate(parts):
        tiered.give_back(sold, str(number), minor)
    tiered.send()
    left = history_of(office, "anna")
    assert (left.qualifying, left.counts, left.sales) == ({"2026-03-02": 1000}, {"double/uses/2026-03": 1}, 1)


def test_a_partial_return_leaves_what_is_kept(office, tiered):
    sold = tiered.sale("1", 20000, "anna")
    tiered.give_back(sold, "r", 5000)
    tiered.send()
    left = history_of(office, "anna")
    assert (left.qualifying, left.sales) == ({"2026-03-02": 15000}, 1)


def test_a_return_counts_on_the_day_of_its_sale(office, tiered):
    tiered.day = "2026-02-20"
    sold = tiered.sale("1", 20000, "anna")
    tiered.day = "2026-03-02"
    tiered.give_back(sold, "r", 5000)
    tiered.send()
    assert history_of(office, "anna").qualifying == {"2026-02-20": 15000}


def test_a_document_that_two_tills_bring_counts_once(office, till, tiered):
    sold = tiered.sale("1", 20000, "anna")
    tiered.give_back(sold, "r", 5000)
    other = till("BBBBBB")
    other.write(sold.body, sold.body.sale.document, "anna")
    other.write(tiered.journal[-1].body, tiered.journal[-1].envelope.document, "anna")
    for one in (tiered, other):
        one.send()
    left = history_of(office, "anna")
    assert (left.qualifying, left.sales) == ({"2026-03-02": 15000}, 1)


def test_a_claim_of_what_is_left_and_a_later_return_leave_what_is_kept(office, tiered):
    sold = tiered.sale("1", 20000)
    tiered.give_back(sold, "r1", 5000)
    # As a till claims: what is left of the sale.
    half = tiered.claim(sold, "anna")
    effects = Effects(qualifies=15000, counts=half.body.effects.counts)
    tiered.journal.pop()
    body = msgspec.structs.replace(half.body, awarded=300, effects=effects)
    tiered.write(body, half.envelope.document, "anna")
    tiered.send()
    assert history_of(office, "anna").qualifying == {"2026-03-02": 15000}
    tiered.give_back(sold, "r2", 1000)
    tiered.send()
    assert history_of(office, "anna").qualifying == {"2026-03-02": 14000}


def test_two_members_who_turn_out_to_be_one_have_one_history_and_one_profile(office, tiered, tell):
    tiered.sale("1", 20000, "anna")
    tiered.sale("2", 5000, "bert")
    tiered.send()
    details = MemberDetails("anna", ["2900000000018"], "2026-03-02", birthday="02-29", charity="trees")
    members.take_details(office, tiered.row(), details)
    with office.database.writing() as connection:
        books = Books(connection, office)
        books.merge("anna", "bert", Origin(office.server, 0, "", office.time(), books.today), "1-merge")
        books.flush()
    tiered.sale("3", 100, "anna")
    tiered.send()
    assert history_of(office, "anna") == History()
    assert (history_of(office, "bert").qualifying, history_of(office, "bert").sales) == ({"2026-03-02": 25100}, 3)
    item = tell.told(office, tiered, "bert")
    assert (item.profile.birthday, item.profile.charity) == ("02-29", "trees")


def test_who_is_erased_has_no_birthday_charity_or_segments_any_more(office, tiered, tell):
    tiered.join("anna")
    tiered.send()
    details = MemberDetails("anna", ["2900000000018"], "2026-03-02", birthday="02-29", charity="trees")
    members.take_details(office, tiered.row(), details)
    members.take_details(office, tiered.row(), MemberDetails("anna", [], "2026-03-02"))
    assert tell.told(office, tiered, "anna").profile.birthday == "02-29"
    members.erase(office, "anna")
    assert tell.told(office, tiered, "anna").profile.birthday == ""
    with office.database.reading() as connection:
        assert connection.execute(select(schema.profile)).all() == []


@pytest.mark.parametrize("birthday", ["2026-02-29", "02-30", "29.2.", "\x00"])
def test_a_birthday_that_is_none_is_refused(office, tiered, birthday):
    from central_server.errors import Refused

    with pytest.raises(Refused, match="birthday"):
        members.take_details(office, tiered.row(), MemberDetails("anna", [], "2026-03-02", birthday=birthday))


@pytest.mark.parametrize(
    "effects",
    [
        Effects(qualifies=10**16),
        Effects(counts={str(number): 1 for number in range(200)}),
        Effects(counts={"x" * 300: 1}),
        Effects(donated_minor=-(10**16)),
    ],
)
def test_an_entry_that_counts_beyond_reason_is_set_aside_and_changes_no_history(office, tiered, tell, effects):
    sold = tiered.sale("1", 100, "anna")
    tiered.journal.pop()
    tiered.write(msgspec.structs.replace(sold.body, effects=effects), sold.envelope.document, "anna")
    tiered.sale("2", 200, "anna")
    tiered.send()
    assert history_of(office, "anna").qualifying == {"2026-03-02": 200}
    assert [note for note in tell.notes(office) if note[2] == "quarantine"] == [("AAAAAA", 2, "quarantine")]


# -- what a till is told ---------------------------------------------------------------------------------------------------

PROGRAM = read_program(PLAIN + TIERS)


def test_counts_of_periods_that_are_over_and_of_other_tills_are_left_out():
    whole = History(
        counts={
            "double/uses/2026-02": 2,
            "double/uses/2026-03": 1,
            "day/points/2026-03-01": 5,  # a till may not have turned its day yet
            "day/points/2026-02-28": 5,
            "once/uses/ever": 1,
            "surprise/AAAAAA": 4,
            "surprise/BBBBBB": 4,
        },
        given={"silver": "2026-03-01"},
    )
    cut = for_a_till(whole, PROGRAM, "2026-03-02", "AAAAAA")
    assert cut.counts == {
        "double/uses/2026-03": 1,
        "day/points/2026-03-01": 5,
        "once/uses/ever": 1,
        "surprise/AAAAAA": 4,
    }
    assert cut.given == {}


KEPT_BY_LESS = PROGRAM.text.replace("from = 50000", "from = 50000\nkeep = 1000")


@pytest.mark.parametrize("text", [PROGRAM.text, KEPT_BY_LESS], ids=["kept by as much", "kept by less"])
def test_what_is_left_of_a_history_gives_the_same_tier_as_all_of_it_now_and_later(text):
    program = read_program(text)
    days = [f"{year}-{month:02}-10" for year in range(2020, 2027) for month in (1, 4, 8)]
    whole = History(qualifying={"2020-01-10": 60000, **{day: 1500 for day in days[1:] if day < "2026-03-02"}})
    cut = for_a_till(whole, program, "2026-03-02", "AAAAAA")
    for later in ("2026-03-02", "2026-09-01", "2027-01-15", "2028-03-02"):
        assert program.ladder.on(cut, later) == program.ladder.on(whole, later)
    assert (len(cut.qualifying) < len(whole.qualifying)) == (text == PROGRAM.text)


# -- points that cannot be spent yet -----------------------------------------------------------------------------------------


def test_points_that_vest_later_count_and_are_told_and_cannot_be_granted_before(office, till, tell, clock):
    one = till()
    one.program = tell.use(office, PLAIN.replace("[earn]", "[earn]\nvest_days = 14"))
    one.sale("1", 10000, "anna")
    one.send()
    assert tell.figures(office, "anna") == {"available": 100}
    assert tell.told(office, one, "anna").points == [ExpiringPoints("2027-03-02", 100, "2026-03-16")]
    assert one.fetch("anna", 50, "too early") == 0
    clock.pass_by(days=13)
    assert one.fetch("anna", 50, "still too early") == 0
    clock.pass_by(days=1)
    apply.expire_due(office)
    assert one.fetch("anna", 50, "now") == 50
    assert tell.told(office, one, "anna").points == [ExpiringPoints("2027-03-02", 100)]
    one.send()


def test_no_share_stands_at_a_till_of_points_that_cannot_be_spent_yet(office, till, tell):
    one = till()
    text = PLAIN.replace("[earn]", "[earn]\nvest_days = 14").replace("share_percent = 0", "share_percent = 50")
    one.program = tell.use(office, text)
    one.sale("1", 10000, "anna")
    one.send()
    assert one.grants() == []
    assert tell.figures(office, "anna") == {"available": 100}


def test_points_that_vest_later_repay_a_debt(office, till, tell):
    one = till()
    one.program = tell.use(office, PLAIN.replace("[earn]", "[earn]\nvest_days = 14"))
    one.give("anna", -30, "adjustment")
    one.sale("1", 10000, "anna")
    one.send()
    assert tell.figures(office, "anna") == {"available": 70}


# -- points that are kept alive by what a member does ------------------------------------------------------------------------


def lots(office, member):
    lot, holding = schema.lot.c, schema.holding.c
    with office.database.reading() as connection:
        days = dict(connection.execute(select(lot.lot, lot.expires_on).where(lot.member == member)).all())
        places = connection.execute(
            select(holding.lot, holding.place, holding.points).where(holding.member == member)
        ).all()
    return days, sorted(tuple(row) for row in places)


def test_a_lot_that_expired_here_before_its_till_was_heard_comes_back(office, till, tell):
    here, away = till("AAAAAA"), till("BBBBBB")
    here.program = away.program = tell.use(office, INACTIVE)
    here.day, away.day = "2025-07-01", "2025-12-01"
    here.sale("1", 10000, "anna")  # to 2026-01-01
    here.send()
    apply.expire_due(office)
    assert tell.figures(office, "anna") == {"expired": 100}
    away.sale("2", 5000, "anna")  # while the first was alive: both to 2026-06-01
    away.send()
    assert tell.figures(office, "anna") == {"available": 150}
    assert set(lots(office, "anna")[0].values()) == {"2026-06-01"}


def test_what_had_expired_when_something_was_done_stays_expired(office, till, tell):
    one = till()
    one.program = tell.use(office, INACTIVE)
    one.day = "2025-03-01"
    one.sale("1", 10000, "anna")  # to 2025-09-01
    one.day = "2025-09-01"
    one.sale("2", 5000, "anna")
    one.send()
    apply.expire_due(office)
    assert tell.figures(office, "anna") == {"expired": 150}
    one.day = "2026-02-01"
    one.sale("3", 700, "anna")
    one.send()
    assert tell.figures(office, "anna") == {"available": 57, "expired": 100}


DAYS = ("2025-01-10", "2025-06-01", "2025-07-11", "2025-11-20", "2026-03-01")
"""Each keeps alive for six months: the second is in time for the first, the third for the second, then comes a chain again."""


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(DAYS))))[::7])
def test_in_whatever_order_tills_are_heard_points_live_to_the_same_day(office, till, tell, order):
    tills = [till(name * 6) for name in "ABCDE"]
    program = tell.use(office, INACTIVE)
    for one, day in zip(tills, DAYS, strict=True):
        one.program, one.day = program, day
        one.sale("1", 10000, "anna", lot=f"lot{day}")
    for place in order:
        tills[place].send()
        apply.expire_due(office)
    days, places = lots(office, "anna")
    assert days == dict.fromkeys((f"lot{day}" for day in DAYS), "2026-09-01")
    assert {place for _, place, _ in places} == {"available"}


@pytest.mark.parametrize("is_first", [True, False])
def test_a_merge_keeps_alive_what_either_did(office, till, tell, is_first):
    here, away = till("AAAAAA"), till("BBBBBB")
    here.program = away.program = tell.use(office, INACTIVE)
    here.day, away.day = "2025-07-01", "2025-12-01"
    here.sale("1", 10000, "anna")
    away.sale("2", 5000, "bert")
    here.send()
    apply.expire_due(office)

    def merge():
        with office.database.writing() as connection:
            books = Books(connection, office)
            books.merge("anna", "bert", Origin(office.server, 0, "", office.time(), books.today), "1-merge")
            books.flush()

    happens = [merge, away.send] if is_first else [away.send, merge]
    for one in happens:
        one()
    assert tell.figures(office, "bert") == {"available": 150}


# -- points without a sale ---------------------------------------------------------------------------------------------------


def test_what_a_till_gives_can_be_granted_and_counts_once(office, till, tell):
    one, other = till("AAAAAA"), till("BBBBBB")
    first = one.give("anna", 50, ref="quiz", about="quiz", effects=Effects(counts={"quiz/uses/ever": 1}))
    other.write(first.body, first.envelope.document, "anna")
    for till_ in (one, other):
        till_.send()
    assert tell.figures(office, "anna") == {"available": 50}
    assert history_of(office, "anna").counts == {"quiz/uses/ever": 1}
    assert other.fetch("anna", 50) == 50
    other.send()


def test_what_is_taken_comes_from_the_soonest_expiry_and_then_is_owed(office, till, tell):
    one = till()
    one.give("anna", 50, expires_on="2026-05-01")
    one.give("anna", 50, expires_on="2026-04-01")
    one.give("anna", -70, "adjustment")
    one.send()
    assert tell.figures(office, "anna") == {"available": 30}
    assert lots(office, "anna")[1] == [("AAAAAAgive1", "available", 30)]
    one.give("anna", -50, "adjustment")
    one.send()
    assert tell.figures(office, "anna") == {"debt": 20}
    one.give("anna", 30)
    one.send()
    assert tell.figures(office, "anna") == {"available": 10}


def test_points_of_a_give_can_lie_at_the_till_that_gave_them_and_be_taken_there(office, till, tell):
    one = till()
    lot = one.give("anna", 50).body.lot
    one.journal.pop()
    give = msgspec.structs.replace
    from ledger.entry import GiveBody

    body = GiveBody("activity", 50, lot=lot, expires_on="2027-03-02")
    one.write(body, "give/1", "anna", {lot: 50})
    one.write(give(body, points=-20, lot="", expires_on=""), "give/2", "anna", {lot: -20})
    one.send()
    assert tell.figures(office, "anna") == {"escrow": 30}


@pytest.mark.parametrize(
    "fields",
    [
        {"points": 5, "lot": "", "expires_on": "2027-01-01"},
        {"points": 5, "lot": "x", "expires_on": "soon"},
        {"points": -5, "extends_to": "never"},
        {"points": 5, "lot": "x", "expires_on": "2027-01-01", "usable_from": "2027-1-1"},
    ],
)
def test_a_give_that_nobody_could_read_is_set_aside(office, till, tell, fields):
    from ledger.entry import GiveBody

    one = till()
    one.write(GiveBody("activity", **fields), "give/1", "anna")
    one.send()
    assert tell.notes(office) == [("AAAAAA", 2, "quarantine")]
    assert tell.figures(office, "anna") == {}


# -- whoever brought a friend ------------------------------------------------------------------------------------------------

REFERRAL = """
[referral]
friend_points = 10
referrer_points = 100
on = "{on}"
minimum_minor = 1000
most_friends_a_year = 2
"""


def brought(office, till, tell, on="first purchase"):
    one = till()
    one.program = tell.use(office, PLAIN + REFERRAL.format(on=on))
    one.standing = Standing(is_referred=True)
    return one


@pytest.mark.parametrize("join_first", [True, False])
def test_whoever_brought_a_friend_is_rewarded_once_whichever_is_heard_first(office, till, tell, join_first):
    one, other = brought(office, till, tell), till("BBBBBB")
    other.program = one.program
    one.join("carl", referrer="anna")
    other.sale("0", 900, "carl")  # too little
    other.sale("1", 2000, "carl")
    other.sale("2", 2000, "carl")
    for first in [one, other] if join_first else [other, one]:
        first.send()
    assert tell.figures(office, "anna") == {"available": 100}
    assert tell.told(office, one, "carl").profile.is_referred
    assert not tell.told(office, one, "anna").profile.is_referred


def test_a_claimed_sale_of_a_friend_is_a_purchase(office, till, tell):
    one, other = brought(office, till, tell), till("BBBBBB")
    other.program = one.program
    other.claim(other.sale("1", 2000), "carl")
    one.join("carl", referrer="anna")
    for first in (other, one):
        first.send()
    assert tell.figures(office, "anna") == {"available": 100}


@pytest.mark.parametrize(("on", "points"), [("join", 100), ("every purchase", 300)])
def test_a_friend_who_joins_or_buys_each_time(office, till, tell, on, points):
    one = brought(office, till, tell, on)
    one.join("carl", referrer="anna")
    for number in range(3):
        one.sale(str(number), 2000, "carl")
    one.send()
    assert tell.figures(office, "anna") == {"available": points}


def test_no_more_friends_a_year_than_the_programme_says(office, till, tell):
    one = brought(office, till, tell)
    for friend in ("carl", "dora", "emil"):
        one.join(friend, referrer="anna")
        one.sale(friend, 2000, friend)
    one.day = "2025-12-31"
    one.join("fred", referrer="anna")
    one.sale("fred", 2000, "fred")
    one.send()
    assert tell.figures(office, "anna") == {"available": 300}


def test_nobody_brings_themselves(office, till, tell):
    one = brought(office, till, tell, "join")
    one.join("anna", referrer="anna")
    one.send()
    assert tell.figures(office, "anna") == {}


def test_applying_in_pieces_or_at_once_comes_to_the_same(office, till, tell):
    one = brought(office, till, tell, "every purchase")
    one.sale("1", 2000, "carl")
    one.join("carl", referrer="anna")
    one.sale("2", 2000, "carl")
    inbox.record(office, one.batch())
    while apply.apply_pending(office, 1):
        pass
    assert tell.figures(office, "anna") == {"available": 200}
    assert isinstance(one.journal[-1].body, SaleBody)
