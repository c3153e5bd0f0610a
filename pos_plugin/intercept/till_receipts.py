"""How the shop's own till prints: `till-receipts.toml` in the till's folder, written by `pos-plugin learn`, edited by a person.

It says which words stand before a sale's total and its number, and which title makes a paper something else. Nothing of it is
a guess: without a row that says one of the `total` words alone, and another with the number, no paper is a sale.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from loyalty.toml_table import Problem, Table, TomlError, checked, read_toml
from pos_plugin.intercept.amounts import Reader, phrase_words
from pos_plugin.intercept.printed_labels import Label
from pos_plugin.intercept.receipt_words import TITLES, Title, Words, of_all
from pos_plugin.toml_file import text_of

FILE = "till-receipts.toml"
_COLUMNS = 120
_STEM = 4
"""Words of fewer letters have no endings: "Z" is not "Zucker"."""


class TillReceiptsError(TomlError):
    """The profile cannot be used; `problems` names every one with its line."""

    code = "TILL_RECEIPTS_INVALID"
    hint = (
        "Correct till-receipts.toml, or write it anew: pos-plugin learn. Until then a relay that runs goes by what was "
        "taught before; else no paper is taken for a sale."
    )


def _says_something(text: str) -> str:
    if not phrase_words(text):
        raise ValueError("must have a word in it")
    return text


Phrase = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_says_something)]
Phrases = Annotated[list[Phrase], Field(max_length=300)]
_NONE: Final[list[str]] = []


class Total(Table):
    """`words` are all that stands in the row of the total beside its amount; "#" is any number."""

    words: Phrases = _NONE


class Reference(Table):
    """`words` stand before the sale's number. Where numbers begin anew each day, the day stands before them then.

    A day starts at `day_starts_at`, an hour: what is sold after midnight and before it is of the day before.
    """

    words: Phrases = _NONE
    code: Literal["", "code128", "code39", "ean13", "itf"] = ""
    restarts: Literal["never", "daily"] = "never"
    day_starts_at: int = Field(default=0, ge=0, le=23)


class Labels(Table):
    words: Phrases = _NONE


class Sales(Table):
    """Rows that stand on sales although they have words of another kind; and whether `goods` must come to the total."""

    may_say: Phrases = _NONE
    goods: bool = False


class Kinds(Table):
    """Titles, by what they make of a paper."""

    copy_: Phrases = Field(default=_NONE, alias="copy")
    void: Phrases = _NONE
    return_: Phrases = Field(default=_NONE, alias="return")
    closing: Phrases = _NONE
    kitchen: Phrases = _NONE
    card_slip: Phrases = _NONE
    other: Phrases = _NONE

    def of(self, title: Title) -> list[str]:
        phrases: list[str] = getattr(self, {"copy": "copy_", "return": "return_"}.get(title, title))
        return phrases


class TillReceipts(Table):
    """What a shop has taught. `decimals` are the digits of its currency's small unit."""

    decimal_mark: Literal[",", "."] = "."
    thousands: str = Field(default="", max_length=4)
    decimals: int = Field(default=2, ge=0, le=3)
    dates: Literal["day first", "month first"] = "day first"
    total: Total = Total()
    reference: Reference = Reference()
    original: Labels = Labels()
    operator: Labels = Labels()
    member: Labels = Labels()
    sales: Sales = Sales()
    kinds: Kinds = Kinds()

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.decimal_mark, self.thousands, self.decimals)

    @cached_property
    def totals(self) -> frozenset[Words]:
        return frozenset(map(phrase_words, self.total.words))

    @cached_property
    def may_say(self) -> frozenset[Words]:
        return frozenset(map(phrase_words, self.sales.may_say))

    @cached_property
    def reference_labels(self) -> tuple[Label, ...]:
        return _labels(self.reference.words)

    @cached_property
    def original_labels(self) -> tuple[Label, ...]:
        return _labels(self.original.words)

    @cached_property
    def operator_labels(self) -> tuple[Label, ...]:
        return _labels(self.operator.words)

    @cached_property
    def member_labels(self) -> tuple[Label, ...]:
        return _labels(self.member.words)

    def is_unclear_total(self, words: Words) -> bool:
        """Whether a row without an amount that can be read is that of the total all the same."""
        return _without_numbers(words) in self._totals_without_numbers

    def title_of(self, words: Words) -> Title | None:
        """What it makes of a paper that a row says these words and nothing else; numbers, and "receipt" and the like, aside."""
        bare = _without_numbers(words)
        found = self._titles.get(bare)
        if found is None and (core := tuple(one for one in bare if one not in of_all().fillers)):
            found = self._titles.get(core)
        return found

    def speaks_of(self, words: Words, *, kitchen: bool = False) -> Title | None:
        """Which title's words stand among these, the last with any ending; cards are no matter, and kitchens only if asked."""
        for at, word in enumerate(words):
            for phrase, title in self._beginnings.get(word[:_STEM], ()):
                if title == "kitchen" and not kitchen:
                    continue
                *first, last = words[at : at + len(phrase)]
                has_ending = len(phrase[-1]) >= _STEM and last.startswith(phrase[-1])
                if (*first,) == phrase[:-1] and (last == phrase[-1] or has_ending):
                    return title
        return None

    @cached_property
    def _totals_without_numbers(self) -> frozenset[Words]:
        return frozenset(map(_without_numbers, self.totals))

    @cached_property
    def _titles(self) -> Mapping[Words, Title]:
        """Of two with the same words the one that outranks. What is a label, or a part of one, is no title: "Adisyon No"."""
        labels = [phrase_words(one) for one in (*self.reference.words, *self.operator.words, *self.member.words)]
        found = dict[Words, Title]()
        for title in reversed(TITLES):
            for phrase in map(phrase_words, self.kinds.of(title)):
                if not any(_stands_in(phrase, label) for label in labels):
                    found[_without_numbers(phrase)] = title
        found.pop((), None)
        return found

    @cached_property
    def _beginnings(self) -> Mapping[str, list[tuple[Words, Title]]]:
        found = dict[str, list[tuple[Words, Title]]]()
        for phrase, title in self._titles.items():
            if title != "card_slip":
                found.setdefault(phrase[0][:_STEM], []).append((phrase, title))
        return found


