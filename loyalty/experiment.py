"""Experiments: some members get variant A of something, the others B, and always the same.

Which one says a hash of the experiment's name and the member's reference. So every till, offline too, and head office say the
same, with nothing to store or to send; who is in B of one experiment is as likely as anybody to be in B of the next. Members
who have merged are who they are now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

from pydantic import Field, field_validator, model_validator

from loyalty.conditions import Name, a_day
from loyalty.toml_table import Table

Variant = Literal["A", "B"]
A: Variant = "A"
B: Variant = "B"


class Experiment(Table):
    """On the trading days `from` through `to`, `share_percent` of a hundred members are in B, and the others in A.

    Before and after everybody is in A: A is what there has been, B is what is tried. A rule that names the experiment and a
    variant holds for the members of that variant only.
    """

    name: Name
    first: str = Field(alias="from")
    last: str = Field(alias="to")
    share_percent: int = Field(default=50, ge=1, le=99)

    @field_validator("first", "last")
    @classmethod
    def _days(cls, text: str) -> str:
        return a_day(text)

    @model_validator(mode="after")
    def _in_order(self) -> Experiment:
        if self.last < self.first:
            raise ValueError(f"it ends on {self.last}, before it begins on {self.first}")
        return self

    def variant(self, member: str, day: str) -> Variant:
        return self.drawn(member) if self.first <= day <= self.last else A

    def drawn(self, member: str) -> Variant:
        """In which variant a member is while it runs.

        SHA-256 is spread evenly and is the same everywhere, which Python's `hash` is not. A larger share leaves in B who was
        in B. No name has a slash in it, so no two experiments and members share a text.
        """
        digest = hashlib.sha256(f"{self.name}/{member}".encode()).digest()
        return B if int.from_bytes(digest[:8], "big") * 100 < self.share_percent << 64 else A


def variants(experiments: Iterable[Experiment], member: str, day: str) -> dict[str, str]:
    """In which variant of each a member is on a trading day; of nobody, in none."""
    return {one.name: one.variant(member, day) for one in experiments} if member else {}
