"""The drawer, the customer's display and the printer, for what the host does beside its sales."""

from __future__ import annotations

import msgspec
from fastapi import FastAPI, Request, Response

from pos_plugin.drawer import Opened
from pos_plugin.errors import Conflict
from pos_plugin.local_api import requests, shapes
from pos_plugin.local_api.answers import answer
from pos_plugin.local_api.description import DEVICES, answers
from pos_plugin.local_api.host_papers import HostPapers
from pos_plugin.local_api.once import Asked
from pos_plugin.local_api.requests import KeyInHeader
from pos_plugin.sample_sheet import in_words
from pos_plugin.terminal import Terminal


def add_devices(app: FastAPI, terminal: Terminal) -> None:
    papers = HostPapers(terminal)

    @app.post(
        "/v1/drawer",
        tags=[DEVICES],
        summary="Open the cash drawer",
        responses=answers(Opened, "It is open, or was told to open."),
    )
    def drawer() -> Response:
        """Whatever loyalty does. It waits for the receipt that is being printed, at most."""
        done = terminal.open_drawer()
        if done.drawer == "not opened":
            raise Conflict("DRAWER_NOT_OPENED", done.text, hint=done.hint)
        return answer(done)

    @app.post(
        "/v1/display",
        tags=[DEVICES],
        summary="Two lines on the customer's display",
        responses=answers(shapes.Displayed, "What was handed to the display."),
    )
    def display(asked: requests.DisplayAsked) -> Response:
        """For so many seconds, or until the next scan or sale has something to say."""
        terminal.show_customer(asked.upper, asked.lower, asked.seconds)
        return answer(shapes.Displayed(asked.upper, asked.lower, asked.seconds))

    @app.post(
        "/v1/print",
        tags=[DEVICES],
        summary="Print a paper of the host's own",
        responses=answers(shapes.HostPrinted, "What became of it: printed, not printed, or unknown, and what to do."),
    )
    def print_paper(asked: requests.PrintAsked, request: Request, key: KeyInHeader = "") -> Response:
        """Between two receipts. Once for each Idempotency-Key: the same again answers what became of it, and prints nothing.
        Only what was not printed is tried again."""
        return answer(papers.print(Asked.by(terminal, request, asked, needs_key=True), asked))

    @app.post(
        "/v1/test-print",
        tags=[DEVICES],
        summary="Print the test page",
        responses=answers(shapes.Sampled, "What the printer said to it."),
    )
    def test_print(asked: requests.TestPrintAsked) -> Response:
        done = terminal.print_sample(drawer=asked.drawer, buzzer=asked.buzzer)
        return answer({**msgspec.structs.asdict(done), "text": in_words(done)})
