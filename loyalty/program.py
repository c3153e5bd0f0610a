"""A programme: the rules a shop has chosen, read from TOML and checked as a whole.

`read_program` reports every problem at once, each with its line and, where a key is misspelt, what was probably meant.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from importlib.resources import files
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from loyalty.accrual import EARN, REFERRAL, SURPRISE, Accrual, Earn
from loyalty.card import CardRules
from loyalty.conditions import BASE
from loyalty.days import is_local_time
from loyalty.expiry import Expire
from loyalty.giving import Giving
from loyalty.recognition import RECOGNITION, Recognition
from loyalty.reward import Benefit, Price, Redeem, Reward
from loyalty.surprise import Surprise
from loyalty.tiers import Ladder, Membership, Tier, Tiers
from loyalty.toml_lines import Path
from loyalty.toml_table import Count, Placed, Table, TomlError, checked, near, read_toml
from loyalty.words import Counted, Words, in_language, said, say, text


class ProgramError(TomlError):
    """A programme cannot be used as it is written. `problems` lists every one, a sentence each, with its line."""

    code = "PROGRAM_INVALID"
    hint = "Correct the file and read it again; the programme in force stays as it was."


class Offline(Table):
    """What members can spend at a till that cannot reach head office.

    `escrow`: what the till holds for them, which is never spent twice. `floor_limit`: beyond that up to `floor_limit` points
    for each member and till, as far as the member is known to have them; that is the shop's risk. `online_only`: nothing.

    `share_percent` of a member's points, `share_points` at most, stand at the till that last saw the member, ready for a day
    without a network; another till that needs them calls them back.
    """

    policy: Literal["escrow", "floor_limit", "online_only"] = "escrow"
    floor_limit: int = Field(default=0, ge=0, le=1_000_000)
    share_percent: int = Field(default=0, ge=0, le=100)
    share_points: Count = 500

    @model_validator(mode="after")
    def _consistent(self) -> Offline:
        if (self.policy == "floor_limit") != (self.floor_limit > 0):
            raise ValueError('a floor_limit above 0 goes with policy = "floor_limit", and only with it')
        if self.policy == "online_only" and self.share_percent:
            raise ValueError("online_only leaves nothing to stand at tills: share_percent must be 0")
        return self


class Claim(Table):
    """A forgotten card can be attached to a sale for `within_days` days, once; 0 is never."""

    within_days: int = Field(default=7, ge=0, le=366)


class Cards(Table):
    """Which codes are member cards; see `loyalty.card.CardRules`."""

    in_store_prefix: str = Field(default="29", pattern=r"^2\d$")
    number_prefix: str = Field(default="", pattern=r"^\d{0,8}$")
    number_length: int = Field(default=10, ge=8, le=19)

    @model_validator(mode="after")
    def _possible(self) -> Cards:
        _ = self.rules
        return self

    @cached_property
    def rules(self) -> CardRules:
        return CardRules(
            in_store_prefix=self.in_store_prefix, number_prefix=self.number_prefix, number_length=self.number_length
        )


WITHOUT_CENTS = frozenset(
    "BHD BIF CLP DJF GNF IQD ISK JOD JPY KMF KRW KWD LYD OMR PYG RWF TND UGX UYI VND VUV XAF XOF XPF".split()  # noqa: SIM905
)
"""Currencies whose minor unit is not a hundredth (ISO 4217)."""


class Unit(Table):
    """What members collect, in their words: one of it, and many."""

    one: Words = "point"
    many: Words = "points"

    def counted(self, points: int) -> Counted:
        """So many of it, as a value of a text."""
        return Counted(points, said(self.one), said(self.many))

    def short(self, points: int) -> Counted:
        """As `counted`, where there is little room: a shop's own words as they are, points as pts."""
        return Counted(points, text("pt"), text("pts")) if self == Unit() else self.counted(points)

    def heading(self, language: str) -> str:
        """What the member's block of a receipt is called."""
        return say(text("POINTS"), language) if self == Unit() else in_language(self.many, language)


class Referral(Table):
    """Both sides are rewarded: the friend who was brought, and whoever brought them; once, or with every purchase."""

    friend_points: int = Field(default=0, ge=0, le=1_000_000)
    referrer_points: int = Field(default=0, ge=0, le=1_000_000)
    on: Literal["join", "first purchase", "every purchase"] = "first purchase"
    minimum_minor: int = Field(default=0, ge=0, le=10**9)
    most_friends_a_year: int = Field(default=0, ge=0, le=1_000_000)


