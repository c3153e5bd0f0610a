"""What returns take back and give back: cumulative, order-free, and never more than there was."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loyalty.award import NOBODY
from loyalty.program import Program, read_program
from loyalty.redeem import worth_minor
from loyalty.returns import ReturnRefused, Reversal, Sold, left_at_least, left_of, reversal
from loyalty.reward import off
from loyalty.sale import LineItem, Return, ReturnedLine, Sale
from loyalty.standing import Effects


def programme(*, earn: tuple[int, int] = (1, 100), redeem: tuple[int, int] = (100, 100)) -> Program:
    return read_program(
        f'name = "t"\ncurrency = "EUR"\n[earn]\npoints = {earn[0]}\nper_minor = {earn[1]}\n'
        f"[redeem]\npoints = {redeem[0]}\nworth_minor = {redeem[1]}\n"
    )


PLAIN = programme()
TEA, CAKE = LineItem("1", 1000, 4000, name="Tea"), LineItem("2", 550, 1000, name="Cake")


def sale(*lines: LineItem, total: int | None = None) -> Sale:
    of_lines = sum(line.amount_minor for line in lines)
    return Sale("1", "17", "2026-11-21T10:00:00", "2026-11-21", "EUR", of_lines if total is None else total, lines)


def whole(ref: str = "r") -> Return:
    return Return("1", "17", ref)


def lines(*ids: str | tuple[str, int], ref: str = "r") -> Return:
    named = [ReturnedLine(one) if isinstance(one, str) else ReturnedLine(*one) for one in ids]
    return Return("1", "17", ref, tuple(named))


def amount(minor: int, ref: str = "r") -> Return:
    return Return("1", "17", ref, amount_minor=minor)


def came_back(
    program: Program, sold: Sale, awarded: int, redeemed: int, earlier: Sequence[Return], back: Return
) -> Reversal:
    return reversal(program, Sold(sold, awarded, redeemed, worth_minor(program, redeemed)), earlier, back)


def one_by_one(
    program: Program, sold: Sale, awarded: int, redeemed: int, backs: Sequence[Return]
) -> tuple[int, int, int, int]:
    """Sums of points taken, points restored, money restored, money returned."""
    total = [0, 0, 0, 0]
    for index, back in enumerate(backs):
        part = came_back(program, sold, awarded, redeemed, backs[:index], back)
        assert part.taken_points >= 0
        assert part.restored_points >= 0
        for place, value in enumerate(figures(part)):
            total[place] += value
    return total[0], total[1], total[2], total[3]


def figures(part: Reversal) -> tuple[int, int, int, int]:
    return part.taken_points, part.restored_points, part.restored_minor, part.returned_minor


@pytest.mark.parametrize(
    ("back", "taken", "returned"),
    [
        (whole(), 15, 1550),
        (lines("1"), 10, 1000),  # 15 were awarded for 15.50; 5.50 are left, worth 5
        (lines("2"), 5, 550),
        (lines(("1", 1000)), 2, 250),  # 13.00 are left
        (lines(("1", 4000)), 10, 1000),
        (lines("1", "2"), 15, 1550),
        (lines(("1", 1000), ("1", 1000)), 5, 500),  # the same line twice in one return; 10.50 are left
        (amount(50), 0, 50),  # 15.00 are left
        (amount(51), 1, 51),
        (amount(1550), 15, 1550),
    ],
)
def test_a_return_takes_the_award_less_the_award_of_what_is_left(back: Return, taken: int, returned: int) -> None:
    assert figures(came_back(PLAIN, sale(TEA, CAKE), 15, 0, [], back)) == (taken, 0, 0, returned)


def test_an_award_is_computed_after_redemption_and_what_points_paid_comes_back_pro_rata() -> None:
    # 10.00 paid with 400 points (4.00): 6 points awarded. Half comes back: 200 points, and 5.00 less 2.00 still earn 3.
    sold = sale(TEA)
    half = came_back(PLAIN, sold, 6, 400, [], lines(("1", 2000), ref="a"))
    assert half == Reversal(taken_points=3, restored_points=200, restored_minor=200, returned_minor=500)
    rest = came_back(PLAIN, sold, 6, 400, [lines(("1", 2000), ref="a")], lines("1", ref="b"))
    assert rest == Reversal(taken_points=3, restored_points=200, restored_minor=200, returned_minor=500)


def test_the_last_return_gives_back_what_rounding_kept() -> None:
    # 7 points paid 0.07 of 0.10; thirds of the goods leave 7 × 7 // 10 = 4, then 7 × 3 // 10 = 2, then none.
    sold = sale(LineItem("1", 10, 3000))
    parts = [lines(("1", 1000), ref=ref) for ref in "abc"]
    left = [left_of(sold, parts[: count + 1]).total_minor for count in range(3)]
    assert left == [6, 3, 0]
    given = [came_back(PLAIN, sold, 0, 7, parts[:count], parts[count]).restored_points for count in range(3)]
    assert given == [3, 2, 2]  # 7 × 6 // 10 = 4 stay spent, then 2, then none


@pytest.mark.parametrize("back", [whole(), lines("1"), amount(16)], ids=["whole", "line", "amount"])
def test_a_sale_of_nothing_gives_and_takes_nothing(back: Return) -> None:
    sold = sale(LineItem("1", 0))
    if back.amount_minor:
        with pytest.raises(ReturnRefused):
            came_back(PLAIN, sold, 0, 0, [], back)
    else:
        assert figures(came_back(PLAIN, sold, 0, 0, [], back)) == (0, 0, 0, 0)


def test_a_basket_discount_stays_until_the_last_goods_come_back() -> None:
    sold = sale(TEA, CAKE, total=1400)  # 1.50 off the whole
    assert left_of(sold, [lines("1")]).total_minor == 400
    assert left_of(sold, [lines("1"), lines("2")]).total_minor == 0
    assert left_of(sold, [lines("1"), whole()]).total_minor == 0


@pytest.mark.parametrize(
    ("amounts", "back", "left"),
    [
        ((100, 100, 100), 100, (67, 67, 66)),  # 66.66 each: two cents are over, and go to the earlier lines
        ((100, 50), 1, (99, 50)),  # 99.33 and 49.66: the greater remainder keeps the cent
        ((1, 1, 1), 2, (1, 0, 0)),
        ((100, 0), 50, (50, 0)),  # what was free stays free
    ],
)
def test_a_return_by_amount_reduces_lines_by_largest_remainder(
    amounts: tuple[int, ...], back: int, left: tuple[int, ...]
) -> None:
    sold = sale(*(LineItem(str(index), minor) for index, minor in enumerate(amounts)))
    kept = left_of(sold, [amount(back)])
    assert tuple(line.amount_minor for line in kept.lines) == left
    assert kept.total_minor == sum(left)


@pytest.mark.parametrize(
    ("backs", "code"),
    [
        ([lines("3")], "LINE_UNKNOWN"),
        ([lines("1"), lines("1")], "LINE_UNKNOWN"),  # it has come back already
        ([lines("1", "1")], "LINE_UNKNOWN"),  # twice in one return
        ([lines(("1", 4001))], "MORE_THAN_SOLD"),
        ([lines(("1", 3000)), lines(("1", 1001))], "MORE_THAN_SOLD"),
        ([amount(1551)], "MORE_THAN_SOLD"),
        ([amount(1000), amount(551)], "MORE_THAN_SOLD"),
        ([lines("1"), amount(551)], "MORE_THAN_SOLD"),
        ([whole(), amount(1)], "MORE_THAN_SOLD"),
        ([whole(), lines("1")], "LINE_UNKNOWN"),
        ([amount(0)], "NOTHING_RETURNED"),
        ([amount(-1)], "NOTHING_RETURNED"),  # would have sold more
        ([lines(("1", -1000))], "NOTHING_RETURNED"),
        ([lines(("1", 0))], "NOTHING_RETURNED"),
        ([Return("1", "17", "r", (ReturnedLine("1"),), 100)], "AMBIGUOUS"),
    ],
)
def test_a_return_that_does_not_fit_its_sale_is_refused(backs: list[Return], code: str) -> None:
    with pytest.raises(ReturnRefused) as refused:
        came_back(PLAIN, sale(TEA, CAKE), 15, 0, backs[:-1], backs[-1])
    assert refused.value.code == code


def test_returns_of_tills_that_did_not_know_of_each_other_stop_at_the_sale() -> None:
    twice = [lines("1"), lines(("1", 3000)), amount(900), whole()]
    assert left_at_least(sale(TEA, CAKE), twice[:2]).sale.total_minor == 550
    assert {left_at_least(sale(TEA, CAKE), order).sale.total_minor for order in permutations(twice[:3])} == {0}
    assert left_at_least(sale(TEA, CAKE), twice).is_nothing


@pytest.mark.parametrize(
    "backs",
    [
        [lines(("1", 1000), ref="a"), lines("2", ref="b"), amount(200, ref="c")],
        [amount(500, ref="a"), lines(("1", 2000), ref="b"), lines(("1", 1000), ref="c")],
    ],
)
def test_returns_come_to_the_same_in_any_order(backs: list[Return]) -> None:
    sold = sale(TEA, CAKE)
    assert len({one_by_one(PLAIN, sold, 11, 400, order) for order in permutations(backs)}) == 1


prices = st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 9)), min_size=1, max_size=5)


@st.composite
def sales_and_splits(draw: st.DrawFn) -> tuple[Program, Sale, int, int, list[Return], Return]:
    """A sale, and goods or an amount that come back: in parts, and in one."""
    program = programme(
        earn=(draw(st.integers(1, 5)), draw(st.sampled_from([1, 7, 100, 250]))),
        redeem=(draw(st.sampled_from([1, 3, 100, 400])), draw(st.sampled_from([1, 100, 250]))),
    )
    goods = [LineItem(str(n), minor, pieces * 1000) for n, (minor, pieces) in enumerate(draw(prices))]
    off = draw(st.integers(0, 300))
    sold = sale(*goods, total=max(0, sum(line.amount_minor for line in goods) - off))
    most = sold.total_minor * program.redeem.points // program.redeem.worth_minor
    redeemed = draw(st.integers(0, most))
    paid = sold.total_minor - worth_minor(program, redeemed)
    awarded = paid // program.earn.per_minor * program.earn.points
    if draw(st.booleans()):
        pieces = [line.line_id for line in goods for _ in range(line.quantity_milli // 1000)]
        back = draw(st.permutations(pieces))[: draw(st.integers(1, len(pieces)))]
        parts = [lines((line_id, 1000), ref=str(index)) for index, line_id in enumerate(back)]
        counts = {line_id: back.count(line_id) * 1000 for line_id in back}
        return program, sold, awarded, redeemed, parts, lines(*counts.items())
    assume(sold.total_minor)
    cents = draw(st.lists(st.integers(1, sold.total_minor), min_size=1, max_size=6))
    assume(sum(cents) <= sold.total_minor)
    return program, sold, awarded, redeemed, [amount(c, ref=str(n)) for n, c in enumerate(cents)], amount(sum(cents))


@given(sales_and_splits())
def test_any_split_of_a_return_equals_the_whole(
    case: tuple[Program, Sale, int, int, list[Return], Return],
) -> None:
    program, sold, awarded, redeemed, parts, in_one = case
    together = came_back(program, sold, awarded, redeemed, [], in_one)
    assert one_by_one(program, sold, awarded, redeemed, parts) == figures(together)
    assert 0 <= together.taken_points <= awarded
    assert 0 <= together.restored_points <= redeemed
    assert 0 <= together.restored_minor <= worth_minor(program, redeemed)


@given(sales_and_splits())
def test_once_everything_is_back_all_was_taken_and_all_restored(
    case: tuple[Program, Sale, int, int, list[Return], Return],
) -> None:
    program, sold, awarded, redeemed, parts, _ = case
    sums = one_by_one(program, sold, awarded, redeemed, [*parts, whole("rest")])
    assert sums == (awarded, redeemed, worth_minor(program, redeemed), sold.total_minor)


BOTTLE = read_program(
    'name = "b"\ncurrency = "EUR"\n[[reward]]\nname = "bottle"\ntitle = "A bottle"\npoints = 150\nkind = "product"\n'
    'goods = { categories = ["wine"] }\n[[reward]]\nname = "half"\ntitle = "Half"\npoints = 33\nkind = "percent"\npercent = 50\n'
    'goods = { categories = ["wine"] }\n'
)
WINE_AND_GLASS = sale(LineItem("1", 850, category="wine"), LineItem("2", 2000))


@pytest.mark.parametrize(
    ("back", "points", "as_points", "refund"),
    [
        (lines("1"), 150, 850, 0),  # the bottle was free: points come back, and no money
        (lines("2"), 0, 0, 2000),
        (lines("1", "2"), 150, 850, 2000),
        (whole(), 150, 850, 2000),
        (amount(285), 15, 85, 200),  # a tenth of all
    ],
)
def test_a_reward_comes_back_with_the_goods_that_it_bought(
    back: Return, points: int, as_points: int, refund: int
) -> None:
    found = reversal(BOTTLE, Sold(WINE_AND_GLASS, 20, 150, 850, reward="bottle"), [], back)
    assert (found.restored_points, found.restored_minor) == (points, as_points)
    assert found.returned_minor - found.restored_minor == refund


@given(
    wine=st.integers(1, 3000),
    pieces=st.integers(1, 5),
    other=st.integers(0, 3000),
    backs=st.lists(st.one_of(st.sampled_from(["1", "2"]), st.integers(1, 500)), max_size=6),
)
def test_however_a_sale_with_a_reward_comes_back_no_return_pays_less_than_nothing(
    wine: int, pieces: int, other: int, backs: list[str | int]
) -> None:
    bought = sale(LineItem("1", wine * pieces, pieces * 1000, category="wine"), LineItem("2", other))
    for reward in ("bottle", "half"):
        taken = off(next(one for one in BOTTLE.reward if one.name == reward), bought, NOBODY).minor
        sold = Sold(bought, 0, 150, taken, reward=reward)
        earlier: list[Return] = []
        sums = [0, 0]
        for index, one in enumerate(backs):
            named = amount(one, str(index)) if isinstance(one, int) else lines((one, 1000), ref=str(index))
            try:
                found = reversal(BOTTLE, sold, earlier, named)
            except ReturnRefused:
                continue
            earlier.append(named)
            assert min(found.restored_points, found.restored_minor) >= 0
            assert found.returned_minor >= found.restored_minor
            sums = [sums[0] + found.restored_points, sums[1] + found.restored_minor]
        rest = reversal(BOTTLE, sold, earlier, whole("rest"))
        assert (sums[0] + rest.restored_points, sums[1] + rest.restored_minor) == (150, taken)


def test_what_a_reward_for_nothing_paid_comes_back_as_no_money() -> None:
    goods = sale(TEA, CAKE)
    sold = Sold(goods, awarded=10, redeemed_minor=550, effects=Effects(counts={"cake/uses/2026": 1}))
    cake = reversal(PLAIN, sold, [], lines("2", ref="a"))
    # 10.00 were paid for goods of 15.50: the cake's share of that is 3.54, and what the reward paid of it is 1.96.
    assert figures(cake) == (4, 0, 196, 550)
    assert cake.effects.counts == {}, "the treat has been had until all of the sale is back"
    tea = reversal(PLAIN, sold, [lines("2", ref="a")], lines("1", ref="b"))
    assert figures(tea) == (6, 0, 354, 1000)
    assert tea.effects.counts == {"cake/uses/2026": -1}
    assert figures(reversal(PLAIN, sold, [], whole())) == (10, 0, 550, 1550)
