"""What is wrong with a value that was written in TOML, as a sentence; and what was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from loyalty.toml_lines import Path

PATTERNS = {
    r"^[a-z0-9][a-z0-9-]{0,39}$": "lower-case letters, digits and dashes, at most 40",
    r"^[A-Z]{3}$": "three capital letters, like EUR",
    r"^(2[0-9])?$": "two digits from 20 to 29, or empty",
    r"^[0-9]{0,8}$": "at most 8 digits",
    r"^[A-Z]{0,4}-?[0-9]{0,8}$": "at most 8 digits, after at most four capital letters and a dash",
    r"^([0-9a-f]{64})?$": "a SHA-256 as 64 digits and letters from a to f",
}
"""What a pattern asks for, in words."""

A_TEXT = 'a text of 1 to 200 characters, or one for each language: { en = "...", de = "..." }'


def problems_of(
    model: type[BaseModel], tables: Mapping[str, Any], errors: Iterable[ErrorDetails]
) -> Iterator[tuple[Path, str]]:
    """What pydantic found in these tables: where it is, and a sentence. Several ways to write a value are one problem."""
    found = [(_Place.of(error, tables), error) for error in errors]
    choices = {place.choice for place, _ in found if place.path != place.choice}
    told: set[Path] = set()
    for place, error in found:
        is_said_better = place.choice in choices and place.path == place.choice
        if place.choice is None or not (is_said_better or place.path in told):
            told.add(place.path)
            yield place.path, _sentence(model, tables, place, error)


class _Place:
    """Where a problem is: `path` in the file; and `choice`, the value of which pydantic tried several kinds, if it did."""

    def __init__(self, path: Path, choice: Path | None) -> None:
        self.path, self.choice = path, choice

    @classmethod
    def of(cls, error: ErrorDetails, tables: Mapping[str, Any]) -> _Place:
        """pydantic's place of a problem without the names that it gives to kinds of a value."""
        path: Path = ()
        choice: Path | None = None
        here: Any = tables
        location = error["loc"]
        for number, part in enumerate(location):
            is_missing = error["type"] == "missing" and number == len(location) - 1
            is_there = (isinstance(here, dict) and part in here) or (isinstance(here, list) and isinstance(part, int))
            if is_there or is_missing:
                path, here = (*path, part), inside(here, part)
            elif choice is None:
                choice = path
        return cls(path, choice)


def _sentence(model: type[BaseModel], tables: Mapping[str, Any], place: _Place, problem: ErrorDetails) -> str:
    path, kind, limits = place.path, problem["type"], problem.get("ctx", {})
    name, shown = spoken(path, tables), _shown(problem["input"])
    match kind:
        case "extra_forbidden":
            return f"there is no key {name}" + _meant(model, path)
        case "missing":
            return f"{name} is missing"
        case "value_error":
            said = str(problem["msg"]).removeprefix("Value error, ")
            return f"{name}: {said}" if name else said
        case "literal_error" if problem["loc"][-1] == "[key]":
            languages = _choices(str(limits["expected"]))
            told = near(str(path[-1]), languages)
            return f"{name}: {path[-1]} is no language of the product, which are {', '.join(languages)}{told}"
        case _ if path == place.choice:
            return f"{name} must be {A_TEXT}"
        case "literal_error":
            wanted = _choices(str(limits["expected"]))
            if not wanted:  # numbers stand without quotes
                return f"{name} must be {limits['expected']}, not {shown}"
            quoted = ", ".join(f'"{one}"' for one in wanted)
            meant = closest(str(problem["input"]), wanted)
            return f"{name} must be one of {quoted}, not {shown}" + (f'; did you mean "{meant}"?' if meant else "")
        case "string_too_short" | "too_short":
            return f"{name} is empty"
        case "too_long":
            return f"{name} has more than {limits['max_length']} entries, which are the most"
        case _:
            asked = _asked(model, path, kind, limits)
            return f"{name} must be {asked}, not {shown}" if asked else f"{name} cannot be {shown}"