class Program(Table):
    """The rules in force. `id` names exactly this text, so an entry can say under which rules it was computed."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    version: Count = 1
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    time_zone: str = "UTC"
    day_starts_at: int = Field(default=0, ge=0, le=23)
    title: Words | None = None
    effective: str = ""
    source: str = ""
    as_of: str = ""
    left_out: list[str] = []
    combine: Literal["add", "best"] = "add"
    unit: Unit = Unit()
    earn: Earn = Earn()
    accrual: list[Accrual] = []
    tiers: Tiers = Tiers()
    tier: list[Tier] = []
    membership: list[Membership] = []
    segments: dict[str, Words] = {}
    reward: list[Reward] = []
    price: list[Price] = []
    benefit: list[Benefit] = []
    referral: Referral | None = None
    giving: Giving | None = None
    surprise: Surprise | None = None
    recognition: Recognition | None = None
    expire: Expire = Expire()
    redeem: Redeem = Redeem()
    offline: Offline = Offline()
    claim: Claim = Claim()
    cards: Cards = Cards()
    text: str = Field(default="", exclude=True, repr=False)

    @field_validator("currency")
    @classmethod
    def _with_cents(cls, currency: str) -> str:
        if currency in WITHOUT_CENTS:
            raise ValueError(
                f"{currency} has no hundredths, and receipts of this version print amounts with two decimals"
            )
        return currency

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f'"{zone}" is no IANA time zone; write for example "Europe/Berlin"') from error
        return zone

    @field_validator("effective")
    @classmethod
    def _a_local_time(cls, text: str) -> str:
        if text and not is_local_time(text):
            raise ValueError(f'"{text}" is no shop-local time; write for example "2026-12-01T04:00"')
        return text

    @model_validator(mode="after")
    def _each_its_own(self) -> Program:
        """Names under which something is counted stand once; tiers rise; what is named, exists."""
        problems = [*self._shared_names(), *self._unknown_tiers()]
        earned = [(number, tier) for number, tier in enumerate(self.tier) if not tier.is_paid]
        problems += [
            (
                ("tier", number, "from"),
                f"tier {upper.name} is reached from {upper.threshold}, which is not more than {lower.name}: "
                "write the lowest first",
            )
            for (_, lower), (number, upper) in pairwise(earned)
            if upper.threshold <= lower.threshold
        ]
        if problems:
            raise Placed(problems)
        return self

    def _rules(self) -> Iterator[tuple[Path, Accrual | Reward | Price]]:
        yield from ((("accrual", number), rule) for number, rule in enumerate(self.accrual))
        yield from ((("reward", number), rule) for number, rule in enumerate(self.reward))
        yield from ((("price", number), rule) for number, rule in enumerate(self.price))

    def _shared_names(self) -> Iterator[tuple[Path, str]]:
        """Told of where a name stands last."""
        named: list[tuple[Path, str]] = [(path, rule.name) for path, rule in self._rules()]
        named += [(("membership", number), plan.name) for number, plan in enumerate(self.membership)]
        counted, places = Counter(name for _, name in named), {name: (*path, "name") for path, name in named}
        for name, count in counted.items():
            if name in (EARN, RECOGNITION, REFERRAL, SURPRISE):
                yield places[name], f"{name} is what the programme itself counts under; call the rule otherwise"
            elif count > 1:
                yield places[name], f"{name} names {count} rules, which would be counted as one"
        tiers: dict[str, Path] = {tier.name: ("tier", number, "name") for number, tier in enumerate(self.tier)}
        for name, count in Counter(tier.name for tier in self.tier).items():
            if count > 1 or name == BASE:
                yield tiers[name], f"{name} names {count} tiers" if count > 1 else f"{BASE} names whoever is in no tier"

    def _unknown_tiers(self) -> Iterator[tuple[Path, str]]:
        known = {BASE, *(tier.name for tier in self.tier)}
        paid = {tier.name for tier in self.tier if tier.is_paid}
        for path, rule in self._rules():
            for number, name in enumerate(rule.tiers):
                if name not in known:
                    yield (*path, "tiers", number), f"{rule.name}: there is no tier {name}{near(name, known)}"
        for number, plan in enumerate(self.membership):
            if plan.tier not in paid:
                yield (
                    ("membership", number, "tier"),
                    f"{plan.name} sells {plan.tier}, which is no tier with paid = true{near(plan.tier, paid)}",
                )

    @cached_property
    def id(self) -> str:
        return f"{self.name}-{self.version}-{hashlib.sha256(self.text.encode()).hexdigest()[:8]}"

    @cached_property
    def ladder(self) -> Ladder:
        return Ladder(self.tiers, self.tier)

    def tier_named(self, name: str) -> Tier | None:
        return self._tiers_by_name.get(name)

    @cached_property
    def _tiers_by_name(self) -> dict[str, Tier]:
        return {tier.name: tier for tier in self.tier}

    def is_in_force(self, local: str) -> bool:
        """Whether this version has taken effect at a shop-local time, ISO without an offset."""
        return not self.effective or self.effective <= local

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def read_program(text: str, source: str = "programme") -> Program:
    """The programme written in `text`. Raises ProgramError with every problem found; nothing is taken over then."""
    tables = read_toml(text, source, ProgramError)
    if "text" in tables:
        raise ProgramError(source, ["there is no key text"])
    return checked(Program, {**tables, "text": text}, text, source, ProgramError)


def preset(name: str) -> str:
    """The TOML text of a programme that ships with the product. Raises KeyError if there is none of that name."""
    try:
        return files("loyalty").joinpath(f"presets/{name}.toml").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise KeyError(name) from error


def preset_names() -> list[str]:
    return sorted(item.name.removesuffix(".toml") for item in files("loyalty").joinpath("presets").iterdir())
