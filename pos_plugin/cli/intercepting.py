"""The command that the shop's till prints to: intercept."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from loyalty.typed import typed
from pos_plugin.cli.options import DEFAULT_STORE, AsJson, StoreDir


def add_to(app: typer.Typer) -> None:
    app.command()(intercept)


def intercept(
    store: StoreDir = DEFAULT_STORE,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the one that runs, once the job in progress is done.")
    ] = False,
    as_json: AsJson = False,
    log_json: Annotated[
        bool,
        typer.Option("--log-json", help="Write the log as JSON, a line for each record."),
    ] = False,
    log_file: Annotated[
        Path | None, typer.Option(help="Write the log to this file, at most six of 5 MB; else to standard error.")
    ] = None,
) -> None:
    """Pass on what the shop's till prints, and tell what it was. "pos-plugin run" starts it by itself."""
    import logging

    from ledger.log_lines import set_up
    from offline_store.errors import StoreAbsent
    from pos_plugin.intercept import relay_announced, relay_process

    if not store.is_dir():
        raise StoreAbsent(f"There is no till in {store}.", hint=f"Make one: pos-plugin init --store {typed(store)}")
    if stop:
        ended = relay_announced.stop(store)
        typer.echo("It has ended." if ended else "None runs in this folder.", err=not ended)
        if not ended:
            raise typer.Exit(1)
        return
    try:
        set_up(as_json=log_json, file=log_file)
    except OSError as error:  # the shop prints, log or no log
        set_up(as_json=log_json)
        logging.getLogger("pos_plugin").warning("%s cannot be written: %s", log_file, error.strerror)

    def told(sentence: str, data: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # whoever read along is gone; the shop prints on
            typer.echo(json.dumps(data, ensure_ascii=False) if as_json else sentence)

    relay_process.relay_until_stopped(store, told)
