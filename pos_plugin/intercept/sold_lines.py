"""What was sold, by the rows above a receipt's total: names with amounts at the right edge, and rows that say how many."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from pos_plugin.intercept.amounts import SeenRow
from pos_plugin.intercept.papers import SoldLine
from pos_plugin.intercept.receipt_words import Words, of_all

MOST_LINES = 500
_MOST_BESIDE = 12
_MANY = re.compile(
    r"\s*(?P<many>\d{1,4}(?:[.,]\d{1,3})?) ?(?:stk|stück|st|pcs|pc|ea|kg|g|l|lb|adet|ad|uds|ud|un|pz|szt)?\.?"
    r" ?[x×*@] ?(?P<of>.*)",
    re.IGNORECASE,
)
_COLUMN = re.compile(r"(?P<name>.*\S)\s{2,}(?P<many>\d{1,3})")
_PRICE = re.compile(r"\s*(?:[\d.,]+\s+)?(?=\D)")
_PER_UNIT = re.compile(r"(?i)[\s€$£₺/.,\d]|eur|chf|usd|tl|kg|stk")


class _Line(NamedTuple):
    name: str
    minor: int
    milli: int = 1000


def sold_lines(rows: Sequence[SeenRow], total: int) -> tuple[SoldLine, ...]:
    """The lines in the rows above the total.

    Lines that do not come to it are none: what was read as goods may be anything then. A tax on top, a tip, a rounding may stand
    between, two of them at most. Amounts of a return are turned, so that they are what came back.
    """
    found, beside = _read(rows)
    came_to = sum(one.minor for one in found)
    if not found or len(found) > MOST_LINES or total - came_to not in _sums_of_two(beside):
        return ()
    sign = -1 if total < 0 else 1
    return tuple(SoldLine(one.name[:120], sign * one.minor, one.milli) for one in found)


def _read(rows: Sequence[SeenRow]) -> tuple[list[_Line], list[int]]:
    found, beside = list[_Line](), list[int]()
    name = ""  # of a row without an amount: the next may have it
    ahead: tuple[int, int] | None = None  # "2 x 1,50" above its line
    for row in rows:
        amount = row.amount
        if amount is None:
            if not _MANY.match(row.text):
                name = row.text.strip() if any(map(str.isalpha, row.text)) else ""
            continue
        if amount.minor is None:
            continue
        if _is_no_goods(row.beside):
            if found:
                beside.append(amount.minor)
            continue
        label = amount.label.strip(" .:*-")
        many = _MANY.fullmatch(amount.label)
        if many and not _PER_UNIT.sub("", many["of"]):
            milli = _milli(many["many"])
            if many["of"]:  # "2 x 1,50   3,00" below its name
                if name:
                    found.append(_Line(name, amount.minor, milli))
            elif found and found[-1].minor * 1000 == milli * amount.minor:  # below its line
                found[-1] = found[-1]._replace(milli=milli)
            else:
                ahead = milli, amount.minor
                continue  # a name above it stays that of the next
            name = ""
            continue
        milli = 1000
        if many:
            label, milli = _PRICE.sub("", many["of"]), _milli(many["many"])
        elif column := _COLUMN.fullmatch(label):
            label, milli = column["name"], _milli(column["many"])
        elif ahead and amount.minor * 1000 == ahead[0] * ahead[1]:
            milli = ahead[0]
        label = label if any(map(str.isalpha, label)) else name
        if label:
            found.append(_Line(label, amount.minor, milli))
        name, ahead = "", None
    return found, beside


def _sums_of_two(beside: Sequence[int]) -> set[int]:
    few = beside[:_MOST_BESIDE]
    return {0, *few, *map(sum, combinations(few, 2))}


def _milli(many: str) -> int:
    whole, _, part = many.replace(",", ".").partition(".")
    return int(whole) * 1000 + int(part.ljust(3, "0")) or 1000


def _is_no_goods(words: Words) -> bool:
    """Whether a row begins with what is neither a total nor goods and has nothing else: "VAT 20 %", not "Bar of soap"."""
    phrases = of_all().no_goods
    for size in range(min(len(words), 4), 0, -1):
        if words[:size] in phrases:
            return size > 1 or all(len(one) < 3 or one in of_all().no_goods_words for one in words[size:])
    return False
