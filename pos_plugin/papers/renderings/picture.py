"""A document as a picture and as a PDF: the printer's own bytes, read and drawn as the simulated printer draws them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from drivers.document import Document
from drivers.escpos import Profile, encode
from pos_plugin.papers.renderings.papers import papers_of
from pos_plugin.papers.renderings.text import plain

if TYPE_CHECKING:
    from PIL import Image

Pictures = Mapping[str, bytes]


def as_png(document: Document, profile: Profile, *, copy: bool = False, pictures: Pictures | None = None) -> bytes:
    """What this printer would put on paper, one pixel a dot; of several papers one below the other."""
    from PIL import Image

    sheets = list(_sheets(document, profile, copy=copy, pictures=pictures))
    height = sum(sheet.height for sheet in sheets) + BETWEEN_PAPERS_DOTS * (len(sheets) - 1)
    whole = Image.new("L", (sheets[0].width, height), 214)
    y = 0
    for sheet in sheets:
        whole.paste(sheet, (0, y))
        y += sheet.height + BETWEEN_PAPERS_DOTS
    file = io.BytesIO()
    whole.save(file, "PNG")
    return file.getvalue()


def as_pdf(
    document: Document, profile: Profile, *, title: str = "", copy: bool = False, pictures: Pictures | None = None
) -> bytes:
    """A page for each paper, as wide as the roll and as long as what is on it; a picture, whose words are not to be searched."""
    from PIL import Image

    from drivers.simulated.drawing import MARGIN_DOTS

    roll = Roll.of(document.width_columns)
    pages = []
    for sheet in _sheets(document, profile, copy=copy, pictures=pictures):
        left, right = MARGIN_DOTS, sheet.width - MARGIN_DOTS
        content = sheet.crop((left, left, right, _last_dot(sheet, left, right)))
        page = Image.new("L", (roll.width_dots, content.height + 2 * roll.margin_dots), 255)
        page.paste(content, ((page.width - content.width) // 2, roll.margin_dots))
        pages.append(page.point(lambda level: 255 if level >= 128 else 0).convert("1", dither=Image.Dither.NONE))
    file = io.BytesIO()
    pages[0].save(
        file, "PDF", save_all=True, append_images=pages[1:], resolution=roll.dots_per_inch, title=plain(title)
    )
    return file.getvalue()


BETWEEN_PAPERS_DOTS = 24


def _sheets(document: Document, profile: Profile, *, copy: bool, pictures: Pictures | None) -> Iterator[Image.Image]:
    """Each of the document's papers, drawn as the simulated printer draws it; one that is empty where there is none."""
    from drivers.escpos.parser import Parser
    from drivers.simulated.drawing import draw
    from drivers.simulated.paper import Paper
    from drivers.simulated.pieces import FONT_A

    width_dots = document.width_columns * FONT_A[0]
    for paper in papers_of(document, copy=copy):
        head, parser = Paper(width_dots), Parser()
        parser.feed(encode(paper, profile, pictures=pictures or {}))
        for item in parser:
            head.execute(item)
        yield draw(head.printed, width_dots, was_cut=True)


def _last_dot(sheet: Image.Image, left: int, right: int) -> int:
    """The row below the last printed one, without the edge at which the sheet is cut."""
    from PIL import ImageChops

    box = ImageChops.invert(sheet.crop((left, left, right, sheet.height - left))).getbbox()
    return left + (box[3] if box else 24)


class Roll(NamedTuple):
    """The paper in a printer of so many columns: its width and how finely it prints."""

    paper_mm: float
    dots_per_inch: int

    @classmethod
    def of(cls, width_columns: int) -> Roll:
        """42 columns are the 180 dpi of an 80 mm printer; others print 203 dpi, on the narrowest roll that takes them."""
        dots_per_inch = 180 if width_columns == 42 else 203
        printed_mm = width_columns * 12 * 25.4 / dots_per_inch
        return cls(next((mm for mm in (58.0, 80.0, 112.0) if printed_mm <= mm - 7), 112.0), dots_per_inch)

    @property
    def width_dots(self) -> int:
        return round(self.paper_mm / 25.4 * self.dots_per_inch)

    @property
    def margin_dots(self) -> int:
        """Above and below what is printed."""
        return round(5 / 25.4 * self.dots_per_inch)
