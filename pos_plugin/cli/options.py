"""Options and output that commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

StoreDir = Annotated[
    Path,
    typer.Option("--store", metavar="DIR", envvar="POS_PLUGIN_STORE", help="The till's folder.", show_default=True),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

DEFAULT_STORE = Path("till")


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
