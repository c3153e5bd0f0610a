"""From a few papers of a shop's till to its profile: which words stand before the total, the number, the time, the operator.

Nothing is assumed that the papers do not show. The total must have one amount on each sale; the number must stand on each, and
differ from sale to sale. What cannot be found is said in sentences, and no profile is made then.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from pos_plugin.intercept.amounts import CURRENCY_WORDS, SeenRow, as_phrase, without_currencies, words_of
from pos_plugin.intercept.papers import Kind, Paper, Recognised
from pos_plugin.intercept.printed_labels import Label, moment
from pos_plugin.intercept.receipt_words import TITLES, Words, languages, of_all
from pos_plugin.intercept.recognition import PICTURE, recognise, seen_rows, title_on, total_of, without_slip
from pos_plugin.intercept.sold_lines import sold_lines
from pos_plugin.intercept.till_receipts import TillReceipts, as_toml, till_receipts

CODES = ("code128", "code39", "itf", "ean13")
_SLASHED = re.compile(r"(?<![\d.,/-])(\d{1,2})[/-](\d{1,2})[/-](?:20\d\d|\d\d)(?!\d)", re.ASCII)
_SPACED = ("fr", "pl")
"""Languages in which a space stands between thousands."""


class Given(NamedTuple):
    """A paper to learn from. `told` is what a person says that it is."""

    name: str
    paper: Paper
    told: Kind | None = None


class Learned(NamedTuple):
    """`profile` with its text; None with the `problems` that are in the way. `notes` are what a person should look at.

    `so_far` are the rules by which the papers were `seen`, also where they are no profile yet.
    """

    profile: TillReceipts | None
    so_far: TillReceipts | None
    text: str
    seen: list[tuple[Given, Recognised]]
    problems: list[str]
    notes: list[str]


class _Found(NamedTuple):
    """A row that may be the total of a paper."""

    label: Words
    written: str
    minor: int
    at: int


def learn(
    given: Sequence[Given],
    *,
    is_card: Callable[[str], bool] | None = None,
    restarts: Literal["", "never", "daily"] = "",
    day_starts_at: int = 0,
    decimals: int = 2,
) -> Learned:
    """What these papers teach. `decimals` are the digits of the small unit of the shop's currency."""
    lesson = _Lesson(given, restarts, day_starts_at, decimals)
    profile = lesson.profile()
    shown = profile or lesson.unfinished
    seen = [(one, recognise(one.paper, shown, is_card=is_card)) for one in given]
    for one, found in seen:
        if one.told and found.kind != one.told:
            lesson.problems.append(f"{one.name} is a {one.told}, and is taken for a {found.kind}: {found.why}")
    text = as_toml(profile) if profile else ""
    if profile:
        till_receipts(text)  # what is written can be read
    return Learned(profile if not lesson.problems else None, shown, text, seen, lesson.problems, lesson.notes)


def meanings(paper: Paper, rules: TillReceipts, found: Recognised) -> list[tuple[str, str]]:
    """Every row of the paper that says something, with what it was taken for; "" where for nothing."""
    rows = seen_rows(paper, rules)
    title = title_on(rows, rules)
    total = total_of(rows, rules)
    names = {line.name for line in found.lines}
    said = list[tuple[str, str]]()
    for number, row in enumerate(rows):
        meaning = ""
        if title and found.kind not in ("sale", "other") and title[1] == " ".join(row.text.split()):
            meaning = "title"
        elif total.text and number == total.at:
            meaning = "total"
        elif found.reference and any(label.value(row) for label in (*rules.reference_labels, *rules.original_labels)):
            meaning = "number"
        elif found.lines and row.amount and any(name in row.text for name in names):
            meaning = "line"
        elif found.operator and any(label.after(row) for label in rules.operator_labels):
            meaning = "operator"
        elif found.sold_at and moment([row], rules.dates)[0]:
            meaning = "time"
        elif found.member_code and any(label.value(row) for label in rules.member_labels):
            meaning = "member"
        said.append((meaning, row.text))
    return said


