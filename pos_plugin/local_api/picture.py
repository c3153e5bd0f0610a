"""A receipt as a picture: its printer bytes, read and drawn as the simulated printer draws them."""

from __future__ import annotations

from drivers.document import Document
from drivers.escpos import Profile, encode
from drivers.simulated.drawing import png
from drivers.simulated.escpos_parser import Parser
from drivers.simulated.paper import Paper
from drivers.simulated.pieces import FONT_A


def receipt_png(document: Document, profile: Profile, *, copy: bool = False) -> bytes:
    """What this printer would put on paper, one pixel a dot."""
    width_dots = document.width_columns * FONT_A[0]
    paper = Paper(width_dots)
    parser = Parser()
    parser.feed(encode(document, profile, copy=copy))
    for item in parser:
        paper.execute(item)
    return png(paper.printed, width_dots, was_cut=True)
