"""Plots of a simulation, by Matplotlib: a picture, or a page in one file that asks nobody for anything."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from io import BytesIO, StringIO
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from loyalty.simulation import Behaviour, Outcome
from loyalty.simulation_words import HEADINGS, assumed, cells, lines
from pos_plugin.errors import BadRequest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, PALE = "#222222", "#dddddd"
COLOURS = ("#1b6ca8", "#e08e1b", "#2f8f5b", "#b03a48", "#6b5b95", "#7a7a7a")
IN_A_ROW = 4
"""So many colours are explained side by side."""
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": PALE,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "svg.fonttype": "none",
    "svg.hashsalt": "pos-plugin",
}


def picture(outcomes: Sequence[Outcome]) -> bytes:
    """All plots as one PNG, a column for each of several programmes."""
    with _matplotlib().rc_context(STYLE):
        out = BytesIO()
        _figure(outcomes).savefig(out, format="png", dpi=110)
    from PIL import Image

    small = BytesIO()  # 256 colours are enough, and half of the bytes
    with Image.open(out) as drawn:
        drawn.convert("RGB").quantize(256).save(small, format="png", optimize=True)
    return small.getvalue()


def page(outcomes: Sequence[Outcome], behaviour: Behaviour) -> str:
    """A whole page: sums, plots, months, and what was assumed."""
    with _matplotlib().rc_context(STYLE):
        out = StringIO()
        _figure(outcomes).savefig(out, format="svg", metadata={"Date": None})
    drawn = out.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    by_name = [dict(lines(outcome)) for outcome in outcomes]
    names = dict.fromkeys(name for one in by_name for name in one)
    sums = _table(
        ["", *[outcome.program for outcome in outcomes]],
        [[name, *[one.get(name, "-") for one in by_name]] for name in names],
    )
    months = "".join(
        f"<h2>{escape(outcome.program)} by month</h2>"
        + _table(HEADINGS, [cells(month) for month in outcome.months], "months")
        for outcome in outcomes
    )
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in assumed(behaviour, outcomes[0].currency))
    title = escape(" beside ".join(outcome.program for outcome in outcomes))
    return PAGE.format(title=title, sums=sums, drawn=drawn, months=months, assumed=said)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "sums") -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise BadRequest(
            "PLOTS_MISSING",
            "Plots need Matplotlib.",
            hint="pip install 'pos-plugin[plots]', or leave --html and --png out",
        ) from error
    return matplotlib


def _figure(outcomes: Sequence[Outcome]) -> Figure:
    """One programme in a square of four; several side by side, a column each."""
    from matplotlib.figure import Figure

    drawings = (_points, _liability, _cost, _tiers)
    columns = max(2, len(outcomes))
    rows = len(drawings) * len(outcomes) // columns
    figure = Figure(figsize=(5.5 * columns, 3.1 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    if len(outcomes) == 1:
        for axis, draw in zip(axes.flat, drawings, strict=True):
            draw(axis, outcomes[0])
        return figure
    for row, draw in zip(axes, drawings, strict=True):
        for axis, outcome in zip(row, outcomes, strict=True):
            draw(axis, outcome)
        top, bottom = max(one.get_ylim()[1] for one in row), min(one.get_ylim()[0] for one in row)
        for axis in row:  # programmes are compared on one scale
            axis.set_ylim(bottom, top)
    for axis, outcome in zip(axes[0], outcomes, strict=True):
        above = {"xycoords": "axes fraction", "textcoords": "offset points", "size": 10, "weight": "bold"}
        axis.annotate(outcome.program, (0, 1), (0, 42), color=COLOURS[0], **above)
    return figure


def _headed(axis: Any, title: str) -> None:
    """A title, and between it and the plot what the colours mean: within, it would cover what is drawn."""
    labels = axis.get_legend_handles_labels()[1]
    rows = -(-len(labels) // IN_A_ROW)
    axis.set_title(title, pad=6 + 15 * rows)
    if labels:
        axis.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=IN_A_ROW, frameon=False, borderaxespad=0.3, borderpad=0,
            handlelength=1.2, columnspacing=1.5,
        )  # fmt: skip
    low, high = axis.dataLim.intervaly
    if not low < high:  # nothing but noughts: one line, and no marks between nought and nought
        axis.set_yticks([0])
        axis.set_ylim(0, 1)


def _months(axis: Any, outcome: Outcome) -> list[int]:
    places = [*range(len(outcome.months))]
    step = max(1, len(places) // 12)
    axis.set_xticks(places[::step], [month.month for month in outcome.months][::step], rotation=45, ha="right")
    axis.yaxis.set_major_formatter("{x:,.0f}")
    return places


def _points(axis: Any, outcome: Outcome) -> None:
    places = _months(axis, outcome)
    for shift, name, colour in (
        (-0.27, "issued", COLOURS[0]),
        (0.0, "redeemed", COLOURS[2]),
        (0.27, "expired", COLOURS[3]),
    ):
        at = [place + shift for place in places]
        axis.bar(at, [getattr(month, name) for month in outcome.months], width=0.27, color=colour, label=name)
    _headed(axis, f"{outcome.unit.capitalize()} each month")


def _liability(axis: Any, outcome: Outcome) -> None:
    places = _months(axis, outcome)
    owed = [month.liability_minor / 100 for month in outcome.months]
    axis.fill_between(places, owed, color=COLOURS[0], alpha=0.25)
    axis.plot(places, owed, color=COLOURS[0])
    axis.set_ylim(bottom=0)
    _headed(axis, f"Liability at the end of each month, {outcome.currency}")


def _cost(axis: Any, outcome: Outcome) -> None:
    places = _months(axis, outcome)
    low = [0.0] * len(places)
    parts = (("for points", "redeemed_minor"), ("members' prices", "prices_minor"), ("donated", "donated_minor"))
    for (label, name), colour in zip(parts, COLOURS[2:0:-1] + COLOURS[4:5], strict=True):
        high = [getattr(month, name) * 100 / (month.sales_minor or 1) for month in outcome.months]
        if any(high):
            axis.bar(places, high, bottom=low, color=colour, label=label, width=0.7)
            low = [one + more for one, more in zip(low, high, strict=True)]
    if outcome.whole.fees_minor:
        fees = [-month.fees_minor * 100 / (month.sales_minor or 1) for month in outcome.months]
        axis.bar(places, fees, color=COLOURS[5], label="fees", width=0.7)
    axis.yaxis.set_major_formatter("{x:.2f} %")
    _headed(axis, "Cost as a share of all sales")


def _tiers(axis: Any, outcome: Outcome) -> None:
    places = _months(axis, outcome)
    names = outcome.tiers or {"": "members"}
    counts = [
        [month.tiers.get(name, 0) if outcome.tiers else month.members for month in outcome.months] for name in names
    ]
    labels = [shorten(name, 18, placeholder=" …") for name in names.values()] if outcome.tiers else []
    shades = [*COLOURS[5:], *COLOURS[:5]] if outcome.tiers else [COLOURS[0]]
    axis.stackplot(places, counts, labels=labels, colors=shades[: len(names)], alpha=0.85)
    axis.set_ylim(bottom=0)
    _headed(axis, f"Members{' by tier' if outcome.tiers else ''} at the end of each month")


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100%; margin: 1rem 0 }}
th, td {{ text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #ddd; vertical-align: top }}
table.months th:not(:first-child), table.months td:not(:first-child) {{ text-align: right; font-variant-numeric: tabular-nums }}
svg {{ width: 100%; height: auto }}
</style></head>
<body><h1>{title}</h1>
{sums}
{drawn}
{months}
<h2>Assumed</h2><ul>{assumed}</ul>
</body></html>
"""
