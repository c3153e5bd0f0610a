"""What a sale comes to for a member: members' prices first, then what points pay, then the award.

Pure. The till makes a quote with it and then the commit; who checks a journal computes the same from the same input.
"""

from __future__ import annotations

from dataclasses import dataclass

from loyalty.award import Award, award
from loyalty.program import Program
from loyalty.redeem import worth_minor
from loyalty.returns import Sold
from loyalty.reward import NOTHING_OFF, Off, Reward, after, effects_of, member_prices, off, shared
from loyalty.sale import Sale
from loyalty.standing import NO_EFFECTS, Effects, Standing, total
from loyalty.surprise import Draw

_NO_LINES: dict[str, int] = {}


@dataclass(frozen=True)
class Priced:
    """`paid` is the sale after what members' prices take off, which is `off`; `taken` is what the redemption takes off each line
    of it. `redeem` points pay `redeemed_minor`, for the `reward` of that name where it is one."""

    standing: Standing
    paid: Sale
    off: Off
    redeem: int
    redeemed_minor: int
    reward: str
    taken: dict[str, int]
    award: Award
    effects: Effects

    @property
    def due_minor(self) -> int:
        return self.paid.total_minor - self.redeemed_minor

    @property
    def terms(self) -> tuple[dict[str, int], int]:
        """What decides how much is to pay."""
        return self.off.lines, self.redeemed_minor


def with_member_prices(program: Program, sale: Sale, member: str, standing: Standing) -> tuple[Sale, Off]:
    taken = member_prices(program.price, sale, standing) if member and program.price else NOTHING_OFF
    return after(sale, taken), taken


def priced(
    program: Program,
    sale: Sale,
    member: str,
    standing: Standing,
    *,
    redeem: int = 0,
    reward: str = "",
    luck: Draw | None = None,
) -> Priced:
    """The sale under this standing. What is redeemed has been found possible before."""
    paid, off_prices = with_member_prices(program, sale, member, standing)
    wanted = reward_named(program, reward)
    beside = Effects(counts=off_prices.counts) if off_prices.counts else NO_EFFECTS
    redeemed_minor, taken = 0, _NO_LINES
    if wanted is not None:
        by_reward = off(wanted, paid, standing)
        redeemed_minor, taken = by_reward.minor, by_reward.lines
        beside = total([beside, effects_of(wanted, standing, by_reward, program.giving)])
    elif redeem:
        redeemed_minor = worth_minor(program, redeem)
        taken = line_shares(program, Sold(paid, 0, redeem, redeemed_minor), "")
    earned = award(program, paid, redeemed_minor, standing, luck)
    effects = (earned.effects if beside is NO_EFFECTS else total([earned.effects, beside])) or NO_EFFECTS
    name = wanted.name if wanted else ""
    return Priced(standing, paid, off_prices, redeem, redeemed_minor, name, taken, earned, effects)


def line_shares(program: Program, sold: Sold, reward: str) -> dict[str, int]:
    """What the redemption of a sale takes off each of its lines; nothing where points are a tender, which lowers no tax."""
    wanted = reward_named(program, reward)
    if wanted is not None:
        return off(wanted, sold.sale, sold.standing).lines
    if not sold.redeemed_minor or program.redeem.as_ == "tender":
        return {}
    shares = shared(sold.redeemed_minor, {line.line_id: line.amount_minor for line in sold.sale.lines})
    return {name: minor for name, minor in shares.items() if minor}


def reward_named(program: Program, name: str) -> Reward | None:
    return next((one for one in program.reward if one.name == name), None) if name else None
