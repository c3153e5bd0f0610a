"""What points buy, what members get without points, when points end, and what chance gives."""

from __future__ import annotations

from statistics import mean
from typing import Any

import pytest
from any_programme import rules
from hypothesis import given
from hypothesis import strategies as st

from loyalty.award import award
from loyalty.expiry import Expire
from loyalty.giving import Charity, Giving
from loyalty.program import Program
from loyalty.redeem import most_redeemable, worth_minor
from loyalty.reward import Off, Reward, after, effects_of, member_prices, off, shared, why_not
from loyalty.sale import LineItem, Sale
from loyalty.standing import Effects, Standing
from loyalty.surprise import Luck, Surprise, counted_at, seed_hash, terminal_key

DAY = "2026-03-10"
TEA = LineItem("1", 600, 2000, 96, "tea", "Tea", "drinks")
CAKE = LineItem("2", 450, 1000, 50, "cake", "Cake", "food", discount_minor=50)
BEANS = LineItem("3", 1200, 750, 0, "beans", "Beans", "food")  # by weight: one piece


def sale(*lines: LineItem, total: int | None = None) -> Sale:
    whole = sum(line.amount_minor for line in lines) if total is None else total
    return Sale("1", "1", f"{DAY}T10:00:00", DAY, "EUR", whole, lines)


def reward(**keys: Any) -> Reward:
    return rules(reward=[{"name": "treat", "title": "Treat", "points": 100, "kind": "gift", **keys}]).reward[0]


FOOD = {"categories": ["food"]}


@pytest.mark.parametrize(
    ("keys", "total", "lines"),
    [
        ({"kind": "money", "value_minor": 500}, 2250, {"1": 133, "2": 100, "3": 267}),
        ({"kind": "money", "value_minor": 500, "goods": FOOD}, 2250, {"2": 136, "3": 364}),
        ({"kind": "money", "value_minor": 9000}, 2250, {"1": 600, "2": 450, "3": 1200}),
        ({"kind": "money", "value_minor": 9000}, 100, {"1": 27, "2": 20, "3": 53}),  # never more than is to pay
        ({"kind": "percent", "percent": 10}, 2250, {"1": 60, "2": 45, "3": 120}),
        ({"kind": "percent", "percent": 100, "goods": FOOD}, 2250, {"2": 450, "3": 1200}),
        ({"kind": "percent", "percent": 10, "most_minor": 100}, 2250, {"1": 27, "2": 20, "3": 53}),
        ({"kind": "product"}, 2250, {"3": 1200}),  # the dearest piece
        ({"kind": "product", "most_minor": 450}, 2250, {"2": 450}),
        ({"kind": "product", "most_minor": 449}, 2250, {"1": 300}),  # one of two teas
        ({"kind": "product", "most_minor": 299}, 2250, {}),
        ({"kind": "product"}, 1000, {"3": 1000}),
        ({"kind": "product"}, 0, {}),
        ({"kind": "cheapest"}, 2250, {"1": 300}),
        ({"kind": "cheapest", "goods": FOOD}, 2250, {"2": 450}),
        ({"kind": "fixed price", "value_minor": 100}, 2250, {"3": 1100}),
        ({"kind": "fixed price", "value_minor": 100, "most_minor": 300}, 2250, {"1": 200}),
        ({"kind": "fixed price", "value_minor": 1200}, 2250, {}),  # it costs no more than that
        ({"kind": "coupon", "value_minor": 500}, 2250, {}),
        ({"kind": "gift card", "value_minor": 500}, 2250, {}),
        ({"kind": "delivery"}, 2250, {}),
    ],
)
def test_a_reward_takes_off_what_it_says(keys: dict[str, Any], total: int, lines: dict[str, int]) -> None:
    one = sale(TEA, CAKE, BEANS, total=total)
    found = off(reward(**keys), one, Standing())
    assert found == Off(lines, {})
    assert found.minor == sum(lines.values()) <= total


