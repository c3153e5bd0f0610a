"""What a return takes back and gives back, cumulative over all returns of a sale.

What a return takes back is the award as it was, less the award of what is left, under the sale's own programme. Points that
paid come back pro rata, the last return taking the rest. Both are computed from the sum of all returns so far, so no split
of a return into parts gives another result than the whole, and no repetition takes more than there was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from loyalty.award import NOBODY, award, award_of_left
from loyalty.program import Program
from loyalty.redeem import worth_minor
from loyalty.reward import off
from loyalty.sale import LineItem, Return, ReturnedLine, Sale
from loyalty.standing import NO_EFFECTS, Effects, Standing, negative, total
from loyalty.words import priced


class ReturnRefused(Exception):
    """A return that does not fit its sale: an unknown line, more than was sold, an amount above what is left.

    Nothing was taken back. `code` names the reason for programs.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Sold(NamedTuple):
    """A sale as it was: what it awarded and redeemed, from which standing, and what else it did.

    `sale` is as it was paid, after what members' prices took off; `reward` is what the points bought, '' where they were money.
    """

    sale: Sale
    awarded: int = 0
    redeemed: int = 0
    redeemed_minor: int = 0
    standing: Standing = NOBODY
    effects: Effects = NO_EFFECTS
    reward: str = ""


@dataclass(frozen=True)
class Reversal:
    """Points to take from the member, points to give back to the member, and the money both refer to.

    `effects` is what else is taken back: counts, what qualified for a tier, what was to be donated; below zero.
    """

    taken_points: int
    restored_points: int
    restored_minor: int
    returned_minor: int
    effects: Effects = NO_EFFECTS


class Left(NamedTuple):
    """What is kept of a sale: its lines at their price, and in `sale.total_minor` what they come to after returns by amount.

    `is_nothing`: all of it has come back, which a sale of nothing does not show.
    """

    sale: Sale
    is_nothing: bool


def left_of(sale: Sale, returns: Sequence[Return]) -> Sale:
    """The sale as if only what was kept had been sold, whatever the order of the returns; its lines add up to its total.

    Raises ReturnRefused where a return takes more than the ones before it have left.
    """
    left = _left(sale, returns).sale
    if any(back.amount_minor is not None for back in returns):
        return msgspec.structs.replace(left, lines=_pro_rata(left.lines, left.total_minor))
    return left


def left_at_least(sale: Sale, returns: Sequence[Return]) -> Left:
    """What is kept; where tills that did not know of each other took back more than was sold, it stops at the sale."""
    came_back = _CameBack(sale)
    for back in returns:
        came_back.add(back)
    return came_back.left()


def _left(sale: Sale, returns: Sequence[Return]) -> Left:
    came_back = _CameBack(sale)
    for back in returns:
        came_back.require_fits(back)
        came_back.add(back)
    return came_back.left()


def reversal(program: Program, sold: Sold, earlier: Sequence[Return], back: Return) -> Reversal:
    """What `back` takes and gives, given the returns `earlier` of the same sale, in any order.

    Raises ReturnRefused; nothing is changed then.
    """
    before, after = _left(sold.sale, earlier), _left(sold.sale, [*earlier, back])
    was, now = reversed_so_far(program, sold, before), reversed_so_far(program, sold, after)
    return Reversal(
        taken_points=now.taken_points - was.taken_points,
        restored_points=now.restored_points - was.restored_points,
        restored_minor=now.restored_minor - was.restored_minor,
        returned_minor=now.returned_minor - was.returned_minor,
        effects=total([now.effects, negative(was.effects)]),
    )


