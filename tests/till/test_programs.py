"""A whole programme at the counter: tiers, rewards, prices, limits, surprises, versions; and what a till remembers for it."""

from __future__ import annotations

import pytest

from ledger.entry import SaleBody
from ledger.wire import ExpiringPoints, MemberItem, ProgramItem
from loyalty.program import read_program
from loyalty.sale import LineItem, Return, ReturnedLine
from loyalty.standing import History, Profile
from loyalty.surprise import Luck, terminal_key
from offline_store import histories, members, settings
from offline_store.sync import Nonsense, _require_sound
from offline_store.verify import verify
from pos_plugin.errors import BadRequest, Conflict
from pos_plugin.sales.claims import claim
from pos_plugin.sales.returns import take_back, void

CLUB = """\
name = "club"
currency = "EUR"
time_zone = "Europe/Berlin"

[redeem]
points = 0

[[tier]]
name = "gold"
title = "Gold"
from = 10000
times = 2
benefits = ["Free alterations"]

[[accrual]]
name = "welcome"
title = "First purchase"
on = "first purchase"
points = 50

[[reward]]
name = "two-off"
title = "2.00 off"
points = 40
kind = "money"
value_minor = 200
limits = [{ uses = 1, per = "month" }]

[[reward]]
name = "free-tea"
title = "A tea for nothing"
points = 60
kind = "product"
goods = { categories = ["tea"] }

[[reward]]
name = "gold-bag"
title = "A bag"
points = 10
kind = "gift"
tiers = ["gold"]

[[price]]
name = "bread"
title = "Bread for members"
percent = 10
goods = { categories = ["bread"] }
"""
BREAD = LineItem("1", 1000, name="Bread", category="bread")
SOAP = LineItem("2", 1000, name="Soap")
TEA = LineItem("3", 450, name="Tea", category="tea")


@pytest.fixture
def club(till):
    till.use_program(CLUB)
    return till


def quoted(till, ref: str, *lines: LineItem, member: str = "", reward: str = "", redeem: int = 0, **more: str):
    basket = till.sale(ref, sum(line.amount_minor for line in lines), lines, **more)
    return till.checkout.quote(basket, member, redeem, reward=reward)


def sold(till, ref: str, *lines: LineItem, member: str = "", reward: str = "", **more: str):
    return till.checkout.commit(quoted(till, ref, *lines, member=member, reward=reward, **more).quote_id)


def body(till, done) -> SaleBody:
    found = till.entry(done.number).body
    assert isinstance(found, SaleBody)
    return found


def history(till, member: str) -> History:
    with till.store.read() as db:
        return histories.of(db, member).history


def problems(till) -> list[str]:
    with till.store.read() as db:
        return verify(db).problems


# Earning, prices, tiers.


def test_a_member_pays_the_members_price_and_earns_on_what_was_paid(club) -> None:
    member = club.member()
    quote = quoted(club, "1", BREAD, SOAP, member=member)
    assert (quote.total_minor, quote.off, quote.due_minor, quote.earn_points) == (2000, {"1": 100}, 1900, 19 + 50)
    done = club.checkout.commit(quote.quote_id)
    assert (done.due_minor, done.earned_points, done.off) == (1900, 69, {"1": 100})
    assert body(club, done).standing.terminal == club.entry(done.number).envelope.terminal
    assert body(club, done).effects.qualifies == 1900


def test_who_is_no_member_pays_the_whole_price(club) -> None:
    quote = quoted(club, "1", BREAD)
    assert (quote.off, quote.due_minor, quote.tier, quote.benefits) == ({}, 1000, None, [])


def test_the_quote_tells_the_tier_and_what_is_missing_to_the_next(club) -> None:
    member = club.member()
    sold(club, "1", BREAD, SOAP, member=member)
    tier = quoted(club, "2", SOAP, member=member).tier
    assert (tier.tier, tier.title, tier.next, tier.missing, tier.text) == ("", "Member", "gold", 8100, "€81.00 to Gold")


