"""What people type on a command line: what is wrong with a value, in our words, and how a name with spaces is written."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def typed(path: Path) -> str:
    """A path as it is written in a command that somebody is told to type: quoted where it has to be.

    >>> print("pos-plugin run --store", typed(Path("Till 1")))
    pos-plugin run --store 'Till 1'
    """
    if sys.platform == "win32":
        import subprocess

        return subprocess.list2cmdline([str(path)])
    return shlex.quote(str(path))


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
