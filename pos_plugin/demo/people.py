"""Whose cards lie on the control page."""

from __future__ import annotations

from typing import NamedTuple

from loyalty.card import ean13_check_digit


class Member(NamedTuple):
    """Somebody whose card lies on the control page."""

    name: str
    card: str


def _card(number: int) -> str:
    first = f"29{number:010d}"
    return first + ean13_check_digit(first)


MEMBERS = (Member("Ada", _card(1)), Member("Grace", _card(2)), Member("Alan", _card(3)))
STRANGER = Member("A card nobody has joined with", _card(4711))