def test_a_tier_is_reached_at_once_and_doubles_the_next_sale(club) -> None:
    member = club.member()
    done = sold(club, "1", LineItem("1", 10000), member=member)
    assert done.earned_points == 150
    assert "Gold until 20 Nov 2027" in done.receipt_text
    quote = quoted(club, "2", SOAP, member=member)
    assert quote.earn_points == 20
    assert (quote.tier.tier, quote.tier.ends, quote.benefits) == ("gold", "2027-11-20", ["Free alterations"])
    assert "81.00 EUR to Gold" not in done.receipt_text


def test_the_receipt_has_every_reason_and_how_far_the_next_tier_is(club) -> None:
    text = sold(club, "1", BREAD, SOAP, member=club.member()).receipt_text
    for line in ("  member price             -1.00", "  First purchase             +50", "81.00 EUR to Gold"):
        assert line in text, text
    assert "This sale +69" in " ".join(text.split())


def test_two_sales_quoted_as_the_first_earn_the_welcome_once(club) -> None:
    member = club.member()
    one, two = quoted(club, "1", SOAP, member=member), quoted(club, "2", SOAP, member=member)
    assert (one.earn_points, two.earn_points) == (60, 60)
    assert club.checkout.commit(one.quote_id).earned_points == 60
    assert club.checkout.commit(two.quote_id).earned_points == 10


def test_the_same_sale_again_gets_the_first_answer_however_the_member_stands_by_then(club) -> None:
    member = club.member()
    first = sold(club, "1", BREAD, SOAP, member=member)
    sold(club, "2", LineItem("1", 20000), member=member)
    assert sold(club, "1", BREAD, SOAP, member=member) == first


# Rewards.


def test_a_reward_is_paid_with_points_and_comes_off_each_line(club) -> None:
    member = club.member()
    sold(club, "1", BREAD, SOAP, member=member)
    quote = quoted(club, "2", BREAD, SOAP, member=member, reward="two-off")
    # What is paid for bread is 9.00 by then, so the 2.00 are shared 9 to 10.
    assert (quote.reward, quote.redeem_points, quote.redeemed_minor) == ("two-off", 40, 200)
    assert (quote.taken, quote.due_minor) == ({"1": 95, "2": 105}, 1700)
    done = club.checkout.commit(quote.quote_id)
    assert (done.reward, done.due_minor, done.earned_points) == ("two-off", 1700, 17)
    assert club.balance(member).points == 69 - 40 + 17
    assert body(club, done).effects.counts == {"two-off/uses/2026-11": 1}
    assert "2.00 off                   -2.00" in done.receipt_text
    assert "of it Bread 0.95 of it Soap 1.05" in " ".join(done.receipt_text.split())


def test_a_reward_is_offered_or_nearly_so(club) -> None:
    member = club.member()
    sold(club, "1", LineItem("1", 500), member=member)
    offers = quoted(club, "2", TEA, SOAP, member=member).offers
    assert [(one.reward, one.points, one.worth_minor, one.missing_points) for one in offers] == [
        ("two-off", 40, 200, 0),
        ("free-tea", 60, 450, 5),
    ]
    assert offers[1].text == "A tea for nothing for 60 points: 5 more"


@pytest.mark.parametrize(
    ("reward", "lines", "sentence"),
    [
        ("free-tea", (SOAP,), "A tea for nothing is for other goods than those of this sale."),
        ("gold-bag", (SOAP,), "A bag is for Gold only."),
        ("nothing-such", (SOAP,), "This programme has no reward nothing-such."),
    ],
)
def test_a_reward_that_cannot_be_had_says_why(club, reward, lines, sentence) -> None:
    member = club.member()
    sold(club, "1", LineItem("1", 5000), member=member)
    quote = quoted(club, "2", *lines, member=member, reward=reward)
    assert [one.text for one in quote.rejected] == [sentence]
    assert (quote.redeem_points, quote.reward, quote.due_minor) == (0, "", 1000)


def test_a_reward_is_had_as_often_as_its_limit_says_and_again_once_it_came_back(club) -> None:
    member = club.member()
    sold(club, "1", LineItem("1", 9000), member=member)
    sold(club, "2", SOAP, member=member, reward="two-off")
    again = quoted(club, "3", SOAP, member=member, reward="two-off")
    assert [one.code for one in again.rejected] == ["REWARD_NOT_NOW"]
    void(club.checkout, "1", "2")
    assert quoted(club, "3", SOAP, member=member, reward="two-off").rejected == []


