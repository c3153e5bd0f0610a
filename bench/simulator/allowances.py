"""What accidents that cannot be undone let be spent once more: no protocol prevents it, so it is only bounded, by member."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from bench.simulator.memory import Memory, effect
from ledger.entry import Entry, SaleBody


class Allowances:
    """`twice`: points that may be spent a second time. `forfeited`: those of them for which the shop may bear a loss."""

    def __init__(self) -> None:
        self.twice: Counter[str] = Counter()
        self.forfeited: Counter[str] = Counter()

    def for_copied(self, memory: Memory) -> None:
        """What a second copy of this disk can spend: its rights, coming ones, redemptions that it can still void."""
        for places in (memory.held(), memory.pending()):
            for member, lots in places.items():
                self.twice[member] += sum(points for points in lots.values() if points > 0)
        for entry in memory.journal:
            if isinstance(entry.body, SaleBody):
                self.twice[entry.member] += entry.body.redeemed

    def for_lost(self, journal: Iterable[Entry]) -> None:
        """What a lost disk had awarded may have been heard of by a head office that was restored since."""
        for entry in journal:
            self.twice[entry.member] += max(0, effect(entry))

    def for_granted(self, points: Mapping[str, int]) -> None:
        """What a head office that is restored has granted, it may grant once more."""
        self.twice.update(points)

    def for_forfeited(self, points: Mapping[str, int]) -> None:
        """What was given back to members although the till that was given up for lost may have spent it."""
        self.twice.update(points)
        self.forfeited.update(points)
