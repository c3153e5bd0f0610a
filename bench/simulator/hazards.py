"""The accidents, a line each: a new one is a name here, and an action of the same name in `steps.ACTIONS` where it is one.

`breaks` names what can no longer be promised in full once it may happen: the checks ask `Hazards.keeps`.

    escrow      no debt but of returns; else the debt is bounded by what the accident let be spent twice
    receipts    every figure on every receipt
    paper       nothing comes out twice without COPY
    whole       head office has every entry that was ever written
    sums        points heard and recorded add up to what happened: no day comes, nobody is two members, no till starts anew,
                the shop bears no loss
    known       head office knows what it was told before
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import NamedTuple


class Hazard(NamedTuple):
    """`weight`: how often, among the actions; 0 for what happens beside them (messages, disks)."""

    name: str
    weight: float
    breaks: tuple[str, ...] = ()


HAZARDS = {
    one.name: one
    for one in (
        # the network
        Hazard("cut", 3.0),
        Hazard("lost request", 0),
        Hazard("lost answer", 0),
        Hazard("doubled", 0),
        Hazard("delayed", 0),
        Hazard("garbled", 0),
        # disks and power
        Hazard("power", 0),
        Hazard("commit unclear", 0),
        Hazard("disk full", 0),
        Hazard("server power", 0),
        Hazard("server disk", 0),
        # the shop
        Hazard("paper", 2.0),
        Hazard("repeat", 0),
        Hazard("late sale", 3.0),
        Hazard("returns", 5.0),
        Hazard("double join", 0, ("sums",)),
        Hazard("months", 1.5, ("sums",)),
        Hazard("wrong clock", 1.0, ("sums",)),
        # rules of the shop, and what a person does at head office
        Hazard("floor limit", 0, ("escrow",)),
        Hazard("online only", 0),
        Hazard("standing", 0),
        Hazard("update", 2.0),
        Hazard("erase", 1.0),
        Hazard("write off", 2.0, ("sums",)),
        Hazard("forfeit", 2.0, ("escrow", "sums")),
        Hazard("revoked", 0.8, ("whole", "sums")),
        # what no protocol can undo, only bound
        Hazard("image", 3.0, ("escrow", "receipts", "paper", "whole")),
        Hazard("clone", 1.0, ("escrow", "receipts", "paper")),
        Hazard("destroyed", 0.8, ("whole", "sums")),
        Hazard("server restored", 2.5, ("escrow", "receipts", "known")),
        Hazard("excuse", 3.0, ("escrow", "receipts", "known", "sums")),
    )
}
NAMES = tuple(HAZARDS)


class Hazards:
    """Those that are on under one seed."""

    def __init__(self, on: Iterable[str]) -> None:
        self.on = frozenset(on)
        unknown = self.on.difference(NAMES)
        if unknown:
            raise ValueError(f"no such hazard: {', '.join(sorted(unknown))}")
        self._broken = {claim for name in self.on for claim in HAZARDS[name].breaks}

    def __contains__(self, name: str) -> bool:
        return name in self.on

    def keeps(self, claim: str) -> bool:
        return claim not in self._broken

    def __str__(self) -> str:
        return ", ".join(name for name in NAMES if name in self.on) or "none"


POLICIES = ("floor limit", "online only")
"""A programme has one of them, or neither; and what is spent online only does not stand at tills."""


def drawn(draw: random.Random) -> Hazards:
    """A seed's accidents: none, one, a few, or all that can be together."""
    count = draw.choice((0, 1, 1, 2, 3, 5, 8, len(NAMES)))
    names = draw.sample(NAMES, count)
    both = [name for name in names if name in POLICIES]
    if len(both) > 1:
        names.remove(draw.choice(both))
    if "online only" in names and "standing" in names:
        names.remove(draw.choice(("online only", "standing")))
    return Hazards(names)
