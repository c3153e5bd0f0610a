"""What users of other systems complain of (numbered as in the facts that this project collected), where it concerns the engine.

Elsewhere: 4 a retry doubles, an offline redemption never deducted (tests/till/test_sync.py, tests/simulator); 6 merged members
(tests/central/test_merges.py); 8 redeeming on another kind of document (tests/till/test_checkout.py: one way to redeem); 13 a
cashier forgets to ask (claims, tests/till/test_returns.py and the attach rate of reports).
"""

from __future__ import annotations

from any_programme import rules

from ledger.entry import Slice
from ledger.lots import spendable, spent
from loyalty.award import award, standing_of
from loyalty.redeem import most_redeemable, points_needed, worth_minor
from loyalty.returns import Sold, reversal
from loyalty.reward import off
from loyalty.sale import LineItem, Return, ReturnedLine, Sale
from loyalty.standing import NO_HISTORY, NO_PROFILE, Effects, History, Standing

DAY = "2026-03-10"


def sale(*lines: LineItem, total: int = 0, ref: str = "1") -> Sale:
    whole = total or sum(line.amount_minor for line in lines)
    return Sale("1", ref, f"{DAY}T10:00:00", DAY, "EUR", whole, lines)


def test_01_a_member_chooses_how_many_points_to_spend() -> None:
    """odoo#264931: a cashier cannot choose how many points to spend."""
    program = rules()
    assert most_redeemable(program, 2799, min(50, 120)) == 50
    assert most_redeemable(program, 2799, 120) == 120


def test_01_points_pay_the_cents_too() -> None:
    """erpnext#31509: only whole points, cents left unpaid."""
    program = rules(redeem={"points": 1, "worth_minor": 1})
    assert worth_minor(program, most_redeemable(program, 1999, 5000)) == 1999


def test_02_a_reward_adds_no_line_that_earns_and_points_of_a_sale_do_not_pay_it() -> None:
    """odoo#117988, odoo#150833: reward lines distort points; points of the same order spent in it."""
    treat = {"name": "treat", "title": "Treat", "points": 100, "kind": "product"}
    program = rules(reward=[treat], earn={"per": "unit"})
    two = sale(LineItem("1", 600, 2000))
    free = off(program.reward[0], two, Standing()).minor
    assert (free, award(program, two, free).points) == (300, 1)  # two teas, one of them for nothing
    held: list[Slice] = []  # what is awarded comes into being with the sale, after it was paid
    assert most_redeemable(program, two.total_minor, sum(one.points for one in spendable(held, DAY))) == 0


def test_03_whoever_returns_what_they_bought_keeps_no_points() -> None:
    """odoo PR 257854, odoo#238806, erpnext#32951: buy, refund, keep the points."""
    program = rules()
    sold = Sold(sale(LineItem("1", 1000, 2000)), 10)
    half = Return("1", "1", "a", (ReturnedLine("1", 1000),))
    assert reversal(program, sold, [], half).taken_points == 5
    assert reversal(program, sold, [half], Return("1", "1", "b")).taken_points == 5


def test_03_a_refund_charges_points_once_and_gives_back_those_that_paid() -> None:
    """odoo PR 212922, odoo#221928: a refund charges points again."""
    program = rules()
    sold = Sold(sale(LineItem("1", 1000, 2000)), 6, 400, 400)
    everything = reversal(program, sold, [], Return("1", "1", "a"))
    assert (everything.taken_points, everything.restored_points, everything.restored_minor) == (6, 400, 400)


def test_05_somebody_who_buys_for_the_first_time_earns() -> None:
    """odoo PR 276813: a first-time buyer earns nothing."""
    first = {"name": "first", "title": "Welcome", "on": "first purchase", "points": 20}
    program = rules(accrual=[first])
    new = standing_of(program, NO_HISTORY, NO_PROFILE, DAY, member="m")
    assert award(program, sale(LineItem("1", 500)), 0, new).points == 25
    later = standing_of(program, NO_HISTORY.plus(Effects(), DAY, sales=1), NO_PROFILE, DAY, member="m")
    assert award(program, sale(LineItem("1", 500), ref="2"), 0, later).points == 5


def test_05_every_award_has_its_day_of_expiry_and_cannot_be_spent_on_it() -> None:
    """odoo PR 206048, odoo PR 171453: no expiry, or an expiry that does nothing."""
    ends = award(rules(), sale(LineItem("1", 500))).expires_on
    assert ends == "2027-03-10"
    assert spendable([Slice("a", 5, ends)], "2027-03-09")
    assert not spendable([Slice("a", 5, ends)], ends)