def reversed_so_far(program: Program, sold: Sold, left: Left) -> Reversal:
    """What is taken and restored in all, once only `left` of the sale has been kept; neither falls as less is kept.

    What points paid of the sale counts towards what is left pro rata in money, not in whole points: a point that is worth
    many cents would come back in a jump, and the award of what is left would rise again. A reward comes back with the goods
    that it took something off: who returns a bottle that was free gets points, no money. Points that took nothing off (a gift
    was handed over, a coupon, a donation) come back with the last of the sale. So does what the award was above what it is
    computed to be (a surprise).
    """
    sale, redeemed = sold.sale, sold.redeemed
    if left.is_nothing or (sale.total_minor and not left.sale.total_minor):
        return Reversal(sold.awarded, redeemed, sold.redeemed_minor, sale.total_minor, _undone(program, sold))
    left_minor, whole_minor = left.sale.total_minor, sale.total_minor
    used = award(program, sale, sold.redeemed_minor, sold.standing)
    kept = award_of_left(program, sale, sold.redeemed_minor, sold.standing, left.sale)
    surprise = max(0, sold.awarded - used.points)
    paid_minor = _paid_by_reward(program, sold, left)
    if paid_minor is not None:
        spent = redeemed * paid_minor // sold.redeemed_minor
    else:
        spent = redeemed * left_minor // whole_minor if sold.redeemed_minor and whole_minor else redeemed
        # A reward that cost no points has paid of the sale all the same: nobody gets that part in money.
        part = _part_of(sold.redeemed_minor, left_minor, whole_minor)
        paid_minor = worth_of(program, sold, spent) if redeemed else part
    return Reversal(
        taken_points=max(0, sold.awarded - surprise - kept.points),
        restored_points=redeemed - spent,
        restored_minor=sold.redeemed_minor - paid_minor,
        returned_minor=whole_minor - left_minor,
        effects=total([kept.effects, negative(used.effects), _priced_less(program, sold, left_minor)])
        if sold.effects
        else NO_EFFECTS,
    )


