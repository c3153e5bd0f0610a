"""The first page: what waits for whoever has signed in."""

from __future__ import annotations

from fastapi import Response

from central_server import report
from central_server.pages.frame import Visit, page


@page("GET", "", menu="Home", place=0)
def home(visit: Visit) -> Response:
    return visit.show("home.html", about=report.status(visit.office))
