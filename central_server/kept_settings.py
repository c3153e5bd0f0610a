"""The few numbers that head office itself keeps, beside its programme: what each is, what it may be, and what it is now."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from central_server import schema
from central_server.database import put
from central_server.errors import OfficeError


class Kept(msgspec.Struct, frozen=True):
    title: str
    about: str
    """What it does, for whoever is to change it."""
    unit: str
    default: int
    least: int
    most: int


KEPT = {
    "allow_points": Kept(
        "What a manager may allow",
        "So many points a manager may allow at once, in their own shop; finance allows more.",
        "points",
        1000,
        0,
        1_000_000,
    ),
    "feedback_points": Kept(
        "Points for a first answer on a purchase",
        "A member who says how a purchase was gets so many, once for each purchase; 0 gives none.",
        "points",
        0,
        0,
        10_000,
    ),
    "margin_percent": Kept(
        "Margin on sales",
        "What is left of net sales once the goods are paid. The value of a member is computed with it; 0 says that nobody knows.",
        "percent",
        0,
        0,
        100,
    ),
    "window_days": Kept(
        "Window of the figures (W)",
        "So far back “active” looks, and twice as far “churn”. It is printed with each figure.",
        "days",
        90,
        7,
        730,
    ),
}


def value(connection: Connection, name: str) -> int:
    """What it is now."""
    kept = connection.scalar(select(schema.setting.c.value).where(schema.setting.c.name == name))
    return int(kept) if kept is not None else KEPT[name].default


def read(name: str, typed: str) -> int:
    """What a person has typed. Raises OfficeError."""
    if name not in KEPT:
        raise OfficeError("There is no such setting.", hint=f"One of: {', '.join(KEPT)}.", code="SETTING_UNKNOWN")
    about, text = KEPT[name], typed.strip().replace(",", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10 and about.least <= int(text) <= about.most):
        raise OfficeError(
            f"{about.title} is {about.least:,} to {about.most:,} {about.unit}, and not {typed[:20]!r}.",
            hint="Nothing was changed.",
            code="SETTING_UNFIT",
        )
    return int(text)


def change(connection: Connection, name: str, typed: str) -> int:
    """Sets it; what it was before. Raises OfficeError."""
    new, before = read(name, typed), value(connection, name)
    put(connection, schema.setting, [{"name": name, "value": str(new)}])
    return before