class _Lesson:
    """One shop's papers, and what is found on them, step by step."""

    def __init__(
        self, given: Sequence[Given], restarts: Literal["", "never", "daily"], day_starts_at: int, decimals: int
    ) -> None:
        self.given = given
        self.problems = list[str]()
        self.notes = list[str]()
        readable = [one for one in given if not one.paper.is_picture]
        for one in given:
            if one.paper.is_picture:
                (self.problems if one.told in (None, "sale") and not readable else self.notes).append(
                    f"{one.name}: {PICTURE}"
                )
        self.tables: dict[str, Any] = {
            "decimal_mark": self._decimal_mark(readable, decimals),
            "decimals": decimals,
            "dates": self._dates(readable),
            "reference": {"day_starts_at": day_starts_at},
        }
        self.tables["thousands"] = ",'" if self.tables["decimal_mark"] == "." else ".'"
        self.languages = self._languages(readable)
        self.tables["kinds"] = {
            title: list(dict.fromkeys(one for name in self.languages for one in languages()[name].kinds[title]))
            for title in TITLES
        }
        if any(name in self.languages for name in _SPACED):
            self.tables["thousands"] += " "
        self.rules = self._rules()
        self.rows = {one: seen_rows(one.paper, self.rules) for one in readable}
        self.restarts = restarts

    def profile(self) -> TillReceipts | None:
        """What was found, if that is enough; `problems` says what is not."""
        sales = self._sales()
        if sales:
            sales = self._reference(sales)
            self._labels(sales)
        if not self.problems or sales:
            self._told_titles(sales)
            self._what_sales_say(sales)
        has_number = self.tables["reference"].get("words") or self.tables["reference"].get("code")
        return self._rules() if "total" in self.tables and has_number else None

    @property
    def unfinished(self) -> TillReceipts | None:
        """What was found so far; None where that is not even a total."""
        return self._rules() if "total" in self.tables else None

    def _rules(self) -> TillReceipts:
        return TillReceipts.model_validate(self.tables, by_alias=True, by_name=False)

    def _decimal_mark(self, readable: Iterable[Given], decimals: int) -> str:
        """Where amounts have no decimals, the one that would not part thousands there."""
        amount = re.compile(rf"\d([.,])\d{{{decimals or 3}}}(?:\D{{0,6}})$", re.ASCII)
        marks = Counter(
            found[1] for one in readable for row in one.paper.rows if (found := amount.search(row.text.rstrip()))
        )
        if not marks:
            return "."
        if not decimals:
            return "," if marks.most_common(1)[0][0] == "." else "."
        mark, many = marks.most_common(1)[0]
        if many < sum(marks.values()) * 0.8:
            self.notes.append(
                f'Amounts stand there with "." and with ","; "{mark}" is taken for the one before decimals.'
            )
        return mark

    def _dates(self, readable: Iterable[Given]) -> str:
        """By a day that can be read in one way only."""
        days = [found for one in readable for row in one.paper.rows for found in _SLASHED.findall(row.text)]
        day_first, month_first = (any(int(one[at]) > 12 for one in days) for at in (0, 1))
        if day_first and month_first:
            self.notes.append("Some days have the day first, some the month: look at the times in the table.")
        elif days and not day_first and not month_first:
            self.notes.append(
                f'"{days[0][0]}/{days[0][1]}" may have the day or the month first: say which under `dates`.'
            )
        return "month first" if month_first and not day_first else "day first"

    def _languages(self, readable: Iterable[Given]) -> list[str]:
        """Those whose words stand there most, and English, which tills fall back to."""
        bare = {words_of(row.text.rstrip("0123456789.,-€$ ")) for one in readable for row in one.paper.rows}
        words = Counter[str]()
        for name in languages():
            known, singles = _vocabulary(name)
            words[name] = sum(3 if phrase in known else any(word in singles for word in phrase) for phrase in bare)
        most = max(words.values(), default=0)
        return [name for name, many in words.items() if (many and many >= most * 0.6) or name == "en"]

    # the total

    def _sales(self) -> list[Given]:
        """The papers that are sales by their total; its words are then in the tables."""
        could_be = [one for one in self.rows if self._could_be_sale(one)]
        if not could_be:
            if not self.problems:
                self.problems.append(
                    "None of these papers looks like a sale. Give receipts of sales, as they were printed."
                )
            return []
        found = {one: self._totals(self.rows[one]) for one in could_be}
        sales = list[Given]()
        chosen = dict[Words, str]()
        while len(sales) < len(could_be):
            best = self._best(found, sales, chosen)
            if best is None:
                break
            chosen[best.label] = best.written
            sales += [
                one
                for one in could_be
                if one not in sales and len({each.minor for each in found[one] if each.label == best.label}) == 1
            ]
        if not chosen:
            self.problems.append(
                "No row was found that says the sale's total, like TOTAL, SUMME or TOPLAM, once on each receipt."
            )
            return []
        for one in could_be:
            if one not in sales and one.told:
                self.problems.append(
                    f"{one.name}: no row says its total like on the others ({', '.join(chosen.values())})."
                )
        self.tables["total"] = {"words": list(chosen.values())}
        if any(label[-1:] == ("#",) for label in chosen):
            self.tables["thousands"] = self.tables["thousands"].replace(" ", "")
        self.rules = self._rules()
        self.rows = {one: seen_rows(one.paper, self.rules) for one in self.rows}
        return sales

    def _could_be_sale(self, one: Given) -> bool:
        rows = self.rows[one]
        if one.told:
            return one.told == "sale"
        numbers = {_label(phrase).words for phrase in self._phrases_of_references()}  # "Adisyon No: 17" is no title
        title = title_on(
            [row for row in rows if tuple(word for word in row.words if word != "#") not in numbers], self.rules
        )
        return (title is None or title[0] in ("card_slip", "kitchen")) and any(row.amount for row in rows)

    def _totals(self, rows: list[SeenRow]) -> list[_Found]:
        found = list[_Found]()
        for number, row in enumerate(rows):
            amount, label, written = row.amount, row.beside, row.amount.label if row.amount else ""
            if amount is None and number + 1 < len(rows) and "#" not in row.words:
                amount = rows[number + 1].amount
                if amount is None or without_currencies(rows[number + 1].beside):
                    continue
                label, written = row.words + rows[number + 1].beside, f"{row.text.strip()} {amount.label}".strip()
            if amount is not None and amount.minor is not None and _rank(label) is not None:
                found.append(_Found(label, as_phrase(written), amount.minor, number))
        return found

    def _best(self, found: dict[Given, list[_Found]], sales: list[Given], chosen: dict[Words, str]) -> _Found | None:
        """The words that most of the other papers have with one amount; then those to which the lines come most often."""
        best, best_rank = None, (0, 0, 0, 0)
        for candidate in {each.label: each for one in found for each in found[one]}.values():
            currency = CURRENCY_WORDS.intersection(candidate.label)
            if any(label == candidate.label or CURRENCY_WORDS.intersection(label) != currency for label in chosen):
                continue  # a total of another currency is none here
            amounts = {one: {each.minor for each in found[one] if each.label == candidate.label} for one in found}
            known = {one: {each.minor for each in found[one] if each.label in chosen} for one in sales}
            torn = [one for one, some in amounts.items() if len(some) > 1]
            having = sum(map(bool, amounts.values()))
            if (
                any(one.told for one in torn)
                or len(torn) * 5 > having
                or any(amounts[one] - known[one] for one in sales)
            ):
                continue
            amounts.update((one, set()) for one in torn)  # they contradict themselves, and are no sales
            new = [one for one in found if amounts[one] and one not in sales]
            adds_up = sum(
                any(each.label == candidate.label and self._adds_up(one, each) for each in found[one]) for one in new
            )
            rank = (len(new), adds_up, -(_rank(candidate.label) or 0), -len(candidate.label))
            if new and (best is None or rank > best_rank):
                best, best_rank = candidate, rank
        return best

    def _adds_up(self, one: Given, candidate: _Found) -> bool:
        lines = sold_lines(self.rows[one][: candidate.at], candidate.minor)
        return bool(lines) and sum(line.amount_minor for line in lines) == abs(candidate.minor)

    # the number

    def _reference(self, sales: list[Given]) -> list[Given]:
        """The sales that have a number of their own. The words before it, or the code that is it, are in the tables then.

        Of many papers a few may have none, if nobody has told that they are sales: then they are not.
        """
        apart = list({tuple(row.text for row in one.paper.rows): one for one in sales}.values())
        if len(apart) < 2:
            self.problems.append(
                "Give at least two different sales: only then it shows which number is the sale's own, and which stands on all."
            )
        own = {one: without_slip(self.rows[one], self.rules) for one in apart}
        best, best_rank, best_values = "", (0, 0, 0), dict[Given, str]()
        for order, phrase in enumerate(self._phrases_of_references()):
            label = _label(phrase)
            values = {one: value for one in apart if (value := self._value(own[one], label))}
            rank = (len(values), len(words_of(phrase)), -order)
            if self._are_enough(values, apart) and self._tells_apart(values) and rank > best_rank:
                best, best_rank, best_values = phrase, rank, values
        if best:
            self.tables["reference"]["words"] = [best]
        for symbology in () if best else CODES:
            values = {one: codes[0] for one in apart if len(codes := self._codes(one, symbology)) == 1}
            if self._are_enough(values, apart) and len(set(values.values())) == len(values):
                self.tables["reference"]["code"] = symbology
                self.notes.append(
                    f"The sale's number is the bar code ({symbology}) on it: no row was found that says it."
                )
                best_values = values
                break
        if not best_values:
            self.problems.append(
                "No number was found that stands on every sale and differs between them, like Receipt no., Bon-Nr. or Fiş No."
                " Leave out papers that have none or share one: name the files of the others."
            )
            return sales
        self.notes += [f"{one.name} has no number, and is no sale then." for one in apart if one not in best_values]
        self.tables["reference"]["restarts"] = self.restarts or self._restarts(best_values)
        return [one for one in sales if one in best_values or one not in apart]

    def _are_enough(self, values: dict[Given, str], apart: list[Given]) -> bool:
        """All of them, or two thirds of three and more."""
        told = all(one in values for one in apart if one.told)
        return (
            bool(values)
            and told
            and (len(values) == len(apart) or (len(values) > 1 and len(values) * 3 >= len(apart) * 2))
        )

    def _phrases_of_references(self) -> list[str]:
        ordered = sorted(languages(), key=lambda name: name not in self.languages)
        return list(dict.fromkeys(phrase for name in ordered for phrase in languages()[name].reference))

    def _value(self, rows: list[SeenRow], label: Label) -> str:
        """The one number behind the label, where no other stands behind it elsewhere on the paper."""
        originals = [_label(phrase) for phrase in of_all().original]
        values = {
            value
            for row in rows
            if (value := label.value(row)) and not any(each.after(row) is not None for each in originals)
        }
        return values.pop() if len(values) == 1 else ""

    def _tells_apart(self, values: dict[Given, str]) -> bool:
        """Whether no two sales have the same number, or those that have are of different days."""
        named = Counter((value, moment(self.rows[one], self.rules.dates)[0]) for one, value in values.items())
        return max(named.values()) == 1 and (len(set(values.values())) > 1 or len(values) == 1)

    def _codes(self, one: Given, symbology: str) -> list[str]:
        return [code.data for code in one.paper.codes if code.symbology == symbology]

    def _restarts(self, values: dict[Given, str]) -> str:
        """ "daily" where a number comes again on another day, or a smaller one on a later day."""
        days = sorted((moment(self.rows[one], self.rules.dates)[0], value) for one, value in values.items())
        for (day, value), (later, other) in pairwise(days):
            numbers = value.isdecimal() and other.isdecimal() and int(other) <= int(value)
            if day and day != later and (value == other or numbers):
                self.notes.append(
                    f"Number {other} of {later} comes after {value} of {day}: the numbers begin anew each day, and the day "
                    "stands before them. If they do not, say --restarts never."
                )
                return "daily"
        return "never"

    # the rest

    def _labels(self, sales: list[Given]) -> None:
        table = of_all()
        behind = Counter[str]()
        for phrase in dict.fromkeys(table.operator):
            label = _label(phrase)
            behind[phrase] = sum(any((label.after(row) or "").strip(" .:#") for row in self.rows[one]) for one in sales)
        most = max(behind.values(), default=0)
        if most * 2 >= len(sales) and most:
            self.tables["operator"] = {"words": [max(behind, key=lambda one: (behind[one], len(one)))]}
        member = [
            phrase
            for phrase in dict.fromkeys(table.member)
            if any((label := _label(phrase)).value(row) for one in sales for row in self.rows[one])
        ]
        self.tables["member"] = {"words": member}
        self.tables["original"] = {"words": list(dict.fromkeys(table.original))}

    def _told_titles(self, sales: list[Given]) -> None:
        """For what a person has told, the row that makes it so: one that no sale has."""
        on_sales = {row.words for one in sales for row in self.rows[one]}
        for title in TITLES:
            told = [one for one in self.rows if one.told == title.replace("_", " ")]
            if not told or all(
                (found := title_on(self.rows[one], self._rules())) and found[0] == title for one in told
            ):
                continue
            styles = {words_of(row.text): row.bold or row.large for one in told for row in one.paper.rows}
            common = [
                row
                for row in self.rows[told[0]]
                if row.amount is None
                and row.words not in on_sales
                and len(row.words) <= 6
                and any(len(word) > 2 for word in row.words)
                and all(any(other.words == row.words for other in self.rows[one]) for one in told)
            ]
            common.sort(key=lambda row: not styles.get(row.words))
            if common:
                phrase = as_phrase(common[0].text)
                self.tables["kinds"][title].append(phrase)
                self.notes.append(f'"{phrase}" alone in a row makes a paper a {title.replace("_", " ")}.')
            elif title in ("copy", "void", "return", "closing", "other"):
                self.problems.append(f"{told[0].name}: no row on it tells it from a sale.")

    def _what_sales_say(self, sales: list[Given]) -> None:
        """Whether goods come to the total on all of them; and rows that speak of something else: where a person told that they
        are sales, or all of several say them."""
        rules = self._rules()
        may_say = dict[Words, str]()
        for one in sales:
            total = total_of(self.rows[one], rules).minor
            for row in self.rows[one]:
                speaks = rules.speaks_of(row.beside if row.amount else row.words)
                if speaks is None or row.words in may_say or (total or 0) < 0:
                    continue
                if row.amount and ((row.amount.minor or 0) < 0 or speaks not in ("return", "void")):
                    continue
                with_it = sum(any(other.words == row.words for other in self.rows[each]) for each in sales)
                if one.told == "sale" or (len(sales) > 1 and with_it * 10 >= len(sales) * 9):
                    may_say[row.words] = as_phrase(row.text)
        if may_say:
            self.notes.append(f"Sales may say: {'; '.join(may_say.values())}.")
        goods = len(sales) > 1
        for one in sales:
            came_to = total_of(self.rows[one], rules)
            goods = (
                goods and came_to.minor is not None and bool(sold_lines(self.rows[one][: came_to.at], came_to.minor))
            )
        self.tables["sales"] = {"may_say": list(may_say.values()), "goods": goods}


def _rank(label: Words) -> int | None:
    """How good a name for a total these words are, 0 the best; None where they are none. Currencies and counts are no matter."""
    bare = tuple(one for one in without_currencies(label) if one != "#")
    if label.count("#") > 1:
        return None
    if "#" in label:
        bare = tuple(one for one in bare if one not in of_all().counted)
    ranks = [phrases.index(bare) for phrases in _known_totals() if bare in phrases]
    return min(ranks, default=None)


@cache
def _label(phrase: str) -> Label:
    return Label(words_of(phrase))


@cache
def _vocabulary(name: str) -> tuple[frozenset[Words], frozenset[str]]:
    """The phrases of a language, and those of their words that say which it is."""
    language = languages()[name]
    said = (*language.total, *language.reference, *(one for title in TITLES for one in language.kinds[title]))
    phrases = frozenset(map(words_of, said))
    return phrases, frozenset(word for phrase in phrases for word in phrase if len(word) > 3)


@cache
def _known_totals() -> list[list[Words]]:
    return [[words_of(one) for one in language.total] for language in languages().values()]