@pytest.mark.parametrize(
    ("keys", "spendable", "standing", "why"),
    [
        ({}, 100, {}, ""),
        ({}, 99, {}, "points"),
        ({"minimum_minor": 1050}, 100, {}, ""),
        ({"minimum_minor": 1051}, 100, {}, "minimum_minor"),
        ({"segments": ["coach"]}, 100, {}, "segments"),
        ({"segments": ["coach"]}, 100, {"segments": ("coach",)}, ""),
        ({"limits": [{"uses": 1, "per": "year"}]}, 100, {"counts": {"treat/uses/2026": 1}}, "limits"),
        ({"limits": [{"uses": 1, "per": "year"}]}, 100, {"counts": {"treat/uses/2025": 1}}, ""),
        ({"limits": [{"points": 150, "per": "month"}]}, 100, {"counts": {"treat/points/2026-03": 51}}, "limits"),
        ({"limits": [{"points": 150, "per": "month"}]}, 100, {"counts": {"treat/points/2026-03": 50}}, ""),
        ({"stock": 3}, 100, {}, ""),
        ({"stock": 3}, 100, {"gone": ("treat",)}, "stock"),
        ({"stock": 3}, 100, {"counts": {"treat/uses/ever": 3}}, "limits"),
        ({"kind": "product", "goods": {"products": ["beer"]}}, 100, {}, "goods"),
        ({"kind": "product"}, 100, {}, ""),
        # one that costs nothing
        ({"points": 0}, 0, {}, ""),
        ({"points": 0, "limits": [{"uses": 1, "per": "year"}]}, 0, {}, ""),
        ({"points": 0, "limits": [{"uses": 1, "per": "year"}]}, 0, {"counts": {"treat/uses/2026": 1}}, "limits"),
        ({"points": 0, "limits": [{"points": 2, "per": "year"}]}, 0, {"counts": {"treat/points/2026": 1}}, ""),
        ({"points": 0, "limits": [{"points": 2, "per": "year"}]}, 0, {"counts": {"treat/points/2026": 2}}, "limits"),
        ({"points": 0, "birthday": {"days_after": 6}}, 0, {"birthday": "03-03"}, "birthday"),
        ({"points": 0, "birthday": {"days_after": 6}}, 0, {"birthday": "03-04"}, ""),
    ],
)
def test_a_reward_that_cannot_be_had_says_why(
    keys: dict[str, Any], spendable: int, standing: dict[str, Any], why: str
) -> None:
    assert why_not(reward(**keys), sale(TEA, CAKE), Standing(**standing), spendable) == why


def test_what_a_reward_counts_and_donates() -> None:
    one, here = sale(TEA), Standing(charity="sea")
    counted = reward(limits=[{"uses": 2, "per": "month"}, {"points": 500, "per": "year"}], stock=9)
    counts = {"treat/uses/2026-03": 1, "treat/points/2026": 100, "treat/uses/ever": 1}
    assert effects_of(counted, here, off(counted, one, here), None) == Effects(counts=counts)
    free = reward(points=0, limits=[{"uses": 2, "per": "month"}, {"points": 500, "per": "year"}])
    assert off(free, one, here).counts == {"treat/uses/2026-03": 1, "treat/points/2026": 1}
    given_away = reward(kind="donation", value_minor=500)
    giving = Giving(percent=1, charities=[Charity(name="woods", title="Woods"), Charity(name="sea", title="Sea")])
    for chosen, among, charity in (("sea", None, "sea"), ("sea", giving, "sea"), ("", giving, "woods"), ("", None, "")):
        whose = Standing(charity=chosen)
        found = effects_of(given_away, whose, off(given_away, one, whose), among)
        assert found == Effects(donated_minor=500, charity=charity)
    assert effects_of(free, here, off(free, one, here), giving).charity == ""


def test_a_price_for_members_falls_on_its_lines_and_their_tax() -> None:
    program = rules(price=[{"name": "p", "title": "P", "percent": 33.333, "goods": {"except": {"marked_down": True}}}])
    found = member_prices(program.price, sale(TEA, CAKE), Standing())
    assert found == Off({"1": 199}, {})  # 199.998
    paid = after(sale(TEA, CAKE), found)
    assert (paid.total_minor, paid.lines[0].amount_minor, paid.lines[0].tax_minor) == (851, 401, 64)
    assert paid.lines[1] == CAKE
    assert sum(line.amount_minor for line in paid.lines) == paid.total_minor


def test_of_several_prices_a_line_has_the_best_and_only_that_is_counted() -> None:
    low = {"name": "low", "title": "Low", "percent": 10, "most_minor": 5000}
    high = {"name": "high", "title": "High", "percent": 50, "most_minor": 500, "goods": FOOD}
    program = rules(price=[low, high])
    found = member_prices(program.price, sale(TEA, CAKE), Standing())
    assert found == Off({"1": 60, "2": 225}, {"low/points/2026": 600, "high/points/2026": 450})
    some = Standing(counts={"high/points/2026": 400, "low/points/2026": 4900})  # 1.00 is left of each
    assert member_prices(program.price, sale(TEA, CAKE), some) == Off(
        {"1": 10, "2": 50}, {"low/points/2026": 100, "high/points/2026": 100}
    )
    assert member_prices(program.price, sale(TEA, CAKE), Standing(gone=("high", "low"))) == Off({}, {})
    spent = Standing(counts={"high/points/2026": 500, "low/points/2026": 6000})
    assert member_prices(program.price, sale(TEA, CAKE), spent) == Off({}, {})


