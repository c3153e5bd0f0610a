"""Surprises: points after an unpredictable number of sales, which nobody can steer and everybody can check.

Head office draws a secret seed and publishes its hash before the first sale. Each terminal gets a key made from the seed and its
own name, and with it draws for the n-th sale of a member there that qualifies. Once the seed is published, anyone can draw
again. Whoever takes a till's disk learns what that till would draw, and nothing of any other.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import cached_property
from typing import NamedTuple

from pydantic import Field, model_validator

from loyalty.conditions import Condition
from loyalty.toml_table import Count
from loyalty.words import Words

_STEPS = 1 << 32


class Luck(NamedTuple):
    """What a terminal draws with for a member: its key, which nobody sees, and whose sale it is."""

    key: bytes
    member: str


class Told(NamedTuple):
    """What an entry says of its draw, for who has no key to draw again."""

    won: bool


Draw = Luck | Told


class Surprise(Condition):
    """Every `mean`-th qualifying sale at a terminal wins on average; never more than `at_least_every` pass without a win.

    `seed_hash` is the SHA-256 of the seed in hex, published beforehand.
    """

    title: Words
    points: Count
    mean: int = Field(ge=2, le=1000)
    at_least_every: int = Field(ge=2, le=10_000)
    seed_hash: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")

    @model_validator(mode="after")
    def _possible(self) -> Surprise:
        if self.at_least_every <= self.mean:
            raise ValueError("at_least_every must be more than the mean: it is the longest wait, not the usual one")
        return self

    @cached_property
    def chance(self) -> int:
        """The chance of one sale, of 2**32, at which the mean wait is `mean` although none is longer than `at_least_every`.

        The mean of a geometric wait that is cut off after n is (1 - (1 - p)**n) / p.
        """
        low, high = 1, _STEPS
        while low < high:
            middle = (low + high) // 2
            p = middle / _STEPS
            if (1 - (1 - p) ** self.at_least_every) / p > self.mean:
                low = middle + 1
            else:
                high = middle
        return low

    def wins(self, luck: Draw, number: int) -> bool:
        """Whether the member's `number`-th qualifying sale at this terminal wins; counted from 1."""
        if isinstance(luck, Told):
            return luck.won
        if self._is_lucky(luck, number):
            return True
        before = number - 1
        while before and not self._is_lucky(luck, before):
            before -= 1
        return (number - before) % self.at_least_every == 0

    def _is_lucky(self, luck: Luck, number: int) -> bool:
        drawn = hmac.digest(luck.key, f"{luck.member}/{number}".encode(), "sha256")
        return int.from_bytes(drawn[:4], "big") < self.chance


def counted_at(terminal: str) -> str:
    """Under which name a member's draws at a terminal are counted. A return does not take a draw back."""
    return f"surprise/{terminal}"


def terminal_key(seed: bytes, terminal: str) -> bytes:
    """What a terminal draws with. It says nothing of the seed."""
    return hmac.digest(seed, f"surprise/{terminal}".encode(), "sha256")


def seed_hash(seed: bytes) -> str:
    """What is published beforehand."""
    return hashlib.sha256(seed).hexdigest()
