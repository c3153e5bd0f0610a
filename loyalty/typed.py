"""What is wrong with a value that was typed on a command line: in our words, for the reading library's are meant for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def why_unfit(cause: BaseException | None) -> str:
    """Of the exception with which a typed value was refused; '' where it is none of pydantic's, and says enough by itself.

    >>> from pydantic import TypeAdapter, ValidationError
    >>> try: TypeAdapter(int).validate_python("ten")
    ... except ValidationError as error: why_unfit(error)
    'ten is no whole number.'
    """
    from pydantic import ValidationError  # where all is typed well, nobody waits for it

    return _said(cause.errors()) if isinstance(cause, ValidationError) else ""


def _said(errors: Sequence[Mapping[str, Any]]) -> str:
    first = errors[0]
    shown, limits = str(first["input"])[:60], first.get("ctx", {})
    match first["type"]:
        case "int_parsing" | "int_parsing_size" | "int_from_float" | "int_type":
            return f"{shown or 'nothing'} is no whole number."
        case "float_parsing" | "float_type" | "finite_number":
            return f"{shown or 'nothing'} is no number; write for example 2.5."
        case "greater_than_equal":
            return f"{shown} is too small; it must be {limits['ge']:g} or more."
        case "less_than_equal":
            return f"{shown} is too large; it must be {limits['le']:g} or less."
        case "value_error":  # typer's own, of a word that is none of several
            return str(first["msg"]).removeprefix("Value error, ").replace(", ''.", ".")
        case "bool_parsing":
            return f"{shown} is neither yes nor no."
        case _:
            return ""
