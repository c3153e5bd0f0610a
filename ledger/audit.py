"""Computing again what entries say, from the input that they carry: an honest journal gives the same, entry by entry.

The same code runs at the till, on its own journal, and at head office, on all of them. What differs is no accusation: a till
with a damaged file differs, too. `outliers` are honest entries that a person may want to look at all the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

import msgspec

from ledger.entry import ClaimBody, Entry, GiveBody, ReturnBody, SaleBody
from loyalty.award import award_of_left, gift
from loyalty.experiment import variants
from loyalty.priced import Priced, priced, reward_named
from loyalty.program import Program
from loyalty.returns import ReturnRefused, left_at_least, reversal
from loyalty.reward import why_not
from loyalty.sale import Return
from loyalty.standing import NO_EFFECTS, Effects, Standing
from loyalty.surprise import Draw, Luck, Told, counted_at
from loyalty.words import money

OFTEN = {"card": 5, "void": 3, "adjustment": 5}
"""So many in a shift (cards) or a day (voids and adjustments of one operator) are worth a look."""

BY_HAND = ("goodwill", "adjustment", "transfer")

ProgramOf = Callable[[str], Program | None]
SaleOf = Callable[[Entry, str], Entry | None]
"""The sale of a document, for the entry that names it; None where it is not known here."""
LuckOf = Callable[[Entry], Luck | None]
"""What an entry's surprise is drawn with; None where that is not known."""

Found = tuple[str, object, object]
"""What differs, what the entry says of it, and what it computes to."""

SAID = {
    "off": "the members' prices",
    "redeemed": "the number of points that paid",
    "redeemed_minor": "what they paid, in cents,",
    "expires_on": "the day on which the points expire",
    "usable_from": "the day from which they can be used",
    "extends_to": "the day to which all points are kept alive",
    "qualifies": "what counts towards the tier",
    "counts": "what the limits count",
    "paid": "what was bought of memberships",
    "donated_minor": "the charity's share, in cents,",
    "taken": "the number of points taken back",
    "restored": "the number of points given back",
    "restored_minor": "what those had paid, in cents,",
    "returned_minor": "what came back, in cents,",
    "returned": "what came back, in cents,",
    "program": "the programme",
    "reward": "the reward",
    "variant": "the variant of an experiment",
    "drawn": "its draw for a surprise",
    "drawn at": "the till of its draw for a surprise",
    "draw": "the number of its draw for a surprise",
}
"""The fields as a person reads them, where they read otherwise."""

WHY_NOT = {
    "tiers": "it is not for the member's tier",
    "segments": "the member is not among those whom it is for",
    "stores": "not in this shop",
    "weekdays": "not on this day of the week",
    "hours": "not at this hour",
    "starts": "it had not begun",
    "ends": "it was over",
    "minimum_minor": "the sale was too small",
    "birthday": "the member's birthday was not near",
    "variant": "the member is in the other variant of its experiment",
    "stock": "it was used up",
    "limits": "the member had had it as often as can be",
    "goods": "the sale had none of its goods",
}
"""By the words of `loyalty.reward.why_not`; that of the points is not among them, as those are counted where they lie."""


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
            f"Entry {self.number} of till {self.terminal}, {self.day}{who}: {SAID.get(self.what, self.what)} is "
            f"{self.said or 'nothing'}, and computes to {self.computed or 'nothing'}"
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
    luck_of: LuckOf | None = None,
) -> Iterator[Difference]:
    """What differs in these entries, given journal by journal and in the order of their numbers.

    Without `sale_of` every sale is kept in memory until its returns have been seen. Where `luck_of` knows nothing, which needs
    the seed, a surprise is believed to be won or not, as the entry says, and only there where its sale was drawn at all.

    With it, a sale that drew nothing is believed until its till can have had a key: before its first draw, as long as it says
    that it had never heard from head office (`standing.feed_position`). The key comes with the programme, ahead of anything
    that head office says of members.
    """
    audit = _Audit(program_of, sale_of, luck_of)
    for entry in entries:
        yield from audit.of(entry)


