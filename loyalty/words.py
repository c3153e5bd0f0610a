"""What the product says to members and cashiers, in their language.

A text of the shop's own is written in its programme, once or by language. A text of the product is an English template, which
the catalogue in `loyalty/locale` translates; its values stay apart from it, so that an explanation can be said again in any
language. Catalogues are gettext's, kept by Babel: `make words`.
"""

from __future__ import annotations

import gettext
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from loyalty.currencies import SIGNS

Language = Literal["en", "tr", "de", "fr", "es"]
LANGUAGES: tuple[Language, ...] = ("en", "tr", "de", "fr", "es")
DECIMAL_COMMA = ("tr", "de", "fr", "es")
SIGN_FIRST = ("en", "tr")

Text = Annotated[str, Field(min_length=1, max_length=200)]
Words = Text | Annotated[dict[Language, Text], Field(min_length=1)]
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


class Money(msgspec.Struct, frozen=True):
    """An amount in minor units, as a value of a text."""

    minor: int


class Amount(msgspec.Struct, frozen=True):
    """Money with its currency, as a value of a text that is said at once. On paper by the currency's code, as in the totals: not
    every printer has the sign."""

    minor: int
    currency: str
    on_paper: bool = False


class Times(msgspec.Struct, frozen=True):
    """A factor in thousandths, as a value of a text."""

    milli: int


def text(english: str) -> str:
    """Marks a text for the catalogue that is said later, or elsewhere."""
    return english


MONTHS = (
    text("Jan"),
    text("Feb"),
    text("Mar"),
    text("Apr"),
    text("May"),
    text("Jun"),
    text("Jul"),
    text("Aug"),
    text("Sep"),
    text("Oct"),
    text("Nov"),
    text("Dec"),
)


class Counted(msgspec.Struct, frozen=True):
    """So many of what members collect, as a value of a text."""

    points: int
    one: str | dict[str, str] = text("point")
    many: str | dict[str, str] = text("points")


Value = str | int | dict[str, str] | Money | Times | Counted
"""What a reason keeps for its template."""

Said = Value | Amount


def said(words: Words) -> str | dict[str, str]:
    """A text of the shop's own as a value, all its languages with it."""
    return words if isinstance(words, str) else {str(language): text for language, text in words.items()}


class Reason(msgspec.Struct, frozen=True):
    """One line of an explanation: so many points, and for what. `template` is English, with names where `values` go."""

    points: int
    template: str
    values: dict[str, Value] = {}

    @property
    def text(self) -> str:
        return self.in_language("en")

    def in_language(self, language: str, currency: str = "", *, on_paper: bool = False) -> str:
        """`currency` is the programme's: a reason keeps sums alone."""
        values: dict[str, Said] = {
            name: Amount(value.minor, currency, on_paper) if currency and isinstance(value, Money) else value
            for name, value in self.values.items()
        }
        return say(self.template, language, **values)


def say(template: str, language: str = "en", **values: Said) -> str:
    """The template with its values, in that language.

    >>> say("{points} per {amount} on {paid}", "de", points=Counted(2), amount=Money(100), paid=Money(1999))
    '2 Punkte je 1,00 auf 19,99'
    """
    return translated(template, language).format(**{name: _spoken(value, language) for name, value in values.items()})


def said_with(words: str, language: str, **values: Said) -> str:
    """A text that is in that language already, with its values."""
    return words.format(**{name: _spoken(value, language) for name, value in values.items()})


def _spoken(value: Said, language: str) -> str:
    match value:
        case Money(minor=minor):
            return money(minor, language)
        case Amount(minor=minor, currency=currency, on_paper=on_paper):
            return f"{money(minor, language)} {currency}" if on_paper else priced(minor, currency, language)
        case Times(milli=milli):
            return f"{milli / 1000:g}".replace(".", "," if language in DECIMAL_COMMA else ".")
        case Counted(points=points, one=one, many=many):
            words = one if abs(points) == 1 else many
            return f"{points} {translated(_spoken(words, language), language)}"
        case dict():
            return value.get(language) or value.get("en") or next(iter(value.values()))
        case _:
            return str(value)


def money(minor: int, language: str = "en") -> str:
    """An amount as a person reads it, without its currency.

    >>> money(5), money(-1234), money(1234, "de")
    ('0.05', '-12.34', '12,34')
    """
    sign = "-" if minor < 0 else ""
    comma = "," if language in DECIMAL_COMMA else "."
    return f"{sign}{abs(minor) // 100}{comma}{abs(minor) % 100:02d}"


def priced(minor: int, currency: str, language: str = "en") -> str:
    """An amount with its currency, as it is written on screens in that language.

    >>> priced(-1234, "EUR"), priced(1234, "TRY", "tr"), priced(1234, "SEK", "de")
    ('-€12.34', '₺12,34', '12,34\\xa0SEK')
    """
    sign, amount = SIGNS.get(currency, currency), money(abs(minor), language)
    minus = "-" if minor < 0 else ""
    if currency in SIGNS and language in SIGN_FIRST:
        return f"{minus}{sign}{amount}"
    return f"{minus}{amount}\N{NO-BREAK SPACE}{sign}"


def counted(points: int, language: str = "en") -> str:
    """
    >>> counted(1), counted(0), counted(27)
    ('1 point', '0 points', '27 points')
    """
    return _spoken(Counted(points), language)


def date_words(day: str, language: str = "en") -> str:
    """
    >>> date_words("2026-11-21"), date_words("2026-03-01", "tr")
    ('21 Nov 2026', '1 Mar 2026')
    """
    return f"{int(day[8:])} {translated(MONTHS[int(day[5:7]) - 1], language)} {day[:4]}"


def translated(template: str, language: str) -> str:
    """A text of the product in that language; as it stands where the catalogue has none."""
    return template if language == "en" else _catalogue(language).gettext(template)


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    folder = str(files("loyalty").joinpath("locale"))
    return gettext.translation("pos-plugin", folder, languages=[language], fallback=True)
