"""The end of the day at this till: a look, and the Z."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request, Response

from pos_plugin.local_api import requests, shapes
from pos_plugin.local_api.answers import answer
from pos_plugin.local_api.description import TILL, answers
from pos_plugin.local_api.once import Asked
from pos_plugin.local_api.operators import by, own_figures
from pos_plugin.local_api.requests import DayOrNone, KeyInHeader, Word
from pos_plugin.shop_day import closing
from pos_plugin.shop_day.closing import Closing
from pos_plugin.terminal import Terminal


def add_closing(app: FastAPI, terminal: Terminal) -> None:
    checkout = terminal.checkout

    @app.get(
        "/v1/closing",
        tags=[TILL],
        summary="X: what the day has come to",
        responses=answers(Closing, "The figures that a Z would have now. Nothing is recorded."),
    )
    def look(
        request: Request, day: Annotated[DayOrNone, Query()] = "", operator: Annotated[Word, Query()] = ""
    ) -> Response:
        """Of `day`, or of the day that a Z would close: the last on which something happened that is in no closing. At the page a
        cashier has their own figures alone."""
        return answer(closing.look(checkout, day, operator, own_figures(terminal, request)))

    @app.post(
        "/v1/closing",
        tags=[TILL],
        summary="Z: end the day at this till",
        responses=answers(Closing, "The closing as it is recorded, its paper waiting for the printer."),
    )
    def close(asked: requests.ClosingAsked, request: Request, key: KeyInHeader = "") -> Response:
        """Everything up to that day that no closing had is in it. What comes later is in the next one, which says so.

        At the page a supervisor or manager ends the day; a cashier needs the word of one."""
        under = Asked.by(terminal, request, asked)
        if known := under.first_answer(Closing):
            return answer(known)
        who = by(terminal, request, "close_day", asked)
        done = closing.close(
            checkout,
            asked.day,
            by=who,
            to_print=asked.print,
            write=lambda work: under.written(work, Closing),
        )
        terminal.recorded("closing")
        return answer(done)

    @app.post(
        "/v1/closing/look",
        tags=[TILL],
        summary="Print an X",
        responses=answers(shapes.SlipPrinted, "What became of the paper."),
    )
    def print_look(asked: requests.LookAsked, request: Request) -> Response:
        slip = closing.slip_of_look(checkout, asked.day, asked.operator, own_figures(terminal, request))
        return answer(shapes.SlipPrinted.of(terminal.printer.print_slip(slip), slip))

    @app.get(
        "/v1/closings",
        tags=[TILL],
        summary="The last closings of this till",
        responses=answers(
            shapes.ClosingsShown, "At most 31, newest first; each can be printed again by its reference."
        ),
    )
    def earlier(request: Request) -> Response:
        return answer(shapes.ClosingsShown(closing.earlier(checkout, only=own_figures(terminal, request))))
