"""The drawer, the customer's display and the printer, for what the host does beside its sales."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import FastAPI, Query, Request, Response

from pos_plugin import till_devices
from pos_plugin.customer.window import CustomerShown
from pos_plugin.errors import Conflict
from pos_plugin.local_api import requests, shapes
from pos_plugin.local_api.answers import answer
from pos_plugin.local_api.description import DEVICES, answers
from pos_plugin.local_api.host_papers import HostPapers
from pos_plugin.local_api.once import Asked
from pos_plugin.local_api.requests import KeyInHeader
from pos_plugin.papers.drawer import Opened
from pos_plugin.papers.sample_sheet import in_words
from pos_plugin.terminal import Terminal


def add_devices(app: FastAPI, terminal: Terminal) -> None:
    papers = HostPapers(terminal)

    @app.get(
        "/v1/devices",
        tags=[DEVICES],
        summary="How every device is, and what to do",
        responses=answers(
            till_devices.Devices, "Each device in words, what waits to be sent or printed, the last log lines."
        ),
    )
    def devices() -> Response:
        """Nothing is asked of a device: it is what their owners know."""
        return answer(till_devices.devices(terminal))

    @app.post(
        "/v1/devices/look",
        tags=[DEVICES],
        summary="Ask the printer how it is, and look for devices that are not set up",
        responses=answers(
            till_devices.Looked, "What the printer said, and what to write into till.toml for the others."
        ),
    )
    def look_again() -> Response:
        """What waits for the printer is printed if it can print again. Takes a few seconds; nothing is changed."""
        return answer(till_devices.look_again(terminal))

    @app.post(
        "/v1/drawer",
        tags=[DEVICES],
        summary="Open the cash drawer",
        responses=answers(Opened, "It is open, or was told to open."),
    )
    def drawer() -> Response:
        """Whatever loyalty does. It waits for the receipt that is being printed, at most."""
        done = terminal.printer.open_drawer()
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

    @app.get(
        "/v1/customer",
        tags=[DEVICES],
        summary="What the customer sees in a window of their own",
        responses=answers(CustomerShown, "The goods, what is to pay, and the points, in that language."),
    )
    def customer(language: Annotated[str, Query(max_length=8)] = "") -> Response:
        """Read it after every event `customer`, and once `ends_in_s` has passed. Without a language it is in the shop's."""
        return answer(terminal.customer.shown(language))

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
        done = terminal.printer.print_sample(drawer=asked.drawer, buzzer=asked.buzzer)
        return answer({**msgspec.structs.asdict(done), "text": in_words(done)})
