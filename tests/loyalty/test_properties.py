"""What must hold whatever a programme says and whatever is bought: random programmes, members, sales and returns."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from any_programme import history, many, profile, program, returns, rules, sale
from hypothesis import given
from hypothesis import strategies as st

from ledger.entry import Slice
from ledger.lots import spendable, spent
from loyalty.award import Award, award, award_of_left, standing_of
from loyalty.program import Program
from loyalty.redeem import worth_minor
from loyalty.returns import ReturnRefused, Reversal, Sold, left_at_least, left_of, reversal, reversed_so_far
from loyalty.reward import NOTHING_OFF, after, member_prices
from loyalty.sale import LineItem, Return, ReturnedLine, Sale
from loyalty.standing import NO_EFFECTS, NO_HISTORY, Effects, History, negative, total

seeds = st.integers(0, 2**32)


def sold_by_chance(random: Random) -> tuple[Program, Sold, Award]:
    """A sale of a member under some programme, as it was paid: members' prices off, some of it with points."""
    rules = program(random)
    asked = sale(random)
    member = history(random, rules, asked.business_day)
    standing = standing_of(rules, member, profile(random), asked.business_day, member="m", shop="s1", terminal="T1")
    prices = member_prices(rules.price, asked, standing)
    paid = after(asked, prices)
    redeemed = random.choice(
        [0, random.randrange(1 + paid.total_minor * rules.redeem.points // rules.redeem.worth_minor)]
    )
    redeemed_minor = worth_minor(rules, redeemed)
    if not redeemed_minor:
        redeemed = 0
    earned = award(rules, paid, redeemed_minor, standing)
    effects = total([earned.effects, Effects(counts=prices.counts)])
    return rules, Sold(paid, earned.points, redeemed, redeemed_minor, standing, effects), earned


def fitting(sold: Sold, backs: list[Return]) -> list[Return]:
    """Those that the sale has room for, one after the other."""
    found: list[Return] = []
    for back in backs:
        try:
            left_of(sold.sale, [*found, back])
        except ReturnRefused:
            continue
        found.append(back)
    return found


def never_gives(effects: Effects) -> bool:
    """Whether effects only take back."""
    numbers = [effects.qualifies, effects.donated_minor, *effects.counts.values(), *effects.paid.values()]
    return all(number <= 0 for number in numbers)


def summed(parts: list[Reversal]) -> Reversal:
    return Reversal(
        sum(part.taken_points for part in parts),
        sum(part.restored_points for part in parts),
        sum(part.restored_minor for part in parts),
        sum(part.returned_minor for part in parts),
        total([part.effects for part in parts]),
    )


@many(400)
@given(seeds)
def test_no_return_creates_points_and_all_of_them_together_take_back_what_there_was(seed: int) -> None:
    random = Random(seed)
    rules, sold, _ = sold_by_chance(random)
    backs = fitting(sold, returns(random, sold.sale))
    whole = Return("1", "1", "rest")
    parts = [reversal(rules, sold, backs[:count], back) for count, back in enumerate([*backs, whole])]
    for part in parts:
        assert part.taken_points >= 0
        assert part.restored_points >= 0
        assert part.restored_minor >= 0
        assert part.returned_minor >= 0
        assert never_gives(part.effects), part.effects
    everything = summed(parts)
    assert everything.taken_points == sold.awarded
    assert (everything.restored_points, everything.restored_minor) == (sold.redeemed, sold.redeemed_minor)
    assert everything.returned_minor == sold.sale.total_minor
    assert everything.effects == total([negative(sold.effects)])


@many(300)
@given(seeds)
def test_any_split_and_any_order_of_returns_equals_the_whole(seed: int) -> None:
    random = Random(seed)
    rules, sold, _ = sold_by_chance(random)
    backs = fitting(sold, returns(random, sold.sale))
    left = left_at_least(sold.sale, backs)
    in_one = reversed_so_far(rules, sold, left)
    one_by_one = [reversal(rules, sold, backs[:count], back) for count, back in enumerate(backs)]
    if sold.sale.total_minor:
        assert summed(one_by_one) == Reversal(
            in_one.taken_points, in_one.restored_points, in_one.restored_minor, in_one.returned_minor, in_one.effects
        )
    shuffled = random.sample(backs, len(backs))
    assert left_at_least(sold.sale, shuffled) == left
    assert reversed_so_far(rules, sold, left_at_least(sold.sale, shuffled)) == in_one


@many(300)
@given(seeds)
def test_what_is_left_earns_less_with_every_return_and_never_more_than_the_sale(seed: int) -> None:
    random = Random(seed)
    rules, sold, earned = sold_by_chance(random)
    backs = fitting(sold, returns(random, sold.sale))
    kept = [
        award_of_left(
            rules, sold.sale, sold.redeemed_minor, sold.standing, left_at_least(sold.sale, backs[:count]).sale
        )
        for count in range(len(backs) + 1)
    ]
    assert kept[0].points == earned.points
    for more, less in pairwise(kept):
        assert 0 <= less.points <= more.points
        assert less.effects.qualifies <= more.effects.qualifies
        assert less.effects.donated_minor <= more.effects.donated_minor


@many(200)
@given(seeds)
def test_an_award_computed_twice_is_equal_and_its_reasons_add_up_to_it(seed: int) -> None:
    rules, sold, earned = sold_by_chance(Random(seed))
    assert award(rules, sold.sale, sold.redeemed_minor, sold.standing) == earned
    assert earned.points >= 0
    assert sum(reason.points for reason in earned.reasons) == earned.points
    assert earned.expires_on > sold.sale.business_day
    again, same, other = sold_by_chance(Random(seed))
    assert again == rules
    assert (same, other) == (sold, earned)


@many(200)
@given(seeds)
def test_no_limit_of_the_programme_is_passed_by_sales_one_after_the_other(seed: int) -> None:
    random = Random(seed)
    rules = program(random)
    member, day, given_by = NO_HISTORY, sale(random).business_day, dict.fromkeys(("sale", "day", "ever"), 0)
    for number in range(4):
        one = sale(random, number)
        one = Sale("1", str(number), f"{day}{one.sold_at[10:]}", day, "EUR", one.total_minor, one.lines)
        earned = award(rules, one, 0, standing_of(rules, member, profile(random), day, member="m"))
        member = member.plus(earned.effects, day, sales=1)
        given_by["day"] += earned.points
        given_by["ever"] += earned.points
        for limit in rules.earn.limits:
            if limit.points and limit.per == "sale":
                assert earned.points <= limit.points
    for limit in rules.earn.limits:
        if limit.points and limit.per != "sale":
            assert given_by["day"] <= limit.points


@many(200)
@given(st.lists(st.tuples(seeds, st.booleans()), max_size=6), seeds)
def test_a_history_knows_no_order_and_what_is_taken_back_never_was(done: list[tuple[int, bool]], order: int) -> None:
    things = []
    for seed, is_sale in done:
        _, sold, _ = sold_by_chance(Random(seed))
        things.append((sold.effects, sold.sale.business_day, int(is_sale)))

    def added(history: History, some: list[tuple[Effects, str, int]]) -> History:
        for effects, day, sales in some:
            history = history.plus(effects, day, sales=sales)
        return history

    whole = added(NO_HISTORY, things)
    assert added(NO_HISTORY, Random(order).sample(things, len(things))) == whole
    half = len(things) // 2
    assert added(NO_HISTORY, things[:half]).and_also(added(NO_HISTORY, things[half:])) == whole
    undone = added(whole, [(negative(effects), day, -sales) for effects, day, sales in things])
    assert (undone.qualifying, undone.counts, undone.paid, undone.sales) == ({}, {}, {}, 0)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 50)), max_size=8), st.integers(0, 200))
