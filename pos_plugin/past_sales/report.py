"""What a simulation found, for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from rich.table import Table

from loyalty.simulation import Behaviour, Outcome
from loyalty.simulation_words import HEADINGS, assumed, cells, lines


def written(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON has it, with what follows from its sums."""
    found: dict[str, Any] = msgspec.to_builtins(outcome)
    for shown, month in zip([found["whole"], *found["months"]], [outcome.whole, *outcome.months], strict=True):
        shown["cost_minor"] = month.cost_minor
    whole = outcome.whole
    found["cost_percent_of_sales"] = round(whole.cost_minor * 100 / whole.sales_minor, 3) if whole.sales_minor else None
    sales = whole.member_sales_minor
    found["cost_percent_of_member_sales"] = round(whole.cost_minor * 100 / sales, 3) if sales else None
    return found


def summary(outcomes: Sequence[Outcome], behaviour: Behaviour) -> Iterator[Table | str]:
    """Tables for the terminal: the sums side by side, and each programme's months."""
    sums = Table(title="What it would have been", title_justify="left", box=None, pad_edge=False)
    for heading in ("", *[outcome.program for outcome in outcomes]):
        sums.add_column(heading, overflow="fold")
    by_name = [dict(lines(outcome)) for outcome in outcomes]
    for name in dict.fromkeys(name for one in by_name for name in one):
        sums.add_row(name, *[one.get(name, "-") for one in by_name])
    yield sums
    for outcome in outcomes:
        months = Table(title=f"{outcome.program} by month", title_justify="left", box=None, pad_edge=False)
        for heading in HEADINGS:
            months.add_column(heading, justify="left" if heading == "Month" else "right")
        for month in outcome.months:
            months.add_row(*cells(month))
        yield months
    yield "\n".join(f"- {sentence}" for sentence in assumed(behaviour, outcomes[0].currency))
