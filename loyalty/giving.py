"""A share of each sale for a charity that the member chose."""

from __future__ import annotations

from pydantic import Field, model_validator

from loyalty.conditions import Name
from loyalty.toml_table import Milli, Table
from loyalty.words import Words


class Charity(Table):
    """`name` is what reports count under."""

    name: Name
    title: Words


class Giving(Table):
    """`percent` of what a member pays goes to the charity that they chose, to the first where they did not; rounded down."""

    percent: Milli
    charities: list[Charity] = Field(min_length=1)

    @model_validator(mode="after")
    def _possible(self) -> Giving:
        if not 0 < self.percent <= 100_000:
            raise ValueError("percent must be more than 0 and at most 100")
        return self

    def chosen(self, name: str) -> Charity:
        return next((one for one in self.charities if one.name == name), self.charities[0])

    def donated_minor(self, amount_minor: int) -> int:
        return amount_minor * self.percent // 100_000