def test_points_are_spent_in_the_order_in_which_they_expire(lots: list[tuple[int, int]], points: int) -> None:
    held = [Slice(f"lot{number}", much, f"2026-01-0{day + 1}"[:10]) for number, (day, much) in enumerate(lots)]
    today = "2026-01-04"
    order = spendable(held, today)
    assert all(one.expires_on > today for one in order)
    assert sum(one.points for one in order) == sum(one.points for one in held if one.expires_on > today)
    have = sum(one.points for one in order)
    points = min(points, have)
    used = spent(order, points)
    assert -sum(used.values()) == points
    expiry = {one.lot: one.expires_on for one in held}
    untouched = [one.expires_on for one in order if -used.get(one.lot, 0) < one.points]
    assert all(expiry[lot] <= min(untouched, default="9999") for lot in used)


# What seeds found, or what a person thought of: each made points out of a return once.


def sold_under(rules: Program, lines: list[LineItem], total_minor: int, redeemed_minor: int = 0) -> Sold:
    one = Sale("1", "1", "2026-01-05T10:00:00", "2026-01-05", "EUR", total_minor, tuple(lines))
    earned = award(rules, one, redeemed_minor)
    return Sold(one, earned.points, redeemed_minor, redeemed_minor, effects=earned.effects)


def taken(rules: Program, sold: Sold, *backs: Return) -> list[int]:
    return [reversal(rules, sold, backs[:count], back).taken_points for count, back in enumerate(backs)]


