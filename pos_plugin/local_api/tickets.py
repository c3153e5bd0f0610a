"""What a customer asks or complains of, taken down at the till."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from fastapi import FastAPI, Request, Response

from drivers.escpos import encode
from pos_plugin.local_api import requests
from pos_plugin.local_api.answers import answer
from pos_plugin.local_api.description import MEMBERS, answers
from pos_plugin.local_api.host_papers import profile_of
from pos_plugin.local_api.once import Asked
from pos_plugin.local_api.operators import by
from pos_plugin.local_api.requests import KeyInHeader, RefInPath
from pos_plugin.members import tickets
from pos_plugin.members.tickets import TicketKept
from pos_plugin.terminal import Terminal


def add_tickets(app: FastAPI, terminal: Terminal) -> None:
    @app.post(
        "/v1/tickets",
        tags=[MEMBERS],
        summary="A question or complaint for head office",
        responses=answers(TicketKept, "Its number, by which the customer asks again."),
    )
    def open_ticket(asked: requests.TicketAsked, request: Request, key: KeyInHeader = "") -> Response:
        """Also offline. With `print` the customer gets a slip with the number; whether it came out is no part of the answer."""
        who = by(terminal, request, "enrol", asked)
        under, is_new = Asked.by(terminal, request, asked), False

        def written(work: Callable[[sqlite3.Connection], TicketKept]) -> TicketKept:
            def first(db: sqlite3.Connection) -> TicketKept:
                nonlocal is_new
                is_new = True
                return work(db)

            return under.written(first, TicketKept)

        opened = tickets.open_ticket(
            terminal.checkout,
            asked.topic,
            asked.words,
            member=asked.member,
            receipt=asked.receipt,
            contact=asked.contact,
            operator=who.operator,
            write=written,
        )
        terminal.recorded("members")
        if asked.print and is_new:
            slip = tickets.slip(terminal.checkout, opened, asked.topic, asked.words, asked.receipt)
            terminal.printer.print_for_host(encode(slip, profile_of(terminal)))
        return answer(opened)

    @app.post(
        "/v1/tickets/{ticket}/told",
        tags=[MEMBERS],
        summary="The customer was told head office's answer",
        responses=answers(TicketKept, "Its number. No till shows this answer again once it has heard."),
    )
    def tell(ticket: RefInPath, asked: requests.AnswerTold, request: Request, key: KeyInHeader = "") -> Response:
        """Also offline."""
        who = by(terminal, request, "enrol", asked)
        under = Asked.by(terminal, request, asked)
        told = tickets.tell(
            terminal.checkout,
            ticket,
            asked.answer,
            operator=who.operator,
            write=lambda work: under.written(work, TicketKept),
        )
        terminal.recorded("members")
        return answer(told)
