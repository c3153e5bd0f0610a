"""Whom somebody means: a few conditions that all have to hold, as a person typed them, and in words.

A label is what the programme calls a segment: a group to which a person said that a member belongs (`pos-central segment`), and
which rules may name. A saved segment is a question that is answered anew each time; no rule can name it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from central_server import schema
from central_server.errors import OfficeError
from central_server.office import Office
from loyalty.conditions import BASE
from loyalty.days import days_after
from loyalty.words import in_language

MOST_DAYS = 3660
MOST_SALES = 100_000
MOST_POINTS = MOST_MINOR = 10**12
AGREES = "any"


class Conditions(msgspec.Struct, frozen=True, omit_defaults=True):
    """'' and None ask for nothing. Days are counted back from the day on which it is asked; amounts are in hundredths."""

    tier: str = ""
    label: str = ""
    joined_in: str = ""
    bought_in: str = ""
    joined_from: str = ""
    joined_until: str = ""
    away_least: int | None = None
    away_most: int | None = None
    within_days: int | None = None
    spent_least_minor: int | None = None
    spent_most_minor: int | None = None
    sales_least: int | None = None
    sales_most: int | None = None
    points_least: int | None = None
    is_at_risk: bool = False
    agrees: str = ""
    """'any', or the channel by which they agreed."""

    @property
    def asks_of_a_time(self) -> bool:
        """Whether something in the last `within_days` is asked for."""
        amounts = (self.spent_least_minor, self.spent_most_minor, self.sales_least, self.sales_most)
        return any(one is not None for one in amounts)


class Choices(msgspec.Struct, frozen=True):
    """What can be chosen from: names, tiers and labels with their titles."""

    currency: str
    tiers: dict[str, str]
    labels: dict[str, str]
    shops: list[str]
    channels: list[str]


def choices(office: Office, connection: Connection) -> Choices:
    program = office.program(connection)
    assert program is not None, "init puts a programme in force"
    tiers = {one.name: in_language(one.title) for one in program.tier}
    channel = schema.shops.consent.c.channel
    return Choices(
        program.currency,
        {BASE: in_language(program.tiers.base), **tiers} if tiers else {},
        {name: in_language(words) for name, words in program.segments.items()},
        list(connection.scalars(select(schema.shop.c.shop).order_by(schema.shop.c.shop))),
        list(connection.scalars(select(channel).distinct().order_by(channel))),
    )


WHOLE = {
    "away_least": MOST_DAYS,
    "away_most": MOST_DAYS,
    "within_days": MOST_DAYS,
    "sales_least": MOST_SALES,
    "sales_most": MOST_SALES,
    "points_least": MOST_POINTS,
}
"""Whole numbers, and how large each may be."""


def read(typed: Mapping[str, str], may: Choices) -> Conditions:
    """As a form or a command has it: by name, money as 12.50. Raises OfficeError."""
    said = {name: typed.get(name, "").strip() for name in Conditions.__struct_fields__}
    for name, known in (
        ("tier", may.tiers),
        ("label", may.labels),
        ("joined_in", may.shops),
        ("bought_in", may.shops),
        ("agrees", {"": "", AGREES: "", **dict.fromkeys(may.channels, "")}),
    ):
        if said[name] and said[name] not in known:
            raise _unfit(f"There is no {name.replace('_', ' ')} {said[name][:40]!r}.")
    asked: dict[str, Any] = {name: said[name] for name in ("tier", "label", "joined_in", "bought_in", "agrees")}
    asked |= {name: _day(said[name]) for name in ("joined_from", "joined_until")}
    asked |= {name: _whole(said[name], most) for name, most in WHOLE.items()}
    # A form says money in whole units of the currency, and has names without "minor".
    asked |= {f"spent_{which}_minor": _money(typed.get(f"spent_{which}", "")) for which in ("least", "most")}
    wanted = Conditions(**asked, is_at_risk=said["is_at_risk"] not in ("", "no"))
    if wanted.asks_of_a_time and not wanted.within_days:
        raise _unfit("What somebody spent or how often they bought needs a number of days in which they did.")
    if wanted.within_days is not None and not wanted.asks_of_a_time:
        days = f"In the last {wanted.within_days:,} days"
        raise _unfit(f"{days} what? Say how much they spent or how often they bought; once means at least 1.")
    for least, most in (
        (wanted.away_least, wanted.away_most),
        (wanted.spent_least_minor, wanted.spent_most_minor),
        (wanted.sales_least, wanted.sales_most),
    ):
        if least is not None and most is not None and least > most:
            raise _unfit(f"Nothing is at least {least:,} and at most {most:,}.")
    return wanted


def typed_of(wanted: Conditions) -> dict[str, str]:
    """What a form has typed in it to mean this: what `read` reads as the same."""
    fields = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value not in ("", None, False)}
    said = {name: "yes" if value is True else str(value) for name, value in fields.items()}
    for which in ("least", "most"):
        if (minor := fields.get(f"spent_{which}_minor")) is not None:
            del said[f"spent_{which}_minor"]
            said[f"spent_{which}"] = f"{minor // 100}.{minor % 100:02d}"
    return said


def words(wanted: Conditions, may: Choices) -> list[str]:
    """What each condition asks for, in words.

    >>> euro = Choices("EUR", {"gold": "Gold"}, {}, [], [])
    >>> words(Conditions(tier="gold", away_least=60, agrees="any"), euro)
    ['tier Gold', 'last sale 60 days ago or longer', 'agree to be written to']
    """
    said = []
    if wanted.tier:
        said.append(f"tier {may.tiers.get(wanted.tier, wanted.tier)}")
    if wanted.label:
        said.append(f"label {may.labels.get(wanted.label, wanted.label)}")
    if wanted.joined_in:
        said.append(f"joined in {wanted.joined_in}")
    if wanted.joined_from:
        said.append(f"joined on {wanted.joined_from} or later")
    if wanted.joined_until:
        said.append(f"joined on {wanted.joined_until} or earlier")
    if wanted.bought_in:
        said.append(f"bought in {wanted.bought_in}")
    if wanted.away_least is not None:
        said.append(f"last sale {_days(wanted.away_least)} ago or longer")
    if wanted.away_most is not None:
        said.append(f"last sale at most {_days(wanted.away_most)} ago")
    within = f"in the last {_days(wanted.within_days or 0)}"
    for which, minor in (("at least", wanted.spent_least_minor), ("at most", wanted.spent_most_minor)):
        if minor is not None:
            said.append(f"spent {which} {minor / 100:,.2f} {may.currency} {within}")
    for which, sales in (("at least", wanted.sales_least), ("at most", wanted.sales_most)):
        if sales is not None:
            said.append(f"bought {which} {_often(sales)} {within}")
    if wanted.points_least is not None:
        said.append(f"{wanted.points_least:,} points or more")
    if wanted.is_at_risk:
        said.append("may be leaving")
    if wanted.agrees:
        by = "" if wanted.agrees == AGREES else f", by {wanted.agrees}"
        said.append(f"agree to be written to{by}")
    return said


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"


def _often(times: int) -> str:
    """
    >>> _often(1), _often(2), _often(0)
    ('once', '2 times', '0 times')
    """
    return "once" if times == 1 else f"{times:,} times"


def first_day(today: str, within_days: int) -> str:
    """The first of the last so many days, today included.

    >>> first_day("2026-03-10", 1), first_day("2026-03-10", 10)
    ('2026-03-10', '2026-03-01')
    """
    return days_after(today, 1 - within_days)


def _whole(text: str, most: int) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 15 and int(text) <= most):
        raise _unfit(f"{text[:20]!r} is no whole number up to {most:,}.")
    return int(text)


def _money(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{1,10})(?:[.,]([0-9]{1,2}))?", text, re.ASCII)
    if not found:
        raise _unfit(f"{text[:20]!r} is no amount such as 12.50.")
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))


def _day(text: str) -> str:
    try:
        if not text or (date.fromisoformat(text).isoformat() == text and "1900" < text < "9000"):
            return text
    except ValueError:
        pass
    raise _unfit(f"{text[:20]!r} is no day such as 2026-11-30.")


def _unfit(message: str) -> OfficeError:
    return OfficeError(message, hint="Nothing was changed.", code="CONDITION_UNFIT")