def came_back(name: str, milli: int | None = None) -> Return:
    return Return("1", "1", f"r-{name}-{milli}", (ReturnedLine(name, milli),))


FOOD = {
    "name": "food",
    "title": "Food",
    "points": 1,
    "per": "amount",
    "per_minor": 100,
    "goods": {"categories": ["food"]},
}


def test_a_tip_does_not_fall_on_the_goods_that_are_left() -> None:
    # Lines of 2.00, a tip of 2.00: were it spread over the lines, the food alone would earn more once the drink is back.
    programme = rules(accrual=[FOOD])
    sold = sold_under(programme, [LineItem("1", 100, category="food"), LineItem("2", 100)], 400)
    assert sold.awarded == 4 + 1
    assert taken(programme, sold, came_back("2"), came_back("1")) == [1, 4]


def test_a_cent_is_not_rounded_up_by_what_points_paid() -> None:
    # 1.00 of food among 10.00, half a cent in a hundred paid with points: of the food alone, 0.995 were paid with money.
    programme = rules(earn={"points": 0}, accrual=[FOOD])
    sold = sold_under(programme, [LineItem("1", 100, category="food"), LineItem("2", 900)], 1000, 5)
    assert sold.awarded == 0
    assert taken(programme, sold, came_back("2"), came_back("1")) == [0, 0]


def test_a_return_by_amount_gives_no_line_a_cent_more() -> None:
    # Pro rata by largest remainder: of 6, 6 and 2 the last keeps 1 of 10 cents, and 2 of 9 or of 11 (the Alabama paradox).
    programme = rules(earn={"points": 0}, accrual=[FOOD | {"per_minor": 2}])
    lines = [LineItem("1", 6), LineItem("2", 6), LineItem("3", 2, category="food")]
    sold = sold_under(programme, lines, 14)
    assert sold.awarded == 1
    cents = [Return("1", "1", f"c{number}", amount_minor=1) for number in range(14)]
    assert taken(programme, sold, *cents) == [1] + [0] * 13


def test_what_was_marked_down_stays_so_when_a_part_of_it_is_left() -> None:
    # A cent off four pieces is no cent off one of them, and it earned nothing as marked down.
    programme = rules(earn={"except": {"marked_down": True}})
    sold = sold_under(programme, [LineItem("1", 4000, 4000, discount_minor=1)], 4000)
    assert sold.awarded == 0
    assert taken(programme, sold, came_back("1", 3000), came_back("1")) == [0, 0]
    before = rules(earn={"discounts": "before", "per_minor": 1})
    assert sold_under(before, [LineItem("1", 4000, 4000, discount_minor=1)], 4000).awarded == 4001


