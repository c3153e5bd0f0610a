"""How a shop's papers look: their columns, language and words, and sentences laid out in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from drivers.document import Block, Feed, Picture, Text, cells, display_columns
from loyalty.words import (
    Said,
    Words,
    in_language,
    money,
    said_with,
    say,
)
from pos_plugin.config import Config
from pos_plugin.papers.receipt_template import WORDINGS, Logo, Template, read_template

Align = Literal["left", "center", "right"]


DEFAULT = Template()


@dataclass(frozen=True)
class Layout:
    """How a shop's receipts look: columns of the paper, lines above the sale and below everything, their language.

    The rest is the template. `logo` is the digest of the picture; `cashier_language` that of what is read out, where it differs.
    `is_block`: only what is about points, for the end of a receipt that another till prints.
    """

    width_columns: int = 42
    header: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()
    language: str = "en"
    template: Template = DEFAULT
    logo: str = ""
    cashier_language: str = ""
    is_block: bool = False

    def say(self, template: str, **values: Said) -> str:
        return say(template, self.language, **values)

    def word(self, name: str, **values: Said) -> str:
        """A wording that the shop may replace, in its words or the product's."""
        own: Words | None = getattr(self.template.words, name)
        if own is None:
            return say(WORDINGS[name], self.language, **values)
        return said_with(in_language(own, self.language), self.language, shop=self.shop, **values)

    @property
    def shop(self) -> str:
        return self.header[0] if self.header else ""

    def money(self, minor: int) -> str:
        return money(minor, self.language)

    def columns(self, left: str, right: str) -> str:
        return columns(left, right, self.width_columns)

    def fits(self, left: str, right: str) -> bool:
        """Whether one line has room for both."""
        return display_columns(left) + 1 + display_columns(right) <= self.width_columns

    def wrapped(self, sentence: str, align: Align = "left", *, bold: bool = False) -> list[Block]:
        return [Text(line, bold=bold, align=align) for line in wrapped(sentence, self.width_columns)]

    def spread(self, words: str, figure: str, indent: str = "  ") -> list[Block]:
        """Words of any length, over several lines where they need it, and a figure at the end of the last."""
        *first, last = wrapped(words, self.width_columns - display_columns(figure) - 1 - len(indent))
        return [*(Text(f"{indent}{line}") for line in first), Text(self.columns(f"{indent}{last}", figure))]

    @cached_property
    def fixed(self) -> dict[str, list[Block]]:
        """The blocks that are the same on every receipt."""
        return {
            "header": [
                block
                for index, line in enumerate(self.header)
                for block in self.wrapped(line, "center", bold=index == 0)
            ],
            "footer": [block for line in self.footer for block in self.wrapped(line, "center")],
            "logo": [Picture(self.logo)] if self.logo else [],
            "rule": [Text("-" * self.width_columns)],
            "blank": [Feed()],
        }


def read_layout(folder: Path, config: Config) -> tuple[Layout, Logo | None]:
    """How this till's receipts look, and the picture that they name. Raises TemplateError."""
    template, logo = read_template(folder, config.printer.width_columns)
    shop = config.shop
    layout = Layout(
        config.printer.width_columns,
        tuple(shop.header),
        tuple(shop.footer),
        template.language or shop.language,
        template,
        logo.digest if logo else "",
        shop.language,
    )
    return layout, logo


def columns(left: str, right: str, width: int) -> str:
    """`left` and `right` at the two edges; where both do not fit, the left side is cut."""
    if right and left.isascii() and right.isascii():  # most lines of most shops
        room = width - len(right)
        if len(left) >= room:
            left = left[: max(0, room - 1)]
        return left + " " * (room - len(left)) + right
    left = first_columns(left, width - display_columns(right) - (1 if right else 0))
    return f"{left}{' ' * (width - display_columns(left) - display_columns(right))}{right}" if right else left


def first_columns(text: str, room: int) -> str:
    """As much of the text as has room; half a wide character is none, and a letter keeps its marks."""
    if display_columns(text) <= room:
        return text
    kept = ""
    for cell, columns in cells(text):
        room -= columns
        if room < 0:
            break
        kept += cell
    return kept


def wrapped(text: str, width: int) -> list[str]:
    """Lines of whole words; a word that is longer than a line goes on in the next."""
    if len(text) <= width and text.isascii() and text.isprintable() and "  " not in text:
        return [text.strip()]
    lines = [""]
    for word in text.split():
        rest = word
        if lines[-1] and display_columns(lines[-1]) + 1 + display_columns(rest) > width:
            lines.append("")
        while display_columns(rest) > width:
            head = first_columns(rest, width) or rest[:1]  # the first is wider than the paper
            lines[-1] = head
            lines.append("")
            rest = rest[len(head) :]
        lines[-1] = f"{lines[-1]} {rest}" if lines[-1] else rest
    return lines
