"""Receipts of this till in every form, and what became of printing them."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Path, Request, Response

from pos_plugin.errors import NotAllowed
from pos_plugin.local_api import lookups, requests, shapes
from pos_plugin.local_api.answers import answer
from pos_plugin.local_api.description import RECEIPTS, answers, answers_as
from pos_plugin.local_api.host_papers import profile_of
from pos_plugin.local_api.operators import own_figures
from pos_plugin.local_api.requests import RefInPath
from pos_plugin.papers.renderings import POLICY, as_html, as_pdf, as_png, as_text
from pos_plugin.terminal import Terminal

HTML = "text/html; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"

JobInPath = Annotated[int, Path(ge=1, le=2**53)]


def add_receipts(app: FastAPI, terminal: Terminal) -> None:
    def known(request: Request, reference: str) -> lookups.Receipt:
        """Raises Unknown, and NotAllowed where it is a closing and whoever is at the page may see their own figures alone."""
        one = lookups.receipt(terminal, reference)
        if one.entry.kind == "closing" and own_figures(terminal, request):
            raise NotAllowed(
                "FIGURES_OF_ALL", "This paper has everybody's figures.", hint="A supervisor or manager can print it."
            )
        return one

    @app.get(
        "/v1/receipts/{reference}.png",
        tags=[RECEIPTS],
        summary="A receipt as a picture",
        response_class=Response,
        responses=answers_as("image/png", "As the printer of the settings would print it."),
    )
    def picture(reference: RefInPath, request: Request) -> Response:
        one = known(request, reference)
        return Response(as_png(one.document, profile_of(terminal), pictures=one.pictures), media_type="image/png")

    @app.get(
        "/v1/receipts/{reference}.pdf",
        tags=[RECEIPTS],
        summary="A receipt as a PDF",
        response_class=Response,
        responses=answers_as("application/pdf", "A page a paper, as wide as the paper roll."),
    )
    def page_to_print(reference: RefInPath, request: Request) -> Response:
        one = known(request, reference)
        made = as_pdf(one.document, profile_of(terminal), title=one.title, pictures=one.pictures)
        return Response(made, media_type="application/pdf")

    @app.get(
        "/v1/receipts/{reference}.html",
        tags=[RECEIPTS],
        summary="The digital receipt",
        response_class=Response,
        responses=answers_as("text/html", "One file that needs no other."),
    )
    def digital(reference: RefInPath, request: Request) -> Response:
        one, language = known(request, reference), terminal.checkout.layout.language
        made = as_html(one.document, title=one.title, language=language, pictures=one.pictures)
        return Response(made, media_type=HTML, headers={"Content-Security-Policy": POLICY})

    @app.get(
        "/v1/receipts/{reference}.txt",
        tags=[RECEIPTS],
        summary="A receipt as plain text",
        response_class=Response,
        responses=answers_as("text/plain", "Laid out as on paper, for a fixed-width font."),
    )
    def plain(reference: RefInPath, request: Request) -> Response:
        return Response(as_text(known(request, reference).document), media_type=PLAIN)

    @app.get(
        "/v1/receipts/{reference}",
        tags=[RECEIPTS],
        summary="A receipt, and what became of printing it",
        responses=answers(shapes.ReceiptShown, "Its text, and every print of it."),
    )
    def receipt(reference: RefInPath, request: Request) -> Response:
        return answer(lookups.receipt_answer(known(request, reference)))

    @app.post(
        "/v1/receipts/{reference}/reprint",
        tags=[RECEIPTS],
        summary="Print a receipt again, marked COPY",
        responses=answers(shapes.Reprinted, "The print that is waiting now."),
    )
    def reprint(reference: RefInPath, request: Request) -> Response:
        known(request, reference)
        return answer(shapes.Reprinted(terminal.printer.reprint(reference)))

    @app.post(
        "/v1/print-jobs/{job}",
        tags=[RECEIPTS],
        summary="A person has looked: did it come out?",
        responses=answers(shapes.Settled, "The print is settled; if it did not come out, it is printed again."),
    )
    def settle(job: JobInPath, asked: requests.PrintSettled) -> Response:
        terminal.printer.settle(job, came_out=asked.came_out)
        return answer(shapes.Settled(job, asked.came_out))

    @app.post(
        "/v1/print-jobs/{job}/go-on",
        tags=[RECEIPTS],
        summary="Print the rest of a receipt that stopped half-way",
        responses=answers(shapes.GoneOn, "How the print is now."),
    )
    def go_on(job: JobInPath) -> Response:
        return answer(shapes.GoneOn(job, terminal.printer.go_on(job)))