def test_what_is_left_without_its_tax_is_never_more_than_it_was() -> None:
    # 3 cents, 2 of them tax: of half of it, tax and price are rounded each, and the price without tax would be 1 again.
    programme = rules(earn={"tax": "excluded", "per_minor": 1})
    sold = sold_under(programme, [LineItem("1", 3, 2000, 2)], 3)
    assert sold.awarded == 1
    assert taken(programme, sold, came_back("1", 1000), came_back("1")) == [1, 0]
    steps = [came_back("1", 1)] * 2000
    left = [left_at_least(sold.sale, steps[:count]).sale.lines[0] for count in range(0, 1999, 37)]
    nets = [one.amount_minor - one.tax_minor for one in left]
    assert nets == sorted(nets, reverse=True)
    assert all(0 <= one.tax_minor <= one.amount_minor for one in left)


def test_a_gift_that_points_bought_stays_bought_until_the_sale_comes_back_whole() -> None:
    programme = rules()
    one = sold_under(programme, [LineItem("1", 1000, 2000)], 1000)._replace(redeemed=50)
    half = reversal(programme, one, [], came_back("1", 1000))
    assert (half.restored_points, half.taken_points) == (0, 5)
    assert reversal(programme, one, [came_back("1", 1000)], Return("1", "1", "all")).restored_points == 50
    nothing = sold_under(programme, [], 0)._replace(redeemed=50)  # only the gift, no goods
    assert reversal(programme, nothing, [], Return("1", "1", "all")).restored_points == 50


def test_a_members_price_can_be_had_again_for_what_came_back() -> None:
    programme = rules(price=[{"name": "staff", "title": "Staff", "percent": 50, "most_minor": 1000}])
    asked = Sale("1", "1", "2026-01-05T10:00:00", "2026-01-05", "EUR", 1000, (LineItem("1", 1000, 4000),))
    prices = member_prices(
        programme.price, asked, standing_of(programme, NO_HISTORY, profile(Random(1)), "2026-01-05", member="m")
    )
    assert prices.counts == {"staff/points/2026": 1000}
    sold = Sold(after(asked, prices), 5, effects=Effects(counts=prices.counts))
    quarter = reversal(programme, sold, [], came_back("1", 1000))
    assert quarter.effects.counts == {"staff/points/2026": -250}
    rest = reversal(programme, sold, [came_back("1", 1000)], Return("1", "1", "all"))
    assert rest.effects.counts == {"staff/points/2026": -750}


def test_a_claim_of_what_was_left_is_taken_back_as_what_it_was() -> None:
    """A part came back before the card was found: the claim had the award of the rest, and so has its return."""
    programme = rules(
        accrual=[{"name": "big", "title": "Big", "times": 3, "minimum_minor": 1000, "exclusive": True}],
        giving={"percent": 10, "charities": [{"name": "sea", "title": "The sea"}]},
    )
    one = Sale("1", "1", "2026-01-05T10:00:00", "2026-01-05", "EUR", 1000, (LineItem("1", 1000, 4000),))
    back = came_back("1", 1000)
    claimed = award_of_left(
        programme,
        one,
        0,
        standing_of(programme, NO_HISTORY, profile(Random(1)), "2026-01-05", member="m"),
        left_at_least(one, [back]).sale,
    )
    assert claimed.points == 7
    sold = Sold(one, claimed.points, effects=claimed.effects)
    assert reversed_so_far(programme, sold, left_at_least(one, [back])).taken_points == 0
    rest = reversal(programme, sold, [back], Return("1", "1", "all"))
    assert rest.taken_points == 7
    assert rest.effects == negative(claimed.effects)


def test_a_sale_that_did_nothing_for_anybody_has_nothing_to_take_back() -> None:
    programme = rules(giving={"percent": 10, "charities": [{"name": "sea", "title": "The sea"}]})
    sold = sold_under(programme, [LineItem("1", 1000)], 1000)._replace(awarded=0, effects=NO_EFFECTS)
    for back in (came_back("1", 500), Return("1", "1", "all")):
        assert reversal(programme, sold, [], back).effects == NO_EFFECTS
    assert after(sold.sale, NOTHING_OFF) is sold.sale
