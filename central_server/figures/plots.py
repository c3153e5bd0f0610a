"""Plots of figures, by Matplotlib, as SVG, drawn once for the same numbers.

What is drawn is told apart by hatching and marks, not by colour alone. The colours are those of Okabe and Ito, which people
with any kind of colour vision tell apart (jfly.uni-koeln.de/color).
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from typing import Any, NamedTuple

INK, PALE = "#222222", "#dddddd"
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")
HATCHES = ("", "///", "...", "xx")
MARKS = ("o", "s", "^", "D")
STYLE = {
    "font.size": 10,
    "font.family": "sans-serif",
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
    "svg.hashsalt": "pos-central",
}
WIDTH_IN, HEIGHT_IN, DIGIT_IN = 9, 3.4, 0.09
MOST_MONTHS = 60


class Series(NamedTuple):
    """Numbers by month, None where there is none."""

    name: str
    values: tuple[float | None, ...]


class Plot(NamedTuple):
    """What is drawn: `kind` is stacked, grouped, lines or intervals; `unit` is the axis, `said` for who does not see it.

    The series of intervals are low, middle and high; in place of months are the names of what lies between.
    """

    title: str
    kind: str
    unit: str
    months: tuple[str, ...]
    series: tuple[Series, ...]

    @property
    def said(self) -> str:
        """
        The plot in words.
        """
        if not self.months:
            return f"{self.title}: nothing in this period."
        names = " and ".join(series.name for series in self.series)
        return f"{self.title}: {names}, {self.unit}, {self.months[0]} to {self.months[-1]}. The table below has the numbers."


def can_draw() -> bool:
    """Whether Matplotlib is installed; without it there are the tables."""
    return find_spec("matplotlib") is not None


@lru_cache(maxsize=64)
def svg(plot: Plot) -> bytes:
    from matplotlib.figure import Figure

    matplotlib: Any = import_module("matplotlib")
    with matplotlib.rc_context(STYLE):
        # Names of any length ask for a layout that is found by drawing twice; months and numbers need only some room.
        figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained" if plot.kind == "intervals" else None)
        axis = figure.subplots()
        _draw(axis, plot)
        if plot.kind != "intervals":
            numbers_in = DIGIT_IN * max(len(f"{edge:,.0f} %") for edge in axis.get_ylim())
            figure.subplots_adjust(
                (0.4 + numbers_in) / WIDTH_IN, 0.65 / HEIGHT_IN, 1 - 0.1 / WIDTH_IN, 1 - 0.65 / HEIGHT_IN
            )
        out = StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Title": plot.title})
    return out.getvalue().encode()


def _draw(axis: Any, plot: Plot) -> None:
    if plot.kind == "intervals":
        _intervals(axis, plot)
        return
    places = list(range(len(plot.months)))
    width = 0.8 / len(plot.series) if plot.kind == "grouped" else 0.7
    below = [0.0] * len(places)
    for count, (name, values) in enumerate(plot.series):
        colour, numbers = COLOURS[count], [value or 0.0 for value in values]
        if plot.kind == "lines":
            gaps = [float("nan") if value is None else value for value in values]
            axis.plot(places, gaps, color=colour, marker=MARKS[count], label=name)
            continue
        shift = (count - (len(plot.series) - 1) / 2) * width if plot.kind == "grouped" else 0
        look = {"color": colour, "hatch": HATCHES[count], "edgecolor": "white", "label": name}
        bottom = below if plot.kind == "stacked" else None
        axis.bar([place + shift for place in places], numbers, width=width, bottom=bottom, **look)
        below = [one + more for one, more in zip(below, numbers, strict=True)]
    step = max(1, -(-len(places) // 18))
    axis.set_xticks(places[::step], plot.months[::step], rotation=45, ha="right")
    axis.yaxis.set_major_formatter("{x:,.0f} %" if plot.unit == "percent" else "{x:,.0f}")
    axis.set_ylabel(plot.unit)
    axis.set_ylim(bottom=0)
    axis.set_title(plot.title, pad=24)
    if places:
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, borderaxespad=0.3, borderpad=0)
    else:
        axis.set_yticks([])
        axis.text(0.5, 0.5, "nothing in this period", transform=axis.transAxes, ha="center")


def _intervals(axis: Any, plot: Plot) -> None:
    """Each name on a line of its own, the first on top, and no difference as a dashed line."""
    places = list(range(len(plot.months)))[::-1]
    low, middle, high = ([value or 0.0 for value in series.values] for series in plot.series)
    spread = [
        [one - end for one, end in zip(middle, low, strict=True)],
        [end - one for one, end in zip(middle, high, strict=True)],
    ]
    axis.errorbar(middle, places, xerr=spread, fmt=MARKS[0], color=COLOURS[0], ecolor=INK, capsize=6)
    axis.axvline(0, color=INK, linestyle="--", linewidth=1)
    axis.set_yticks(places, plot.months)
    axis.set_ylim(-0.6, max(0, len(places) - 1) + 0.6)
    axis.grid(axis="x")
    axis.set_xlabel(plot.unit)
    axis.set_title(plot.title)
    if not places:
        axis.text(0.5, 0.5, "nothing in this period", transform=axis.transAxes, ha="center")
