"""Whose cards lie on the control page."""

from __future__ import annotations

import msgspec

from loyalty.card import ean13_check_digit


class Card(msgspec.Struct, frozen=True):
    """A card that lies on the control page, and what stands on its button."""

    text: str
    code: str


def _card(number: int) -> str:
    first = f"29{number:010d}"
    return first + ean13_check_digit(first)


MEMBERS = (Card("Ada's card", _card(1)), Card("Grace's card", _card(2)), Card("Alan's card", _card(3)))
STRANGER = Card("A card nobody has joined with", _card(4711))