def test_a_reward_quoted_twice_is_had_once(club) -> None:
    member = club.member()
    sold(club, "1", LineItem("1", 9000), member=member)
    one = quoted(club, "2", SOAP, member=member, reward="two-off")
    two = quoted(club, "3", SOAP, member=member, reward="two-off")
    club.checkout.commit(one.quote_id)
    before = club.head()
    with pytest.raises(Conflict, match="What is to pay has changed"):
        club.checkout.commit(two.quote_id)
    assert club.head() == before


def test_a_members_price_with_a_limit_is_quoted_to_two_sales_and_had_by_one(till) -> None:
    price = '[[price]]\nname = "ten"\ntitle = "Ten"\npercent = 10\nmost_minor = 1000\nper = "month"\n'
    till.use_program(f'name = "p"\ncurrency = "EUR"\n{price}')
    member = till.member()
    one, two = quoted(till, "1", BREAD, member=member), quoted(till, "2", BREAD, member=member)
    assert (one.due_minor, two.due_minor) == (900, 900)
    till.checkout.commit(one.quote_id)
    with pytest.raises(Conflict) as refused:
        till.checkout.commit(two.quote_id)
    assert refused.value.code == "TERMS_CHANGED"
    assert quoted(till, "2", BREAD, member=member).due_minor == 1000


def test_a_reward_needs_the_card_itself(club) -> None:
    member = club.member()
    sold(club, "1", LineItem("1", 9000), member=member)
    club.pass_time(hours=1)
    quote = quoted(club, "2", SOAP, member=member, reward="two-off")
    assert ([one.code for one in quote.rejected], quote.offers) == (["CARD_NOT_READ"], [])


def test_points_are_no_money_where_they_buy_rewards_only(club) -> None:
    member = club.member()
    sold(club, "1", LineItem("1", 9000), member=member)
    assert [one.code for one in quoted(club, "2", SOAP, member=member, redeem=50).rejected] == ["ONLY_REWARDS"]


def test_points_and_a_reward_at_once_make_no_sense(club) -> None:
    with pytest.raises(BadRequest, match="not both"):
        quoted(club, "1", SOAP, member=club.member(), reward="two-off", redeem=10)


def test_a_returned_reward_sale_gives_back_points_money_and_what_counted(club) -> None:
    member = club.member()
    sold(club, "1", LineItem("1", 5000), member=member)
    before, points = history(club, member), club.balance(member).points
    sold(club, "2", BREAD, SOAP, member=member, reward="two-off")
    for ref, line in (("a", "1"), ("b", "2")):
        take_back(club.checkout, Return("1", "2", ref, lines=(ReturnedLine(line),)))
    after = history(club, member)
    assert club.balance(member).points == points
    assert (after.qualifying, after.sales, after.counts) == (before.qualifying, before.sales, before.counts)


@pytest.mark.parametrize(("how", "taken"), [("discount", {"1": 50, "2": 50}), ("tender", {})])
def test_points_as_a_discount_come_off_each_line_and_as_a_tender_off_none(till, how, taken) -> None:
    till.use_program(f'name = "p"\ncurrency = "EUR"\n[redeem]\nas = "{how}"\n')
    member = till.member()
    sold(till, "1", LineItem("1", 20000), member=member)
    quote = quoted(till, "2", LineItem("1", 1000), SOAP, member=member, redeem=100)
    assert (quote.taken, quote.redeemed_minor, quote.due_minor) == (taken, 100, 1900)
    done = till.checkout.commit(quote.quote_id)
    assert done.taken == taken
    assert ("of it" in done.receipt_text) == bool(taken)


FREE = (
    CLUB
    + """
[[reward]]
name = "extra"
title = "A tea on the house"
points = 0
kind = "product"
goods = { categories = ["tea"] }
limits = [{ uses = 1, per = "month" }]

[[reward]]
name = "sample"
title = "A sample"
points = 0
kind = "gift"
limits = [{ uses = 1, per = "month" }]
"""
)


