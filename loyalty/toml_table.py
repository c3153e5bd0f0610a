"""Reading what people write in TOML: every problem at once, each with its line and what was probably meant."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from loyalty.toml_lines import Path, lines_of


class TomlError(Exception):
    """A file cannot be used as it is written; nothing of it was taken over. `problems` has a sentence for each reason."""

    code = "FILE_INVALID"
    hint = "Correct the file and read it again."

    def __init__(self, source: str, problems: list[str]) -> None:
        super().__init__(f"{source}: " + "; ".join(problems))
        self.source = source
        self.problems = problems


class Placed(ValueError):
    """Several things that are wrong in a table with tables in it, each with its place."""

    def __init__(self, problems: Sequence[tuple[Path, str]]) -> None:
        super().__init__("; ".join(what for _, what in problems))
        self.problems = problems


class Table(BaseModel):
    """A TOML table whose keys are all known and whose values are not converted: "5" is no number, 5.0 no whole one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


Count = Annotated[int, Field(ge=1, le=1_000_000)]


def _thousandths(written: object) -> object:
    if isinstance(written, bool) or not isinstance(written, int | Decimal):
        raise ValueError(f"must be a number like 1.5, not {written!r}")
    milli = Decimal(written) * 1000
    if milli != int(milli):
        raise ValueError(f"{written} has more than three decimals")
    return int(milli)


Milli = Annotated[int, BeforeValidator(_thousandths), Field(ge=0, le=1_000_000)]
"""A factor: written 1.2 or 2, kept in thousandths."""

T = TypeVar("T", bound=Table)


def read_toml(text: str, source: str, error: type[TomlError] = TomlError) -> dict[str, Any]:
    """The tables in `text`; raises `error` where it is not TOML."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as problem:
        raise error(source, [f"this is not TOML: {problem}"]) from problem


def checked(model: type[T], tables: dict[str, Any], text: str, source: str, error: type[TomlError] = TomlError) -> T:
    """`tables` as the model says; raises `error` with every problem, placed by its line in `text`."""
    try:
        return model.model_validate(tables)
    except ValidationError as problem:
        raise error(source, list(_problems(model, tables, text, problem))) from problem


PATTERNS = {
    r"^[a-z0-9][a-z0-9-]{0,39}$": "lower-case letters, digits and dashes, at most 40",
    r"^[A-Z]{3}$": "three capital letters, like EUR",
    r"^2\d$": "two digits from 20 to 29",
    r"^\d{0,8}$": "at most 8 digits",
    r"^([0-9a-f]{64})?$": "a SHA-256 as 64 digits and letters from a to f",
}
"""What a pattern asks for, in words."""


def _problems(model: type[Table], tables: dict[str, Any], text: str, error: ValidationError) -> Iterator[str]:
    """Sentences by line; what has none comes first."""
    lines = lines_of(text)
    told: set[Path] = set()
    found: list[tuple[int, str]] = []
    for problem in error.errors():
        placed = problem.get("ctx", {}).get("error")
        if isinstance(placed, Placed):
            for place, what in placed.problems:
                number = line_of(lines, (*problem["loc"], *place)) or 0
                found.append((number, f"line {number}: {what}" if number else what))
            continue
        path = _in_the_file(problem["loc"], tables, is_missing=problem["type"] == "missing")
        is_of_a_choice = len(path) < len(problem["loc"])  # several ways to write it, and none fits: said once
        if is_of_a_choice and any(path[:length] in told for length in range(1, len(path) + 1)):
            continue
        told.add(path)
        line = line_of(lines, path) or 0
        where = f"line {line}: " if line else ""
        found.append((line, where + _sentence(model, tables, path, problem, is_of_a_choice=is_of_a_choice)))
    return (sentence for _, sentence in sorted(found, key=itemgetter(0)))


def line_of(lines: Mapping[Path, int], path: Path) -> int | None:
    """The line of a key, or of the table that it would stand in; None for what is missing at the top."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


def spoken(path: Path, tables: Mapping[str, Any]) -> str:
    """A place in a file, for a person: of several tables of one kind the one by its name, else by its number.

    >>> spoken(("tier", 1, "from"), {"tier": [{"name": "silver"}, {"name": "gold"}]})
    'tier "gold".from'
    """
    words, here = "", tables
    for part in path:
        here = _inside(here, part)
        if isinstance(part, int):
            name = here.get("name") if isinstance(here, dict) else None
            words += f' "{name}"' if isinstance(name, str) else f" {part + 1}"
        else:
            words += f".{part}" if words else part
    return words


