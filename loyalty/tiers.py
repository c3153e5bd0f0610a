"""Tiers: how a member rises, how long a tier lasts, and what becomes of it then.

A tier follows from what counted towards it day by day, in the order of the days, whenever it was heard of. A threshold that was
not met is never jumped over, and what a member has left to spend does not matter.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Literal, NamedTuple

from pydantic import Field

from loyalty.conditions import Name
from loyalty.days import DAYS_KEPT, day_after, day_before, days_after, months_after, months_before
from loyalty.expiry import Expire
from loyalty.standing import History, Standing
from loyalty.toml_table import Milli, Table
from loyalty.words import Words

FOR_EVER = "9999-12-31"


class Tier(Table):
    """A tier above the base. It is reached `from` so much in the window, and kept by `keep` (the same, if not said).

    `times` multiplies what is earned; `expire` replaces the programme's rule for points earned in this tier. `paid` tiers are
    not earned but bought: see `Membership`.
    """

    name: Name
    title: Words
    threshold: int = Field(default=0, ge=0, le=10**12, alias="from")
    keep: int | None = Field(default=None, ge=0, le=10**12)
    times: Milli = 1000
    benefits: list[Words] = []
    expire: Expire | None = None
    is_paid: bool = Field(default=False, alias="paid")

    @property
    def to_keep(self) -> int:
        return self.threshold if self.keep is None else self.keep


class Tiers(Table):
    """How tiers are counted, over which window, and for how long one lasts.

    `by`: spend in minor units, points as awarded, or visits. `window`: so many months up to today, or the calendar year.
    `lasts`: so many months from the day it was reached; to the end of that year; or to the end of the year after. When it
    ends, whoever has what `keep` asks for keeps it, in the months since it was reached or in the calendar year; else
    `downgrade`: none (it stays), one tier down, or to the tier that the same supports.
    """

    by: Literal["spend", "points", "visits"] = "spend"
    window: Literal["months", "calendar year"] = "months"
    window_months: int = Field(default=12, ge=1, le=120)
    lasts: Literal["months", "end of year", "end of next year", "for ever"] = "months"
    lasts_months: int = Field(default=12, ge=1, le=120)
    downgrade: Literal["none", "one", "by window"] = "by window"
    base: Words = "Member"

    def last_day(self, reached: str) -> str:
        """The last day of a tier that was reached or kept on this day."""
        match self.lasts:
            case "months":
                return day_before(months_after(reached, self.lasts_months))
            case "end of year":
                return f"{reached[:4]}-12-31"
            case "end of next year":
                return f"{int(reached[:4]) + 1}-12-31"
            case _:
                return FOR_EVER

    def window_start(self, day: str) -> str:
        """The first day that counts on `day`."""
        return months_before(day, self.window_months) if self.window == "months" else f"{day[:4]}-01-01"


class Membership(Table):
    """A tier that is sold: each piece of the article `sku` in a sale buys `months` more of the tier.

    Where `segments` are named, only they can have it (a student's price, which has an article of its own). A piece that is
    rung up for nothing gives `trial_days` instead, once for ever as far as the till has heard; two tills that cannot reach
    head office can give a trial each, whose days are then added up. Bought before it ends, a membership goes on from its end.
    """

    name: Name
    title: Words
    tier: str
    sku: str
    price_minor: int = Field(ge=0, le=10**9)
    months: int = Field(ge=1, le=120)
    trial_days: int = Field(default=0, ge=0, le=366)
    segments: list[str] = []

    @property
    def trial_key(self) -> str:
        """Under which name a member's trial is counted."""
        return f"{self.name}/uses/ever"

    def is_for(self, standing: Standing) -> bool:
        """Whether this member can have it; ask before it is sold."""
        return not self.segments or any(segment in self.segments for segment in standing.segments)

    def may_try(self, standing: Standing) -> bool:
        return bool(self.trial_days) and standing.counts.get(self.trial_key, 0) <= 0


class TierStanding(NamedTuple):
    """A member's tier on a day: its name ('' is the base), its last day, and what counts towards the next."""

    tier: str
    ends: str
    qualified: int


class Ladder:
    """The tiers of a programme, lowest first, and what they make of a history."""

    def __init__(self, rules: Tiers, tiers: Sequence[Tier]) -> None:
        self.rules = rules
        self.earned = [tier for tier in tiers if not tier.is_paid]
        self._thresholds = [tier.threshold for tier in self.earned]
        self._ranks = {tier.name: rank for rank, tier in enumerate(tiers)}
        self._is_of_a_year = rules.window == "calendar year"
        kept = [tier.to_keep for tier in self.earned] if self._is_of_a_year else []
        self._least = min([*self._thresholds, *kept], default=0)
        """With less in its window a day changes nothing."""
        self._window_start = lru_cache(maxsize=DAYS_KEPT)(rules.window_start)

    def on(self, history: History, day: str) -> TierStanding:
        """The tier on `day`, of what happened up to and on it. A paid or given tier counts where it is the higher one."""
        return self.on_each(history, (day,))[0]

    def on_each(self, history: History, days: Sequence[str]) -> list[TierStanding]:
        """As `on`, for several days in their order; what happened is gone through once."""
        counted = _Counted(history.qualifying, days[-1])
        names = {name.removesuffix("/trial") for name in history.paid}
        found = []
        for day, (level, ends) in zip(days, self._climbed(counted, days), strict=True):
            best = (self.earned[level].name, ends) if level >= 0 else ("", "")
            bought = [(name, paid_until(history, name, day)) for name in sorted(names)]
            for name, last in (*bought, *history.given.items()):
                if day <= last and self.rank(name) > self.rank(best[0]):
                    best = name, last
            found.append(TierStanding(*best, self._in_window(counted, day)))
        return found

    def next_up(self, standing: TierStanding) -> tuple[Tier, int] | None:
        """The tier to be earned next, and how much is missing; None at the top."""
        for tier in self.earned:
            if self.rank(tier.name) > self.rank(standing.tier):
                return tier, max(0, tier.threshold - standing.qualified)
        return None

    def rank(self, name: str) -> int:
        """-1 for the base, and for what is no tier."""
        return self._ranks.get(name, -1)

    def _in_window(self, counted: _Counted, day: str) -> int:
        return counted.between(self._window_start(day), day)

    def _supported(self, amount: int) -> int:
        """The highest tier whose threshold this meets; -1 for none."""
        level = len(self._thresholds) - 1
        while level >= 0 and amount < self._thresholds[level]:
            level -= 1
        return level

    def _climbed(self, counted: _Counted, asked: Sequence[str]) -> Iterator[tuple[int, str]]:
        """The tier on each of the days that are asked for, and its last day."""
        level, ends, since = self._supported(0), FOR_EVER, ""
        top = len(self._thresholds) - 1
        waiting = deque(asked)
        for day, amount in counted.in_windows(self._window_start, self._least):
            while waiting and waiting[0] < day:
                yield self._until(counted, level, ends, since, waiting.popleft())[:2]
            if ends < day:
                level, ends, since = self._until(counted, level, ends, since, day)
            if level < top and amount >= self._thresholds[level + 1]:
                level = self._supported(amount)
                ends, since = self._last_day(level, day), day_after(day)
            elif self._is_of_a_year and level >= 0 and amount >= self.earned[level].to_keep:
                # Within a year what counts only grows: whoever has enough has kept the tier, and need not wait for its end.
                ends = max(ends, self._last_day(level, day))
        for today in waiting:
            yield self._until(counted, level, ends, since, today)[:2]

    def _until(self, counted: _Counted, level: int, ends: str, since: str, day: str) -> tuple[int, str, str]:
        """The tier at the beginning of `day`, after all that ended before. `since` is the first day that counts to keep it."""
        while ends < day:
            start = day_after(ends)
            level, ends = self._after(counted, level, ends, since)
            since = start
        return level, ends, since

    def _last_day(self, level: int, day: str) -> str:
        """Of a tier that was reached or kept on this day. One that asks for nothing is kept for ever."""
        return self.rules.last_day(day) if self.earned[level].to_keep else FOR_EVER

    def _after(self, counted: _Counted, level: int, ended: str, since: str) -> tuple[int, str]:
        """What follows on a tier whose last day was `ended`."""
        rules, start = self.rules, day_after(ended)
        # A tier to the end of the year is judged by the year that begins; all others by the time that is over. What reached
        # a tier of so many months does not keep it as well.
        judged = start if rules.lasts == "end of year" else ended
        first = self._window_start(judged)
        amount = counted.between(max(first, since) if rules.lasts == "months" else first, judged)
        if amount < self.earned[level].to_keep and rules.downgrade != "none":
            level = level - 1 if rules.downgrade == "one" else min(level - 1, self._supported(amount))
        if level < 0 or not self.earned[level].to_keep:
            return level, FOR_EVER
        return level, rules.last_day(start) if rules.lasts == "months" else f"{start[:4]}-12-31"


class _Counted:
    """What counts, by day up to `last`, to be summed over any span at once."""

    def __init__(self, amounts: Mapping[str, int], last: str) -> None:
        days = sorted(amounts)
        self.days = days[: bisect_right(days, last)]
        self._sums = [0, *accumulate(map(amounts.__getitem__, self.days))]

    def in_windows(self, start: Callable[[str], str], least: int) -> Iterator[tuple[str, int]]:
        """Each day on which at least so much counts, and how much: from the start of the window that ends with it. No window
        starts earlier than one before."""
        days, sums, first = self.days, self._sums, 0
        for day, begins, so_far in zip(days, map(start, days), sums[1:], strict=True):
            while days[first] < begins:
                first += 1
            if (amount := so_far - sums[first]) >= least:
                yield day, amount

    def between(self, first: str, last: str) -> int:
        return self._sums[bisect_right(self.days, last)] - self._sums[bisect_left(self.days, first)]


def trial_of(tier: str) -> str:
    """Under which name the days of a trial are kept in what was paid."""
    return f"{tier}/trial"


def paid_until(history: History, tier: str, day: str) -> str:
    """The last day of a paid tier as it was bought up to `day`; '' where it never was. Bought early, it is added at the end."""
    ends = ""
    tried = [(on, 0, days) for on, days in history.paid.get(trial_of(tier), {}).items()]
    bought = [(on, 1, months) for on, months in history.paid.get(tier, {}).items()]
    for on, is_months, much in sorted(tried + bought):
        if on > day or much <= 0:
            continue
        start = on if ends < on else day_after(ends)
        ends = day_before(months_after(start, much) if is_months else days_after(start, much))
    return ends
