"""Options and output that commands share."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from loyalty.typed import why_unfit

StoreDir = Annotated[
    Path,
    typer.Option(
        "--store",
        metavar="DIR",
        envvar="POS_PLUGIN_STORE",
        help="The till's folder.",
        file_okay=False,
        show_default=True,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

DEFAULT_STORE = Path("till")


class Commands(TyperGroup):
    """All commands: a value that is typed wrong is answered in the product's words, not in those of the library that reads it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = why_unfit(error.__cause__) or error.message
            raise


def is_unwatched(as_json: bool) -> bool:
    """Whether nobody sees a progress bar: in a file it would be an empty line before what is said."""
    return as_json or not sys.stderr.isatty()


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def address_problem(url: str) -> str:
    """Why this cannot be the address of a head office, in a sentence; "" where it can."""
    import httpx

    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        parsed = None
    if parsed is None or parsed.scheme not in ("http", "https") or not parsed.host or set(url) & set(' \t\n"\\'):
        return f"{url} is no address of a head office. Write https://host or http://127.0.0.1:8360."
    return ""
