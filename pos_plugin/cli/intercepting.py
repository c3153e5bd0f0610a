"""The command that the shop's till prints to: intercept."""

from __future__ import annotations

import contextlib
import json
from typing import Annotated, Any

import typer

from pos_plugin.cli.options import DEFAULT_STORE, AsJson, StoreDir


def add_to(app: typer.Typer) -> None:
    app.command()(intercept)


def intercept(
    store: StoreDir = DEFAULT_STORE,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the one that runs, once the job in progress is done.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Pass on what the shop's till prints, and tell what it was. "pos-plugin run" starts it by itself."""
    import logging

    from pos_plugin.intercept import relay_announced, relay_process

    if stop:
        ended = relay_announced.stop(store)
        typer.echo("It has ended." if ended else "None runs in this folder.", err=not ended)
        if not ended:
            raise typer.Exit(1)
        return
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")

    def told(sentence: str, data: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # whoever read along is gone; the shop prints on
            typer.echo(json.dumps(data, ensure_ascii=False) if as_json else sentence)

    relay_process.relay_until_stopped(store, told)
