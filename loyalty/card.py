"""Which codes are member codes, and how a member's number is written.

A shop says which numbers are its cards; nothing is guessed from how a code looks. Knows no member and no reader.

Check digits: GS1 General Specifications 7.9 (EAN-13), ISO/IEC 7812-1 annex B (Luhn).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

_ITEM_LENGTHS = (8, 12, 13, 14)  # EAN-8 and UPC-E, UPC-A, EAN-13, ITF-14
_ITEM_SYMBOLOGIES = ("ean8", "upca", "upce")


class CardRules(msgspec.Struct, frozen=True):
    """A card is an in-store EAN-13 that begins with `in_store_prefix`, or a plain number that ends in a Luhn check digit.

    GS1 leaves EAN-13 numbers from 20 to 29 to each shop, so no item of the world has one; scales print some of them, so the
    prefix must be one that the shop's scales do not use. An empty one means that no EAN-13 is a card.

    >>> CardRules(number_length=12)
    Traceback (most recent call last):
        ...
    ValueError: number_length 12 is that of item codes, one in ten of which would pass as a card
    """

    in_store_prefix: str = "29"
    number_prefix: str = ""
    number_length: int = 10
    """With the prefix and the check digit."""

    def __post_init__(self) -> None:
        prefix = self.in_store_prefix
        if prefix and not (_is_digits(prefix) and "20" <= prefix[:2] <= "29" and 2 <= len(prefix) <= 11):
            raise ValueError(f"in_store_prefix {prefix!r} must be 2 to 11 digits and begin with 20 to 29")
        if self.number_prefix and not _is_digits(self.number_prefix):
            raise ValueError(f"number_prefix {self.number_prefix!r} must be digits")
        if self.number_length in _ITEM_LENGTHS:
            raise ValueError(
                f"number_length {self.number_length} is that of item codes, one in ten of which would pass as a card"
            )
        if not max(6, len(self.number_prefix) + 2) <= self.number_length <= 32:
            raise ValueError(f"number_length {self.number_length} must be 6 to 32, and leave room after the prefix")


class MemberCard(msgspec.Struct, frozen=True, tag="member_card"):
    """The card's number as every part of the system writes it: its digits, all of them."""

    number: str


class NotMemberCode(msgspec.Struct, frozen=True, tag="not_a_member_code"):
    """An item, or anything else: the till's business."""


class DamagedMemberCode(msgspec.Struct, frozen=True, tag="damaged_member_code"):
    """It begins like a card, but the check digit is wrong: scan it again, or type it again."""


CardReading = MemberCard | NotMemberCode | DamagedMemberCode


def member_card(rules: CardRules, label: str, symbology: str = "") -> CardReading:
    """What a scanned or typed label is under these rules. `symbology` can only speak against a card, never for one.

    >>> rules = CardRules()
    >>> member_card(rules, "2900000000018")
    MemberCard(number='2900000000018')

    A wrong check digit is never accepted:

    >>> member_card(rules, "2900000000019")
    DamagedMemberCode()

    An item stays an item, also as UPC-A with the zero that some readers put before it:

    >>> member_card(rules, "4006381333931"), member_card(rules, "0036000291452")
    (NotMemberCode(), NotMemberCode())

    Without a prefix of the shop's own, a number with a wrong check digit may be anybody's:

    >>> member_card(rules, "1234567897"), member_card(rules, "1234567890")
    (MemberCard(number='1234567897'), NotMemberCode())
    >>> member_card(CardRules(number_prefix="12"), "1234567890")
    DamagedMemberCode()
    """
    if symbology in _ITEM_SYMBOLOGIES or not _is_digits(label):
        return NotMemberCode()
    if len(label) == 13 and rules.in_store_prefix and label.startswith(rules.in_store_prefix):
        return MemberCard(label) if label[-1] == ean13_check_digit(label[:-1]) else DamagedMemberCode()
    if len(label) == rules.number_length and label.startswith(rules.number_prefix):
        if label[-1] == luhn_check_digit(label[:-1]):
            return MemberCard(label)
        return DamagedMemberCode() if rules.number_prefix else NotMemberCode()
    return NotMemberCode()


def ean13_check_digit(first_twelve: str) -> str:
    """
    >>> ean13_check_digit("400638133393")
    '1'
    """
    if len(first_twelve) != 12 or not _is_digits(first_twelve):
        raise ValueError("an EAN-13 has twelve digits before its check digit")
    digits = [int(digit) for digit in first_twelve]
    return str(-(sum(digits[::2]) + 3 * sum(digits[1::2])) % 10)


def luhn_check_digit(digits: str) -> str:
    """
    >>> luhn_check_digit("7992739871")
    '3'
    """
    if not _is_digits(digits):
        raise ValueError("a check digit needs digits before it")
    doubled = [2 * int(digit) for digit in digits[::-2]]
    return str(-(sum(d if d < 10 else d - 9 for d in doubled) + sum(map(int, digits[-2::-2]))) % 10)


def masked(card: str) -> str:
    """How a card is shown where others can see it.

    >>> masked("1234567897")
    '****7897'
    """
    return "****" + card[-4:]


def new_card_number(rules: CardRules, random_digits: Callable[[int], str]) -> str:
    """A plain number that these rules accept. `random_digits(n)` gives n digits; whether the number is free is not known here."""
    count = rules.number_length - len(rules.number_prefix) - 1
    drawn = random_digits(count)
    if len(drawn) != count or not _is_digits(drawn):
        raise ValueError(f"random_digits must give {count} digits")
    return rules.number_prefix + drawn + luhn_check_digit(rules.number_prefix + drawn)


def _is_digits(text: str) -> bool:
    """ASCII only: str.isdigit also accepts '٣' and '²', which look like another card or like none."""
    return text.isascii() and text.isdigit()
