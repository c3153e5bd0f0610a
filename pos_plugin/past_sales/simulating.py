"""Runs a programme over a file of sales: reads it once, puts it in the order of time, and tells it to each programme."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path

import msgspec

from loyalty.days import business_day
from loyalty.program import Program
from loyalty.sale import Sale
from loyalty.simulation import Behaviour, Outcome, Simulation
from pos_plugin.past_sales.sales_file import MOST_LINES, RowRefused, read_rows, sale_of

MOST_PROBLEMS = 1000
A_WHILE = 500
"""Sales between two signs of progress."""


@dataclass
class SalesHistory:
    """The sales of a file by time, each as bytes: a year of a chain has its place in memory then.

    `problems` say which could not be read, with their lines; `left_out` counts them.
    """

    sales: list[tuple[str, str, bytes]] = field(default_factory=list)
    day_starts_at: int = 0
    left_out: int = 0
    problems: list[str] = field(default_factory=list)


def read_history(file: Path, program: Program, progress: Callable[[float], None] = lambda share: None) -> SalesHistory:
    """Every sale of the file. Times with an offset become those of the programme's time zone."""
    found = SalesHistory(day_starts_at=program.day_starts_at)
    encode = msgspec.msgpack.Encoder().encode
    seen: set[str] = set()
    for _, group in groupby(read_rows(file, progress), key=lambda row: (row.till, row.sale_ref)):
        rows = list(islice(group, MOST_LINES + 1))
        try:
            sale = sale_of(rows, program)
            if sale.document in seen:
                raise RowRefused(rows[0].line, "the sale stands in this file already; its rows must stand together.")
        except RowRefused as refused:
            found.left_out += 1
            if len(found.problems) < MOST_PROBLEMS:
                name = f"Sale {rows[0].sale_ref} of till {rows[0].till}"
                found.problems.append(f"line {refused.line}: {refused} {name} is left out.")
            continue
        seen.add(sale.document)
        found.sales.append((sale.sold_at, rows[0].member, encode(sale)))
    found.sales.sort(key=lambda one: one[0])
    return found


def simulate(
    program: Program,
    behaviour: Behaviour,
    history: SalesHistory,
    progress: Callable[[float], None] = lambda share: None,
) -> Outcome:
    """What the programme makes of these sales."""
    simulation = Simulation(program, behaviour)
    decode = msgspec.msgpack.Decoder(Sale).decode
    total = len(history.sales) or 1
    for count, (sold_at, member, data) in enumerate(history.sales):
        sale = decode(data)
        if program.day_starts_at != history.day_starts_at:
            day = business_day(datetime.fromisoformat(sold_at), program.day_starts_at)
            sale = msgspec.structs.replace(sale, business_day=day)
        simulation.sell(sale, member)
        if count % A_WHILE == 0:
            progress(count / total)
    progress(1.0)
    return simulation.outcome()
