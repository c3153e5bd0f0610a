"""What happened, kept apart from the product's books and added up as simply as possible.

Facts are the entries that tills have committed, each compared with what its host had asked for. Points are computed here by
the programme's text book rule; only what a return takes back is computed by `loyalty.returns`, which has proofs of its own.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from ledger.entry import ClaimBody, Entry, OpenBody, ReturnBody, SaleBody, TakeBody
from ledger.wire import MemberItem
from loyalty.program import Program, read_program
from loyalty.redeem import worth_minor
from loyalty.returns import Sold, left_at_least, reversed_so_far
from loyalty.sale import Return, Sale

PROGRAM_TEXT = """\
name = "simulated"
version = {version}
currency = "EUR"
time_zone = "Europe/Berlin"
day_starts_at = 4
[earn]
points = {points}
per_minor = 100
[expire]
months = 1
[redeem]
points = 100
worth_minor = 100
[claim]
within_days = 7
[offline]
policy = "{policy}"
floor_limit = {floor_limit}
share_percent = {share_percent}
share_points = {share_points}
"""
FLOOR_LIMIT = 300
SHARE_PERCENT, SHARE_POINTS = 25, 500


def program(version: int = 1, policy: str = "escrow", *, stands: bool = False) -> Program:
    """The shop's rules; each version awards other points, and nothing else changes."""
    text = PROGRAM_TEXT.format(
        version=version,
        points=(5, 10, 15)[version % 3],
        policy=policy,
        floor_limit=FLOOR_LIMIT if policy == "floor_limit" else 0,
        share_percent=SHARE_PERCENT if stands else 0,
        share_points=SHARE_POINTS,
    )
    return read_program(text)


PROGRAM = program()


class Violation(Exception):
    """Something that must hold does not; the sentence says what."""


def require(holds: bool, sentence: str) -> None:
    if not holds:
        raise Violation(sentence)


def points_of(rules: Program, total_minor: int, redeemed: int) -> int:
    """So many points for each whole 1.00 that was paid in money; a point is worth a cent."""
    return max(0, total_minor - redeemed) // 100 * rules.earn.points


def a_month_after(day: str) -> str:
    start = date.fromisoformat(day)
    year, month = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)
    if start.day > monthrange(year, month)[1]:
        return date(year + month // 12, month % 12 + 1, 1).isoformat()
    return date(year, month, start.day).isoformat()


def day_of(now: datetime) -> str:
    """The programme's day: it starts at four in Berlin."""
    return (now.astimezone(PROGRAM.zone).replace(tzinfo=None) - timedelta(hours=4)).date().isoformat()


@dataclass(frozen=True)
class Heard:
    """What a till was told of a member, and which entries head office's file had then (None: not all were applied)."""

    item: MemberItem
    known_there: frozenset[str] | None


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

    def copy(self) -> Memory:
        return replace(
            self,
            journal=list(self.journal),
            heard=dict(self.heard),
            positions=dict(self.positions),
            renewed=dict(self.renewed),
            counted_takes=set(self.counted_takes),
        )

    def expiries(self) -> dict[str, str]:
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

    def held(self, upto: int | None = None) -> dict[str, Counter[str]]:
        """Member → lot → points that can be spent here, after the first `upto` entries."""
        held: dict[str, Counter[str]] = {}
        for entry in self.journal[:upto]:
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


class Facts:
    """Every entry that any till committed, with the shop in which it happened."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.shops: dict[str, str] = {}
        self.programs: dict[str, Program] = {}

    def add(self, entry: Entry, shop: str) -> None:
        self.entries[entry.hash] = entry
        self.shops[entry.hash] = shop

    def net(
        self, hashes: Iterable[str], first: Mapping[tuple[str, str], tuple[str, str]] | None = None
    ) -> Counter[str]:
        """Each member's points if exactly these entries had happened, expiry aside: no lots, no places, no order.

        A document counts once for each content. `first` says which sale (and which claim) head office heard first, where two
        disks wrote different ones: (shop, sale) → (hash of the sale, hash of the claim).
        """
        first = first or {}
        sales: dict[tuple[str, str], dict[object, Entry]] = {}
        backs: dict[tuple[str, str], dict[str, Return]] = {}
        claims: dict[tuple[str, str], dict[str, Entry]] = {}
        for name in hashes:
            entry = self.entries[name]
            shop = self.shops[name]
            match entry.body:
                case SaleBody(sale=sale, redeemed=redeemed):
                    key = (shop, sale.document)
                    known = sales.setdefault(key, {})
                    if first.get(key, ("", ""))[0] == name:
                        known[entry.member, repr(sale), redeemed] = entry
                    known.setdefault((entry.member, repr(sale), redeemed), entry)
                case ReturnBody(back=back, sale=document):
                    backs.setdefault((shop, document), {})[repr((entry.member, back))] = back
                case ClaimBody(sale=document):
                    claims.setdefault((shop, document), {})[name] = entry
                case _:
                    pass
        net: Counter[str] = Counter()
        for key, contents in sales.items():
            for entry in contents.values():
                net[entry.member] += effect(entry)
            chosen = next((one for one in contents.values() if one.hash == first.get(key, ("",))[0]), None)
            sold = chosen or next(iter(contents.values()))
            assert isinstance(sold.body, SaleBody)
            owner, awarded = sold.member, sold.body.awarded
            if not owner and key in claims:
                claim = claims[key].get(first.get(key, ("", ""))[1]) or next(iter(claims[key].values()))
                assert isinstance(claim.body, ClaimBody)
                owner, awarded = claim.member, claim.body.awarded
                net[owner] += awarded
            if owner and key in backs:
                rules = self.programs[sold.body.program]
                taken, restored = came_back(rules, sold.body.sale, awarded, sold.body.redeemed, backs[key].values())
                net[owner] += restored - taken
        del net[""]
        return net


def came_back(rules: Program, sale: Sale, awarded: int, redeemed: int, backs: Iterable[Return]) -> tuple[int, int]:
    """Points taken and restored by all returns of a sale together, under the rules by which it was sold."""
    sold = Sold(sale, awarded, redeemed, worth_minor(rules, redeemed))
    back = reversed_so_far(rules, sold, left_at_least(sale, list(backs)))
    return back.taken_points, back.restored_points
