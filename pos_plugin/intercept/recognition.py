"""What a paper is, by the profile that the shop has taught, and by a fiscal code that stands on it.

A sale has one total, in a row that says one of the profile's words and nothing else beside the amount; it has a number; and no
row on it that speaks of anything else, like a return, unless the shop has taught that its sales say so. Whatever is missing,
unclear or contradicts itself makes it "other", and `why` says what that was: points that are not given can be given later.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from loyalty.days import business_day
from pos_plugin.intercept.amounts import SeenRow, folded, plain, words_of
from pos_plugin.intercept.fiscal_codes import FiscalCode, fiscal_codes
from pos_plugin.intercept.papers import Kind, Paper, Recognised
from pos_plugin.intercept.printed_labels import Label, card_marks, moment, operator_of
from pos_plugin.intercept.receipt_words import TITLES, Title, languages
from pos_plugin.intercept.sold_lines import sold_lines
from pos_plugin.intercept.till_receipts import TillReceipts

UNTAUGHT = "This till's receipts have not been taught: pos-plugin learn."
PICTURE = (
    "It was printed as a picture, so that its words cannot be read. Give the till a printer driver for text (ESC/POS) instead "
    "of one for graphics, or let it speak to the local API."
)
TEACH = "If it is one, teach it: pos-plugin learn --sale FILE."
GOODS = "If it is a sale all the same, write goods = false into till-receipts.toml."
MOST_ROWS = 1000
MOST_COLUMNS = 200
MOST_MINOR = 10**12
_TITLE_WORDS = 8
_AMOUNT = re.compile(r"\d[.,]\d{2}(?![\d.,/:-])", re.ASCII)
"""What looks like one in any country, and like no day."""


def seen_rows(paper: Paper, rules: TillReceipts) -> list[SeenRow]:
    """The rows of a paper that say something."""
    found = list[SeenRow]()
    for row in paper.rows[:MOST_ROWS]:
        text = plain(row.text[:MOST_COLUMNS])
        words = words_of(text)
        if not words:
            continue
        amount = rules.reader.at_the_end(text) if "#" in words else None
        found.append(SeenRow(text, folded(text), words, amount, words_of(amount.label) if amount else ()))
    return found


def recognise(
    paper: Paper,
    rules: TillReceipts | None,
    *,
    is_card: Callable[[str], bool] | None = None,
    printed_at: str = "",
) -> Recognised:
    """What the paper is; never raises. Without rules only a fiscal code makes it a sale.

    `is_card` says whether a code is that of a member's card; `printed_at` is the local time of the till, ISO 8601, for receipts
    that say no day while their numbers begin anew each day. A return's total and lines are positive: what came back.
    """
    is_taught = rules is not None
    rules = rules or untaught()
    rows = seen_rows(paper, rules)
    fiscal = fiscal_codes(paper.codes)
    codes = [one for one in fiscal if isinstance(one, FiscalCode)]
    broken = next((f" ({one.why})" for one in fiscal if not isinstance(one, FiscalCode)), "")
    if len(codes) > 1:
        return Recognised("other", "Two different fiscal codes stand on it.")
    code = codes[0] if codes else None
    if code is None and paper.is_picture:
        return Recognised("other", PICTURE)
    titled = title_on(rows, rules)
    if titled and titled[0] in ("copy", "other", "closing"):
        return Recognised(_kind(titled[0]), f'"{titled[1]}" stands on it.')
    if code is not None and code.kind == "other":
        return Recognised("other", f"No sale: {code.why}.")
    if code is None and not any(map(_has_amount, rows)):
        return _without_amounts(rows, rules, titled)
    if code is None and not is_taught:
        if (titled and titled[0] == "card_slip") or card_marks(rows) > 1:
            return Recognised("card slip", "It speaks of a payment by card.")
        return Recognised("other", UNTAUGHT + broken)
    return _with_amounts(paper, rows, rules, code, titled, broken, is_card, printed_at)


def _without_amounts(rows: list[SeenRow], rules: TillReceipts, titled: tuple[Title, str] | None) -> Recognised:
    """A paper on which nothing has a price; nothing is at stake, so that a word for kitchens anywhere is enough."""
    if titled and titled[0] in ("kitchen", "card_slip"):
        return Recognised(_kind(titled[0]), f'"{titled[1]}" stands on it.')
    for row in rows:
        if rules.speaks_of(row.words, kitchen=True) == "kitchen":
            return Recognised("kitchen", f'"{_squeezed(row.text)}" stands on it, and no amounts.')
    return Recognised("other", "No amounts stand on it.")


def _with_amounts(
    paper: Paper,
    rows: list[SeenRow],
    rules: TillReceipts,
    code: FiscalCode | None,
    titled: tuple[Title, str] | None,
    broken: str,
    is_card: Callable[[str], bool] | None,
    printed_at: str,
) -> Recognised:
    """A paper that can be a sale, a return or a void."""
    total, row, at, problem = total_of(rows, rules)
    lines = sold_lines(rows[:at], total) if total is not None else ()
    is_slip = bool(titled and titled[0] == "card_slip") or card_marks(rows) > 1
    if is_slip and code is None and (not lines or card_marks(rows[:at]) > 1):
        return Recognised(
            "card slip", "It speaks of a payment by card, and no goods that come to its total stand on it."
        )
    if problem:
        return Recognised("other", problem)
    if code is not None and total is not None and abs(total) != code.total_minor:
        said, coded = shown(abs(total), rules), shown(code.total_minor, rules)
        return Recognised("other", f'"{row}" says {said}, and the {code.country} fiscal code {coded}.')
    if total is None and code is None:
        return Recognised("other", f"No row says what the total is called{broken}.")
    kind: Kind = (
        "return" if (total is not None and total < 0) or (code is not None and code.kind == "return") else "sale"
    )
    if titled and titled[0] in ("void", "return"):
        kind = _kind(titled[0])
    elif kind == "sale":
        if speaks := _speaks_of(rows, rules):
            return Recognised("other", speaks)
        if code is not None and not code.says_kind and total is None:
            return Recognised(
                "other",
                f"The {code.country} fiscal code does not say what it is of, and no row says what the total is called.",
            )
        if rules.sales.goods and code is None and not lines:
            return Recognised("other", f'What is sold does not come to "{row}". {GOODS}')
    day, sold_at = moment(rows, rules.dates)
    sold_at = sold_at or (code.sold_at if code else "")
    reference, of_reference, missing = _references(paper, rows, rules, day, sold_at or printed_at)
    if not reference and code is not None and code.reference and not (rules.reference.words or rules.reference.code):
        reference = code.reference
    if not reference:
        return Recognised("other", missing or "No row says its number.")
    amount = abs(total) if total is not None else code.total_minor if code else 0
    if amount > MOST_MINOR:
        return Recognised("other", f"Its total, {shown(amount, rules)}, is more than any sale.")
    by = f'"{row}"' if row else ""
    if code is not None:
        by = f"{by} and the {code.country} fiscal code" if by else f"the {code.country} fiscal code"
    why = f"{by} {'say' if row and code else 'says'} {shown(amount, rules)}; its number is {reference}."
    if titled and kind in ("void", "return"):
        why = f'"{titled[1]}" stands on it; {why}'
    return Recognised(
        kind,
        why[:1].upper() + why[1:],
        reference,
        of_reference if kind != "sale" else "",
        amount,
        lines,
        _member(paper, rows, rules, is_card),
        sold_at,
        operator_of(rows, rules.operator_labels),
    )


@cache
def untaught() -> TillReceipts:
    """The titles of all languages, and no words for a total: with a fiscal code that is enough."""
    kinds: dict[str, Any] = {
        title: [one for each in languages().values() for one in each.kinds[title]] for title in TITLES
    }
    return TillReceipts.model_validate({"kinds": kinds, "thousands": ","}, by_alias=True)


def shown(minor: int, rules: TillReceipts) -> str:
    """An amount as this shop prints it."""
    if not rules.decimals:
        return str(minor)
    digits = str(minor).rjust(rules.decimals + 1, "0")
    return f"{digits[: -rules.decimals]}{rules.decimal_mark}{digits[-rules.decimals :]}"


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _has_amount(row: SeenRow) -> bool:
    return row.amount is not None or _AMOUNT.search(row.text) is not None


def _kind(title: Title) -> Kind:
    return "card slip" if title == "card_slip" else title


def title_on(rows: list[SeenRow], rules: TillReceipts) -> tuple[Title, str] | None:
    """The title that stands alone in a row, the one that outranks the others; and the row."""
    best: tuple[Title, str] | None = None
    for row in rows:
        if row.amount is not None or len(row.words) > _TITLE_WORDS or row.words in rules.may_say:
            continue
        title = rules.title_of(row.words)
        if title and (best is None or TITLES.index(title) < TITLES.index(best[0])):
            best = title, _squeezed(row.text)
    return best


def _speaks_of(rows: list[SeenRow], rules: TillReceipts) -> str:
    """What on a sale has words of something else, in a sentence; "" where nothing does.

    Beside an amount below zero they are a part of the sale: a line that was taken back, a deposit. Beside another amount they can
    be the name of what was sold, but for returns and voids: there a total may be what was paid back.
    """
    for row in rows:
        if row.words in rules.may_say or (row.amount is not None and (row.amount.minor or 0) < 0):
            continue
        found = rules.speaks_of(row.beside if row.amount else row.words)
        if found and (row.amount is None or found in ("return", "void")):
            return f'"{_squeezed(row.text)}" may make it something else than a sale. {TEACH}'
    return ""


class Total(NamedTuple):
    """What a paper comes to, its row and which that is; `minor` is None where no row says it, or `problem` why none can."""

    minor: int | None = None
    text: str = ""
    at: int = 0
    problem: str = ""


def total_of(rows: list[SeenRow], rules: TillReceipts) -> Total:
    found = dict[int, Total]()
    unclear = ""
    for at, row in enumerate(rows):
        amount, text = row.amount, _squeezed(row.text)
        if amount is None:
            following = rows[at + 1] if at + 1 < len(rows) else None
            if (
                following
                and following.amount
                and row.words + following.beside in rules.totals
                and len(following.words) < 5
            ):
                amount, text = following.amount, f"{text} {_squeezed(following.text)}"
            elif "#" in row.words and rules.is_unclear_total(row.words) and not _is_count(row, rules):
                unclear = unclear or text
        elif row.beside not in rules.totals:
            amount = None
        if amount is not None and amount.minor is not None:
            found.setdefault(amount.minor, Total(amount.minor, text, at))
        elif amount is not None:
            unclear = unclear or text
    if len(found) > 1:
        one, other, *_ = found.values()
        return Total(problem=f'Two rows contradict each other: "{one.text}" and "{other.text}".')
    if unclear:
        return Total(problem=f'What "{unclear}" comes to cannot be read in one way only.')
    return next(iter(found.values()), Total())


def _is_count(row: SeenRow, rules: TillReceipts) -> bool:
    """Whether it is a number of things, and no amount: "TOTAL 3" where amounts have decimals."""
    return bool(rules.decimals) and row.words.count("#") == 1


def _references(paper: Paper, rows: list[SeenRow], rules: TillReceipts, day: str, at: str) -> tuple[str, str, str]:
    """The paper's own number, that of the sale which comes back, and why there is no own one."""
    of_values, rest = list[str](), list[SeenRow]()
    for row in without_slip(rows, rules):
        taken = False
        for label in rules.original_labels:
            if value := label.value(row):
                of_values.append(_named(value, rules, _business_day(moment([row], rules.dates)[0], "", rules)))
                taken = True
                break
        if not taken:
            rest.append(row)
    values = dict.fromkeys(value for row in rest if (value := _first_value(rules.reference_labels, row)))
    if rules.reference.code:
        values.update(dict.fromkeys(one.data.strip() for one in paper.codes if one.symbology == rules.reference.code))
    of_reference = of_values[0] if len(set(of_values)) == 1 else ""
    if len(values) > 1:
        return "", of_reference, f"It has two numbers: {' and '.join(list(values)[:2])}."
    for value in values:
        own = _named(value, rules, _business_day(day, at, rules))
        if not own:
            return "", of_reference, "Its numbers begin anew each day, and it says no day."
        if len(own) > 64 or not own.isprintable():
            return "", of_reference, "Its number is longer than 64 characters."
        return own, of_reference, ""
    return "", of_reference, "No row says its number."