@pytest.fixture
def generous(till):
    till.use_program(FREE)
    return till


def test_a_reward_for_nothing_is_had_without_points_and_once_in_its_time(generous) -> None:
    member = generous.member()
    quote = quoted(generous, "1", TEA, SOAP, member=member, reward="extra")
    assert [(one.reward, one.points, one.text) for one in quote.offers] == [
        ("extra", 0, "A tea on the house"),
        ("sample", 0, "A sample"),
    ]
    assert (quote.rejected, quote.reward, quote.redeem_points, quote.redeemed_minor) == ([], "extra", 0, 450)
    assert (quote.taken, quote.due_minor) == ({"3": 450}, 1000)
    done = generous.checkout.commit(quote.quote_id)
    assert (done.reward, done.redeem_points, done.due_minor, done.earned_points) == ("extra", 0, 1000, 60)
    assert body(generous, done).effects.counts == {"extra/uses/2026-11": 1}
    assert "A tea on the house         -4.50" in done.receipt_text
    assert sold(generous, "1", TEA, SOAP, member=member, reward="extra") == done, "the same again"
    again = quoted(generous, "2", TEA, member=member, reward="extra")
    assert [one.code for one in again.rejected] == ["REWARD_NOT_NOW"]
    assert (again.reward, again.redeemed_minor, again.due_minor) == ("", 0, 450)
    assert generous.checkout.commit(again.quote_id).due_minor == 450
    assert problems(generous) == []


def test_a_reward_for_nothing_is_for_members_with_their_card(generous) -> None:
    assert [one.code for one in quoted(generous, "1", TEA, reward="extra").rejected] == ["NO_MEMBER"]
    member = generous.member()
    generous.pass_time(hours=1)
    quote = quoted(generous, "1", TEA, member=member, reward="extra")
    assert ([one.code for one in quote.rejected], quote.due_minor, quote.offers) == (["CARD_NOT_READ"], 450, [])


def test_a_reward_for_nothing_quoted_twice_is_had_once(generous) -> None:
    member = generous.member()
    for name, lines in (("sample", (SOAP,)), ("extra", (TEA,))):
        one = quoted(generous, f"{name}1", *lines, member=member, reward=name)
        two = quoted(generous, f"{name}2", *lines, member=member, reward=name)
        generous.checkout.commit(one.quote_id)
        with pytest.raises(Conflict, match="What is to pay has changed"):
            generous.checkout.commit(two.quote_id)


def test_a_gift_for_nothing_stands_on_the_receipt_and_takes_nothing_off(generous) -> None:
    done = sold(generous, "1", SOAP, member=generous.member(), reward="sample")
    assert (done.reward, done.redeemed_minor, done.due_minor) == ("sample", 0, 1000)
    assert "A sample" in done.receipt_text
    assert "For your points" not in done.receipt_text


def test_a_reward_for_nothing_comes_back_with_the_whole_sale_and_with_no_less(generous) -> None:
    member = generous.member()
    sold(generous, "1", TEA, SOAP, member=member, reward="extra")
    part = take_back(generous.checkout, Return("1", "1", "a", lines=(ReturnedLine("3"),)))
    assert (part.returned_minor, part.restored_minor, part.refund_minor) == (450, 450, 0)  # it was the free one
    assert [one.code for one in quoted(generous, "2", TEA, member=member, reward="extra").rejected] == [
        "REWARD_NOT_NOW"
    ]
    rest = void(generous.checkout, "1", "1")
    assert part.refund_minor + rest.refund_minor == 1000, "what was paid, and no more"
    assert part.restored_points + rest.restored_points == 0
    assert quoted(generous, "2", TEA, member=member, reward="extra").rejected == []
    assert history(generous, member).counts == {}
    assert problems(generous) == []


# What is used up.

LIMITED = (
    CLUB.replace("points = 50\n", "points = 50\nbudget_points = 1000\n")
    + """
[[accrual]]
name = "join"
title = "Welcome"
on = "join"
points = 5
budget_points = 1000

[[reward]]
name = "mug"
title = "A mug"
points = 0
kind = "gift"
stock = 100
limits = [{ uses = 5, per = "year" }]
"""
)


