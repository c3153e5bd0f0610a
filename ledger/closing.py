"""What a closing covers and what it comes to: computed from the entries alone, by the same code at the till and at head office.

A closing of a day covers the entries before it in its journal that are of that day or an earlier one, and that no earlier
closing covers. So every sale is in exactly one closing: one that comes late is in the next. Former sales that were read from a
file are in none. An entry's trading day is what it says; but one of a day that had not come when the closing was made, because
some clock was wrong, is covered too: else every closing until that day would begin at it, and read all that came after.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from ledger.doings import operator_and_shift
from ledger.entry import ClaimBody, ClosingBody, Entry, Gap, GiveBody, ReturnBody, SaleBody, Tally
from loyalty.days import LAST_DAY, day_after, is_day

MOST_NAMES = 100
"""Cashiers and shifts that a closing tells apart; whoever is beyond has their figures together, under `OTHERS`."""
OTHERS = "…"
MOST_GAPS = 50
MOST_COUNTERS = 32
NO_COUNT = 1000
"""Receipt numbers that jump by more than this do not count sales: nothing is called missing between them."""

COUNTED = (SaleBody, ReturnBody, ClaimBody, GiveBody)
"""What a closing counts; rights that move, and members who join, are none of its figures."""

SAID = {
    "sales": "sales",
    "sales_minor": "the value of sales in cents",
    "member_sales": "sales with a member",
    "member_minor": "the value of sales with a member in cents",
    "returns": "returns",
    "returns_minor": "the value of returns in cents",
    "voids": "voids",
    "issued": "points given",
    "redeemed": "points used",
    "redeemed_minor": "what points paid in cents",
    "reversed": "points taken back",
    "restored": "points given back",
}
"""The figures of a tally as a person reads them."""

_NUMBERED = re.compile(r"(.*?)([0-9]{1,15})")


class Covered(NamedTuple):
    """The figures of one closing; those of `ClosingBody` by the same names. `ahead`: sales of later days that have come."""

    total: Tally
    operators: dict[str, Tally]
    shifts: dict[str, Tally]
    late: dict[str, int]
    missing: tuple[Gap, ...]
    counted_to: dict[str, int]
    goes_on_from: int
    ahead: dict[str, int]
    entries: tuple[Entry, ...]


def covered(
    entries: Iterable[Entry], day: str, before: ClosingBody | None, closed_day: str, following: int, made_at: str
) -> Covered:
    """What a closing of `day` covers of these entries, which begin where the closing `before` goes on from.

    `closed_day` is that closing's day, "" before the first; `following` the number of the entry that comes after all of them;
    `made_at` the local time at which it is made.

    A closing among the entries takes what it covers, as every closing does.
    """
    waiting = list[Entry]()
    for one in entries:
        match one.body:
            case ClosingBody():
                of, at = one.envelope.business_day, one.envelope.occurred_at
                waiting = [other for other in waiting if _is_left(other, of, at)]
            case SaleBody(is_past=is_past) if is_past:
                pass
            case body if isinstance(body, COUNTED):
                waiting.append(one)
            case _:
                pass
    own = [one for one in waiting if not _is_left(one, day, made_at)]
    later = [one for one in waiting if _is_left(one, day, made_at)]
    counters = dict(before.counted_to) if before else {}
    missing, counted_to = _numbers(own, counters)
    tallies = _Tallies(own)
    return Covered(
        total=tallies.total(),
        operators=tallies.by("operator"),
        shifts=tallies.by("shift"),
        late=_sales_by_day(
            one for one in own if one.envelope.business_day != day or day <= closed_day <= _latest(day, made_at)
        ),
        missing=missing,
        counted_to=counted_to,
        goes_on_from=later[0].number if later else following,
        ahead=_sales_by_day(later),
        entries=tuple(own),
    )


def _is_left(entry: Entry, day: str, made_at: str) -> bool:
    """Whether a closing of `day` leaves this entry for a later one."""
    return day < entry.envelope.business_day <= _latest(day, made_at)


def _latest(day: str, made_at: str) -> str:
    """The last day that may have come when a closing of `day` was made: the day after, for a clock that is nearly right."""
    made_on = made_at[:10]
    return max(day, day_after(made_on)) if is_day(made_on) and made_on < LAST_DAY else day


def _sales_by_day(entries: Iterable[Entry]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for one in entries:
        if isinstance(one.body, SaleBody):
            found[one.envelope.business_day] += 1
    return dict(sorted(found.items()))


class _Tallies:
    """Each entry's part, as a tally of its own under the cashier and the shift that it names."""

    def __init__(self, entries: list[Entry]) -> None:
        sold = {one.envelope.document for one in entries if isinstance(one.body, SaleBody)}
        voided = {
            one.body.sale
            for one in entries
            if isinstance(one.body, ReturnBody) and one.body.back.is_void and one.body.sale in sold
        }
        self.parts = [(*operator_and_shift(one), _part(one, voided)) for one in entries]

    def total(self) -> Tally:
        return _sum(part for _, _, part in self.parts)

    def by(self, what: str) -> dict[str, Tally]:
        parts: dict[str, list[Tally]] = defaultdict(list)
        for operator, shift, part in self.parts:
            parts[operator if what == "operator" else shift].append(part)
        tallies = {name: _sum(of) for name, of in parts.items()}
        if len(tallies) > MOST_NAMES:
            most = sorted(tallies, key=lambda name: (-tallies[name].sales, name))
            rest = [tallies.pop(name) for name in most[MOST_NAMES - 1 :]]
            tallies[OTHERS] = _sum(rest)
        return {} if list(tallies) == [""] else dict(sorted(tallies.items()))


