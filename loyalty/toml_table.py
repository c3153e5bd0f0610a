"""Reading what people write in TOML: every problem at once, each with its line and what was probably meant."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError


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
        raise error(source, list(_problems(model, text, problem))) from problem


def _problems(model: type[Table], text: str, error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        path = tuple(str(part) for part in problem["loc"])
        line = _line_of(text, path)
        where = f"line {line}: " if line else ""
        name = ".".join(path)
        match problem["type"]:
            case "extra_forbidden":
                near = difflib.get_close_matches(path[-1], _keys_beside(model, path), n=1, cutoff=0.5)
                yield f"{where}there is no key {name}" + (f"; did you mean {near[0]}?" if near else "")
            case "missing":
                yield f"{name} is missing"
            case "int_type":
                written = problem["input"]
                shown = written if isinstance(written, Decimal) else repr(written)
                yield f"{where}{name} must be a whole number, not {shown}"
            case _:
                yield f"{where}{name}: {problem['msg'].removeprefix('Value error, ')}"


def _keys_beside(model: type[Table], path: tuple[str, ...]) -> list[str]:
    table: Any = model
    for part in path[:-1]:
        table = table.model_fields[part].annotation
    return [key for key in table.model_fields if key != "text"]


def _line_of(text: str, path: tuple[str, ...]) -> int | None:
    """The line on which a key stands; good enough for tables one deep."""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line.startswith("["):
            table = line.strip("[] \t").split("]")[0]
            if path == (table,):
                return number
        elif "=" in line and (*table.split("."), line.split("=")[0].strip()) in (path, ("", *path)):
            return number
    return None
