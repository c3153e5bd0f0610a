"""What figures are to reach, and how far they are from it, in words."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import delete, select

from central_server import schema
from central_server.database import put
from central_server.errors import OfficeError
from central_server.figures.answers import Line
from central_server.office import Office

HIGHER = (
    "attach_by_count",
    "attach_by_value",
    "active",
    "retention",
    "repeat_purchase",
    "burn",
    "nps",
    "csat",
    "opt_in",
)
LOWER = ("churn", "points_cost", "points_cash_cost")
FIGURES = (*HIGHER, *LOWER)


class Reached(msgspec.Struct, frozen=True):
    """A figure beside its target, `wanted`. `distance` says how far it is, in words."""

    line: Line
    wanted: str
    is_reached: bool
    distance: str


def set_target(office: Office, figure: str, wanted: str, by: str) -> None:
    """Without a number there is no target any more. Raises OfficeError."""
    if figure not in FIGURES:
        raise OfficeError("There is no target for this figure.", code="TARGET_UNFIT")
    try:
        number = float(wanted) if wanted.strip() else None
    except ValueError:
        number = float("nan")
    if number is not None and not -1000 <= number <= 10**9:
        raise OfficeError(f"{wanted} is no target.", hint="Write a number, such as 62.5.", code="TARGET_UNFIT")
    table = schema.figures.target
    row = {"figure": figure, "wanted": wanted.strip(), "set_by": by, "set_at": office.time()}
    with office.database.writing() as connection:
        if number is None:
            connection.execute(delete(table).where(table.c.figure == figure))
        else:
            put(connection, table, [row])


def reached(office: Office, lines: Iterable[Line]) -> list[Reached]:
    with office.database.reading() as connection:
        table = schema.figures.target.c
        wanted: dict[str, str] = dict(connection.execute(select(table.figure, table.wanted)).all())
    return [_reached(line, float(wanted[line.name])) for line in lines if line.name in wanted]


def _reached(line: Line, wanted: float) -> Reached:
    if line.number is None:
        return Reached(line, _number(wanted), False, "nothing to compare yet")
    short = line.number - wanted if line.name in LOWER else wanted - line.number
    unit = "percentage points" if line.value.endswith("%") else "points" if line.name == "nps" else "members"
    if short <= 0:
        return Reached(line, _number(wanted), True, f"reached, by {_number(-short)} {unit}" if short else "reached")
    where = "above" if line.name in LOWER else "short of"
    return Reached(line, _number(wanted), False, f"{_number(short)} {unit} {where} the target")


def _number(number: float) -> str:
    """As a person writes it.

    >>> _number(62.5), _number(4.0), _number(49764.0), _number(1.0 / 3)
    ('62.5', '4', '49,764', '0.3333')
    """
    return f"{number:,.0f}" if number.is_integer() or abs(number) >= 1000 else f"{number:.4g}"
