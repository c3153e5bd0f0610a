"""What was printed on the shop's own till, and who is at it: for the relay, and for whoever sees that it is somebody else."""

from __future__ import annotations

from fastapi import FastAPI, Response

from pos_plugin.local_api.answers import answer
from pos_plugin.local_api.requests import PrintedSaleAsked
from pos_plugin.terminal import Terminal


def add_to(app: FastAPI, terminal: Terminal) -> None:
    @app.post("/v1/printed-sales")
    def printed_sale(asked: PrintedSaleAsked) -> Response:
        return answer(terminal.printed_sales.record(asked.printed()))

    @app.delete("/v1/lane")
    def clear_lane() -> Response:
        was_there = terminal.lane.clear()
        terminal.events.happened("lane")
        return answer({"cleared": was_there})
