"""A batch of new card numbers, and the files in which it goes to the printer.

The numbers are drawn, not issued: they are nobody's until somebody joins with one. Two batches that are drawn before the first of
their cards are given out do not know of each other; that one number is in both is as unlikely as to guess a member's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from loyalty import card_sheet
from loyalty.card import CardRules, NumberForm, new_card_number

if TYPE_CHECKING:
    from PIL import Image

Form = Literal["ean13", "number"]

_MOST_TAKEN = 10_000
"""So many numbers in a row that are taken already are too many: of this form nearly none is left."""


def form_of(rules: CardRules, name: Form | Literal[""]) -> NumberForm:
    """The form of numbers by its name: in-store EAN-13, or the first of the others; without a name the first there is.

    Raises ValueError where the programme has none such.
    """
    if name == "ean13" and rules.in_store is None:
        raise ValueError("No EAN-13 is a card of this programme: its cards.in_store_prefix is empty.")
    if name == "number" and not rules.plain:
        raise ValueError("No plain number is a card of this programme.")
    return rules.plain[0] if name == "number" else rules.forms[0]


def draw_numbers(
    rules: CardRules,
    form: NumberForm,
    count: int,
    random_digits: Callable[[int], str],
    is_known: Callable[[str], bool],
) -> list[str]:
    """So many numbers that are cards, each once and none of them known, in the order in which they were drawn.

    Raises ValueError where there are hardly so many.
    """
    drawn: dict[str, None] = {}
    taken = 0
    while len(drawn) < count:
        number = new_card_number(rules, random_digits, form)
        if number in drawn or is_known(number):
            taken += 1
            if taken > _MOST_TAKEN:
                raise ValueError(
                    f"There are hardly {count:,} free numbers of this form. Draw fewer, or give the programme longer numbers."
                )
        else:
            taken = 0
            drawn[number] = None
    return list(drawn)


def write_batch(numbers: list[str], name: str, *, pdf: Path | None, png: Path | None, csv: Path | None) -> list[Path]:
    """Writes the batch: a PDF, a folder of PNG sheets, the numbers alone. Returns the files.

    Raises FileExistsError before anything is written: a batch that was printed may have no other list.
    """
    sheets = -(-len(numbers) // card_sheet.PER_SHEET)
    pictures = [png / f"cards-{number:03}.png" for number in range(1, sheets + 1)] if png else []
    written = [file for file in (csv, pdf, *pictures) if file is not None]
    for file in written:
        if file.exists():
            raise FileExistsError(17, "There is a file of this name already; nothing was written", str(file))
    for file in written:
        file.parent.mkdir(parents=True, exist_ok=True)
    if csv:
        csv.write_text("".join(f"{line}\n" for line in ("card", *numbers)), encoding="utf-8")
    pages = _saved(card_sheet.sheets(numbers, name), pictures)
    if pdf:
        with pdf.open("wb") as out:
            card_sheet.write_pdf(out, pages)
    elif pictures:
        deque(pages, maxlen=0)
    return written


def _saved(pages: Iterable[Image.Image], files: list[Path]) -> Iterator[Image.Image]:
    """The pages, one at a time: a thousand at once would not fit into memory. Each is in its file when the next is drawn."""
    for page, file in zip_longest(pages, files):
        if file is not None:
            file.write_bytes(card_sheet.png(page))
        yield page


def told(count: int, files: Iterable[Path], name: str) -> list[str]:
    """What a person should know of a batch that was written."""
    lines = [
        f"{count:,} {'card' if count == 1 else 'cards'}: {', '.join(map(str, files))}",
        "They are nobody's until a member joins with one. Keep them like money: with a card points can be spent.",
    ]
    return lines if name else [*lines, "No name stands on them: --name gives one."]


def problem_with(name: str, files: Iterable[Path | None]) -> str:
    """Why a batch cannot be drawn as it was asked for, in a sentence; "" where it can."""
    if not any(files):
        return "Say where the cards are to go: --pdf FILE, --png DIR, --csv FILE, or several of them."
    if missing := card_sheet.missing_letters(name):
        return f"These letters cannot be printed on cards: {missing}. Give another --name."
    return ""