def without_slip(rows: list[SeenRow], rules: TillReceipts) -> list[SeenRow]:
    """The rows without those of a card terminal's slip below the total: its numbers are not the sale's."""
    if card_marks(rows) < 2:
        return rows
    below = range(total_of(rows, rules).at + 1, len(rows))
    of_slip = [at for at in below if card_marks(rows[at : at + 1]) or rules.title_of(rows[at].words) == "card_slip"]
    return [*rows[: of_slip[0]], *rows[of_slip[-1] + 1 :]] if of_slip else rows


def _first_value(labels: tuple[Label, ...], row: SeenRow) -> str:
    return next((value for label in labels if (value := label.value(row))), "")


def _named(value: str, rules: TillReceipts, day: str) -> str:
    value = value.replace("/", "-")
    if rules.reference.restarts == "never":
        return value
    return f"{day}-{value}" if day else ""


def _business_day(day: str, at: str, rules: TillReceipts) -> str:
    """The day to which a number belongs; `at` is its time, or that of printing. "" where none is known."""
    has_time = at.startswith(day) and len(at) > 10
    try:
        return business_day(datetime.fromisoformat(at if has_time else day), rules.reference.day_starts_at * has_time)
    except (ValueError, OverflowError):
        return ""


def _member(paper: Paper, rows: list[SeenRow], rules: TillReceipts, is_card: Callable[[str], bool] | None) -> str:
    """A member's code that the till has printed, if it is one and no other beside it."""
    found = {value for row in rows if (value := _first_value(rules.member_labels, row))}
    if is_card is not None:
        found = {one for one in found if is_card(one)} | {one.data for one in paper.codes if is_card(one.data)}
    return found.pop() if len(found) == 1 else ""
