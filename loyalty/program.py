"""A programme: the rules a shop has chosen, read from TOML and checked as a whole.

`read_program` reports every problem at once, each with its line and, where a key is misspelt, what was probably meant.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.resources import files
from itertools import pairwise
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from loyalty.accrual import EARN, REFERRAL, SURPRISE, Accrual, Earn
from loyalty.card import CardRules, Check, NumberForm, Symbology
from loyalty.conditions import BASE
from loyalty.currencies import why_not
from loyalty.days import is_local_time
from loyalty.experiment import Experiment
from loyalty.expiry import Expire
from loyalty.giving import Giving
from loyalty.recognition import RECOGNITION, Recognition
from loyalty.reward import Benefit, Price, Redeem, Reward
from loyalty.surprise import Surprise
from loyalty.tiers import Ladder, Membership, Tier, Tiers
from loyalty.toml_lines import Path
from loyalty.toml_sentences import near, spoken
from loyalty.toml_table import Count, Problem, Sound, Table, TomlError, checked, read_toml, sound_part
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


class Number(Table):
    """A form of numbers that are cards; see `loyalty.card.NumberForm`."""

    prefix: str = Field(default="", pattern=r"^[A-Z]{0,4}-?[0-9]{0,8}$")
    length: int = Field(ge=6, le=32)
    check: Check = "luhn"
    symbologies: list[Symbology] = []

    @model_validator(mode="after")
    def _possible(self) -> Number:
        _ = self.form
        return self

    @cached_property
    def form(self) -> NumberForm:
        return NumberForm(self.prefix, self.length, self.check, tuple(self.symbologies))


class Cards(Table):
    """Which codes are member cards; see `loyalty.card.CardRules`.

    Where `numbers` are written, there is no other plain number unless its length is written, too.
    """

    in_store_prefix: str = Field(default="29", pattern=r"^(2[0-9])?$")
    number_prefix: str = Field(default="", pattern=r"^[0-9]{0,8}$")
    number_length: int = Field(default=10, ge=8, le=19)
    numbers: list[Number] = Field(default=[], max_length=16)

    @field_validator("number_length")
    @classmethod
    def _no_item_code(cls, length: int) -> int:
        CardRules(number_length=length)
        return length

    @model_validator(mode="after")
    def _possible(self) -> Cards:
        if self.numbers and "number_prefix" in self.model_fields_set and "number_length" not in self.model_fields_set:
            raise ValueError("beside numbers, number_prefix stands with its number_length, or is one of them")
        _ = self.rules
        return self

    @cached_property
    def rules(self) -> CardRules:
        has_plain = not self.numbers or "number_length" in self.model_fields_set
        return CardRules(
            in_store_prefix=self.in_store_prefix,
            number_prefix=self.number_prefix if has_plain else "",
            number_length=self.number_length if has_plain else 0,
            numbers=tuple(number.form for number in self.numbers),
        )


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
    experiment: list[Experiment] = []
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
    def _that_there_is(cls, currency: str) -> str:
        if why := why_not(currency):
            raise ValueError(why)
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
    return checked(Program, {**tables, "text": text}, text, source, ProgramError, across)


class Part(NamedTuple):
    """What of a programme can be read while some of it cannot: enough to doubt, not to compute with."""

    program: Program
    sound: Sound


def readable_part(text: str) -> Part:
    """The tables that have no problem of their own. Raises ProgramError where the text is not TOML."""
    sound = sound_part(Program, read_toml(text, "programme", ProgramError))
    tables = {"name": "unnamed", "currency": "EUR", **sound.tables, "text": text}
    return Part(Program.model_validate(tables, by_alias=True, by_name=False), sound)


def across(tables: Mapping[str, Any]) -> Iterator[Problem]:
    """What tables do to each other: names under which something is counted stand once; tiers rise; what is named, exists.

    Looks at them as they are written, and past what is wrong in itself: that is told elsewhere.
    """
    yield from _shared_names(tables)
    yield from _tiers_that_do_not_rise(tables)
    yield from _unknown_tiers(tables)
    yield from _experiments(tables)


def _each(tables: Mapping[str, Any], *keys: str) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    for key in keys:
        written = tables.get(key)
        for number, table in enumerate(written if isinstance(written, list) else ()):
            if isinstance(table, dict):
                yield key, number, table


def _names(tables: Mapping[str, Any], *keys: str) -> Iterator[tuple[str, str, int]]:
    """Each name with where it stands."""
    for key, number, table in _each(tables, *keys):
        if isinstance(name := table.get("name"), str):
            yield name, key, number


def _shared_names(tables: Mapping[str, Any]) -> Iterator[Problem]:
    """Told of where a name stands last."""
    rules = [*_names(tables, "accrual", "reward", "price", "membership")]
    counted = Counter(name for name, _, _ in rules)
    for name, (key, number) in {name: (key, number) for name, key, number in rules}.items():
        path = (key, number, "name")
        if name in (EARN, RECOGNITION, REFERRAL, SURPRISE):
            yield path, f"{name} is what the programme itself counts under; call the rule otherwise"
        elif counted[name] > 1:
            yield path, f"{name} names {counted[name]} rules, which would be counted as one"
    tiers = [*_names(tables, "tier")]
    counted = Counter(name for name, _, _ in tiers)
    for name, number in {name: number for name, _, number in tiers}.items():
        if name == BASE:
            yield ("tier", number, "name"), f"{BASE} names whoever is in no tier"
        elif counted[name] > 1:
            yield ("tier", number, "name"), f"{name} names {counted[name]} tiers"


def _tiers_that_do_not_rise(tables: Mapping[str, Any]) -> Iterator[Problem]:
    earned = [
        (number, threshold, table.get("name", number + 1))
        for _, number, table in _each(tables, "tier")
        if table.get("paid", False) is False and type(threshold := table.get("from", 0)) is int
    ]
    for (_, low, lower), (number, high, upper) in pairwise(earned):
        if high <= low:
            yield (
                ("tier", number, "from"),
                f"tier {upper} is reached from {high}, which is not more than {lower}: write the lowest first",
            )


def _unknown_tiers(tables: Mapping[str, Any]) -> Iterator[Problem]:
    known = {BASE, *(name for name, _, _ in _names(tables, "tier"))}
    # A tier with a wrong `paid` may well be one that is sold.
    paid = {table.get("name", "") for _, _, table in _each(tables, "tier") if table.get("paid", False) is not False}
    for key, number, rule in _each(tables, "accrual", "reward", "price"):
        tiers = rule.get("tiers")
        for place, name in enumerate(tiers if isinstance(tiers, list) else ()):
            if isinstance(name, str) and name not in known:
                called = rule.get("name") or spoken((key, number), tables)
                yield (key, number, "tiers", place), f"{called}: there is no tier {name}{near(name, known)}"
    for key, number, plan in _each(tables, "membership"):
        tier = plan.get("tier")
        if isinstance(tier, str) and tier not in paid:
            called = plan.get("name") or spoken((key, number), tables)
            yield (
                (key, number, "tier"),
                f"{called} sells {tier}, which is no tier with paid = true{near(tier, paid & known)}",
            )


def _experiments(tables: Mapping[str, Any]) -> Iterator[Problem]:
    """Each name once, and no rule of one that there is not."""
    places = {name: number for name, _, number in _names(tables, "experiment")}
    counted = Counter(name for name, _, _ in _names(tables, "experiment"))
    for name, number in places.items():
        if counted[name] > 1:
            yield ("experiment", number, "name"), f"{name} names {counted[name]} experiments"
    rules: list[tuple[Path, Mapping[str, Any]]] = [
        ((key, number), rule) for key, number, rule in _each(tables, "accrual", "reward", "price", "benefit")
    ]
    if isinstance(surprise := tables.get("surprise"), dict):
        rules.append((("surprise",), surprise))
    for path, rule in rules:
        tried = rule.get("experiment")
        if isinstance(tried, str) and tried not in places:
            called = rule.get("name") or spoken(path, tables)
            yield (*path, "experiment"), f"{called}: there is no experiment {tried}{near(tried, places)}"


def preset(name: str) -> str:
    """The TOML text of a programme that ships with the product. Raises KeyError if there is none of that name."""
    try:
        return files("loyalty").joinpath(f"presets/{name}.toml").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise KeyError(name) from error


def preset_names() -> list[str]:
    return sorted(item.name.removesuffix(".toml") for item in files("loyalty").joinpath("presets").iterdir())
