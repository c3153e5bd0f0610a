"""What was printed on the shop's own till, and who is at it: for the relay, and for whoever sees that it is somebody else."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from pos_plugin.intercept.papers import Block
from pos_plugin.local_api import requests, shapes
from pos_plugin.local_api.answers import answer
from pos_plugin.local_api.description import SALES, answers
from pos_plugin.local_api.operators import require_program
from pos_plugin.terminal import Terminal


def add_printed_sales(app: FastAPI, terminal: Terminal) -> None:
    @app.post(
        "/v1/printed-sales",
        tags=[SALES],
        summary="A sale, return or void that the shop's own till has printed",
        responses=answers(Block, "Whether it stands in the journal, and the block for the end of its receipt."),
    )
    def printed_sale(asked: requests.PrintedSaleAsked, request: Request) -> Response:
        """For whoever is at the till (`lane`). The same paper again is recorded once, and answered as the first time. It needs
        a key: the page rings its own sales."""
        require_program(request)
        return answer(terminal.printed_sales.record(asked.printed()))

    @app.delete(
        "/v1/lane",
        tags=[SALES],
        summary="Nobody is at the till any more",
        responses=answers(shapes.LaneCleared, "The next sale that is printed is nobody's."),
    )
    def clear_lane() -> Response:
        was_there = terminal.lane.clear()
        terminal.events.happened("lane")
        return answer(shapes.LaneCleared(was_there))
