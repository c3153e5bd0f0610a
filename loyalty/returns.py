"""What a return takes back and gives back, cumulative over all returns of a sale.

What a return takes back is the award as it was, less the award of what is left, under the sale's own programme. Points that
paid come back pro rata, the last return taking the rest. Both are computed from the sum of all returns so far, so no split
of a return into parts gives another result than the whole, and no repetition takes more than there was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from loyalty.award import award
from loyalty.program import Program
from loyalty.redeem import worth_minor
from loyalty.sale import LineItem, Return, ReturnedLine, Sale


class ReturnRefused(Exception):
    """A return that does not fit its sale: an unknown line, more than was sold, an amount above what is left.

    Nothing was taken back. `code` names the reason for programs.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Reversal:
    """Points to take from the member, points to give back to the member, and the money both refer to."""

    taken_points: int
    restored_points: int
    restored_minor: int
    returned_minor: int


def left_of(sale: Sale, returns: Sequence[Return]) -> Sale:
    """The sale as if only what was kept had been sold. Raises ReturnRefused where a return takes more than there is."""
    for back in returns:
        sale = _less(sale, back)
    return sale


def reversal(
    program: Program, sale: Sale, awarded: int, redeemed: int, earlier: Sequence[Return], back: Return
) -> Reversal:
    """What `back` takes and gives, given the returns `earlier` of the same sale, in any order.

    `awarded` and `redeemed` are the points of the sale as it was. Raises ReturnRefused; nothing is changed then.
    """
    before = left_of(sale, earlier)
    after = _less(before, back)
    taken_before, restored_before = reversed_points(program, sale, awarded, redeemed, before)
    taken_after, restored_after = reversed_points(program, sale, awarded, redeemed, after)
    return Reversal(
        taken_points=max(0, taken_after - taken_before),
        restored_points=restored_after - restored_before,
        restored_minor=worth_minor(program, redeemed - restored_before)
        - worth_minor(program, redeemed - restored_after),
        returned_minor=before.total_minor - after.total_minor,
    )


def reversed_points(program: Program, sale: Sale, awarded: int, redeemed: int, left: Sale) -> tuple[int, int]:
    """Points taken and points restored in all, once only `left` of the sale has been kept."""
    if not sale.total_minor or not left.total_minor:
        return awarded, redeemed
    still_redeemed = redeemed * left.total_minor // sale.total_minor
    kept = award(program, left, worth_minor(program, still_redeemed)).points if awarded else 0
    return max(0, awarded - kept), redeemed - still_redeemed


def _less(sale: Sale, back: Return) -> Sale:
    if back.lines:
        return _less_lines(sale, back.lines)
    if back.amount_minor is not None:
        return _less_amount(sale, back.amount_minor)
    return msgspec.structs.replace(sale, total_minor=0, lines=())


def _less_lines(sale: Sale, returned: Sequence[ReturnedLine]) -> Sale:
    lines = {line.line_id: line for line in sale.lines}
    for back in returned:
        line = lines.get(back.line_id)
        if line is None:
            raise ReturnRefused("LINE_UNKNOWN", f"Line {back.line_id} is not in this sale, or has come back already.")
        quantity = line.quantity_milli if back.quantity_milli is None else back.quantity_milli
        if quantity > line.quantity_milli:
            raise ReturnRefused(
                "MORE_THAN_SOLD",
                f"Line {back.line_id}: {line.quantity_milli / 1000:g} are left, not {quantity / 1000:g}.",
            )
        if quantity == line.quantity_milli:
            del lines[back.line_id]
        else:
            kept = line.quantity_milli - quantity
            lines[back.line_id] = msgspec.structs.replace(
                line,
                quantity_milli=kept,
                amount_minor=line.amount_minor * kept // line.quantity_milli,
                tax_minor=line.tax_minor * kept // line.quantity_milli,
            )
    # Goods come back at their price; what the till took off the sale as a whole (rounding, a basket discount) goes last.
    came_back = sum(line.amount_minor for line in sale.lines) - sum(line.amount_minor for line in lines.values())
    total_minor = max(0, sale.total_minor - came_back) if lines else 0
    return msgspec.structs.replace(sale, total_minor=total_minor, lines=tuple(lines.values()))


def _less_amount(sale: Sale, amount_minor: int) -> Sale:
    if amount_minor > sale.total_minor:
        raise ReturnRefused("MORE_THAN_SOLD", f"Only {sale.total_minor} minor units of this sale are left to return.")
    left_minor = sale.total_minor - amount_minor
    return msgspec.structs.replace(sale, total_minor=left_minor, lines=_pro_rata(sale.lines, left_minor))


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