def _paid_by_reward(program: Program, sold: Sold, left: Left) -> int | None:
    """What a reward took off the goods that are kept; None where points paid for the sale as a whole.

    A return by amount names no goods: it falls on all that is kept.
    """
    reward = next((one for one in program.reward if one.name == sold.reward), None)
    if reward is None or not sold.redeemed_minor:
        return None
    taken = off(reward, sold.sale, sold.standing).lines
    if sum(taken.values()) != sold.redeemed_minor:
        return None  # not as this programme has it: whoever sold it knew another
    prices = {line.line_id: line.amount_minor for line in sold.sale.lines}
    kept = {line.line_id: line.amount_minor for line in left.sale.lines}
    minor = sum(taken[name] * amount // prices[name] for name, amount in kept.items() if name in taken)
    before_amounts = sold.sale.total_minor - sum(prices.values()) + sum(kept.values())
    if left.sale.total_minor >= before_amounts:
        return minor
    return minor * left.sale.total_minor // before_amounts


def _undone(program: Program, sold: Sold) -> Effects:
    """What takes back all that the sale did. Of a sale that was claimed after a part had come back, only the rest was left."""
    if not sold.effects:
        return NO_EFFECTS
    used = award(program, sold.sale, sold.redeemed_minor, sold.standing).effects
    beside = {key: count for key, count in sold.effects.counts.items() if key not in used.counts}
    donated_beside = max(0, sold.effects.donated_minor - used.donated_minor)
    return negative(total([used, Effects(counts=beside, donated_minor=donated_beside, charity=sold.effects.charity)]))


def _priced_less(program: Program, sold: Sold, left_minor: int) -> Effects:
    """What the limits of members' prices have again: they count money, and it comes back pro rata."""
    whole_minor, prices = sold.sale.total_minor, {price.name for price in program.price}
    if not prices or not whole_minor:
        return NO_EFFECTS
    counts = {key: count for key, count in sold.effects.counts.items() if key.partition("/")[0] in prices}
    return Effects(counts={key: count * left_minor // whole_minor - count for key, count in counts.items()})


def worth_of(program: Program, sold: Sold, points: int) -> int:
    """What so many of the points that paid for a sale had paid: at the rate, or as a part of the reward."""
    if points == sold.redeemed:
        return sold.redeemed_minor
    if sold.redeemed_minor == worth_minor(program, sold.redeemed):
        return worth_minor(program, points)
    return sold.redeemed_minor * points // sold.redeemed


def _part_of(minor: int, left_minor: int, whole_minor: int) -> int:
    return minor * left_minor // whole_minor if whole_minor else minor


class _CameBack:
    """The sum of a sale's returns: thousandths by line, amounts, or all of it. Sums know no order."""

    def __init__(self, sale: Sale) -> None:
        self._sale = sale
        self._kept_milli = {line.line_id: line.quantity_milli for line in sale.lines}
        self._amount_minor = 0
        self._is_all = False

    def require_fits(self, back: Return) -> None:
        if back.lines and back.amount_minor is not None:
            raise ReturnRefused("AMBIGUOUS", "A return names lines or an amount, not both.")
        if (back.amount_minor is not None and back.amount_minor <= 0) or any(
            line.quantity_milli is not None and line.quantity_milli <= 0 for line in back.lines
        ):
            raise ReturnRefused("NOTHING_RETURNED", "What comes back must be more than nothing.")
        kept_milli = dict(self._kept_milli)
        for line in back.lines:
            left_milli = kept_milli.get(line.line_id)
            if left_milli is None:
                raise ReturnRefused(
                    "LINE_UNKNOWN", f"Line {line.line_id} is not in this sale, or has come back already."
                )
            if line.quantity_milli is not None and line.quantity_milli > left_milli:
                raise ReturnRefused(
                    "MORE_THAN_SOLD",
                    f"Line {line.line_id}: {left_milli / 1000:g} are left, not {line.quantity_milli / 1000:g}.",
                )
            _keep_less(kept_milli, line)
        left_minor = self.left().sale.total_minor
        if back.amount_minor is not None and back.amount_minor > left_minor:
            raise ReturnRefused(
                "MORE_THAN_SOLD", f"Only {priced(left_minor, self._sale.currency)} of this sale is left to return."
            )

    def add(self, back: Return) -> None:
        if back.lines:
            for line in back.lines:
                _keep_less(self._kept_milli, line)
        elif back.amount_minor is not None:
            self._amount_minor += max(0, back.amount_minor)
        else:
            self._kept_milli, self._is_all = {}, True

    def left(self) -> Left:
        sale = self._sale
        lines = [_part(line, self._kept_milli[line.line_id]) for line in sale.lines if line.line_id in self._kept_milli]
        # Goods come back at their price; what the till took off the sale as a whole (rounding, a basket discount) goes last.
        goods_minor = sum(line.amount_minor for line in sale.lines) - sum(line.amount_minor for line in lines)
        is_nothing = self._is_all or (not lines and bool(sale.lines))
        total_minor = 0 if is_nothing else max(0, sale.total_minor - goods_minor - self._amount_minor)
        return Left(msgspec.structs.replace(sale, total_minor=total_minor, lines=tuple(lines)), is_nothing)


def _keep_less(kept_milli: dict[str, int], back: ReturnedLine) -> None:
    left_milli = kept_milli.pop(back.line_id, 0)
    if back.quantity_milli is not None and max(0, back.quantity_milli) < left_milli:
        kept_milli[back.line_id] = left_milli - max(0, back.quantity_milli)


def _part(line: LineItem, kept_milli: int) -> LineItem:
    """What is kept of a line, always computed from the line as it was sold, so that cents are rounded once.

    Neither the amount nor what it is without its tax rises as less is kept, and what was marked down stays so.
    """
    if kept_milli == line.quantity_milli:
        return line
    amount_minor = line.amount_minor * kept_milli // line.quantity_milli
    return msgspec.structs.replace(
        line,
        quantity_milli=kept_milli,
        amount_minor=amount_minor,
        tax_minor=amount_minor - (line.amount_minor - line.tax_minor) * kept_milli // line.quantity_milli,
        discount_minor=-(-line.discount_minor * kept_milli // line.quantity_milli),
    )


def _pro_rata(lines: Sequence[LineItem], left_minor: int) -> tuple[LineItem, ...]:
    """Line amounts that add up to `left_minor`, by largest remainder; on a tie the earlier line keeps the cent."""
    whole = sum(line.amount_minor for line in lines)
    if not whole:
        return tuple(lines)
    shares = [divmod(line.amount_minor * left_minor, whole) for line in lines]
    missing = left_minor - sum(share for share, _ in shares)
    by_remainder = sorted(range(len(shares)), key=lambda index: -shares[index][1])
    rounded_up = set(by_remainder[:missing])
    return tuple(
        msgspec.structs.replace(line, amount_minor=share + (index in rounded_up))
        for index, (line, (share, _)) in enumerate(zip(lines, shares, strict=True))
    )
