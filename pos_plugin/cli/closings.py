"""`pos-plugin closing`: what the day has come to (X), and its end (Z)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pos_plugin.cli.options import DEFAULT_STORE, AsJson, StoreDir, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from offline_store.store import Store
    from pos_plugin.sales.checkout import Checkout


def add_to(app: typer.Typer) -> None:
    app.command()(closing)


def closing(
    store: StoreDir = DEFAULT_STORE,
    final: Annotated[bool, typer.Option("--z", help="End the trading day: a Z, recorded and printed.")] = False,
    day: Annotated[
        str,
        typer.Option(
            metavar="DAY", help="The trading day, like 2026-11-21, if not the last that something happened on."
        ),
    ] = "",
    operator: Annotated[str, typer.Option(metavar="NAME", help="Who closes; it stands on the paper.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what the trading day has come to at this till (X), or end it (--z)."""
    import msgspec

    from loyalty.days import is_day
    from offline_store.errors import StoreLocked
    from offline_store.store import Store
    from pos_plugin.running import ask
    from pos_plugin.sales.authority import By
    from pos_plugin.shop_day import closing as closings
    from pos_plugin.terminal import Terminal

    if day and not is_day(day):
        raise typer.BadParameter(f"{day} is no day. Write it like 2026-11-21.", param_hint="--day")
    said: dict[str, Any]
    if not final:
        with Store.open_for_reading(store) as till:
            said = msgspec.to_builtins(closings.look(_checkout(till, store), day, operator))
    else:
        try:
            opened = Terminal.open(store, start=False)
        except StoreLocked as locked:
            said = ask(store, "/v1/closing", locked, {"day": day, "operator": operator})
        else:
            with opened as terminal:
                said = msgspec.to_builtins(closings.close(terminal.checkout, day, by=By(operator)))
    if as_json:
        print_json(said)
    else:
        typer.echo(said["text"])


def _checkout(till: Store, folder: Path) -> Checkout:
    """A checkout that only reads, beside a till that may be running."""
    import os

    from pos_plugin.config import read_config
    from pos_plugin.papers.layout import read_layout
    from pos_plugin.sales.checkout import Checkout
    from pos_plugin.sales.quotes import Connection

    layout, _ = read_layout(folder, read_config(folder))
    return Checkout(
        till,
        layout=layout,
        clock=lambda: datetime.now(UTC),
        random_bytes=os.urandom,
        connection=lambda: Connection(is_online=False, is_current=False),
    )