def test_07_points_are_on_the_amount_with_tax_or_without_as_the_shop_says() -> None:
    """OCA/sale-promotion#361: points on the amount without tax where the shop wants it with tax, or the reverse."""
    goods = sale(LineItem("1", 11900, 1000, 1900))
    assert award(rules(), goods).points == 119
    assert award(rules(earn={"tax": "excluded"}), goods).points == 100


def test_09_a_tiers_minimum_holds_and_the_highest_that_was_met_is_reached() -> None:
    """erpnext#14930, #45450, #24672, #22167: a tier's minimum is ignored, a tier is skipped."""
    tier = [
        {"name": name, "title": name, "from": level}
        for name, level in (("bronze", 100), ("silver", 500), ("gold", 1000))
    ]
    program = rules(tier=tier)
    found = [program.ladder.on(History({DAY: amount}), DAY).tier for amount in (99, 100, 499, 500, 999, 1000)]
    assert found == ["", "bronze", "bronze", "silver", "silver", "gold"]


def test_09_a_tier_comes_from_what_was_earned_and_not_from_what_is_left() -> None:
    """open-loyalty#131: a tier from the balance, not from points earned."""
    program = rules(tiers={"by": "points"}, tier=[{"name": "gold", "title": "Gold", "from": 10}])
    effects = award(program, sale(LineItem("1", 1000))).effects
    spent_all = NO_HISTORY.plus(effects, DAY, sales=1)  # spending is no part of a history
    assert program.ladder.on(spent_all, DAY).tier == "gold"


def test_10_points_are_worth_their_rate_and_not_its_reverse() -> None:
    """POS-Awesome#45: division by the conversion factor offers 1,540.00 in place of 3.85."""
    program = rules(redeem={"points": 400, "worth_minor": 100})
    assert (worth_minor(program, 1540), points_needed(program, 385)) == (385, 1540)


def test_11_voided_items_earn_nothing() -> None:
    """FloCafe#720: a voided item earns. What a till voided before the sale was complete is not in it; later it is a return."""
    program = rules()
    two = (LineItem("1", 1000), LineItem("2", 500))
    void = Return("1", "1", "v", (ReturnedLine("2"),), is_void=True)
    kept = 15 - reversal(program, Sold(sale(*two), 15), [], void).taken_points
    assert kept == award(program, sale(two[0])).points == 10


def test_11_gift_cards_earn_nothing_where_the_programme_says_so() -> None:
    """RepairDesk#1050: the purchase of a gift card earns, and so does what is bought with it."""
    program = rules(earn={"except": {"categories": ["gift cards"]}})
    assert award(program, sale(LineItem("1", 5000, category="gift cards"), LineItem("2", 300))).points == 3


def test_11_paying_with_points_earns_as_the_programme_says() -> None:
    """Does paying with points earn? Each programme says it, and it is one of three."""
    found = [
        award(rules(earn={"paid_with_points": how}), sale(LineItem("1", 1000)), 400).points
        for how in ("part", "all", "nothing")
    ]
    assert found == [6, 10, 0]


def test_12_a_reward_comes_back_with_the_sale_that_it_was_had_in() -> None:
    """Square community: a reward is not given back on return."""
    program = rules(reward=[{"name": "treat", "title": "Treat", "points": 100, "kind": "product"}])
    once = Effects(counts={"treat/uses/2026": 1})
    sold = Sold(sale(LineItem("1", 300)), 0, 100, 300, effects=once)
    back = reversal(program, sold, [], Return("1", "1", "a"))
    assert (back.restored_points, back.effects.counts) == (100, {"treat/uses/2026": -1})
    assert spent([Slice("lot", 100, "2027-01-01")], 100) == {"lot": -100}  # the lot that it names is what comes back


def test_12_spend_adds_up_across_visits() -> None:
    """Square community: spend does not add up across visits."""
    program = rules(tier=[{"name": "gold", "title": "Gold", "from": 1000}])
    member = NO_HISTORY
    for _ in range(4):
        member = member.plus(award(program, sale(LineItem("1", 250))).effects, DAY, sales=1)
    assert program.ladder.on(member, DAY).tier == "gold"


def test_12_there_is_no_ceiling_but_the_programmes_own() -> None:
    """Square community: a ceiling of 1,000 points."""
    assert award(rules(), sale(LineItem("1", 10**8))).points == 10**6
    assert most_redeemable(rules(), 10**8, 10**7) == 10**7


def test_12_points_are_doubled_on_double_days() -> None:
    """Square community: double-points days."""
    double = {"name": "double", "title": "Double day", "times": 2, "weekdays": ["tue"]}
    assert award(rules(accrual=[double]), sale(LineItem("1", 1000))).points == 20