def test_a_price_is_for_whom_it_names_and_for_so_much_a_sale() -> None:
    coach = {"name": "coach", "title": "Coach", "percent": 25, "segments": ["coach"], "most_minor": 800, "per": "sale"}
    program = rules(price=[coach])
    assert member_prices(program.price, sale(TEA, CAKE), Standing()) == Off({}, {})
    assert member_prices(program.price, sale(TEA, CAKE), Standing(segments=("coach",))) == Off({"1": 150, "2": 50}, {})


@given(st.integers(0, 5000), st.lists(st.integers(0, 1000), min_size=1, max_size=7))
def test_an_amount_is_shared_to_the_cent_and_never_above_what_something_costs(minor: int, amounts: list[int]) -> None:
    named = {str(number): amount for number, amount in enumerate(amounts)}
    whole = sum(amounts)
    minor = min(minor, whole)
    parts = shared(minor, named)
    assert sum(parts.values()) == minor
    for name, amount in named.items():
        if whole:
            assert amount * minor // whole <= parts[name] <= min(amount, amount * minor // whole + 1)


@pytest.mark.parametrize(
    ("redeem", "total", "spendable", "points"),
    [
        ({"step": 50}, 2799, 130, 100),
        ({"step": 50}, 120, 130, 100),  # 1.50 would be more than is to pay
        ({"step": 50}, 40, 130, 0),
        ({"step": 3, "points": 400}, 2799, 2, 0),
        ({"step": 3, "points": 400}, 2799, 3, 0),  # a step that buys nothing is not taken
        ({"step": 3, "points": 400}, 2799, 6, 6),
        ({"step": 2, "points": 400}, 2799, 6, 4),  # the third step would buy no more
        ({"from_points": 100}, 2799, 99, 0),
        ({"from_points": 100}, 2799, 100, 100),
        ({"from_points": 100}, 50, 500, 0),  # the sale takes only 50
        ({"points": 0}, 2799, 500, 0),  # only rewards
    ],
)
def test_points_pay_in_steps_and_from_so_many(redeem: dict[str, Any], total: int, spendable: int, points: int) -> None:
    assert most_redeemable(rules(redeem=redeem), total, spendable) == points


def test_points_that_turn_into_no_money_are_worth_none() -> None:
    assert worth_minor(rules(redeem={"points": 0}), 500) == 0


