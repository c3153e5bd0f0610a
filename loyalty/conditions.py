"""When a rule applies, and to which goods: the words that accrual rules, rewards and member prices share."""

from __future__ import annotations

from datetime import date, time
from functools import cached_property, lru_cache
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from loyalty.days import is_near
from loyalty.sale import LineItem, Sale
from loyalty.standing import Standing
from loyalty.toml_table import Table

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Names = list[str]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


BASE = "base"
"""What a condition calls those who are in no tier."""


class Excluded(Table):
    """Lines that do not count: any of these products, categories or tags; `marked_down`, those with a discount of their own."""

    products: Names = []
    categories: Names = []
    tags: Names = []
    marked_down: bool = False

    def has(self, line: LineItem) -> bool:
        return (
            line.sku in self.products
            or line.category in self.categories
            or not self._tags.isdisjoint(line.tags)
            or (self.marked_down and line.discount_minor > 0)
        )

    @cached_property
    def _tags(self) -> frozenset[str]:
        return frozenset(self.tags)


class Goods(Table):
    """Lines of a sale: any of these products, categories or tags, all where none is named; never those of `except`."""

    products: Names = []
    categories: Names = []
    tags: Names = []
    excluded: Excluded | None = Field(default=None, alias="except")

    def has(self, line: LineItem) -> bool:
        if self.excluded is not None and self.excluded.has(line):
            return False
        return (
            self._is_any
            or line.sku in self.products
            or line.category in self.categories
            or not self._tags.isdisjoint(line.tags)
        )

    @cached_property
    def _tags(self) -> frozenset[str]:
        return frozenset(self.tags)

    @cached_property
    def _is_any(self) -> bool:
        return not (self.products or self.categories or self.tags)

    @cached_property
    def is_everything(self) -> bool:
        return self._is_any and self.excluded is None


class Birthday(Table):
    """The days around a birthday on which something applies; the birthday of 29 February is 1 March elsewhere."""

    days_before: int = Field(default=0, ge=0, le=183)
    days_after: int = Field(default=0, ge=0, le=182)


def a_day(text: str) -> str:
    """A day as it is written in a file. Raises ValueError where it is none."""
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise ValueError(f'"{text}" is no day; write for example "2026-03-10"')


class Condition(Table):
    """When a rule applies; what is not named does not matter, and all that is named must hold.

    `hours` are shop-local, `"14:00-17:00"` is up to 16:59 and `"22:00-02:00"` goes past midnight; `starts` and `ends` are the
    first and the last trading day. `minimum_minor` is of the whole sale, before points pay. Of `tiers`, `base` is nobody's
    tier: those below the first. Of an `experiment` a rule holds for the members of one `variant`.
    """

    tiers: Names = []
    segments: Names = []
    stores: Names = []
    weekdays: list[Weekday] = []
    hours: Names = []
    starts: str = ""
    ends: str = ""
    minimum_minor: int = Field(default=0, ge=0, le=10**9)
    birthday: Birthday | None = None
    experiment: Name = ""
    variant: Literal["A", "B"] | None = None

    @field_validator("starts", "ends")
    @classmethod
    def _a_day(cls, text: str) -> str:
        return a_day(text) if text else text

    @field_validator("hours")
    @classmethod
    def _spans(cls, hours: Names) -> Names:
        for text in hours:
            _span(text)
        return hours

    @model_validator(mode="after")
    def _in_order(self) -> Condition:
        if self.starts and self.ends and self.ends < self.starts:
            raise ValueError(f"it ends on {self.ends}, before it starts on {self.starts}")
        if bool(self.experiment) != bool(self.variant):
            raise ValueError('experiment and variant = "A" or "B" go together')
        return self

    @cached_property
    def _spans_of_minutes(self) -> list[tuple[int, int]]:
        return [_span(text) for text in self.hours]

    def fails(self, sale: Sale, standing: Standing) -> str:
        """Which of its words does not hold for this sale, by its name in the file; '' where all do."""
        if self.minimum_minor > sale.total_minor:
            return "minimum_minor"
        return self.fails_on(sale.business_day, sale.sold_at, standing)

    def fails_on(self, day: str, at: str, standing: Standing) -> str:
        """As `fails`, for something that is no sale: on trading day `day`, at local time `at`."""
        if self.starts and day < self.starts:
            return "starts"
        if self.ends and day > self.ends:
            return "ends"
        if self.tiers and (standing.tier or BASE) not in self.tiers:
            return "tiers"
        if self.segments and not any(segment in self.segments for segment in standing.segments):
            return "segments"
        if self.stores and standing.shop not in self.stores:
            return "stores"
        if self.weekdays and _weekday(day) not in self.weekdays:
            return "weekdays"
        if self.hours and not any(_is_within(at, span) for span in self._spans_of_minutes):
            return "hours"
        near = self.birthday
        if near and not is_near(day, standing.birthday, near.days_before, near.days_after):
            return "birthday"
        if self.experiment and standing.variants.get(self.experiment) != self.variant:
            return "variant"
        return ""


@lru_cache(maxsize=64)
def _weekday(day: str) -> Weekday:
    return WEEKDAYS[date.fromisoformat(day).weekday()]


def _span(text: str) -> tuple[int, int]:
    try:
        start, end = (time.fromisoformat(part) for part in text.split("-"))
    except ValueError as error:
        raise ValueError(f'"{text}" is no time of day from and to; write for example "14:00-17:00"') from error
    return start.hour * 60 + start.minute, end.hour * 60 + end.minute


def _is_within(at: str, span: tuple[int, int]) -> bool:
    minute = int(at[11:13]) * 60 + int(at[14:16])
    start, end = span
    return start <= minute < end if start < end else minute >= start or minute < end
