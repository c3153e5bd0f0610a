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
    """One member's lots by place, each lot's expiry, the debt (what was spent or taken back without cover) and the loss (what
    the shop bears of it).

    `today` and `grace_until` are head office's day and the day until which a lot can be spent that comes back late; `graced`
    are the lots that have had this grace, which is given once.

    `usable_from` names the lots that cannot be spent before a day. `alive` are spans of days, first day → the day after the
    last, that keep points alive: whatever had not expired on the first lives to their end. They never overlap.
    """

    lots: dict[Place, Counter[str]] = field(default_factory=dict)
    expires_on: dict[str, str] = field(default_factory=dict)
    debt: int = 0
    loss: int = 0
    today: str = ""
    grace_until: str = ""
    graced: set[str] = field(default_factory=set)
    usable_from: dict[str, str] = field(default_factory=dict)
    alive: dict[str, str] = field(default_factory=dict)

    def at(self, place: Place) -> Counter[str]:
        box = self.lots.get(place)
        if box is None:
            box = self.lots[place] = Counter()
        return box

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

    def expect(self, lot: str, expires_on: str) -> None:
        """A lot that is heard of before its award ends on this day, until the award says better."""
        if lot not in self.expires_on:
            self.expires_on[lot] = self._lives_to(expires_on)

    def award(self, lot: str, expires_on: str, usable_from: str = "") -> None:
        """The days of a lot as its award says them."""
        self.expires_on[lot] = self._lives_to(expires_on)
        if usable_from:
            self.usable_from[lot] = usable_from

    def keep_alive(self, day: str, to: str) -> None:
        """Something done on `day` keeps alive to `to` whatever had not expired by then, also what is heard of later.

        Spans that overlap become one: who was alive in the first lives to the end of the last. So it does not matter in which
        order they are heard of, and a lot that has expired here meanwhile comes back.
        """
        if to <= day:
            return
        for start, end in list(self.alive.items()):
            if start < to and day < end:
                del self.alive[start]
                day, to = min(day, start), max(to, end)
        self.alive[day] = to
        for lot, expires_on in self.expires_on.items():
            if day < expires_on < to:
                self.expires_on[lot] = to
        expired = self.at(EXPIRED)
        for lot in [lot for lot in expired if self.today < self.expires_on[lot]]:
            points = expired[lot]
            self.put(EXPIRED, lot, -points)
            self.put(AVAILABLE, lot, points)

    def _lives_to(self, expires_on: str) -> str:
        return next((end for start, end in self.alive.items() if start < expires_on < end), expires_on)

    def spendable(self) -> list[str]:
        """The available lots that can be spent today, soonest expiry first."""
        return [
            lot
            for lot in self.soonest_first(self.at(AVAILABLE))
            if self.today < self.expires_on[lot] and self.usable_from.get(lot, "") <= self.today
        ]

    def come_back(self, lot: str, points: int) -> None:
        """Points that were away are the member's again. A lot that expired meanwhile gets its grace, once."""
        if self.expires_on[lot] <= self.today:
            if lot in self.graced or self.grace_until <= self.today:
                self.put(EXPIRED, lot, points)
                return
            self.graced.add(lot)
            self.expires_on[lot] = self.grace_until
        self.put(AVAILABLE, lot, points)

    def soonest_first(self, box: Mapping[str, int]) -> list[str]:
        return sorted((lot for lot, points in box.items() if points), key=lambda lot: (self.expires_on[lot], lot))

    def pay(self, places: Iterable[tuple[Place, str]], need: int) -> int:
        """Takes up to `need` points from the lots named, in that order; answers how many it found."""
        paid = 0
        for place, lot in places:
            if paid == need:
                break
            use = min(need - paid, self.at(place)[lot])
            if use > 0:
                self.put(place, lot, -use)
                paid += use
        return paid

    def available(self) -> list[tuple[Place, str]]:
        return [(AVAILABLE, lot) for lot in self.soonest_first(self.at(AVAILABLE))]

    def repay(self) -> None:
        """Debt is repaid from whatever is available, at once."""
        if self.debt:
            self.debt -= self.pay(self.available(), self.debt)

    def owe(self, points: int, store_bears: int) -> int:
        """Points without cover: up to `store_bears` are the shop's loss, the rest is debt. Answers what the shop bears."""
        borne = min(points, store_bears)
        self.loss += borne
        self.debt += points - borne
        return borne

    def settle(
        self,
        branch: str,
        esc: Mapping[str, int],
        *,
        awarded: Mapping[str, int] | None = None,
        restored: Mapping[str, int] | None = None,
        outgoing: int = 0,
        named: Iterable[str] = (),
        store_bears: int = 0,
        borne: int = 0,
    ) -> int:
        """Posts an entry: `esc` to the escrow of `branch` as it stands; lots come in that are `awarded` or `restored`; `outgoing`
        points go out.

        What is over goes to available, after what the shop has `borne` at this branch: it was not lost after all. What is
        missing is sought first in the named lots, even expired, then in the other available lots, soonest expiry first, then
        it is owed. Answers what the shop bears of that, `store_bears` at most; below zero, what has been made good to it.
        """
        escrow: Place = ("escrow", branch)
        pool, need, new = Counter(restored or {}), outgoing, Counter(awarded or {})
        pool.update(new)
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
        if need:
            need -= self.pay([(place, lot) for lot in [*named, *esc] for place in (AVAILABLE, EXPIRED)], need)
            need -= self.pay(self.available(), need)
        bears = self.owe(need, store_bears)
        for lot, points in pool.items():
            if points and lot in new:
                self.put(AVAILABLE, lot, points)
            elif points:
                good = min(points, borne + bears)
                bears -= good
                self.loss -= good
                if points > good:
                    self.come_back(lot, points - good)
        self.repay()
        return bears

    def grant(self, branch: str, points: int) -> dict[str, int]:
        """Moves up to `points` spendable points from available to what is granted to `branch`; answers lot → points."""
        granted: dict[str, int] = {}
        for lot in self.spendable():
            use = min(points, self.at(AVAILABLE)[lot])
            if use > 0:
                self.put(AVAILABLE, lot, -use)
                self.put(("granted", branch), lot, use)
                granted[lot] = use
                points -= use
        return granted

    def take(self, branch: str, slices: Mapping[str, int], *, store_bears: int = 0) -> int:
        """A grant arrives: from granted into escrow. What was not granted as far as this book knows comes from available, and
        what cannot be had there is owed; answers what the shop bears of that."""
        missing = 0
        for lot, points in slices.items():
            found = self.pay([(("granted", branch), lot)], points)
            found += self.pay([(AVAILABLE, lot), (EXPIRED, lot), *self.available()], points - found)
            missing += points - found
            self.put(("escrow", branch), lot, points)
        return self.owe(missing, store_bears)

    def give_up(self, branch: str) -> int:
        """All that is granted to or held at a branch is the member's again; answers how many points."""
        gone = 0
        for place in (("escrow", branch), ("granted", branch)):
            for lot, points in list(self.at(place).items()):
                self.put(place, lot, -points)
                self.come_back(lot, points)
                gone += points
        self.repay()
        return gone

    def expire(self) -> int:
        """Available lots whose day has come; lots at a till are never expired here. Answers how many points."""
        gone = 0
        for _, lot in self.available():
            if self.expires_on[lot] <= self.today:
                points = self.at(AVAILABLE)[lot]
                self.put(AVAILABLE, lot, -points)
                self.put(EXPIRED, lot, points)
                gone += points
        return gone
