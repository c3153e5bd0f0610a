"""What stands on a receipt behind a label, or by its form: numbers, names, day and time, marks of a payment by card."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Literal

from pos_plugin.intercept.amounts import SeenRow
from pos_plugin.intercept.receipt_words import Words, of_all

_ISO = re.compile(r"(?<!\d)(20\d\d)[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)", re.ASCII)
_NUMBERS = re.compile(r"(?<![\d.,/-])(\d{1,2})([./-])(\d{1,2})\2(20\d\d|\d\d)(?![\d/-]|[.,]\d)", re.ASCII)
_DAY_MONTH = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|\.)?[ -](?:of |de )?([^\W\d_]{3,9})\.?,?[ -](?:de )?(20\d\d)(?!\d)"
)
_MONTH_DAY = re.compile(r"(?<![^\W_])([^\W\d_]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (20\d\d)(?!\d)")
_TIME = re.compile(r"(?<![\d:.,])([01]?\d|2[0-3])[:h]([0-5]\d)(?::([0-5]\d))?(?![\d:])\s?(am|pm|a\.m|p\.m)?", re.ASCII)
_VALUE = re.compile(r"[\s.:#°º=*-]*((?:[A-Z]{1,4} )?[^\W_](?:[\w./-]*[^\W_])?)")
_MASK = re.compile(r"[*xX#•]{4}")
_PAN = re.compile(r"[*xX#•]{4,}[ -]*\d{2,4}(?!\d)|\d{4}[ -]?[*xX•]{4,}", re.ASCII)


class Label:
    """Words after which a value stands in the same row."""

    def __init__(self, words: Words) -> None:
        self.words = words
        said = r"[\W_]*".join(r"\d+" if one == "#" else re.escape(one) for one in words)
        self._said = re.compile(rf"(?<![^\W_]){said}(?![^\W\d_])")
        self._first = next((one for one in words if one != "#"), "")

    def after(self, row: SeenRow) -> str | None:
        """What stands behind it; None where it does not stand in the row."""
        if self._first not in row.small:
            return None
        found = self._said.search(row.small)
        return row.text[found.end() :] if found else None

    def value(self, row: SeenRow) -> str:
        """The number behind it, which has a digit and is no day, time or amount; "" where there is none."""
        rest = self.after(row)
        found = _VALUE.match(rest) if rest else None
        if rest is None or found is None or not any(map(str.isdecimal, found[1])):
            return ""
        value = found[1]
        if (
            _NUMBERS.search(value)
            or _ISO.match(value)
            or _TIME.match(rest[found.start(1) :])
            or "," in rest[found.end() :][:1]
        ):
            return ""
        return "" if re.fullmatch(r"\d+\.\d\d", value) or _PAN.search(rest) else value


def operator_of(rows: Iterable[SeenRow], labels: Iterable[Label]) -> str:
    """Who rang it: what stands behind the first of the labels that is there."""
    for label in labels:
        for row in rows:
            if rest := label.after(row):
                name = re.split(r"\s{2,}|[;|]", rest.strip(" .:#-="))[0].strip()
                if name and len(name) <= 64 and name.isprintable():
                    return name
    return ""


def card_marks(rows: Iterable[SeenRow]) -> int:
    """How many different marks of a payment by card stand on it."""
    marks = of_all().card_marks
    found = set[Words]()
    for row in rows:
        words = row.words
        for at, word in enumerate(words):
            if word in marks:
                found.update(mark for mark in marks[word] if words[at : at + len(mark)] == mark)
        if "#" in words and _MASK.search(row.text) and _PAN.search(row.text):
            found.add(("pan",))
    return len(found)


def moment(rows: Iterable[SeenRow], order: Literal["day first", "month first"]) -> tuple[str, str]:
    """The day, and the local time of the sale: of the first row that has both, else the first day with the first time.

    Each is "" where none stands there, and the time where no day does.
    """
    day = time = ""
    for row in rows:
        if "#" not in row.words:
            continue
        of, at = _day(row.small, order), _time(row.small)
        if of and at:
            return of, f"{of}T{at}"
        day, time = day or of, time or at
    return day, f"{day}T{time}" if day and time else ""


def _day(small: str, order: Literal["day first", "month first"]) -> str:
    has_year = "20" in small
    if has_year and (found := _ISO.search(small)):
        return _date(found[1], found[2], found[3])
    if found := _NUMBERS.search(small):
        first, second = (found[1], found[3]) if order == "day first" or found[2] == "." else (found[3], found[1])
        return _date(found[4], second, first)
    if not has_year:
        return ""
    months = of_all().months
    if (found := _DAY_MONTH.search(small)) and found[2] in months:
        return _date(found[3], str(months[found[2]]), found[1])
    if (found := _MONTH_DAY.search(small)) and found[1] in months:
        return _date(found[3], str(months[found[1]]), found[2])
    return ""


def _date(year: str, month: str, day: str) -> str:
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day)).isoformat()
    except ValueError:
        return ""


def _time(small: str) -> str:
    found = _TIME.search(small) if ":" in small or "h" in small else None
    if found is None:
        return ""
    hour = int(found[1])
    if found[4]:
        if not 1 <= hour <= 12:
            return ""
        hour = hour % 12 + (12 if found[4][0] == "p" else 0)
    return f"{hour:02d}:{found[2]}:{found[3] or '00'}"