def tally_of(operator: str, entries: Iterable[Entry]) -> Tally:
    """What of these entries, which one closing covers, is this operator's: also of one whom its figures do not name apart."""
    parts = _Tallies(list(entries)).parts
    return _sum(part for name, _, part in parts if name == operator)


class Span(NamedTuple):
    """Who was in a shift, as far as its entries say, and the shop's time of the first and the last of them."""

    operators: tuple[str, ...]
    first: str
    last: str


def spans(entries: Iterable[Entry]) -> dict[str, Span]:
    """Each shift of these entries, which one closing covers. What names no shift is in none."""
    times: dict[str, list[str]] = defaultdict(list)
    people: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        operator, shift = operator_and_shift(entry)
        if shift:
            times[shift].append(entry.envelope.occurred_at)
            people[shift].add(operator)
    return {shift: Span(tuple(sorted(people[shift])), min(at), max(at)) for shift, at in times.items()}


def _part(entry: Entry, voided: set[str]) -> Tally:
    match entry.body:
        case SaleBody() as body:
            points = Tally(issued=body.awarded, redeemed=body.redeemed, redeemed_minor=body.redeemed_minor)
            if entry.envelope.document in voided:
                return points
            paid = body.sold.sale.total_minor
            of_member = (1, paid) if entry.member else (0, 0)
            return msgspec.structs.replace(
                points, sales=1, sales_minor=paid, member_sales=of_member[0], member_minor=of_member[1]
            )
        case ReturnBody() as body:
            points = Tally(reversed=body.taken, restored=body.restored, redeemed_minor=-body.restored_minor)
            if body.sale in voided:
                return msgspec.structs.replace(points, voids=int(body.back.is_void))
            return msgspec.structs.replace(points, returns=1, returns_minor=body.returned_minor)
        case ClaimBody(awarded=awarded):
            return Tally(issued=awarded)
        case GiveBody(points=given):
            return Tally(issued=max(0, given), reversed=max(0, -given))
        case _:
            return Tally()


def _sum(parts: Iterable[Tally]) -> Tally:
    sums = dict.fromkeys(Tally.__struct_fields__, 0)
    for part in parts:
        for name in sums:
            sums[name] += getattr(part, name)
    return Tally(**sums)