@pytest.mark.parametrize(
    ("rule", "day", "expires_on", "extends_to"),
    [
        ({}, "2026-03-10", "2027-03-10", ""),
        ({"months": 6}, "2026-08-31", "2027-03-01", ""),
        ({"months": 12}, "2024-02-29", "2025-03-01", ""),
        ({"rule": "month end", "months": 12}, "2026-03-10", "2027-04-01", ""),
        ({"rule": "month end", "months": 0}, "2026-12-31", "2027-01-01", ""),
        ({"rule": "fixed date", "date": "12-31", "months": 0}, "2026-03-10", "2027-01-01", ""),
        ({"rule": "fixed date", "date": "03-10", "months": 0}, "2026-03-10", "2026-03-11", ""),  # the last day of use
        ({"rule": "fixed date", "date": "03-09", "months": 0}, "2026-03-10", "2027-03-10", ""),
        ({"rule": "fixed date", "date": "02-29", "months": 0}, "2026-03-10", "2027-03-02", ""),  # 1 March
        ({"rule": "fixed date", "date": "12-31"}, "2026-03-10", "2028-01-01", ""),  # a year at least
        ({"rule": "inactivity", "months": 18}, "2026-03-10", "2027-09-10", "2027-09-10"),
        ({"rule": "never"}, "2026-03-10", "9999-12-31", ""),
    ],
)
def test_points_end_as_the_programme_says(rule: dict[str, Any], day: str, expires_on: str, extends_to: str) -> None:
    found = rules(expire=rule).expire
    assert (found.expires_on(day), found.extends_to(day)) == (expires_on, extends_to)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"date": "12-31"}, "a date goes with"),
        ({"rule": "fixed date"}, "a date goes with"),
        ({"rule": "fixed date", "date": "02-30"}, "no month and day"),
        ({"months": 0}, "months must be 1 or more"),
        ({"rule": "inactivity", "months": 0}, "months must be 1 or more"),
    ],
)
def test_an_expiry_that_does_nothing_is_refused(rule: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Expire(**rule)


def test_a_receipt_warns_before_points_end_and_a_person_can_give_them_back_for_a_while() -> None:
    expire = rules(expire={"warn_days": 30, "reinstate_days": 10}).expire
    days = ("2026-02-28", "2026-03-01", "2026-03-30", "2026-03-31")
    assert [expire.warns_on("2026-03-31", day) for day in days] == [False, True, True, False]
    days = ("2026-03-30", "2026-03-31", "2026-04-09", "2026-04-10")
    assert [expire.can_come_back("2026-03-31", day) for day in days] == [False, True, True, False]
    assert not rules().expire.can_come_back("2026-03-31", "2026-03-31")


SEED = b"a secret of head office"
LUCK = Luck(terminal_key(SEED, "T1"), "m1")


def lucky(**keys: Any) -> tuple[Program, Surprise]:
    table = {"title": "Surprise", "points": 500, "mean": 5, "at_least_every": 12, "seed_hash": seed_hash(SEED), **keys}
    program = rules(surprise=table)
    assert program.surprise
    return program, program.surprise


@pytest.mark.parametrize(("every", "longest"), [(2, 3), (5, 12), (5, 6), (20, 200)])
def test_a_surprise_comes_at_its_mean_and_never_later_than_it_promises(every: int, longest: int) -> None:
    _, surprise = lucky(mean=every, at_least_every=longest)
    waits = []
    for member in range(4):
        luck, last = Luck(LUCK.key, f"m{member}"), 0
        for number in range(1, 1200):
            if surprise.wins(luck, number):
                waits.append(number - last)
                last = number
    assert max(waits) <= longest
    assert mean(waits) == pytest.approx(every, rel=0.2)
    assert len(set(waits)) > 1  # nobody can count on it


def test_a_draw_depends_on_the_seed_the_terminal_the_member_and_the_number_and_on_nothing_else() -> None:
    _, surprise = lucky()
    lucks = [LUCK, Luck(LUCK.key, "m2"), Luck(terminal_key(SEED, "T2"), "m1"), Luck(terminal_key(b"other", "T1"), "m1")]
    drawn = [tuple(surprise.wins(luck, number) for number in range(1, 60)) for luck in lucks]
    assert len(set(drawn)) == 4
    assert drawn[0] == tuple(surprise.wins(Luck(terminal_key(SEED, "T1"), "m1"), number) for number in range(1, 60))
    assert SEED.hex() not in LUCK.key.hex()
    # Written down once: head office publishes the hash before, and the seed after; then anybody can draw again.
    assert seed_hash(SEED) == "2f4e05672046db3b1168b079ce48e097a0faff918f98b5b2a283f26fc6ff2a3b"
    assert [number for number, won in enumerate(drawn[0], 1) if won] == [
        1,
        11,
        12,
        24,
        34,
        40,
        42,
        54,
    ]  # by hand, with hashlib alone


def test_a_sale_that_qualifies_draws_once_and_a_return_draws_nothing_back() -> None:
    program, surprise = lucky(minimum_minor=500)
    wins = next(number for number in range(1, 13) if surprise.wins(LUCK, number))
    here = Standing(terminal="T1", counts={counted_at("T1"): wins - 1})
    won = award(program, sale(TEA), 0, here, LUCK)
    assert (won.points, won.effects.counts, won.reasons[-1].text) == (506, {"surprise/T1": 1}, "Surprise")
    elsewhere = Standing(terminal="T2", counts={counted_at("T1"): wins - 1})
    assert award(program, sale(TEA), 0, elsewhere, LUCK).effects.counts == {"surprise/T2": 1}
    assert award(program, sale(CAKE), 0, here, LUCK).effects.counts == {}  # too small
    assert award(program, sale(TEA), 600, here, LUCK).effects.counts == {}  # nothing was paid
    assert award(program, sale(TEA), 0, here).points == 6  # a till without a key


@pytest.mark.parametrize("keys", [{"at_least_every": 5}, {"mean": 1}, {"seed_hash": "no"}])
def test_a_surprise_that_is_none_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="surprise"):
        lucky(**keys)


def test_a_reward_looks_only_at_goods_that_cost_something() -> None:
    free, cent = LineItem("8", 0, sku="free"), LineItem("9", 1, sku="cent")
    assert off(reward(kind="cheapest"), sale(TEA, free), Standing()).lines == {"1": 300}
    assert off(reward(kind="cheapest"), sale(TEA, cent), Standing()).lines == {"9": 1}
    assert off(reward(kind="money", value_minor=900, goods=FOOD), sale(TEA, CAKE), Standing()).lines == {"2": 450}
    odd = LineItem("7", 1000, 3000)
    assert off(reward(kind="product"), sale(odd), Standing()).lines == {"7": 333}  # a third of it, down
    loose = LineItem("6", 1000, 2500)
    assert off(reward(kind="product"), sale(loose), Standing()).lines == {"6": 1000}  # by weight: one piece


def test_only_a_donation_donates() -> None:
    for kind in ("money", "coupon", "gift card", "fixed price"):
        one = reward(kind=kind, value_minor=100)
        assert effects_of(one, Standing(charity="sea"), off(one, sale(TEA), Standing()), None) == Effects()
