"""What a programme would have made of the shops' own last sales, beside the one in force: read from the inbox, told to
`loyalty.simulation`. Bounded in sales and in time, because somebody waits for it and tills do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from central_server import schema
from central_server.errors import OfficeError
from ledger.entry import EntryUnreadable, SaleBody, read_entry
from loyalty.days import business_day, days_after
from loyalty.program import Program
from loyalty.sale import Sale
from loyalty.simulation import Behaviour, Outcome, Simulation

MOST_SALES = 10_000
WITHIN_S = 10.0
A_WHILE = 200
"""Sales between two looks at the clock."""

_turn = threading.Lock()


class Sold(msgspec.Struct, frozen=True):
    """The last sales by time, each with its member ('' for none); of all tills from the same day on."""

    sales: list[tuple[Sale, str]]
    first: str
    last: str


def recent(connection: Connection, most: int = MOST_SALES) -> Sold:
    """Every till's last sales, `most` in all; from the first day of which all that any till sent is among them."""
    terminals = connection.scalars(select(schema.terminal.c.terminal)).all()
    each = max(1, most // max(1, len(terminals)))
    inbox = schema.inbox.c
    table = schema.member.c
    merged: dict[str, str] = dict(
        connection.execute(select(table.member, table.merged_into).where(table.merged_into != "")).all()
    )
    sales: list[tuple[Sale, str]] = []
    first = ""
    for terminal in terminals:
        rows = connection.execute(
            select(inbox.data, inbox.member)
            .where(inbox.terminal == terminal, inbox.kind == "sale", inbox.outcome == "recorded")
            .order_by(inbox.number.desc())
            .limit(each)
        ).all()
        found = [(body.sale, merged.get(member, member)) for data, member in rows if (body := _sale(data))]
        if len(rows) == each and found:
            # Of the day on which this till's part begins, earlier sales are missing.
            first = max(first, days_after(min(sale.business_day for sale, _ in found), 1))
        sales += found
    sales = sorted((one for one in sales if one[0].business_day >= first), key=lambda one: one[0].sold_at)
    days = [sale.business_day for sale, _ in sales]
    return Sold(sales, min(days, default=""), max(days, default=""))


def _sale(data: bytes) -> SaleBody | None:
    try:
        body = read_entry(data).body
    except EntryUnreadable:
        return None
    return body if isinstance(body, SaleBody) else None


def compare(
    programs: Sequence[Program], sold: Sold, behaviour: Behaviour, clock: Callable[[], float] = time.monotonic
) -> list[Outcome]:
    """What each makes of these sales. Raises OfficeError where that takes too long, or somebody else tries one now."""
    if not _turn.acquire(blocking=False):
        raise OfficeError(
            "Somebody tries a programme just now.", hint="Try yours in some seconds.", code="WHAT_IF_BUSY"
        )
    try:
        until = clock() + WITHIN_S
        return [_outcome(program, sold, behaviour, clock, until) for program in programs]
    finally:
        _turn.release()


def _outcome(program: Program, sold: Sold, behaviour: Behaviour, clock: Callable[[], float], until: float) -> Outcome:
    simulation = Simulation(program, behaviour)
    for count, (sale, member) in enumerate(sold.sales):
        if count % A_WHILE == 0 and clock() > until:
            raise OfficeError(
                f"This takes longer than {WITHIN_S:g} seconds: it was stopped.",
                hint="Nothing is lost. On a machine of its own there is time: pos-plugin program simulate",
                code="WHAT_IF_SLOW",
            )
        day = business_day(datetime.fromisoformat(sale.sold_at), program.day_starts_at)
        simulation.sell(msgspec.structs.replace(sale, business_day=day, currency=program.currency), member)
    return simulation.outcome()
