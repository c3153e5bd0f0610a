"""What is on one till's disk by now, known from its entries and from what it was told, and not from its tables of points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ledger.entry import ClaimBody, Entry, OpenBody, ReturnBody, SaleBody, TakeBody
from ledger.wire import MemberItem, RenewItem


@dataclass(frozen=True)
class Heard:
    """What a till was told of a member, and which entries head office's file had then (None: not all were applied)."""

    item: MemberItem
    known_there: frozenset[str] | None


class Page(NamedTuple):
    """A page of the feed that has arrived. Whether the till applied it, its position in that channel tells later."""

    channel: str
    server_epoch: int
    start: int
    end: int
    told: tuple[Heard | RenewItem, ...]


@dataclass
class Memory:
    """What a disk has by now: its journal, how far its feed was applied, and what it was told. Copied with the disk."""

    journal: list[Entry] = field(default_factory=list)
    heard: dict[str, Heard] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    renewed: dict[str, int] = field(default_factory=dict)
    """Member → number of the last entry here whose floor limit head office has renewed."""
    server_epoch: int = 0
    counted_takes: set[int] = field(default_factory=set)
    """Numbers of the takes that head office has acknowledged: what they took can be spent."""

    def copy(self) -> Memory:
        return replace(
            self,
            journal=list(self.journal),
            heard=dict(self.heard),
            positions=dict(self.positions),
            renewed=dict(self.renewed),
            counted_takes=set(self.counted_takes),
        )

    def follow(self, pages: Iterable[Page], server_epoch: int, positions: Mapping[str, int]) -> None:
        """Takes over those of the pages that the disk has applied, by what it says of its positions."""
        if server_epoch != self.server_epoch:
            self.server_epoch = server_epoch
            self.positions.clear()
        for page in pages:
            is_next = page.server_epoch == server_epoch and page.start == self.positions.get(page.channel, 0)
            if not is_next or page.end > positions.get(page.channel, 0):
                continue
            self.positions[page.channel] = page.end
            for one in page.told:
                if isinstance(one, Heard):
                    self.heard[one.item.member] = one
                elif one.number <= len(self.journal) and self.journal[one.number - 1].hash == one.hash:
                    self.renewed[one.member] = max(self.renewed.get(one.member, 0), one.number)

    def count_takes(self, entries: Iterable[Entry], acknowledged: int) -> None:
        self.counted_takes.update(
            entry.number for entry in entries if isinstance(entry.body, TakeBody) and entry.number <= acknowledged
        )

    def expiries(self) -> dict[str, str]:
        """Lot → the day on which it ends."""
        days: dict[str, str] = {}
        for entry in self.journal:
            match entry.body:
                case SaleBody(lot=lot, expires_on=day) | ClaimBody(lot=lot, expires_on=day) if lot:
                    days[lot] = day
                case TakeBody(slices=slices):
                    # Head office may have given the lot its grace; that is known here once the grant counts.
                    for part in slices:
                        if entry.number in self.counted_takes or part.lot not in days:
                            days[part.lot] = part.expires_on
                case _:
                    pass
        return days

    def held(self) -> dict[str, Counter[str]]:
        """Member → lot → points that can be spent here."""
        held: dict[str, Counter[str]] = {}
        for entry in self.journal:
            if isinstance(entry.body, OpenBody):
                held.clear()
            elif not isinstance(entry.body, TakeBody) or entry.number in self.counted_takes:
                box = held.setdefault(entry.member, Counter())
                for lot, change in entry.envelope.esc.items():
                    box[lot] += change
        return held

    def pending(self) -> dict[str, Counter[str]]:
        """Taken and not acknowledged yet."""
        coming: dict[str, Counter[str]] = {}
        for entry in self.journal:
            if isinstance(entry.body, OpenBody):
                coming.clear()
            elif isinstance(entry.body, TakeBody) and entry.number not in self.counted_takes:
                coming.setdefault(entry.member, Counter()).update(entry.envelope.esc)
        return coming

    def floor_used(self, member: str) -> int:
        """What was spent here beyond what was held since the floor limit was last renewed."""
        after = self.renewed.get(member, 0)
        return sum(
            entry.body.floor
            for entry in self.journal
            if isinstance(entry.body, SaleBody) and entry.member == member and entry.number > after
        )

    def granted(self, member: str) -> int:
        """All that this journal ever took, acknowledged or not."""
        return sum(
            sum(entry.envelope.esc.values())
            for entry in self.journal
            if isinstance(entry.body, TakeBody) and entry.member == member
        )

    def since(self, member: str, number: int) -> int:
        """What the entries here after `number` did to a member's balance."""
        return sum(effect(entry) for entry in self.journal if entry.number > number and entry.member == member)

    def own_balance(self, member: str, today: str) -> int:
        """A member's points as this journal alone has them: lots of days to come, and what is owed."""
        lots: Counter[str] = Counter()
        owed = 0
        for entry in self.journal:
            if entry.member != member:
                continue
            body, esc = entry.body, entry.envelope.esc
            match body:
                case SaleBody(awarded=awarded, lot=lot) | ClaimBody(awarded=awarded, lot=lot):
                    lots[lot] += awarded
                    lots.update({spent: change for spent, change in esc.items() if spent != lot})
                    owed -= body.floor if isinstance(body, SaleBody) else 0
                case ReturnBody(taken=taken, restored=restored, lot=lot):
                    own = min(taken, lots[lot]) if lot else 0
                    lots[lot] -= own
                    given = {spent: change for spent, change in esc.items() if change > 0}
                    lots.update(given)
                    owed += restored - sum(given.values()) - (taken - own)
                case _:
                    pass
        days = self.expiries()
        return owed + sum(points for lot, points in lots.items() if lot and today < days.get(lot, ""))


def effect(entry: Entry) -> int:
    """What an entry of a till does to its member's balance."""
    match entry.body:
        case SaleBody(awarded=awarded, redeemed=redeemed):
            return awarded - redeemed
        case ClaimBody(awarded=awarded):
            return awarded
        case ReturnBody(taken=taken, restored=restored):
            return restored - taken
        case _:
            return 0
