"""The words that tills print, out of `receipt_words.toml`: what learning looks for and recognition needs of any language."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final, Literal, NamedTuple

from pos_plugin.intercept.amounts import words_of

Title = Literal["copy", "void", "return", "closing", "kitchen", "card_slip", "other"]
"""What a title makes of a paper. "other" is no sale, and nothing else of interest."""

TITLES: Final[tuple[Title, ...]] = ("copy", "other", "closing", "void", "return", "kitchen", "card_slip")
"""In the order in which they outrank each other."""

Words = tuple[str, ...]
"""A phrase, as `words_of` has it."""


class Language(NamedTuple):
    total: tuple[str, ...]
    reference: tuple[str, ...]
    kinds: Mapping[Title, tuple[str, ...]]


class OfAll(NamedTuple):
    """`operator`, `member` and `original` as they are printed; the others as they are compared."""

    original: tuple[str, ...]
    operator: tuple[str, ...]
    member: tuple[str, ...]
    no_goods: frozenset[Words]
    no_goods_words: frozenset[str]
    card_marks: Mapping[str, list[Words]]
    fillers: frozenset[str]
    counted: frozenset[str]
    months: Mapping[str, int]


_CURRENCIES: Final = frozenset(("eur", "usd", "gbp", "chf", "try", "pln", "euro"))


@cache
def _tables() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(files("pos_plugin.intercept").joinpath("receipt_words.toml").read_text(encoding="utf-8"))


@cache
def languages() -> Mapping[str, Language]:
    found = {}
    for name, table in _tables().items():
        if name not in ("all", "months"):
            kinds: dict[Title, tuple[str, ...]] = {title: tuple(table["kinds"][title]) for title in TITLES}  # type: ignore[call-overload]
            found[name] = Language(tuple(table["total"]), tuple(table["reference"]), kinds)
    return found


def _by_first_word(phrases: Iterable[Words]) -> dict[str, list[Words]]:
    found = dict[str, list[Words]]()
    for phrase in phrases:
        found.setdefault(phrase[0], []).append(phrase)
    return found


@cache
def of_all() -> OfAll:
    table = _tables()["all"]
    return OfAll(
        tuple(table["original"]),
        tuple(table["operator"]),
        tuple(table["member"]),
        frozenset(map(words_of, table["no_goods"])),
        frozenset(word for one in table["no_goods"] for word in words_of(one)) | _CURRENCIES,
        _by_first_word(map(words_of, table["card_marks"])),
        frozenset(word for one in table["fillers"] for word in words_of(one)),
        frozenset(word for one in table["counted"] for word in words_of(one)),
        {name: int(number) for number, names in _tables()["months"].items() for name in names},
    )