def _inside(value: Any, part: str | int) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def _in_the_file(location: tuple[str | int, ...], tables: Mapping[str, Any], *, is_missing: bool) -> Path:
    """pydantic's place of a problem without the names it gives to ways of writing a value."""
    path: Path = ()
    here: Any = tables
    for number, part in enumerate(location):
        is_there = (isinstance(here, dict) and part in here) or (isinstance(here, list) and isinstance(part, int))
        if is_there or (is_missing and number == len(location) - 1):
            path, here = (*path, part), _inside(here, part)
    return path


def _sentence(
    model: type[Table], tables: Mapping[str, Any], path: Path, problem: ErrorDetails, *, is_of_a_choice: bool
) -> str:
    name, kind, limits = spoken(path, tables), problem["type"], problem.get("ctx", {})
    shown = _shown(problem["input"])
    match kind:
        case "extra_forbidden":
            return f"there is no key {name}" + _meant(model, path)
        case "missing":
            return f"{name} is missing"
        case "value_error":
            said = str(problem["msg"]).removeprefix("Value error, ")
            return f"{name}: {said}" if name else said
        case _ if is_of_a_choice:
            return (
                f'{name} must be a text of 1 to 200 characters, or one for each language: {{ en = "...", de = "..." }}'
            )
        case "int_type" | "int_from_float":
            asked = "a whole number"
        case "string_type":
            asked = "a text in quotation marks"
        case "bool_type":
            asked = "true or false"
        case "list_type" if isinstance(problem["input"], dict):
            return f"{name}: there can be several, so it is written with two brackets: [[{name}]]"
        case "list_type":
            asked = "a list in brackets, like [1, 2]"
        case "dict_type" | "model_type" | "model_attributes_type":
            asked = "a table"
        case "literal_error":
            wanted = [str(one) for one in _choices(str(limits["expected"]))]
            near = difflib.get_close_matches(str(problem["input"]), wanted, n=1, cutoff=0.5)
            quoted = ", ".join(f'"{one}"' for one in wanted)
            return f"{name} must be one of {quoted}, not {shown}" + (f'; did you mean "{near[0]}"?' if near else "")
        case "greater_than_equal":
            asked = f"{limits['ge']} or more"
        case "less_than_equal":
            asked = f"{limits['le']} or less"
        case "string_pattern_mismatch":
            asked = PATTERNS.get(str(limits["pattern"]), f"of the form {limits['pattern']}")
        case "string_too_short" | "too_short":
            return f"{name} is empty"
        case "string_too_long":
            asked = f"at most {limits['max_length']} characters long"
        case _:
            return f"{name}: {problem['msg']}"
    return f"{name} must be {asked}, not {shown}"


def _shown(written: Any) -> str:
    if isinstance(written, bool):
        return str(written).lower()
    if isinstance(written, dict | list):
        return "a table" if isinstance(written, dict) else "a list"
    shown = f'"{written}"' if isinstance(written, str) else str(written)
    return shown if len(shown) <= 60 else f"{shown[:56]} ..."


def near(word: str, words: Iterable[str]) -> str:
    """The end of a sentence about a word that is none of these: which it probably was meant to be."""
    found = difflib.get_close_matches(word, sorted(words), n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""


def _choices(expected: str) -> list[str]:
    """The words of pydantic's list `'a', 'b' or 'c'`."""
    return re.findall(r"'([^']*)'", expected)


def _meant(model: type[Table], path: Path) -> str:
    """What a key that does not exist was meant to be: one beside it, or the same one in another table."""
    *above, last = path
    table: type[Table] | None = model
    for part in above:
        table = _table_in(table, part) if table and isinstance(part, str) else table
    key = str(last)
    near = difflib.get_close_matches(key, keys_of(table) if table else [], n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]}?"
    elsewhere = [name for name in keys_of(model) if (inner := _table_in(model, name)) and key in keys_of(inner)]
    if above and key in keys_of(model):
        return "; it stands at the top of the file, before the first table"
    return f"; did you mean that of {' or '.join(f'[{name}]' for name in elsewhere)}?" if elsewhere else ""


def keys_of(model: type[Table]) -> list[str]:
    """The keys of a table as they are written in a file."""
    return [field.alias or name for name, field in model.model_fields.items() if name != "text"]


def _table_in(model: type[Table], key: str) -> type[Table] | None:
    """The kind of table that stands under a key, on its own or in an array."""
    for name, field in model.model_fields.items():
        if key in (name, field.alias):
            return next(_tables(field.annotation), None)
    return None


def _tables(annotation: Any) -> Iterator[type[Table]]:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        yield annotation
    for inner in get_args(annotation):
        yield from _tables(inner)