class _Audit:
    def __init__(self, program_of: ProgramOf, sale_of: SaleOf | None, luck_of: LuckOf | None) -> None:
        self._program_of = program_of
        self._luck_of = luck_of
        self._kept: dict[tuple[str, str], Entry] = {}
        self._sale_of = sale_of or (lambda entry, document: self._kept.get((entry.envelope.terminal, document)))
        self._keeps = sale_of is None
        self._claims: dict[tuple[str, str], ClaimBody] = {}
        self._backs: dict[tuple[str, str], list[Return]] = defaultdict(list)
        self._drawn: dict[tuple[str, str], int] = {}
        self._has_drawn: set[str] = set()

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

    def _sale(self, entry: Entry, body: SaleBody) -> Iterator[Found]:
        program = self._program_of(body.program)
        if program is None:
            yield "program", body.program, ""
            return
        if not entry.member:
            yield from _unlike(points=(body.awarded, 0), redeemed=(body.redeemed, 0), off=(_off(body.off), ""))
            yield from _unlike(reward=(body.reward, ""), redeemed_minor=(body.redeemed_minor, 0))
            return
        yield from _variants(body.standing, program, entry.member, body.sale.business_day)
        reward = reward_named(program, body.reward)
        computed = yield from self._drawn_again(entry, body, program, reward.points if reward else body.redeemed)
        if reward is not None:
            yield from _unlike(redeemed=(body.redeemed, reward.points))
            if failed := why_not(reward, computed.paid, body.standing, reward.points):
                yield "reward", body.reward, f"nothing: it could not be had, {WHY_NOT[failed]}"
        elif body.reward:
            yield "reward", body.reward, ""
        earned = computed.award
        yield from _unlike(
            redeemed_minor=(body.redeemed_minor, computed.redeemed_minor),
            off=(_off(body.off), _off(computed.off.lines)),
            points=(body.awarded, earned.points),
        )
        yield from _days(body, earned.expires_on, earned.usable_from, earned.extends_to)
        yield from _unlike_effects(body.effects, computed.effects)

    def _drawn_again(
        self, entry: Entry, body: SaleBody, program: Program, redeem: int
    ) -> Generator[Found, None, Priced]:
        """The sale computed again, its surprise drawn again where the key is known; on the way, what is wrong with its draw."""
        standing, here = body.standing, entry.envelope.terminal

        def computed(draw: Draw | None) -> Priced:
            return priced(program, body.sale, entry.member, standing, redeem=redeem, reward=body.reward, luck=draw)

        if body.is_past:
            as_paid = program.model_copy(update={"price": []})
            return priced(as_paid, body.sale, entry.member, standing, redeem=redeem, reward=body.reward)
        luck = self._luck_of(entry) if self._luck_of else None
        if not has_drawn(body):
            plain = computed(None)
            could_draw = standing.feed_position > 0 or here in self._has_drawn
            if luck is not None and could_draw and computed(luck).effects != plain.effects:
                yield "drawn", "left out", "made once"
            return plain
        self._has_drawn.add(here)
        if standing.terminal != here:
            yield "drawn at", standing.terminal, here
        # A draw that is made twice can be kept for the sale that it suits.
        of_member, number = (here, entry.member), standing.counts.get(counted_at(standing.terminal), 0) + 1
        before = self._drawn.get(of_member, 0)
        if number <= before:
            yield "draw", number, before + 1
        self._drawn[of_member] = max(number, before)
        if luck is not None:
            return computed(luck)
        # Nobody here can draw again: the outcome is believed with which the entry is right, if there is one.
        lost, won = computed(Told(won=False)), computed(Told(won=True))
        return won if body.awarded == won.award.points != lost.award.points or _is(body, won) else lost

    def _claim(self, entry: Entry, body: ClaimBody) -> Iterator[Found]:
        here = entry.envelope.terminal, body.sale
        self._claims[here] = body
        sold = self._sale_of(entry, body.sale)
        program = self._program_of(body.program)
        if program is None:
            yield "program", body.program, ""
        elif sold is not None and isinstance(sold.body, SaleBody):
            yield from _variants(body.standing, program, entry.member, sold.body.sale.business_day)
            left = left_at_least(sold.body.sale, self._backs[here]).sale
            earned = award_of_left(program, sold.body.sale, 0, body.standing, left)
            yield from _unlike(points=(body.awarded, earned.points))
            yield from _days(body, earned.expires_on, earned.usable_from, earned.extends_to)
            yield from _unlike_effects(body.effects, earned.effects)

    def _return(self, entry: Entry, body: ReturnBody) -> Iterator[Found]:
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

    def _give(self, entry: Entry, body: GiveBody) -> Iterator[Found]:
        program = self._program_of(body.program) if body.program else None
        if program is None or body.why not in ("join", "activity"):
            return  # a person gave it, or its amount is not in the entry
        envelope = entry.envelope
        yield from _variants(body.standing, program, entry.member, envelope.business_day)
        activity = body.about if body.why == "activity" else ""
        earned = gift(program, body.why, envelope.business_day, envelope.occurred_at, body.standing, activity=activity)
        yield from _unlike(points=(body.points, earned.points))
        yield from _days(body, earned.expires_on, earned.usable_from, earned.extends_to)


