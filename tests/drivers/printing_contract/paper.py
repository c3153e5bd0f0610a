"""The receipt that the contract of printing is about, and how it looks on paper."""

from __future__ import annotations

from typing import Any

from drivers.document import Barcode, Cut, Document, Feed, Qr, Text
from drivers.escpos import Profile, encode
from drivers.simulated.pieces import Feed as Blank
from drivers.simulated.printer import SimulatedPrinter

PROFILE = Profile("test", 42, {})
FIRST_LINE = "The shop in the high street"
RECEIPT = Document(
    42,
    (
        Text(FIRST_LINE, bold=True, double=False, align="center"),
        *(Text(f"Line {number} of the receipt") for number in range(1, 7)),
        Qr("https://shop.example/26GHGT-17-6"),
        Text("TOTAL EUR 27.99", bold=True),
        Barcode("26GHGT-17-6"),
        Feed(1),
        Cut(),
    ),
)
ORIGINAL, COPY = encode(RECEIPT, PROFILE), encode(RECEIPT, PROFILE, copy=True)
WARM_UP = encode(Document(42, (Text("Something before"), Cut())), PROFILE)
TOLD = b"\x1da\x0f"  # goes into each job behind its ESC @, where the printer answers


def size_of_job() -> int:
    return len(ORIGINAL) + 16


def printed_by(far: SimulatedPrinter, since: int = 0) -> list[Any]:
    """All that is on paper, cut off or not, behind the first `since` pieces; blank feeds left out."""
    pieces = [*far.receipts, far.current][since:]
    return [item for piece in pieces for item in piece.printed if not isinstance(item, Blank)]


def on_a_healthy_printer(data: bytes) -> list[Any]:
    with SimulatedPrinter() as far:
        assert far.attach().write(data) == len(data)
        return printed_by(far)


WHOLE, WHOLE_COPY = on_a_healthy_printer(ORIGINAL), on_a_healthy_printer(COPY)


def times_on_paper(paper: list[Any], whole: list[Any]) -> int:
    return sum(paper[start : start + len(whole)] == whole for start in range(len(paper)))
