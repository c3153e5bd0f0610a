"""Reading what people write in TOML: every problem at once, each with its line and what was probably meant."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from loyalty.toml_lines import Path, lines_of
from loyalty.toml_sentences import is_array_of_tables, problems_of, table_of

Problem = tuple[Path, str]
"""Where it is, and what."""


class TomlError(Exception):
    """A file cannot be used as it is written; nothing of it was taken over. `problems` has a sentence for each reason."""

    code = "FILE_INVALID"
    hint = "Correct the file and read it again."

    def __init__(self, source: str, problems: list[str]) -> None:
        super().__init__(f"{source}: " + "; ".join(problems))
        self.source = source
        self.problems = problems


class Table(BaseModel):
    """A TOML table whose keys are all known and whose values are not converted: "5" is no number, 5.0 no whole one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


def _thousandths(most: int) -> Callable[[object], int]:
    def read(written: object) -> int:
        if isinstance(written, bool) or not isinstance(written, int | Decimal):
            raise ValueError(f"must be a number like 1.5, not {written!r}")
        if not 0 <= written <= most:
            raise ValueError(f"must be from 0 to {most}, not {written}")
        milli = Decimal(written) * 1000
        if milli != int(milli):
            raise ValueError(f"{written} has more than three decimals")
        return int(milli)

    return read


Count = Annotated[int, Field(ge=1, le=1_000_000)]
Milli = Annotated[int, BeforeValidator(_thousandths(1000))]
"""A factor: written 1.2 or 2, kept in thousandths."""
Percent = Annotated[int, BeforeValidator(_thousandths(100))]
"""A share: written 12.5, kept in thousandths of a per cent."""

T = TypeVar("T", bound=Table)


def read_toml(text: str, source: str, error: type[TomlError] = TomlError) -> dict[str, Any]:
    """The tables in `text`; raises `error` where it is not TOML."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as problem:
        raise error(source, [_not_toml(text, str(problem))]) from problem


def _not_toml(text: str, said: str) -> str:
    """What tomllib said; in plain words where something stands twice."""
    place = re.search(r" \(at line (\d+), column \d+\)$", said)
    if place is None:
        return f"this is not TOML: {said}"
    number = int(place[1])
    written = text.split("\n")[number - 1].strip()
    if said.startswith(("Cannot declare", "Cannot overwrite", "Duplicate inline table key", "Cannot mutate")):
        if header := re.match(r"\[+\s*([^\]]+?)\s*\]", written):
            table = header[1]
            return (
                f"line {number}: [{table}] stands here a second time; write all its keys under one, or [[{table}]] each time "
                "where there can be several"
            )
        key = written.split("=")[0].strip()
        inside = ", or one in it," if "{" in written else ""
        return f"line {number}: {key}{inside} stands here a second time; leave one of them out"
    if re.search(r"=\s*[“”„«‘’]", written):
        return f'line {number}: a text stands in straight quotes, " and ", not in those of a word processor'
    if said.startswith("Illegal character '\\n'") and written.count('"') % 2:
        return f'line {number}: the quote that ends this text is missing: {written}"'
    if said.startswith("Invalid value") and (bare := re.match(r"([\w.-]+)\s*=\s*([A-Za-z/][^\"'#]*)", written)):
        return f'line {number}: a text stands in quotes: {bare[1]} = "{bare[2].strip()}"'
    return f"line {number}: this is not TOML: {said.removesuffix(place[0])}"


def checked(
    model: type[T],
    tables: Mapping[str, Any],
    text: str,
    source: str,
    error: type[TomlError] = TomlError,
    across: Callable[[Mapping[str, Any]], Iterable[Problem]] = lambda tables: (),
) -> T:
    """`tables` as the model says; raises `error` with every problem, placed by its line in `text`.

    `across` finds what tables do to each other. It is given them as they are written: a wrong value in one of them hides
    nothing of the others then.
    """
    written, found = _as_meant(model, tables)
    try:
        value = model.model_validate(written, by_alias=True, by_name=False)
    except ValidationError as problem:
        found += problems_of(model, written, problem.errors())
    found += across(written)
    if found:
        raise error(source, placed(found, text))
    return value


def _as_meant(model: type[Table], tables: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The tables with [a] where [[a]] was written and the other way round, so that their keys can be checked all the same."""
    meant, found = dict(tables), list[Problem]()
    for key, value in tables.items():
        is_array = is_array_of_tables(model, key)
        if is_array and isinstance(value, dict):
            meant[key] = [value]
            found.append(((key,), f"{key}: there can be several, so it is written with two brackets: [[{key}]]"))
        elif not is_array and table_of(model, key) and isinstance(value, list) and value and isinstance(value[0], dict):
            meant[key] = value[0]
            found.append(((key,), f"{key}: there is only one, so it is written with single brackets: [{key}]"))
    return meant, found


class Sound(NamedTuple):
    """What of a file can be used: `tables` without those that have a problem, which are under the keys `unsound`.

    `places` has, of each array, which of the tables that were written the remaining ones are.
    """

    tables: dict[str, Any]
    unsound: frozenset[str]
    places: Mapping[str, Sequence[int]]


def sound_part(model: type[Table], tables: Mapping[str, Any]) -> Sound:
    """A table with a problem is left out as a whole, with all that would have followed from it."""
    written, found = _as_meant(model, tables)
    try:
        model.model_validate(written, by_alias=True, by_name=False)
    except ValidationError as problem:
        found += problems_of(model, written, problem.errors())
    wrong = {path[: 2 if len(path) > 1 and isinstance(path[1], int) else 1] for path, _ in found}
    unsound = frozenset(str(path[0]) for path in wrong)
    sound: dict[str, Any] = {}
    places: dict[str, list[int]] = {}
    for key, value in written.items():
        if isinstance(value, list) and is_array_of_tables(model, key):
            places[key] = [number for number in range(len(value)) if (key, number) not in wrong]
            sound[key] = [value[number] for number in places[key]]
        elif (key,) not in wrong:
            sound[key] = value
    return Sound(sound, unsound, places)


def placed(found: Iterable[Problem], text: str) -> list[str]:
    """Sentences by line, each once; what has no line comes first."""
    lines = lines_of(text)
    numbered = [(_line_of(lines, path), what) for path, what in dict.fromkeys(found)]
    return [f"line {line}: {what}" if line else what for line, what in sorted(numbered, key=itemgetter(0))]


def _line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of a key, or of the table that it would stand in; 0 for what is missing at the top."""
    while path and path not in lines:
        # What is written [a] is checked as the first of [[a]], and the other way round.
        other = (path[0], *path[2:]) if len(path) > 1 and path[1] == 0 else (path[0], 0, *path[1:])
        if other in lines:
            return lines[other]
        path = path[:-1]
    return lines.get(path, 0)