def read_till_receipts(folder: Path) -> TillReceipts | None:
    """The profile in a till's folder; None where the shop has taught nothing. Raises TillReceiptsError."""
    file = folder / FILE
    try:
        written = text_of(file, TillReceiptsError)
    except FileNotFoundError:
        return None
    return till_receipts(written, str(file))


def till_receipts(written: str, source: str = FILE) -> TillReceipts:
    """A profile as it is written. Raises TillReceiptsError with all that is wrong, by line."""
    return checked(
        TillReceipts, read_toml(written, source, TillReceiptsError), written, source, TillReceiptsError, _across
    )


def _across(tables: Mapping[str, Any]) -> Iterator[Problem]:
    """What single values do not show. Values of a wrong kind are told of by the tables, and are passed over here."""
    mark, thousands = tables.get("decimal_mark", "."), tables.get("thousands", "")
    totals = _listed(tables, "total", "words")
    if isinstance(thousands, str):
        if isinstance(mark, str) and mark in thousands and mark:
            yield ("thousands",), f'thousands: "{mark}" parts the decimals already; it cannot part thousands as well'
        if set(thousands) - set(".,' "):
            yield (
                ("thousands",),
                'thousands: what may stand between groups of three digits is ".", ",", "\'" or a space',
            )
        if " " in thousands and any(phrase_words(one)[-1:] == ("#",) for one in totals):
            yield (
                ("thousands",),
                "thousands: with a space in it, a number before the total cannot be told from its thousands; "
                'take the space away, or the total\'s words that end in "#"',
            )
    if not totals:
        yield ("total", "words"), "total: without words no paper is a sale; name what stands beside the total"
    reference = tables.get("reference")
    if reference is None or isinstance(reference, dict):
        has_code = bool((reference or {}).get("code"))
        if not _listed(tables, "reference", "words") and not has_code:
            yield (
                ("reference", "words"),
                "reference: without words no paper is a sale; name what stands before the number",
            )
    kinds = tables.get("kinds")
    for title, phrases in (kinds if isinstance(kinds, dict) else {}).items():
        for number, one in enumerate(phrases if isinstance(phrases, list) else []):
            if isinstance(one, str) and phrase_words(one) in {phrase_words(total) for total in totals}:
                yield (
                    ("kinds", title, number),
                    f'kinds: "{one}" is what the total is called; it cannot be a title as well',
                )


