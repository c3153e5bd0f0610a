"""Recognition: colleagues award each other from a monthly allowance. They are members like any other.

Whoever recognises spends nothing of their own: the allowance is counted with them, by month, and what is not given by its
end is gone. Two tills that cannot reach head office each know what the giver had given before, so that an allowance can be
passed by what was given elsewhere meanwhile; head office sees it in the giver's counts.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from loyalty.accrual import Limit, within
from loyalty.standing import Effects, Standing
from loyalty.toml_table import Count, Table

RECOGNITION = "recognition"
"""The name under which what a member gave is counted."""


class Recognition(Table):
    """Each member can give `allowance` points to others in a `per`, `most_at_once` at a time."""

    allowance: Count
    most_at_once: int = Field(default=0, ge=0, le=1_000_000)
    per: Literal["week", "month", "year"] = "month"

    @model_validator(mode="after")
    def _possible(self) -> Recognition:
        if self.most_at_once > self.allowance:
            raise ValueError("most_at_once is more than the allowance")
        return self

    def left(self, giver: Standing, day: str) -> int:
        """What the giver can still give on a trading day."""
        return within([self._limit], RECOGNITION, self.allowance, day, giver)[0]

    def given(self, points: int, giver: Standing, day: str) -> Given:
        """What giving so many does to the giver, or why they cannot."""
        if points <= 0:
            return Given("nothing")
        if self.most_at_once and points > self.most_at_once:
            return Given("most_at_once")
        if points > self.left(giver, day):
            return Given("allowance")
        return Given("", Effects(counts={self._limit.key(RECOGNITION, day): points}))

    @property
    def _limit(self) -> Limit:
        return Limit(points=self.allowance, per=self.per)


class Given(NamedTuple):
    """`refused` is '' where it can be given: then `effects` are the giver's, and the points the other's."""

    refused: str
    effects: Effects = Effects()
