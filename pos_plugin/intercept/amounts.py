"""Rows of a receipt as words and money: what a row says before the amount at its right edge, and the amount.

An amount is read one way or not at all. Which mark parts the decimals, and which may stand between thousands, a shop has
taught; "1.234" where amounts have two decimals behind a comma is no amount then, rather than one of two.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

_CURRENCIES = (
    "EUR|EURO|USD|GBP|TRY|TL|YTL|CHF|SFR|FR|PLN|ZŁ|SEK|NOK|DKK|KR|CZK|KČ|HUF|FT|RON|LEI|BGN|LV|SAR|SR|AED|QAR|KWD|BHD|JPY|"
    "CNY|INR|FCFA|CFA|XOF|XAF|MAD|DH|RS|AUD|CAD|NZD|MXN|BRL|R$|US$|CA$|A$|ARS|CLP|COP|PEN|ZAR|R|€|$|£|¥|₺|₹|₽|₴|₪|₩|₫"
)
_CURRENCY = "|".join(
    # "zł" and "Kč" in their own letters: where digits are ASCII's alone, so are small and large letters that are the same.
    re.escape(one)
    for one in sorted((*_CURRENCIES.split("|"), "Zł", "zł", "Kč", "kč"), key=len, reverse=True)
)
_CURRENCY_BEFORE = re.compile(rf"(?:(?<![^\W\d_])(?:{_CURRENCY}))\.?$", re.IGNORECASE)
_LONGEST_CURRENCY = 6  # with a dot, and what stands before it
_WORDS = re.compile(r"[^\W\d_]+|\d+|[€$£¥₺₹₽₴₪₩₫%]")
_SPACED_OUT = re.compile(r"(?<![^\W_])(?:[^\W\d_] ){2,}[^\W\d_](?![^\W_])")
_DASHES = "-−–"
_DIGITS = re.compile(r"[0-9]+")
_SPACES = re.compile("[\u00a0\u2007\u2009\u202f\t]")
_FRAMES = re.compile("[\u2500-\u259f|]")
_PLAIN = str.maketrans({"ı": "i", "İ": "i", "ł": "l", "Ł": "l", "ø": "o", "Ø": "o", "ß": "s", "’": "'"})


class Amount(NamedTuple):
    """`label` is what the row says beside it, its currency included. `minor` is None where its sign can be read in two ways."""

    label: str
    minor: int | None


class SeenRow(NamedTuple):
    """A row as it is compared: itself, in small letters of the same length, its words, and those beside its amount."""

    text: str
    small: str
    words: tuple[str, ...]
    amount: Amount | None
    beside: tuple[str, ...]


@lru_cache(maxsize=512)
def _folded_letter(letter: str) -> str:
    plain = letter.translate(_PLAIN)
    return unicodedata.normalize("NFKD", plain)[:1].lower()[:1] or " "


def folded(text: str) -> str:
    """In small letters without accents, each character in its place: how code pages and people spell a word is no matter.

    >>> folded("Fiş No: İADE"), folded("À PAYER")
    ('fis no: iade', 'a payer')
    """
    return text.lower() if text.isascii() else "".join(map(_folded_letter, text))


def plain(text: str) -> str:
    """A row without frames, and with ordinary spaces."""
    return text.rstrip() if text.isascii() and "|" not in text else _FRAMES.sub(" ", _SPACES.sub(" ", text)).rstrip()


def words_of(text: str) -> tuple[str, ...]:
    """The words of a row; every number is "#". Letters set apart are one word.

    >>> words_of("S U M M E (3 Pos.) EUR")
    ('summe', '#', 'pos', 'eur')
    """
    small = folded(text)
    words = _WORDS.findall(small)
    if sum(len(one) == 1 for one in words) > 2:
        words = _WORDS.findall(_SPACED_OUT.sub(lambda found: found[0].replace(" ", ""), small))
    return tuple(["#" if one[0].isdecimal() else one for one in words])


def without_currencies(words: tuple[str, ...]) -> tuple[str, ...]:
    """
    >>> without_currencies(words_of("TOTAL R$")), without_currencies(words_of("Grand total Rs."))
    (('total',), ('grand', 'total'))
    """
    return tuple(
        one
        for at, one in enumerate(words)
        if one not in CURRENCY_WORDS and not (one in _BEFORE_DOLLAR and words[at + 1 : at + 2] == ("$",))
    )


def phrase_words(phrase: str) -> tuple[str, ...]:
    """The words of what a person wrote: "#" is a number there, and on paper it is nothing.

    >>> phrase_words("Summe (# Pos.)") == words_of("SUMME (3 Pos.)")
    True
    """
    return words_of(phrase.replace("#", " 0 "))


def as_phrase(text: str) -> str:
    """A row, or a part of one, as a phrase for rows that differ from it in their numbers."""
    return " ".join(_DIGITS.sub("#", text.replace("#", " ")).split()).strip(" .:*=_-")


CURRENCY_WORDS = frozenset(words_of(one)[-1] for one in _CURRENCIES.split("|"))
_BEFORE_DOLLAR = ("a", "ca", "us")


class Reader:
    """Reads amounts with `mark` before `decimals` digits, and one of `thousands` between groups of three."""

    def __init__(self, mark: str, thousands: str, decimals: int) -> None:
        self.decimals = decimals
        group = f"[{re.escape(thousands)}]" if thousands else "(?!)"
        whole = rf"(?:\d{{1,3}}(?P<group>{group})\d{{3}}(?:(?P=group)\d{{3}})*|\d+)"
        if "," in thousands:  # India's groups of two before the last three
            whole = rf"(?:\d{{1,2}}(?:,\d{{2}})+,\d{{3}}|{whole})"
        part = rf"{re.escape(mark)}(?:\d{{{decimals}}}|-{{1,2}}(?![^\s]))" if decimals else ""
        self._number = re.compile(
            rf"(?<![\d.,'])(?P<number>{whole}{part})(?P<behind> ?[{_DASHES}](?![{_DASHES}]))?(?P<close>\))?"
            rf"(?P<currency> ?(?:{_CURRENCY})\.?)?(?: ?(?:\*{{1,3}}|\*?(?!CR|DR|DB)[A-Z]{{1,2}}\*?)| [0-9])?$",
            re.IGNORECASE | re.ASCII,
        )
        self._digits = re.compile(r"[^0-9]")

    def at_the_end(self, row: str) -> Amount | None:
        """The amount at the right edge of a row without spaces at its end.

        >>> Reader(",", ".", 2).at_the_end("SUMME EUR   1.234,56 A")
        Amount(label='SUMME EUR', minor=123456)
        >>> Reader(".", ",", 2).at_the_end("REFUND ($12.50)")
        Amount(label='REFUND $', minor=-1250)
        >>> Reader(",", ".", 2).at_the_end("SUMME 1.234")
        """
        if not row or not any(map(str.isdigit, row[-16:])):
            return None
        found = self._number.search(row)
        if found is None:
            return None
        before = row[: found.start()]
        label, sign = _sign(before, bool(found["close"]))
        if label is None:
            return None
        if found["behind"]:
            sign = -1 if sign == 1 else 0
        minor = self._minor(found["number"])
        currency = (found["currency"] or "").strip(" .")
        label = f"{label} {currency}".strip() if currency else label
        return Amount(label, sign * minor if sign or not minor else None)

    def _minor(self, number: str) -> int:
        digits = self._digits.sub("", number)
        return int(digits) * (10**self.decimals if number.endswith("-") else 1)


def _sign(before: str, closed: bool) -> tuple[str | None, int]:
    """What stands before a number, without its sign; and the sign, 0 where it can be read in two ways. None: no amount at all."""
    text = before.rstrip(" *+")
    currency = ""
    found = _CURRENCY_BEFORE.search(text[-_LONGEST_CURRENCY:])
    if found:
        currency, text = found[0], text[: len(text) - len(found[0])]
    elif text == before and text and text[-1] not in f" (:=*+.@{_DASHES}":
        return None, 1  # it goes on from a word: no amount, but a code
    near, text = text, text.rstrip(" ")
    if text.endswith("("):
        if not closed:
            return None, 1
        return f"{text[:-1].rstrip()} {currency}".strip(), -1
    if closed:
        return None, 1
    sign = 1
    if text and text[-1] in _DASHES:
        stem = text.rstrip(_DASHES)
        if len(text) - len(stem) == 1:  # more than one are a leader
            is_apart = len(near) != len(text) or (not currency and before != before.rstrip(" "))
            stands_free = not stem or stem[-1] in " (*" or _CURRENCY_BEFORE.search(stem) is not None
            sign = 0 if is_apart or not stands_free else -1
        text = stem
    return f"{text.rstrip(' .:=_')} {currency}".strip(), sign
