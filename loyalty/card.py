"""Which codes are member codes, and how a member's number is written.

A shop says which numbers are its cards; nothing is guessed from how a code looks. Knows no member and no reader.

Check digits: GS1 General Specifications 7.9 (EAN-13), ISO/IEC 7812-1 annex B (Luhn).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from itertools import combinations
from typing import Literal

import msgspec

Check = Literal["luhn", "ean", "none"]
Symbology = Literal[
    "ean13", "code128", "code39", "code93", "codabar", "itf", "qr", "datamatrix", "pdf417", "aztec"
]  # fmt: skip
"""The kinds of code that a card may have."""

LOW_STOCK = 50
"""A shop that has so many new cards left, or fewer, is to ask for more."""

_ITEM_LENGTHS = (8, 12, 13, 14)  # EAN-8 and UPC-E, UPC-A, EAN-13, ITF-14
_ITEM_SYMBOLOGIES = ("ean8", "upca", "upce", "ean13-addon", "gs1-128", "gs1-qr", "gs1-datamatrix", "gs1-databar")
_PREFIX = re.compile(r"[A-Z]{0,4}-?[0-9]{0,11}")
_NEVER_MIND = 1000
"""So many numbers are drawn for one that is a card: of sixteen digits one in a thousand looks like an item's code."""


class NumberForm(msgspec.Struct, frozen=True):
    """One generation of cards: what their numbers begin with, how long they are, how they are checked, in which codes they stand.

    `check` is of the last digit: "luhn", "ean" (that of retail codes, for any length), or "none". Capital letters and a dash
    may stand at the front of `prefix`; they are no part of what is checked. No `symbologies` are any that cards may have.

    >>> NumberForm("4", 9, "none")
    Traceback (most recent call last):
        ...
    ValueError: check "none" needs a prefix of at least 2 characters: without both, a number misread is another member's
    """

    prefix: str
    length: int
    """With the prefix and the check digit."""
    check: Check = "luhn"
    symbologies: tuple[Symbology, ...] = ()

    def __post_init__(self) -> None:
        prefix, length = self.prefix, self.length
        if not _PREFIX.fullmatch(prefix):
            raise ValueError(
                f"prefix {prefix!r} must be digits, at most 11, after at most four capital letters and a dash"
            )
        is_in_store = length == 13 and self.check == "ean" and "20" <= prefix[:2] <= "29"
        if length in _ITEM_LENGTHS and not self.letters and not is_in_store:
            raise ValueError(f"length {length} is that of item codes, one in ten of which would pass as a card")
        if not max(6, len(prefix) + 2) <= length <= 32:
            raise ValueError(f"length {length} must be 6 to 32, and leave room after the prefix")
        if self.check == "none" and len(prefix) < 2:
            raise ValueError(
                'check "none" needs a prefix of at least 2 characters: without both, a number misread is another member\'s'
            )

    @property
    def letters(self) -> str:
        """What of the prefix is not checked."""
        return self.prefix.rstrip("0123456789")

    def is_alike(self, label: str) -> bool:
        """Whether it begins like a number of this form and has its length; the check digit may be wrong."""
        return (
            len(label) == self.length
            and label.startswith(self.prefix)
            and _is_digits(label[len(self.letters) :])
            and not (not self.prefix and _is_gs1(label))
        )

    def is_whole(self, label: str) -> bool:
        digits = label[len(self.letters) :]
        return self.check_digit(digits[:-1]) in ("", digits[-1])

    def check_digit(self, digits: str) -> str:
        """The last digit of a number with these before it; "" where none is asked for."""
        if self.check == "none":
            return ""
        return luhn_check_digit(digits) if self.check == "luhn" else ean_check_digit(digits)


