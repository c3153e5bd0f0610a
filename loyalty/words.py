"""What the programme says to customers, in their language.

A text of the shop's own is written in the file, once or by language. A text of the product is an English template, which the
catalogues of `loyalty/locale` translate; its values stay apart from it, so that an explanation can be said again in any language.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from pydantic import Field

Language = Literal["en", "tr", "de", "fr", "es"]
LANGUAGES: tuple[Language, ...] = ("en", "tr", "de", "fr", "es")

Text = Annotated[str, Field(min_length=1, max_length=200)]
Words = Text | dict[Language, Text]
"""A text of the shop's own: one for all, or one for each language that matters to it."""


def in_language(words: Words, language: str = "en") -> str:
    """The text in that language; where there is none, in English, else in the first that there is.

    >>> in_language({"de": "Gold", "tr": "Altın"}, "fr")
    'Gold'
    """
    if isinstance(words, str):
        return words
    texts = {str(name): text for name, text in words.items()}
    return texts.get(language) or texts.get("en") or next(iter(texts.values()))


def said(words: Words) -> str | dict[str, str]:
    """The text as a value of an explanation, all its languages with it."""
    return words if isinstance(words, str) else {str(language): text for language, text in words.items()}


class Reason(msgspec.Struct, frozen=True):
    """One line of an explanation: so many points, and for what. `template` is English, with names where `values` go."""

    points: int
    template: str
    values: dict[str, str | dict[str, str]] = {}

    @property
    def text(self) -> str:
        return self.in_language("en")

    def in_language(self, language: str) -> str:
        values = {name: _spoken(value, language) for name, value in self.values.items()}
        return translated(self.template, language).format(**values)


def _spoken(value: str | dict[str, str], language: str) -> str:
    return value if isinstance(value, str) else in_language(value, language)  # type: ignore[arg-type]


def money(minor: int) -> str:
    """An amount as a person reads it, without its currency.

    >>> money(5), money(-1234)
    ('0.05', '-12.34')
    """
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def counted(points: int) -> str:
    """
    >>> counted(1), counted(0), counted(27)
    ('1 point', '0 points', '27 points')
    """
    return f"{points} point" if points == 1 else f"{points} points"


def translated(template: str, language: str) -> str:
    """The template in that language; English where the catalogue has none."""
    return template