def _numbers(entries: list[Entry], counted_to: dict[str, int]) -> tuple[tuple[Gap, ...], dict[str, int]]:
    """The receipt numbers that nothing bears, and how far each till has counted by now.

    A number is what stands at the end of a sale's reference, and what stands before it is its prefix: 2026-11-21/17 counts apart
    from 2026-11-22/17. What is at or below what was counted came late, and is no gap.
    """
    found: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    for entry in entries:
        if isinstance(entry.body, SaleBody):
            sale = entry.body.sale
            if numbered := _NUMBERED.fullmatch(sale.sale_ref):
                found[sale.till, numbered[1]][int(numbered[2])] = len(numbered[2])
    gaps = list[Gap]()
    size = dict.fromkeys(counted_to, 0)
    for (till, prefix), widths in sorted(found.items()):
        key = f"{till}/{prefix}"
        upto = counted_to.get(key)
        for number in sorted(widths):
            if upto is not None and 1 < number - upto <= NO_COUNT:
                first, last = (f"{prefix}{one:0{widths[number]}d}" for one in (upto + 1, number - 1))
                gaps.append(Gap(till, first, last, number - upto - 1))
            upto = number if upto is None else max(upto, number)
        if upto is not None:
            counted_to[key] = upto
            size[key] = size.get(key, 0) + len(widths)
    # A till whose references are no count has a prefix of its own for every sale: those that count most are kept.
    kept = sorted(counted_to, key=lambda key: (-size[key], key))[:MOST_COUNTERS]
    return tuple(gaps[:MOST_GAPS]), {key: counted_to[key] for key in sorted(kept)}


def share_tenths(part: int, whole: int) -> int:
    """A share in tenths of a per cent, rounded half up; 0 of nothing.

    >>> share_tenths(60, 100), share_tenths(2, 3), share_tenths(0, 0)
    (600, 667, 0)
    """
    return (part * 1000 + whole // 2) // whole if whole else 0


def differences(said: ClosingBody, found: Covered, names: Mapping[str, str] = {}) -> dict[str, tuple[object, object]]:
    """Where a closing says other than its entries come to: the field, what it says, and what they come to. `names` are the
    operators' as people know them."""
    unlike: dict[str, tuple[object, object]] = {
        in_words: (getattr(said.total, name), getattr(found.total, name))
        for name, in_words in SAID.items()
        if getattr(said.total, name) != getattr(found.total, name)
    }
    parts: tuple[tuple[str, Mapping[str, Tally], Mapping[str, Tally]], ...] = (
        ("cashier", said.operators, found.operators),
        ("shift", said.shifts, found.shifts),
    )
    for what, one, other in parts:
        for name in sorted({*one, *other}):
            if one.get(name) != other.get(name):
                who = f"{names[name]} ({name})" if what == "cashier" and name in names else name or "nobody named"
                unlike[f"{what} {who}"] = _words(one.get(name)), _words(other.get(name))
    if said.goes_on_from != found.goes_on_from:
        unlike["the entry from which the next one goes on"] = said.goes_on_from, found.goes_on_from
    if said.missing != found.missing:
        unlike["receipt numbers that are missing"] = _gaps(said.missing), _gaps(found.missing)
    return unlike


def _words(tally: Tally | None) -> str:
    if tally is None:
        return "nothing"
    values = msgspec.structs.asdict(tally)
    return ", ".join(f"{in_words} {values[name]}" for name, in_words in SAID.items() if values[name]) or "nothing"


def _gaps(gaps: Iterable[Gap]) -> str:
    return ", ".join(gap_words(gap) for gap in gaps) or "none"


def gap_words(gap: Gap) -> str:
    """
    >>> gap_words(Gap("1", "19", "19", 1)), gap_words(Gap("1", "A07", "A09", 3))
    ('19', 'A07–A09')
    """
    return gap.first if gap.count == 1 else f"{gap.first}–{gap.last}"
