"""Quote, commit and take back: the requests of a sale."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response

from pos_plugin.local_api import lookups, requests, shapes
from pos_plugin.local_api.answers import answer
from pos_plugin.local_api.description import SALES, answers
from pos_plugin.local_api.desk import Desk
from pos_plugin.local_api.endpoint import in_thread
from pos_plugin.local_api.once import Asked, idempotency_key
from pos_plugin.local_api.operators import by, is_page
from pos_plugin.local_api.requests import KeyInHeader, RefInPath
from pos_plugin.sales import claims, returns
from pos_plugin.sales.claims import Claimed
from pos_plugin.sales.quotes import Completed, Quote, quote_ended
from pos_plugin.sales.returns import Returned
from pos_plugin.sales.suspended import GoingOn, Holding, slip_of
from pos_plugin.terminal import Terminal

LINES_AT_DESK = 60
"""A sale of more lines is reckoned in a thread of its own: it would hold up everybody else."""


def add_sales(app: FastAPI, terminal: Terminal) -> None:
    checkout = terminal.checkout
    desk = Desk(terminal.store)
    holding = Holding(checkout)

    @app.post(
        "/v1/quotes",
        tags=[SALES],
        summary="What a sale would earn, and what it can take",
        responses=answers(Quote, "The quote; nothing is recorded."),
    )
    async def quote(asked: requests.QuoteAsked, request: Request) -> Response:
        """Points to redeem are reserved at this till until `expires_at`. A newer quote of the same sale takes its place.

        `resumes` is the token of a sale on hold: its member, and what it was to use, are asked for anew here.
        The page's sale is that of who is signed on, where operators are kept; a host names its own."""
        work = partial(quoted, asked, request)
        asks_nobody = not (asked.redeem or asked.resumes or is_page(request)) and len(asked.lines) <= LINES_AT_DESK
        return await (desk.reckon(work) if asks_nobody else in_thread(work))

    def quoted(asked: requests.QuoteAsked, request: Request) -> Response:
        who = by(terminal, request, "sell", asked)
        sale = asked.sale(*lookups.sale_times(terminal, asked))
        sale = msgspec.structs.replace(sale, operator=who.operator, shift=who.shift)
        wish = GoingOn(asked.member, asked.redeem_points, asked.reward, [])
        if asked.resumes:
            has_wish = bool(asked.redeem)
            held = holding.go_on(asked.resumes, sale.document, member=asked.member, has_wish=has_wish)
            wish = msgspec.structs.replace(wish, member=held.member, notes=held.notes) if has_wish else held
        made = checkout.quote(
            sale,
            wish.member,
            wish.points,
            reward=wish.reward,
            training=asked.training or (is_page(request) and terminal.operators.is_training),
            columns=asked.columns or 0,
        )
        if is_page(request) and not terminal.operators.is_still(who):
            # They signed off while this was being worked out, and their open quotes have ended without it.
            checkout.drop(made.quote_id)
            raise quote_ended()
        return answer(msgspec.structs.replace(made, notes=[*made.notes, *wish.notes]))

    @app.post(
        "/v1/quotes/{quote_id}/suspend",
        tags=[SALES],
        summary="Put a sale on hold",
        responses=answers(shapes.Suspended, "What it had reserved is free; the token is for the till that goes on."),
    )
    def suspend(quote_id: RefInPath, asked: requests.SuspendAsked) -> Response:
        """Ends the quote here at once. Any till of the shop goes on with it: a quote that says `resumes`, with this token."""
        token, held, till, sale_ref = holding.hold(quote_id)
        terminal.head_office.soon()  # so that rights held here for it are free for the other till
        printed = None
        if asked.print:
            slip = slip_of(checkout, token, held, till, sale_ref)
            printed = shapes.SlipPrinted.of(terminal.printer.print_slip(slip), slip)
        return answer(shapes.Suspended(token, held.good_until, printed))

    @app.post(
        "/v1/quotes/{quote_id}/commit",
        tags=[SALES],
        summary="Record the quoted sale",
        responses=answers(Completed, "The sale as it is recorded: on disk, its receipt waiting for the printer."),
    )
    async def commit(quote_id: RefInPath, request: Request, key: KeyInHeader = "") -> Response:
        """Awards and spends. The same again, after a time-out or a restart of the till, too, answers the first result."""
        if is_page(request) and checkout.open_quotes.is_for_record(
            quote_id
        ):  # training may have begun since it was quoted
            terminal.operators.require_no_training()
        key = idempotency_key(request)
        if is_page(request) or not terminal.plugins.is_empty:  # which add lines to a receipt, and may take their time
            return answer(await in_thread(partial(checkout.commit, quote_id, key)))
        return answer(await checkout.committed(quote_id, key, desk.write))

    @app.delete(
        "/v1/quotes/{quote_id}",
        tags=[SALES],
        summary="End an open quote",
        responses=answers(shapes.Dropped, "It is not open any more, and what it reserved is free."),
    )
    def drop(quote_id: RefInPath) -> Response:
        """The customer left. Ending one that is gone already does no harm."""
        checkout.drop(quote_id)
        return answer(shapes.Dropped(quote_id))

    @app.get(
        "/v1/sales/{till}/{sale_ref}",
        tags=[SALES],
        summary="A sale, what came back of it, and what is left",
        responses=answers(shapes.SaleShown, "The sale as this till recorded it."),
    )
    def sale(till: RefInPath, sale_ref: RefInPath) -> Response:
        return answer(lookups.sale_answer(terminal, till, sale_ref))

    @app.post(
        "/v1/sales/{till}/{sale_ref}/void",
        tags=[SALES],
        summary="Take back a whole sale",
        responses=answers(Returned, "What was taken back, and the money to hand back."),
    )
    def void(
        till: RefInPath, sale_ref: RefInPath, asked: requests.VoidAsked, request: Request, key: KeyInHeader = ""
    ) -> Response:
        """Or what is left of it. Points that it spent can be spent here again. Once: again answers the first result."""

        def work() -> Any:
            done = returns.void(checkout, till, sale_ref, by=by(terminal, request, "refund", asked))
            terminal.recorded("sale")
            return done

        return answer(Asked.by(terminal, request, asked).once(work))

    @app.post(
        "/v1/sales/{till}/{sale_ref}/refund",
        tags=[SALES],
        summary="Goods that come back",
        responses=answers(Returned, "What was taken back, and the money to hand back."),
    )
    def refund(
        till: RefInPath, sale_ref: RefInPath, asked: requests.RefundAsked, request: Request, key: KeyInHeader = ""
    ) -> Response:
        """Some lines, or an amount, or all that is left. `return_ref` names it: the same again answers the first result."""

        def work() -> Any:
            back = asked.back(till, sale_ref)
            done = returns.take_back(checkout, back, by=by(terminal, request, "refund", asked))
            terminal.recorded("sale")
            return done

        return answer(Asked.by(terminal, request, asked).once(work))

    @app.post(
        "/v1/claims",
        tags=[SALES],
        summary="A forgotten card: the points of an earlier sale",
        responses=answers(Claimed, "The points that the sale was worth."),
    )
    def claim(asked: requests.ClaimAsked, request: Request, key: KeyInHeader = "") -> Response:
        """By the reference on its receipt, once, within the days that the programme allows."""

        def work() -> Any:
            who = by(terminal, request, "claim", asked)
            done = claims.claim(checkout, asked.reference, asked.member, by=who)
            terminal.recorded("sale")
            return done

        return answer(Asked.by(terminal, request, asked).once(work))