def as_toml(profile: TillReceipts) -> str:
    """The profile as a person reads and edits it; `till_receipts` reads it back as it was."""

    def phrases(key: str, values: list[str]) -> str:
        rows, row = [f"{key} = ["], "  "
        for one in values:
            item = f"{_quoted(one)}, "
            if len(row) + len(item) > _COLUMNS and row.strip():
                rows.append(row.rstrip())
                row = "  "
            row += item
        short = f"{key} = [{', '.join(map(_quoted, values))}]"
        return short if len(short) <= _COLUMNS else "\n".join([*rows, row.rstrip(), "]"])

    kinds = "\n".join(phrases(title, profile.kinds.of(title)) for title in TITLES)
    code = f'code = "{profile.reference.code}"\n' if profile.reference.code else ""
    return f"""\
# How this shop's till prints, as "pos-plugin learn" found it on its receipts. Without these words no paper is a sale.
# Look at it with "pos-plugin learn --check FILE ...". Capitals, accents and punctuation are no matter; "#" is any number.

decimal_mark = {_quoted(profile.decimal_mark)}
thousands = {_quoted(profile.thousands):<20} # what may stand between groups of three digits: any of these
decimals = {profile.decimals:<21} # digits of the small unit: cents have 2
dates = {_quoted(profile.dates):<24} # 03/04/2026: "day first" or "month first"

[total]                          # all that stands in the row of the total beside the amount
{phrases("words", profile.total.words)}

[reference]                      # what stands before the number of the sale
{phrases("words", profile.reference.words)}
{code}restarts = {_quoted(profile.reference.restarts):<21} # "daily": they begin anew each day, and the day is put before them
day_starts_at = {profile.reference.day_starts_at:<16} # the hour at which that day starts

[original]                       # what stands before the number of the sale that comes back, on returns
{phrases("words", profile.original.words)}

[operator]                       # what stands before the name of who rang it
{phrases("words", profile.operator.words)}

[member]                         # what stands before the member's code, where the till prints it
{phrases("words", profile.member.words)}

[sales]                          # whole rows that stand on sales although they speak of returns, copies and the like
{phrases("may_say", profile.sales.may_say)}
goods = {str(profile.sales.goods).lower():<24} # true: what is sold must come to the total, else it is no sale

[kinds]                          # what makes a paper no sale where it stands alone in a row; leave them in
{kinds}
"""


def _quoted(text: str) -> str:
    """A TOML string: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _labels(phrases: list[str]) -> tuple[Label, ...]:
    """The longest first: "Receipt no" is not "Receipt" before a number that begins with "no"."""
    return tuple(
        Label(one) for one in sorted({phrase_words(one) for one in phrases}, key=lambda words: (-len(words), words))
    )


def _without_numbers(words: Words) -> Words:
    return tuple(one for one in words if one != "#")


def _stands_in(phrase: Words, label: Words) -> bool:
    return any(label[at : at + len(phrase)] == phrase for at in range(len(label) - len(phrase) + 1))


def _listed(tables: Mapping[str, Any], table: str, key: str) -> list[str]:
    inside = tables.get(table)
    values = inside.get(key) if isinstance(inside, dict) else None
    return [one for one in values if isinstance(one, str)] if isinstance(values, list) else []
