"""Computing again what entries say, from the input that they carry: an honest journal gives the same, entry by entry.

The same code runs at the till, on its own journal, and at head office, on all of them. What differs is no accusation: a till
with a damaged file differs, too. `outliers` are honest entries that a person may want to look at all the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from ledger.entry import ClaimBody, Entry, GiveBody, ReturnBody, SaleBody
from loyalty.award import award, gift
from loyalty.program import Program
from loyalty.redeem import worth_minor
from loyalty.returns import ReturnRefused, left_of, reversal
from loyalty.reward import ON_THE_SALE, Off, after, effects_of, member_prices, off, why_not
from loyalty.sale import Return
from loyalty.standing import NO_EFFECTS, Effects, total
from loyalty.surprise import Luck, counted_at

OFTEN = {"card": 5, "void": 3, "adjustment": 5}
"""So many in a shift (cards) or a day (voids and adjustments of one operator) are worth a look."""

BY_HAND = ("goodwill", "adjustment", "transfer")

ProgramOf = Callable[[str], Program | None]
SaleOf = Callable[[Entry, str], Entry | None]
"""The sale of a document, for the entry that names it; None where it is not known here."""


class Difference(msgspec.Struct, frozen=True):
    """An entry says one thing and computes to another. `what` is the field: points, off, redeemed, expires_on, …"""

    terminal: str
    number: int
    day: str
    shop: str
    operator: str
    member: str
    document: str
    what: str
    said: str
    computed: str

    @property
    def text(self) -> str:
        who = f" by {self.operator}" if self.operator else ""
        return (
            f"Entry {self.number} of till {self.terminal}, {self.day}{who}: {self.what} is {self.said or 'nothing'}, "
            f"and computes to {self.computed or 'nothing'}"
        )


class Outlier(msgspec.Struct, frozen=True):
    """What one operator did often: `what` is card, void, adjustment, or alone: adjusted without a second person."""

    what: str
    operator: str
    day: str
    member: str
    count: int
    points: int
    entries: list[str]

    @property
    def text(self) -> str:
        told = {
            "card": f"one member bought {self.count} times in a shift",
            "void": f"{self.count} sales were voided after their award, {self.points} points",
            "adjustment": f"{self.count} adjustments by hand, {self.points} points",
            "alone": f"{self.count} adjustments by hand that nobody else allowed, {self.points} points",
        }[self.what]
        return f"{self.day} {self.operator or 'nobody named'}: {told} (entries {', '.join(self.entries)})"


def differences(
    entries: Iterable[Entry],
    program_of: ProgramOf,
    *,
    sale_of: SaleOf | None = None,
    luck_of: Callable[[Entry], Luck] | None = None,
) -> Iterator[Difference]:
    """What differs in these entries, given journal by journal and in the order of their numbers.

    Without `sale_of` every sale is kept in memory until its returns have been seen. Without `luck_of`, which needs the seed, a
    surprise is believed where its sale was drawn at all and the points are those of a surprise.
    """
    audit = _Audit(program_of, sale_of, luck_of)
    for entry in entries:
        yield from audit.of(entry)


class _Audit:
    def __init__(self, program_of: ProgramOf, sale_of: SaleOf | None, luck_of: Callable[[Entry], Luck] | None) -> None:
        self._program_of = program_of
        self._luck_of = luck_of
        self._kept: dict[tuple[str, str], Entry] = {}
        self._sale_of = sale_of or (lambda entry, document: self._kept.get((entry.envelope.terminal, document)))
        self._keeps = sale_of is None
        self._claims: dict[tuple[str, str], ClaimBody] = {}
        self._backs: dict[tuple[str, str], list[Return]] = defaultdict(list)
        self._drawn: dict[tuple[str, str], int] = {}

    def of(self, entry: Entry) -> Iterator[Difference]:
        match entry.body:
            case SaleBody() as body:
                if self._keeps:
                    self._kept[entry.envelope.terminal, entry.envelope.document] = entry
                found = self._sale(entry, body)
            case ClaimBody() as body:
                found = self._claim(entry, body)
            case ReturnBody() as body:
                found = self._return(entry, body)
            case GiveBody() as body:
                found = self._give(entry, body)
            case _:
                return
        envelope = entry.envelope
        operator, shop = _operator(entry), _shop(entry)
        for what, said, computed in found:
            yield Difference(
                envelope.terminal,
                entry.number,
                envelope.business_day,
                shop,
                operator,
                entry.member,
                envelope.document,
                what,
                str(said),
                str(computed),
            )

    def _sale(self, entry: Entry, body: SaleBody) -> Iterator[tuple[str, object, object]]:
        program = self._program_of(body.program)
        if program is None:
            yield "program", body.program, ""
            return
        if not entry.member:
            yield from _unlike(points=(body.awarded, 0), redeemed=(body.redeemed, 0), off=(body.off, {}))
            yield from _unlike(reward=(body.reward, ""), redeemed_minor=(body.redeemed_minor, 0))
            return
        standing = body.standing
        taken = member_prices(program.price, body.sale, standing)
        paid = after(body.sale, Off(body.off, {}))
        beside = [Effects(counts=taken.counts)]
        reward = next((one for one in program.reward if one.name == body.reward), None) if body.reward else None
        if body.reward and reward is None:
            yield "reward", body.reward, ""
        elif reward is not None:
            by_reward = off(reward, paid, standing)
            minor = by_reward.minor if reward.kind in ON_THE_SALE else 0
            beside.append(effects_of(reward, standing, by_reward, program.giving))
            # The till asked this before it recorded; of a reward that costs nothing it is all that stands in anybody's way.
            if why := why_not(reward, paid, standing, reward.points):
                yield "reward", body.reward, f"none ({why})"
            yield from _unlike(redeemed=(body.redeemed, reward.points), redeemed_minor=(body.redeemed_minor, minor))
        else:
            yield from _unlike(redeemed_minor=(body.redeemed_minor, worth_minor(program, body.redeemed)))
        luck = self._luck_of(entry) if self._luck_of else None
        was_drawn = counted_at(entry.envelope.terminal) in body.effects.counts
        earned = award(program, paid, body.redeemed_minor, standing, luck if was_drawn else None)
        points = earned.points
        won = body.awarded - points
        if self._luck_of is None and was_drawn and program.surprise and won == program.surprise.points:
            points = body.awarded
        if was_drawn:
            # A draw that is made twice can be kept for the sale that it suits.
            here, number = (
                (entry.envelope.terminal, entry.member),
                standing.counts.get(counted_at(standing.terminal), 0) + 1,
            )
            if number <= self._drawn.get(here, 0):
                yield "draw", number, self._drawn[here] + 1
            self._drawn[here] = max(number, self._drawn.get(here, 0))
        if was_drawn and standing.terminal != entry.envelope.terminal:
            yield "drawn at", standing.terminal, entry.envelope.terminal
        if (
            luck is not None
            and not was_drawn
            and award(program, paid, body.redeemed_minor, standing, luck).effects != (earned.effects)
        ):
            yield "drawn", "not at all", "once"
        yield from _unlike(off=(body.off, taken.lines), points=(body.awarded, points))
        yield from _days(body, earned.expires_on, earned.usable_from, earned.extends_to)
        effects = total([earned.effects, *beside])
        if was_drawn and self._luck_of is None:
            effects = total([effects, Effects(counts={counted_at(entry.envelope.terminal): 1})])
        yield from _unlike_effects(body.effects, effects)

    def _claim(self, entry: Entry, body: ClaimBody) -> Iterator[tuple[str, object, object]]:
        here = entry.envelope.terminal, body.sale
        self._claims[here] = body
        sold = self._sale_of(entry, body.sale)
        program = self._program_of(body.program)
        if program is None:
            yield "program", body.program, ""
        elif sold is not None and isinstance(sold.body, SaleBody):
            try:
                left = left_of(sold.body.sale, self._backs[here])
            except ReturnRefused:
                return  # the return that does not fit has been named
            earned = award(program, left, 0, body.standing)
            yield from _unlike(points=(body.awarded, earned.points))
            yield from _days(body, earned.expires_on, earned.usable_from, earned.extends_to)
            yield from _unlike_effects(body.effects, earned.effects)

    def _return(self, entry: Entry, body: ReturnBody) -> Iterator[tuple[str, object, object]]:
        here = entry.envelope.terminal, body.sale
        sold = self._sale_of(entry, body.sale)
        earlier = list(self._backs[here])
        self._backs[here].append(body.back)
        if sold is None or not isinstance(sold.body, SaleBody):
            return  # another till's sale, which is not known here
        program = self._program_of(sold.body.program)
        if program is None:
            return  # its sale has been named
        was = sold.body.sold
        if (claim := self._claims.get(here)) is not None:
            was = was._replace(awarded=claim.awarded, standing=claim.standing, effects=claim.effects)
        try:
            found = reversal(program, was, earlier, body.back)
        except ReturnRefused as refused:
            yield "returned", body.returned_minor, str(refused)
            return
        yield from _unlike(
            taken=(body.taken, found.taken_points),
            restored=(body.restored, found.restored_points),
            restored_minor=(body.restored_minor, found.restored_minor),
            returned_minor=(body.returned_minor, found.returned_minor),
        )
        yield from _unlike_effects(body.effects, found.effects)

    def _give(self, entry: Entry, body: GiveBody) -> Iterator[tuple[str, object, object]]:
        program = self._program_of(body.program) if body.program else None
        if program is None or body.why not in ("join", "activity"):
            return  # a person gave it, or its amount is not in the entry
        envelope = entry.envelope
        activity = body.about if body.why == "activity" else ""
        earned = gift(program, body.why, envelope.business_day, envelope.occurred_at, body.standing, activity=activity)
        yield from _unlike(points=(body.points, earned.points))
        yield from _days(body, earned.expires_on, earned.usable_from, earned.extends_to)


def _days(
    body: SaleBody | ClaimBody | GiveBody, expires_on: str, usable_from: str, extends_to: str
) -> Iterator[tuple[str, object, object]]:
    if body.lot:
        yield from _unlike(expires_on=(body.expires_on, expires_on), usable_from=(body.usable_from, usable_from))
    yield from _unlike(extends_to=(body.extends_to, extends_to))


def _unlike(**fields: tuple[object, object]) -> Iterator[tuple[str, object, object]]:
    for what, (said, computed) in fields.items():
        if said != computed:
            yield what, said, computed


def _unlike_effects(said: Effects, computed: Effects) -> Iterator[tuple[str, object, object]]:
    if said == NO_EFFECTS == computed:
        return
    yield from _unlike(
        qualifies=(said.qualifies, computed.qualifies),
        counts=(_counted(said.counts), _counted(computed.counts)),
        paid=(said.paid, computed.paid),
        donated_minor=(said.donated_minor, computed.donated_minor),
        charity=(said.charity, computed.charity),
    )


def _counted(counts: dict[str, int]) -> dict[str, int]:
    return {key: counts[key] for key in sorted(counts) if counts[key]}


def _operator(entry: Entry) -> str:
    match entry.body:
        case SaleBody(sale=sale):
            return sale.operator
        case ReturnBody(operator=operator) | ClaimBody(operator=operator) | GiveBody(operator=operator):
            return operator
        case _:
            return ""


def _shop(entry: Entry) -> str:
    match entry.body:
        case SaleBody(standing=standing) | ClaimBody(standing=standing) | GiveBody(standing=standing):
            return standing.shop
        case _:
            return ""


def outliers(entries: Iterable[Entry]) -> list[Outlier]:
    """What was done by one operator more often than is usual, the most frequent first."""
    groups: dict[tuple[str, str, str, str, str], list[tuple[str, int]]] = defaultdict(list)
    for entry in entries:
        day, here = entry.envelope.business_day, f"{entry.envelope.terminal}-{entry.number}"
        match entry.body:
            case SaleBody(sale=sale, awarded=awarded) if entry.member:
                groups["card", sale.operator, sale.business_day, sale.shift, entry.member].append((here, awarded))
            case ReturnBody(back=back, operator=operator, taken=taken) if back.is_void and taken:
                groups["void", operator, day, "", ""].append((here, taken))
            case GiveBody(why=why, operator=operator, approved_by=approved_by, points=points) if why in BY_HAND:
                groups["adjustment", operator, day, "", ""].append((here, abs(points)))
                if not approved_by or approved_by == operator:
                    groups["alone", operator, day, "", ""].append((here, abs(points)))
            case _:
                pass
    found = [
        Outlier(what, operator, day, member, len(done), sum(points for _, points in done), [here for here, _ in done])
        for (what, operator, day, _, member), done in groups.items()
        if len(done) >= OFTEN.get(what, 1)
    ]
    return sorted(found, key=lambda one: (one.what, -one.count, one.day, one.operator))