class CardRules(msgspec.Struct, frozen=True, dict=True):
    """A card is an in-store EAN-13 that begins with `in_store_prefix`, a plain number that ends in a Luhn check digit, or a
    number of one of the forms in `numbers`.

    GS1 leaves EAN-13 numbers from 20 to 29 to each shop, so no item of the world has one; scales print some of them, so the
    prefix must be one that the shop's scales do not use. An empty one means that no EAN-13 is a card, and a `number_length`
    of 0 that no plain number is.

    >>> CardRules(number_length=12)
    Traceback (most recent call last):
        ...
    ValueError: number_length 12 is that of item codes, one in ten of which would pass as a card
    """

    in_store_prefix: str = "29"
    number_prefix: str = ""
    number_length: int = 10
    """With the prefix and the check digit."""
    numbers: tuple[NumberForm, ...] = ()

    def __post_init__(self) -> None:
        prefix = self.in_store_prefix
        if prefix and not (_is_digits(prefix) and "20" <= prefix[:2] <= "29" and 2 <= len(prefix) <= 11):
            raise ValueError(f"in_store_prefix {prefix!r} must be 2 to 11 digits and begin with 20 to 29")
        if self.number_prefix and not _is_digits(self.number_prefix):
            raise ValueError(f"number_prefix {self.number_prefix!r} must be digits")
        forms = self.forms
        if not forms:
            raise ValueError(
                "no number is a card by these rules; give in_store_prefix, number_length or one of numbers"
            )
        for one, other in combinations(forms, 2):
            begin_alike = one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)
            if one.length == other.length and begin_alike:
                raise ValueError(
                    f"two forms of numbers have {one.length} characters and begin alike ({_shown(one)} and {_shown(other)}): "
                    "a card of the one, read wrong, would pass as one of the other"
                )

    @cached_property
    def forms(self) -> tuple[NumberForm, ...]:
        """All of them. No label is like two of them."""
        return (*filter(None, (self.in_store,)), *self.plain)

    @cached_property
    def in_store(self) -> NumberForm | None:
        """That of in-store EAN-13 numbers, if they are cards."""
        return NumberForm(self.in_store_prefix, 13, "ean") if self.in_store_prefix else None

    @cached_property
    def plain(self) -> tuple[NumberForm, ...]:
        """Those of other numbers."""
        if not self.number_length:
            return self.numbers
        try:
            return (NumberForm(self.number_prefix, self.number_length), *self.numbers)
        except ValueError as problem:
            raise ValueError(f"number_{problem}") from None


class MemberCard(msgspec.Struct, frozen=True, tag="member_card"):
    """The card's number as every part of the system writes it: all of its characters."""

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
    if symbology in _ITEM_SYMBOLOGIES:
        return NotMemberCode()
    for form in rules.forms:
        is_its_code = not symbology or not form.symbologies or symbology in form.symbologies
        if is_its_code and form.is_alike(label):
            if form.is_whole(label):
                return MemberCard(label)
            return DamagedMemberCode() if form.prefix else NotMemberCode()
    return NotMemberCode()


def ean_check_digit(digits: str) -> str:
    """That of every retail code: EAN-13, EAN-8, UPC-A, ITF-14.

    >>> ean_check_digit("400638133393"), ean_check_digit("9638507"), ean_check_digit("03600029145")
    ('1', '4', '2')
    """
    if not _is_digits(digits):
        raise ValueError("a check digit needs digits before it")
    return str(-(3 * sum(map(int, digits[::-2])) + sum(map(int, digits[-2::-2]))) % 10)


def ean13_check_digit(first_twelve: str) -> str:
    """
    >>> ean13_check_digit("400638133393")
    '1'
    """
    if len(first_twelve) != 12 or not _is_digits(first_twelve):
        raise ValueError("an EAN-13 has twelve digits before its check digit")
    return ean_check_digit(first_twelve)


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


def new_card_number(rules: CardRules, random_digits: Callable[[int], str], form: NumberForm | None = None) -> str:
    """A number that these rules accept: of `form`, else of the first that is no EAN-13, if there is one.

    `random_digits(n)` gives n digits; whether the number is free is not known here.
    """
    form = form or (rules.plain or rules.forms)[0]
    count = form.length - len(form.prefix) - (form.check != "none")
    for _ in range(_NEVER_MIND):
        drawn = random_digits(count)
        if len(drawn) != count or not _is_digits(drawn):
            raise ValueError(f"random_digits must give {count} digits")
        number = form.prefix + drawn
        number += form.check_digit(number[len(form.letters) :])
        if isinstance(member_card(rules, number), MemberCard):
            return number
    raise ValueError("random_digits gives no digits that make a card")


def _is_gs1(label: str) -> bool:
    """Whether it is an item's or a parcel's number as GS1 codes write it, (01) or (00) in front of it. Those are read from goods
    by readers that do not say what they read."""
    return (len(label), label[:2]) in ((16, "01"), (20, "00")) and label[-1] == ean_check_digit(label[2:-1])


def _shown(form: NumberForm) -> str:
    return f'"{form.prefix}"' if form.prefix else "without a prefix"


def _is_digits(text: str) -> bool:
    """ASCII only: str.isdigit also accepts '٣' and '²', which look like another card or like none."""
    return text.isascii() and text.isdigit()
