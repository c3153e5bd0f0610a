"""What is known of a member: their history as sums that know no order, and what of it one sale is computed from.

A till adds what it did itself to what head office last told; head office adds everything. Because both only add, it does not
matter in which order the tills are heard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache

import msgspec


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was known of the member when an award was computed; kept with the entry so that it can be computed again.

    `feed_position` is the place in the member feed up to which this till had heard, 0 where it never had. `counts` are those
    of the rules in force, by "rule/period", before this sale; `qualified` is what counts towards the tier. `gone` are rules
    and rewards whose budget or stock is used up, as far as head office had said. `variants` are those of the experiments of the
    programme, by name.
    """

    feed_position: int = 0
    shop: str = ""
    terminal: str = ""
    tier: str = ""
    tier_ends: str = ""
    qualified: int = 0
    segments: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    sales: int = 0
    birthday: str = ""
    is_referred: bool = False
    charity: str = ""
    gone: tuple[str, ...] = ()
    variants: dict[str, str] = {}


class Effects(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a sale, a return or an event did beside moving points; the numbers of a return are below zero.

    `qualifies` counts towards the tier, on the day of the sale; `counts` are uses and points by "rule/period"; `paid` are the
    months of a paid tier that were bought, by its name, and the days of a trial, by "tier/trial"; `donated_minor` is the
    charity's share.
    """

    qualifies: int = 0
    counts: dict[str, int] = {}
    paid: dict[str, int] = {}
    donated_minor: int = 0
    charity: str = ""

    def __bool__(self) -> bool:
        return self != NO_EFFECTS


NO_EFFECTS = Effects()


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """What head office knows of a member that rules may ask for. `birthday` is month and day, `segments` their last days."""

    birthday: str = ""
    segments: dict[str, str] = {}
    is_referred: bool = False
    charity: str = ""

    def segments_on(self, day: str) -> tuple[str, ...]:
        return tuple(sorted(name for name, last in self.segments.items() if not last or day <= last))


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that a member ever did, as sums. `qualifying` is by trading day, `paid` as in `Effects`, by name and day.

    `given` are tiers that a person set, with their last days; `last_activity` is the latest trading day of anything that
    keeps points alive.
    """

    qualifying: dict[str, int] = {}
    counts: dict[str, int] = {}
    paid: dict[str, dict[str, int]] = {}
    given: dict[str, str] = {}
    sales: int = 0
    last_activity: str = ""

    def plus(self, effects: Effects, day: str, *, sales: int = 0, is_activity: bool = True) -> History:
        """With one more thing that happened on `day`. `sales` is 1 for a sale, -1 for one that came back whole."""
        return History(
            qualifying=_sum(self.qualifying, {day: effects.qualifies}),
            counts=_sum(self.counts, effects.counts),
            paid=_with_paid(self.paid, effects.paid, day),
            given=self.given,
            sales=self.sales + sales,
            last_activity=max(self.last_activity, day) if is_activity else self.last_activity,
        )

    def and_also(self, other: History) -> History:
        """Both histories in one: of a till and of head office, or of two members who turn out to be one."""
        paid = self.paid
        for name, days in other.paid.items():
            for day, months in days.items():
                paid = _with_paid(paid, {name: months}, day)
        return History(
            qualifying=_sum(self.qualifying, other.qualifying),
            counts=_sum(self.counts, other.counts),
            paid=paid,
            given={name: max(self.given.get(name, ""), last) for name, last in (self.given | other.given).items()},
            sales=self.sales + other.sales,
            last_activity=max(self.last_activity, other.last_activity),
        )


NO_HISTORY = History()
NO_PROFILE = Profile()


def _sum(ours: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    if not any(more.values()):
        return dict(ours)
    added = dict(ours)
    for key, amount in more.items():
        added[key] = added.get(key, 0) + amount
        if not added[key]:
            del added[key]
    return added


def _with_paid(paid: Mapping[str, Mapping[str, int]], more: Mapping[str, int], day: str) -> dict[str, dict[str, int]]:
    added = {name: dict(days) for name, days in paid.items()}
    for name, months in more.items():
        days = _sum(added.get(name, {}), {day: months})
        if days:
            added[name] = days
        else:
            added.pop(name, None)
    return added


@lru_cache(maxsize=64)
def periods(day: str) -> Mapping[str, str]:
    """The periods that a trading day belongs to, by the words of a limit.

    >>> periods("2026-11-22")["month"], periods("2026-11-22")["week"]
    ('2026-11', '2026-W47')
    """
    year, week, _ = date.fromisoformat(day).isocalendar()
    return {"day": day, "week": f"{year}-W{week:02}", "month": day[:7], "year": day[:4], "ever": "ever"}


def negative(effects: Effects) -> Effects:
    """What takes these effects back. A draw for a surprise stays drawn: a sale voided and rung again must not draw anew."""
    return Effects(
        qualifies=-effects.qualifies,
        counts={key: -count for key, count in effects.counts.items() if not key.startswith("surprise/")},
        paid={name: -months for name, months in effects.paid.items()},
        donated_minor=-effects.donated_minor,
        charity=effects.charity,
    )


def total(parts: Iterable[Effects]) -> Effects:
    """Several effects of one document as one."""
    whole = Effects()
    for part in parts:
        whole = Effects(
            qualifies=whole.qualifies + part.qualifies,
            counts=_sum(whole.counts, part.counts),
            paid=_sum(whole.paid, part.paid),
            donated_minor=whole.donated_minor + part.donated_minor,
            charity=part.charity or whole.charity,
        )
    return whole
