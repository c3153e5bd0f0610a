"""Experiments of the programme: both variants side by side, and whether the difference may be chance."""

from __future__ import annotations

from fastapi import Response

from central_server.errors import Refused
from central_server.figures import answers, experiments, facts, plots
from central_server.figures.experiments import Compared
from central_server.pages.figures import SVG_HEADERS, asked_of, csv_file
from central_server.pages.frame import Visit, page


def _compared(visit: Visit) -> list[Compared]:
    """Of the person's own shop, of the one that the address names, or of all."""
    with visit.office.database.reading() as connection:
        return answers.compared(visit.office, connection, asked_of(visit, connection).shop)


@page("GET", "/figures/experiments", "figures")
def shown(visit: Visit) -> Response:
    facts.count_few(visit.office)
    with visit.office.database.reading() as connection:
        shop = asked_of(visit, connection).shop
        found = answers.compared(visit.office, connection, shop)
    return visit.show(
        "experiments.html",
        found=[(one, experiments.plot(one)) for one in found],
        shop=shop,
        can_draw=plots.can_draw(),
        value=experiments.shown,
        basis=experiments.basis,
        apart=experiments.apart,
        span=experiments.span,
    )


@page("GET", "/figures/experiments.csv", "figures")
def file(visit: Visit) -> Response:
    return csv_file(visit, experiments.HEADINGS, experiments.rows(_compared(visit)), "experiments.csv")


@page("GET", "/figures/experiments/{name}", "figures")
def drawn(visit: Visit) -> Response:
    wanted = visit.named["name"].removesuffix(".svg")
    one = next((one for one in _compared(visit) if one.name == wanted), None)
    if one is None or not plots.can_draw():
        raise Refused("PLOT_UNKNOWN", "There is no such plot.", hint="The experiments have them.", status=404)
    return Response(plots.svg(experiments.plot(one)), 200, SVG_HEADERS, "image/svg+xml")