def hear_gone(till, *names: str) -> None:
    identity = read_program(LIMITED).id
    till.store.write(lambda db: settings.put_gone(db, identity, names))


def test_what_head_office_says_is_used_up_is_given_no_more_and_given_again_once_it_is_free(till) -> None:
    till.use_program(LIMITED)
    member = till.member()
    mug = quoted(till, "1", SOAP, member=member, reward="mug")
    assert (mug.reward, mug.earn_points) == ("mug", 60)
    hear_gone(till, "mug", "welcome")
    with pytest.raises(Conflict, match="What is to pay has changed"):
        till.checkout.commit(mug.quote_id)
    quote = quoted(till, "1", SOAP, member=member, reward="mug")
    assert [one.text for one in quote.rejected] == ["A mug is used up."]
    assert (quote.earn_points, [one.reward for one in quote.offers]) == (10, [])
    assert quoted(till, "2", SOAP).earn_points == 10, "who is no member is promised nothing else"
    done = till.checkout.commit(quote.quote_id)
    assert body(till, done).standing.gone == ("mug", "welcome")
    hear_gone(till)
    assert sold(till, "3", SOAP, member=member, reward="mug").reward == "mug"
    assert problems(till) == []


def test_a_welcome_that_is_used_up_is_given_to_nobody_who_joins(till) -> None:
    till.use_program(LIMITED)
    assert till.balance(till.member()).points == 5
    hear_gone(till, "join")
    assert till.balance(till.member("2900000000025")).points == 0


def test_what_is_used_up_under_one_programme_is_not_under_the_next(till) -> None:
    till.use_program(LIMITED)
    member = till.member()
    hear_gone(till, "mug")
    more = LIMITED.replace("stock = 100", "stock = 200").replace('name = "club"', 'name = "club"\nversion = 2')
    till.use_program(more)
    assert quoted(till, "1", SOAP, member=member, reward="mug").reward == "mug"


# What is usable when.


def test_points_that_vest_are_in_the_balance_and_nowhere_to_be_spent(till) -> None:
    till.use_program('name = "v"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n[earn]\nvest_days = 14\n')
    member = till.member()
    quote = till.quote("1", 5000, member)
    assert quote.usable_from == "2026-12-05"
    done = till.checkout.commit(quote.quote_id)
    assert (till.held(member), till.balance(member).points, till.balance(member).vesting) == (0, 50, 50)
    assert "use from 5 Dec 2026" in " ".join(done.receipt_text.split())
    assert problems(till) == []


def test_points_that_head_office_says_vest_are_not_offered_online(till) -> None:
    member = till.member()
    points = [ExpiringPoints("2027-11-01", 300), ExpiringPoints("2027-11-01", 500, usable_from="2026-12-01")]
    till.apply_item(MemberItem(member, ["2900000000018"], till.now.isoformat(), 1, points))
    till.go_online()
    till.scan()
    quote = till.quote("1", 100_000, member)
    assert (quote.balance, quote.offers[0].points) == (800, 300)
    assert (till.balance(member).next_expiry, till.balance(member).expiring) == ("2027-11-01", 800)


def test_a_purchase_keeps_all_of_a_members_points_alive(till) -> None:
    till.use_program('name = "i"\ncurrency = "EUR"\n[expire]\nrule = "inactivity"\nmonths = 3\n')
    member = till.member()
    till.sell("1", 5000, member)
    assert till.balance(member).next_expiry == "2027-02-21"
    till.pass_time(days=60)
    till.sell("2", 30, member)  # earns nothing, and counts
    assert till.balance(member).next_expiry == "2027-04-20"
    till.hear_of(member, ("2027-02-21", 50), as_of=till.now, includes=2)
    assert (till.balance(member).points, till.balance(member).next_expiry) == (50, "2027-04-20")
    till.pass_time(days=150)
    assert till.balance(member).points == 0
    till.sell("3", 1000, member)
    assert till.balance(member).points == 10, "what had expired stays so"
    assert problems(till) == []


# Surprises.

SURPRISE = """\
name = "s"
currency = "EUR"
time_zone = "Europe/Berlin"
[surprise]
title = "Surprise"
points = 100
mean = 3
at_least_every = 5
"""


