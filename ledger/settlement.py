"""A member's points as head office holds them, and how an entry is settled against them.

One principle keeps till and server equal: what an entry did to the rights of its own till is posted as it stands; whatever
the server finds different it posts against the member's available points, and then against debt. So the order in which tills
are heard cannot matter.

Pure: the server loads a book, settles, and stores what changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Place = tuple[str, str]
"""Where points lie: ("available", ""), ("expired", ""), ("escrow", branch) or ("granted", branch)."""

AVAILABLE: Place = ("available", "")
EXPIRED: Place = ("expired", "")


@dataclass
class MemberBook:
    """One member's lots by place, each lot's expiry, and the debt (what was spent or taken back without cover)."""

    lots: dict[Place, Counter[str]] = field(default_factory=dict)
    expires_on: dict[str, str] = field(default_factory=dict)
    debt: int = 0

    def at(self, place: Place) -> Counter[str]:
        return self.lots.setdefault(place, Counter())

    def balance(self, place: Place) -> int:
        return sum(self.lots.get(place, Counter()).values())

    def put(self, place: Place, lot: str, points: int) -> None:
        """The one place where points move. ValueError if there would be less than nothing."""
        box = self.at(place)
        box[lot] += points
        if box[lot] < 0:
            raise ValueError(f"{place} would hold {box[lot]} points of lot {lot}")
        if not box[lot]:
            del box[lot]

    def soonest_first(self, box: Mapping[str, int]) -> list[str]:
        return sorted((lot for lot, points in box.items() if points), key=lambda lot: (self.expires_on[lot], lot))

    def pay(self, places: Iterable[tuple[Place, str]], need: int) -> int:
        """Takes up to `need` points from the lots named, in that order; answers how many it found."""
        paid = 0
        for place, lot in places:
            use = min(need - paid, self.at(place)[lot])
            if use > 0:
                self.put(place, lot, -use)
                paid += use
        return paid

    def available(self) -> list[tuple[Place, str]]:
        return [(AVAILABLE, lot) for lot in self.soonest_first(self.at(AVAILABLE))]

    def repay(self) -> None:
        """Debt is repaid from whatever is available, at once."""
        self.debt -= self.pay(self.available(), self.debt)

    def settle(
        self,
        branch: str,
        esc: Mapping[str, int],
        *,
        incoming: Mapping[str, int] | None = None,
        outgoing: int = 0,
        named: Iterable[str] = (),
    ) -> None:
        """Posts an entry: `esc` to the escrow of `branch` as it stands, lots `incoming` come in, `outgoing` points go out.

        What is over goes to available. What is missing is sought first in the named lots, even expired, then in the other
        available lots, soonest expiry first, then in debt.
        """
        escrow: Place = ("escrow", branch)
        pool, need = Counter(incoming or {}), outgoing
        for lot, change in esc.items():
            if change < 0:
                pool[lot] += self.pay([(escrow, lot)], -change)
        for lot, change in esc.items():
            if change > 0:
                covered = min(change, pool[lot])
                pool[lot] -= covered
                need += change - covered
                self.put(escrow, lot, change)
        for lot in self.soonest_first(pool):
            use = min(need, pool[lot])
            pool[lot] -= use
            need -= use
        need -= self.pay([(place, lot) for lot in [*named, *esc] for place in (AVAILABLE, EXPIRED)], need)
        need -= self.pay(self.available(), need)
        self.debt += need
        for lot, points in pool.items():
            if points:
                self.put(AVAILABLE, lot, points)
        self.repay()

    def grant(self, branch: str, points: int, today: str) -> dict[str, int]:
        """Moves up to `points` spendable points from available to what is granted to `branch`; answers lot → points."""
        granted: dict[str, int] = {}
        for _, lot in self.available():
            use = min(points, self.at(AVAILABLE)[lot])
            if use > 0 and today < self.expires_on[lot]:
                self.put(AVAILABLE, lot, -use)
                self.put(("granted", branch), lot, use)
                granted[lot] = use
                points -= use
        return granted

    def take(self, branch: str, slices: Mapping[str, int]) -> None:
        """A grant arrives: from granted into escrow. What was not granted as far as this book knows comes from available."""
        for lot, points in slices.items():
            found = self.pay([(("granted", branch), lot)], points)
            missing = points - found
            missing -= self.pay([(AVAILABLE, lot), (EXPIRED, lot), *self.available()], missing)
            self.debt += missing
            self.put(("escrow", branch), lot, points)

    def expire(self, today: str) -> int:
        """Available lots whose day has come; lots at a till are never expired here. Answers how many points."""
        gone = 0
        for _, lot in self.available():
            if self.expires_on[lot] <= today:
                points = self.at(AVAILABLE)[lot]
                self.put(AVAILABLE, lot, -points)
                self.put(EXPIRED, lot, points)
                gone += points
        return gone
