"""What one sale comes to: its basket, its returns day by day, and the lots that were issued and spent. Pure.

Computed anew from the sale with everything that follows it, whenever anything of it is heard. So it does not matter in which
order: the difference from what was counted before is what is added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ledger.entry import ClaimBody, Entry, ReturnBody, SaleBody
from loyalty.returns import Left, left_at_least
from loyalty.sale import Sale

PeriodOf = Callable[[Entry], str]
"""The month in whose books an entry counts."""


class LotUse(NamedTuple):
    hash: str
    lot: str
    day: str
    period: str
    points: int


class Back(NamedTuple):
    """One return, as far as it took something back that others had not."""

    hash: str
    day: str
    operator: str
    returned_minor: int
    tax_minor: int
    restored_minor: int


class SoldFact(NamedTuple):
    """One sale. `value_minor` is what the basket came to, tax included, after members' prices and before points paid of it."""

    hash: str
    day: str
    operator: str
    member: str
    reward: str
    value_minor: int
    tax_minor: int
    discount_minor: int
    awarded: int
    redeemed: int
    redeemed_minor: int
    is_void: int


class SaleFacts(NamedTuple):
    sale: SoldFact
    backs: list[Back]
    lot: str
    reversed: int
    uses: list[LotUse]


class Told(NamedTuple):
    """A sale as head office has it: the entry, whose it is by now, its claim if it has one, its returns, and what those took
    and restored in all."""

    entry: Entry
    member: str
    claim: Entry | None
    returns: Sequence[Entry]
    taken: int
    restored: int


def facts_of(told: Told, period_of: PeriodOf) -> SaleFacts:
    body = told.entry.body
    assert isinstance(body, SaleBody)
    paid = body.sold.sale
    # Whatever comes later to a closed month stands behind what was counted in it, so that nothing there moves.
    returns = sorted(told.returns, key=lambda one: (period_of(one), one.envelope.occurred_at, one.number, one.hash))
    backs, is_void = _backs(paid, returns, told.restored)
    awarded, lot = body.awarded, body.lot
    if told.claim is not None and isinstance(told.claim.body, ClaimBody):
        awarded, lot = told.claim.body.awarded, told.claim.body.lot
    off_minor = sum(body.off.values())
    sale = SoldFact(
        hash=told.entry.hash,
        day=body.sale.business_day,
        operator=body.sale.operator,
        member=told.member,
        reward=body.reward,
        value_minor=paid.total_minor,
        tax_minor=sum(line.tax_minor for line in paid.lines),
        discount_minor=sum(line.discount_minor for line in paid.lines) + off_minor,
        awarded=awarded if told.member else 0,
        redeemed=body.redeemed,
        redeemed_minor=body.redeemed_minor,
        is_void=int(is_void),
    )
    return SaleFacts(sale, [] if is_void else backs, lot, told.taken, _uses(told, returns, period_of))


def _backs(paid: Sale, returns: Sequence[Entry], restored: int) -> tuple[list[Back], bool]:
    """What each return took back beyond those before it, and whether the sale was voided.

    Two tills that were offline may both have taken the same goods back: of the points that both gave back, those count that
    head office let stand, in the order of the returns.
    """
    backs, so_far, is_void = [], [], False
    before_minor, before_tax = paid.total_minor, _tax(paid, Left(paid, False))
    for entry in returns:
        body = entry.body
        if not isinstance(body, ReturnBody):
            continue
        is_void = is_void or body.back.is_void
        so_far.append(body.back)
        left = left_at_least(paid, so_far)
        left_minor, tax = left.sale.total_minor, _tax(paid, left)
        day = entry.envelope.business_day
        points = min(body.restored, restored)
        restored -= points
        restored_minor = body.restored_minor * points // body.restored if body.restored else body.restored_minor
        backs.append(Back(entry.hash, day, body.operator, before_minor - left_minor, before_tax - tax, restored_minor))
        before_minor, before_tax = left_minor, tax
    return backs, is_void


def _tax(paid: Sale, left: Left) -> int:
    """The tax within what is left: that of the lines that are kept, less where an amount came back of them."""
    if left.is_nothing:
        return 0
    tax = sum(line.tax_minor for line in left.sale.lines)
    goods_minor = sum(line.amount_minor for line in paid.lines)
    kept_minor = sum(line.amount_minor for line in left.sale.lines)
    at_price_minor = paid.total_minor - (goods_minor - kept_minor)
    return tax * left.sale.total_minor // at_price_minor if at_price_minor > 0 else 0


def _uses(told: Told, returns: Sequence[Entry], period_of: PeriodOf) -> list[LotUse]:
    """The lots that paid, as the till named them; what came back by returns went to the same lots, the first named first."""
    entry = told.entry
    spent = {lot: -change for lot, change in entry.envelope.esc.items() if change < 0}
    day = entry.envelope.business_day
    uses = [LotUse(entry.hash, lot, day, period_of(entry), points) for lot, points in spent.items()]
    left, restored = dict(spent), told.restored
    for back in returns:
        if not isinstance(back.body, ReturnBody):
            continue
        more = min(back.body.restored, restored)
        restored -= more
        for lot in spent:
            points = min(more, left[lot])
            if points:
                left[lot] -= points
                more -= points
                uses.append(LotUse(back.hash, lot, back.envelope.business_day, period_of(back), -points))
    return uses