def test_a_surprise_comes_as_the_terminals_key_says_and_no_quote_tells_of_it(till) -> None:
    till.use_program(SURPRISE)
    member = till.member()
    terminal = till.entry(1).envelope.terminal
    key = terminal_key(b"seed", terminal)
    till.store.write(lambda db: settings.put_surprise_key(db, read_program(SURPRISE), key.hex()))
    wins = read_program(SURPRISE).surprise.wins
    won = []
    for number in range(1, 9):
        quote = till.quote(str(number), 1000, member)
        assert quote.earn_points == 10
        done = till.checkout.commit(quote.quote_id)
        won.append(done.earned_points == 110)
        assert ("Surprise" in done.receipt_text) == won[-1]
    assert won == [wins(Luck(key, member), number) for number in range(1, 9)]
    assert any(won)


def test_a_voided_sale_does_not_draw_anew(till) -> None:
    till.use_program(SURPRISE)
    member = till.member()
    key = terminal_key(b"seed", till.entry(1).envelope.terminal)
    till.store.write(lambda db: settings.put_surprise_key(db, read_program(SURPRISE), key.hex()))
    for number in range(1, 7):
        done = till.sell(str(number), 1000, member)
        void(till.checkout, "1", str(number))
        lucky = read_program(SURPRISE).surprise.wins(Luck(key, member), number)
        assert (done.earned_points == 110) == lucky
    assert history(till, member).sales == 0


def test_a_key_that_is_none_is_not_taken_over() -> None:
    with pytest.raises(Nonsense):
        _require_sound(ProgramItem("", "abc"))


# Versions.


def test_a_version_takes_effect_at_its_shop_local_time_and_an_open_quote_keeps_its_own(till) -> None:
    double = 'name = "shop"\nversion = 2\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\neffective = "{}"\n[earn]\npoints = 2\n'
    till.store.write(
        lambda db: settings.use_program(db, read_program(double.format("2026-11-22T00:00")), till.now.isoformat())
    )
    member = till.member()
    till.pass_time(hours=5, minutes=54)  # 23:59 in Berlin
    assert till.sell("1", 1000, member).earned_points == 10
    open_quote = till.quote("2", 1000, member)
    till.pass_time(minutes=1)
    assert till.quote("3", 1000, member).earn_points == 20
    assert till.checkout.commit(open_quote.quote_id).earned_points == 10
    assert till.sell("4", 1000, member).earned_points == 20
    assert take_back(till.checkout, Return("1", "1", "r")).taken_points == 10
    assert take_back(till.checkout, Return("1", "4", "r")).taken_points == 20


def test_a_version_that_comes_later_replaces_one_whose_time_has_come_and_one_of_the_same_time(till) -> None:
    text = 'name = "shop"\nversion = {}\ncurrency = "EUR"\neffective = "{}"\n[earn]\npoints = {}\n'

    def hear(version: int, effective: str, points: int) -> None:
        program = read_program(text.format(version, effective, points))
        till.store.write(lambda db: settings.use_program(db, program, till.now.isoformat()))

    def points() -> int:
        return till.quote("1", 100).earn_points

    hear(2, "2026-11-22T00:00", 2)
    hear(3, "2026-11-22T00:00", 3)
    assert points() == 1
    till.pass_time(days=1)
    assert points() == 3
    hear(4, "", 4)
    assert points() == 4
    hear(2, "2026-11-22T00:00", 2)  # published again, to undo what came after
    assert points() == 2


# What a till remembers.


def test_a_history_is_what_head_office_told_and_what_was_recorded_since(club) -> None:
    member = club.member()
    for number in range(1, 8):
        sold(club, str(number), SOAP, member=member)
    assert history(club, member).qualifying == {"2026-11-21": 7000}
    told = History(qualifying={"2026-11-20": 9000}, sales=4)
    profile = Profile(charity="sea")
    item = MemberItem(member, ["2900000000018"], club.now.isoformat(), 7, history=told, profile=profile)
    club.store.write(lambda db: members.details_arrived(db, member))
    club.apply_item(item)  # it includes all but the last sale
    assert history(club, member).qualifying == {"2026-11-20": 9000, "2026-11-21": 1000}
    assert history(club, member).sales == 5
    assert sold(club, "8", SOAP, member=member).earned_points == 20, "gold by what was bought at other tills, too"
    assert body(club, sold(club, "9", SOAP, member=member)).standing.charity == "sea"
    assert problems(club) == []