def _asked(model: type[BaseModel], path: Path, kind: str, limits: Mapping[str, Any]) -> str:
    """What a value should be; '' where there is no word for it."""
    match kind:
        case "int_type" | "int_from_float" | "int_parsing" | "int_parsing_size":
            return "a whole number"
        case "string_type" | "string_unicode":
            return "a text in quotation marks"
        case "bool_type":
            return "true or false"
        case "list_type":
            return 'a list of texts in brackets, like ["a", "b"]' if _has_texts(model, path) else "a list in brackets"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "a table"
        case "greater_than_equal":
            return f"{limits['ge']} or more"
        case "less_than_equal":
            return f"{limits['le']} or less"
        case "string_pattern_mismatch":
            return PATTERNS.get(str(limits["pattern"]), f"of the form {limits['pattern']}")
        case "string_too_long":
            return f"at most {limits['max_length']} characters long"
        case _:
            return ""


def spoken(path: Path, tables: Mapping[str, Any]) -> str:
    """A place in a file, for a person: of several tables of one kind the one by its name, else by its number.

    >>> spoken(("tier", 1, "from"), {"tier": [{"name": "silver"}, {"name": "gold"}]})
    'tier "gold".from'
    """
    words, here = "", tables
    for part in path:
        here = inside(here, part)
        if isinstance(part, int):
            name = here.get("name") if isinstance(here, dict) else None
            words += f' "{name}"' if isinstance(name, str) else f" {part + 1}"
        else:
            words += f".{part}" if words else part
    return words


def inside(value: Any, part: str | int) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def closest(word: str, words: Iterable[str]) -> str:
    """Which of the words was probably meant; '' where none is near. Longer and shorter forms are nearest.

    A word of two letters is near to everything that has one of them, so only its longer forms mean it.

    >>> closest("Monday", ["mon", "sun"]), closest("pionts", ["points", "per"]), closest("zzz", ["points"])
    ('mon', 'points', '')
    >>> closest("english", ["de", "en"]), closest("german", ["de", "en"]), closest("it", ["en", "tr"])
    ('en', '', '')
    """
    known, lower = sorted(words), word.strip().lower()
    longer = [one for one in known if len(min(one, lower, key=len)) > 1 and lower.startswith(one)]
    found = longer or difflib.get_close_matches(lower, [one for one in known if len(one) > 2], n=1, cutoff=0.5)
    return max(longer, key=len) if longer else found[0] if found else ""


def near(word: str, words: Iterable[str]) -> str:
    """The end of a sentence about a word that is none of these: which it probably was meant to be."""
    found = closest(word, words)
    return f"; did you mean {found}?" if found else ""


def _shown(written: Any) -> str:
    if isinstance(written, bool):
        return str(written).lower()
    if isinstance(written, dict | list):
        return "a table" if isinstance(written, dict) else "a list"
    shown = f'"{written}"' if isinstance(written, str) else str(written)
    return shown if len(shown) <= 60 else f"{shown[:56]} ..."


def _choices(expected: str) -> list[str]:
    """The words of pydantic's list `'a', 'b' or 'c'`."""
    return re.findall(r"'([^']*)'", expected)


def _meant(model: type[BaseModel], path: Path) -> str:
    """What a key that does not exist was meant to be: one beside it, or the same one in another table."""
    *above, last = path
    table: type[BaseModel] | None = model
    for part in above:
        table = table_of(table, part) if table and isinstance(part, str) else table
    key = str(last)
    beside = near(key, keys_of(table)) if table else ""
    if beside:
        return beside
    if above and key in keys_of(model):
        return "; it stands at the top of the file, before the first table"
    elsewhere = [name for name in keys_of(model) if (inner := table_of(model, name)) and key in keys_of(inner)]
    return f"; did you mean that of {' or '.join(f'[{name}]' for name in elsewhere)}?" if elsewhere else ""


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys of a table as they are written in a file."""
    return [field.alias or name for name, field in model.model_fields.items() if name != "text"]


def table_of(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The kind of table that stands under a key, on its own or in an array."""
    return next((one for one in _parts(_kind_of(model, key)) if _is_table(one)), None)


def is_array_of_tables(model: type[BaseModel], key: str) -> bool:
    return get_origin(_kind_of(model, key)) is list and table_of(model, key) is not None


def _has_texts(model: type[BaseModel], path: Path) -> bool:
    """Whether the list at this place is one of texts."""
    *above, last = [part for part in path if isinstance(part, str)]
    table: type[BaseModel] | None = model
    for part in above:
        table = table_of(table, part) if table else None
    parts = [*_parts(_kind_of(table, last))] if table else []
    return str in parts or any(get_origin(part) is Literal for part in parts)


def _kind_of(model: type[BaseModel], key: str) -> Any:
    return next((field.annotation for name, field in model.model_fields.items() if key in (name, field.alias)), None)


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _parts(inner)
