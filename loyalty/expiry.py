"""When points end."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from loyalty.days import day_after, day_before, days_after, is_month_day, month_end_after, months_after, next_date
from loyalty.toml_table import Table

NEVER = "9999-12-31"
"""The day of expiry of points that do not expire: later than any other."""


class Expire(Table):
    """When points end. They can be spent through the day before the day computed here.

    `rule`: `months` after they were earned; at the `month end` that follows so many months; after a `fixed date` of each
    year (`date` is the last day of use, at the earliest `months` after they were earned); after so many months of
    `inactivity`, where each purchase keeps all of a member's points alive; or `never`. Points that expired while they lay at
    a till which could not be reached can be spent for `grace_days` more, once. From `warn_days` before, receipts say so.
    Points that expired can be given back by a person for `reinstate_days`. A tier's own rule is for points earned in that
    tier; those earned before keep their day.
    """

    rule: Literal["months", "month end", "fixed date", "inactivity", "never"] = "months"
    months: int = Field(default=12, ge=0, le=1200)
    date: str = ""
    grace_days: int = Field(default=14, ge=0, le=366)
    warn_days: int = Field(default=30, ge=0, le=366)
    reinstate_days: int = Field(default=0, ge=0, le=366)

    @model_validator(mode="after")
    def _fits(self) -> Expire:
        if (self.rule == "fixed date") != bool(self.date):
            raise ValueError('a date goes with rule = "fixed date", and only with it')
        if self.date and not is_month_day(self.date):
            raise ValueError(f'"{self.date}" is no month and day; write for example "03-31"')
        if not self.months and self.rule in ("months", "inactivity"):
            raise ValueError("months must be 1 or more: points that end on the day they are earned are none")
        return self

    def expires_on(self, day: str) -> str:
        """The first day on which points earned on `day` can no longer be spent."""
        match self.rule:
            case "months" | "inactivity":
                return months_after(day, self.months)
            case "month end":
                return month_end_after(day, self.months)
            case "fixed date":
                return day_after(next_date(day_before(months_after(day, self.months)), self.date))
            case _:
                return NEVER

    def extends_to(self, day: str) -> str:
        """The day to which something done on `day` keeps all of a member's points alive; '' where it does not."""
        return months_after(day, self.months) if self.rule == "inactivity" else ""

    def can_come_back(self, expired_on: str, day: str) -> bool:
        """Whether points that could no longer be spent on `expired_on` can be reinstated on `day`."""
        return bool(self.reinstate_days) and expired_on <= day < days_after(expired_on, self.reinstate_days)

    def warns_on(self, expires_on: str, day: str) -> bool:
        """Whether a receipt of `day` says that points end."""
        return day < expires_on <= days_after(day, self.warn_days)