def test_a_restored_head_office_that_includes_less_gets_the_rest_from_the_journal(club) -> None:
    member = club.member()
    for number in range(1, 8):
        sold(club, str(number), SOAP, member=member)
    for includes in (8, 2):
        told = History(qualifying={"2026-11-21": (includes - 1) * 1000}, sales=includes - 1)
        club.apply_item(MemberItem(member, ["2900000000018"], club.now.isoformat(), includes, history=told))
        assert (history(club, member).sales, history(club, member).qualifying) == (7, {"2026-11-21": 7000})
    assert problems(club) == []


def test_a_sale_that_earns_nothing_counts_all_the_same(club) -> None:
    member = club.member()
    sold(club, "1", LineItem("1", 5000), member=member)
    done = sold(club, "2", LineItem("1", 50), member=member)
    assert done.earned_points == 0
    assert history(club, member).sales == 2


def test_a_changed_history_is_found(club) -> None:
    member = club.member()
    for number in range(1, 9):
        sold(club, str(number), SOAP, member=member)
    assert problems(club) == []
    club.store.write(lambda db: db.execute("UPDATE history SET own = replace(own, '000', '001')") and None)
    assert problems(club) == [f"member {member}: the history here is not what the journal's entries add up to"]


def test_a_claimed_sale_counts_on_its_own_day_as_the_member_stood_then(club) -> None:
    member = club.member()
    done = sold(club, "1", SOAP)
    club.pass_time(days=3)
    sold(club, "2", LineItem("1", 20000), member=member)
    assert claim(club.checkout, done.reference, member).earned_points == 10, "no gold yet on that day"
    assert history(club, member).qualifying == {"2026-11-21": 1000, "2026-11-24": 20000}
    take_back(club.checkout, Return("1", "1", "all"))
    assert history(club, member).qualifying == {"2026-11-24": 20000}


# Corrections and watchfulness.


def test_the_fifth_sale_of_a_member_in_a_shift_is_worth_a_word(club) -> None:
    member = club.member()
    for number in range(1, 5):
        quote = quoted(club, str(number), SOAP, member=member, shift="early")
        assert quote.notes == []
        club.checkout.commit(quote.quote_id)
    assert len(quoted(club, "5", SOAP, member=member, shift="early").notes) == 1
    assert quoted(club, "6", SOAP, member=member, shift="late").notes == []


def test_a_cashiers_own_card_does_not_count_on_what_they_ring(club) -> None:
    member = club.member()
    club.new_checkout(operators={"Kim": member})
    club.scan()
    before = club.head()
    with pytest.raises(Conflict, match="own card"):
        quoted(club, "1", SOAP, member=member, operator="Kim")
    assert sold(club, "1", SOAP, member=member, operator="Lou").earned_points == 60
    done = sold(club, "2", SOAP, operator="Kim")
    with pytest.raises(Conflict, match="own card"):
        claim(club.checkout, done.reference, member)
    assert club.head()[0] == before[0] + 2


def test_training_leaves_no_trace_in_the_history(club) -> None:
    member = club.member()
    before = club.head()
    basket = club.sale("1", 1000, (SOAP,))
    quote = club.checkout.quote(basket, member, training=True)
    assert club.checkout.commit(quote.quote_id).earned_points == 60
    assert (club.head(), history(club, member)) == (before, History())


def test_an_exchange_and_a_price_correction_are_a_return_and_a_sale(club) -> None:
    member = club.member()
    sold(club, "1", SOAP, member=member)
    take_back(club.checkout, Return("1", "1", "exchange"))
    assert sold(club, "2", TEA, SOAP, member=member).earned_points == 14 + 50, "the first purchase had come back"
    take_back(club.checkout, Return("1", "2", "price", amount_minor=450))
    assert club.balance(member).points == 60
    assert history(club, member).qualifying == {"2026-11-21": 1000}