def _days(body: SaleBody | ClaimBody | GiveBody, expires_on: str, usable_from: str, extends_to: str) -> Iterator[Found]:
    if body.lot:
        yield from _unlike(expires_on=(body.expires_on, expires_on), usable_from=(body.usable_from, usable_from))
    yield from _unlike(extends_to=(body.extends_to, extends_to))


def _variants(standing: Standing, program: Program, member: str, day: str) -> Iterator[Found]:
    """Nobody can have chosen a member's variant: it follows from who they are."""
    said, drawn = standing.variants, variants(program.experiment, member, day)
    yield from _unlike(variant=(_named(said), _named(drawn)))


def _named(variants: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {variant}" for name, variant in sorted(variants.items()))


def _unlike(**fields: tuple[object, object]) -> Iterator[Found]:
    for what, (said, computed) in fields.items():
        if said != computed:
            yield what, said, computed


def _unlike_effects(said: Effects, computed: Effects) -> Iterator[Found]:
    if said == NO_EFFECTS == computed:
        return
    yield from _unlike(
        qualifies=(said.qualifies, computed.qualifies),
        counts=_where_unlike(said.counts, computed.counts),
        paid=_where_unlike(said.paid, computed.paid),
        donated_minor=(said.donated_minor, computed.donated_minor),
        charity=(said.charity, computed.charity),
    )


def _where_unlike(said: Mapping[str, int], computed: Mapping[str, int]) -> tuple[str, str]:
    """Both in words, of the names alone under which they differ."""
    names = [name for name in sorted({*said, *computed}) if said.get(name, 0) != computed.get(name, 0)]
    return _amounts(said, names), _amounts(computed, names)


def _amounts(counts: Mapping[str, int], names: Iterable[str]) -> str:
    return ", ".join(f"{counts.get(name, 0)} of {name}" for name in names)


def _off(lines: Mapping[str, int]) -> str:
    return ", ".join(f"{money(minor)} off line {line}" for line, minor in sorted(lines.items()))


def has_drawn(body: SaleBody) -> bool:
    """Whether the entry says that its sale was drawn for a surprise, at whatever till."""
    return any(name.startswith(counted_at("")) for name in body.effects.counts)


def _is(body: SaleBody, computed: Priced) -> bool:
    return (body.awarded, body.effects) == (computed.award.points, computed.effects)


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
