"""Labels that the shop's own scales print: which digits are the item, and which its price, weight or count.

GS1 leaves EAN-13 numbers that begin with 02, 04 or 20 to 29 to each shop (General Specifications 1.4 and 2.1), and every shop
sets its scales up in its own way: `till.toml` says how. Knows no member; `beside_cards` sees to it that no label is a card.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations, groupby

import msgspec

from loyalty.card import CardRules, ean_check_digit

_SHAPE = re.compile(r"(?P<prefix>(?:02|04|2[0-9])[0-9]*)(?P<letters>[IPWNVX]+)C")
_CHECKED = (4, 5)
"""So many digits a price or weight has that GS1 has a check digit for (General Specifications 7.9.2 to 7.9.4)."""


class Weighed(msgspec.Struct, frozen=True):
    """What a label says. What is None is not on it, or nought, or not to be trusted: then a person types it."""

    number: str
    price_minor: int | None = None
    weight_g: int | None = None
    count: int | None = None


class ScalePattern(msgspec.Struct, frozen=True):
    """The thirteen places of a label: digits that are always so, and a letter for each that is not.

    I item number, P price in minor units, W weight in grams, N count, V check digit of the price or weight, X anything, C the
    check digit of the EAN-13.

    >>> ScalePattern("28IIIIIPPPPPC").read("2800471012346")
    Weighed(number='00471', price_minor=1234, weight_g=None, count=None)
    >>> ScalePattern("29IIIIIIWWWWC").is_like("2800471012346")
    False
    """

    text: str

    def __post_init__(self) -> None:
        text = self.text
        if len(text) != 13:
            raise ValueError(f"{text!r} must have the 13 places of an EAN-13, not {len(text)}")
        shape = _SHAPE.fullmatch(text)
        if shape is None:
            raise ValueError(
                f"{text!r} must begin with digits that are a shop's own (02, 04 or 20 to 29), go on with letters of "
                "I (item), P (price), W (grams), N (count), V (check digit of the price or weight) and X (anything), and end in C"
            )
        runs = [letter for letter, _ in groupby(shape["letters"]) if letter != "X"]
        for letter in sorted({*runs}):
            if runs.count(letter) > 1:
                raise ValueError(f"{text!r} has {letter} in two places; the digits of one number stand together")
        if "I" not in runs:
            raise ValueError(f"{text!r} has no I: without the item's number nobody knows what was weighed")
        measures = [letter for letter in runs if letter in "PWN"]
        if len(measures) != 1:
            raise ValueError(
                f"{text!r} must have one of P (price), W (grams) and N (count), not {len(measures)} of them"
            )
        if "V" in runs and (text.count("V") > 1 or text.count(measures[0]) not in _CHECKED):
            raise ValueError(
                f"{text!r}: V is one digit, for a price or weight of four or five; where another rule makes it, write X for it"
            )

    @property
    def prefix(self) -> str:
        return self.text[: len(self.text) - len(self.text.lstrip("0123456789"))]

    def is_like(self, ean: str) -> bool:
        """Whether an EAN-13 is a label of this kind."""
        return ean.startswith(self.prefix)

    def read(self, ean: str) -> Weighed | None:
        """What an EAN-13 that is like this says; None where its check digit is wrong.

        Where only the check digit of the price or weight is, the item's number is told alone.
        """
        if ean[-1] != ean_check_digit(ean[:-1]):
            return None
        number = self._digits("I", ean)
        if not self._is_measured_well(ean):
            return Weighed(number)
        price, weight, count = (int(self._digits(letter, ean) or 0) or None for letter in "PWN")
        return Weighed(number, price, weight, count)

    def _digits(self, letter: str, ean: str) -> str:
        return "".join(digit for place, digit in zip(self.text, ean, strict=True) if place == letter)

    def _is_measured_well(self, ean: str) -> bool:
        if "V" not in self.text:
            return True
        from biip.checksums import gs1_price_weight_check_digit

        measured = "".join(self._digits(letter, ean) for letter in "PWN")
        return int(self._digits("V", ean)) == gs1_price_weight_check_digit(measured)


def told_apart(patterns: Iterable[ScalePattern]) -> str:
    """Why these patterns cannot be used together, in a sentence; "" where they can."""
    for one, other in combinations(patterns, 2):
        if one.is_like(other.prefix) or other.is_like(one.prefix):
            return f"{one.text!r} and {other.text!r} begin alike, so a label could be read in two ways"
    return ""


def beside_cards(patterns: Iterable[ScalePattern], rules: CardRules) -> list[str]:
    """Why these patterns cannot be used where these are the cards, a sentence each: a label of cheese must be nobody's card."""
    return [
        f"items.patterns: {pattern.text!r} begins like the programme's member cards ({form.prefix}); "
        "give the scales or the cards another prefix"
        for pattern in patterns
        for form in rules.forms
        if form.length == 13 and (pattern.is_like(form.prefix) or form.prefix.startswith(pattern.prefix))
    ]
