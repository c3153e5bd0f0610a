"""Commands that make a till: init, enroll, backfill."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Annotated

import typer

from loyalty.typed import typed
from pos_plugin.cli.options import DEFAULT_STORE, AsJson, StoreDir, is_unwatched, print_json
from pos_plugin.cli.programs import read_program_text


def add_to(app: typer.Typer) -> None:
    app.command()(init)
    app.command()(enroll)
    app.command()(backfill)


def init(
    store: StoreDir = DEFAULT_STORE,
    program: Annotated[
        str, typer.Option("--program", metavar="FILE|PRESET", help="The rules: a TOML file, or a preset's name.")
    ] = "points",
    currency: Annotated[
        str, typer.Option(help="The currency of the preset's rules, if it is not EUR (three letters).")
    ] = "",
    time_zone: Annotated[str, typer.Option(help="The shop's IANA time zone, if it is not the preset's.")] = "",
    shop: Annotated[
        str, typer.Option(help="The shop's name, as receipts begin with it; else it is head office's.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Make a new till in a folder: its ledger, its key, its settings."""
    from offline_store import journal, settings
    from offline_store.errors import StoreDenied
    from offline_store.store import Store
    from pos_plugin.config import FILE, NO_NAME, TEMPLATE, read_config, write_shop_name
    from pos_plugin.papers import receipt_template

    chosen = read_program_text(program, currency, time_zone)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    config, receipt = store / FILE, store / receipt_template.FILE

    def settle(db: Connection) -> None:
        settings.use_program(db, chosen, now)
        if not config.exists():
            config.write_text(TEMPLATE, encoding="utf-8")
        if shop:
            write_shop_name(store, shop)
        if not receipt.exists():
            receipt.write_text(receipt_template.TEMPLATE, encoding="utf-8")

    try:
        with Store.create(store, first=settle) as made, made.read() as db:
            who = journal.identity(db)
    except OSError as error:  # a full disk does not say itself where it was met
        raise StoreDenied(
            f"{store} cannot be written: {error.strerror}.",
            hint="No till was made. Make room, or choose another folder, and do this again.",
        ) from error
    if as_json:
        print_json({"terminal": who.terminal, "store": str(store), "program": chosen.id, "settings": str(config)})
        return
    typer.echo(
        f"Till {who.terminal} is made in {store}, with the programme {chosen.name} in {chosen.currency}, "
        f"days of {chosen.time_zone}."
    )
    typer.echo(f"Settings (printer, scanner, head office): {config}; how receipts look: {receipt.name} beside it")
    if read_config(store).shop.header == NO_NAME:
        typer.echo(
            f'Receipts begin with "{NO_NAME[0]}" until head office says which shop this is, or you do in {config.name}.'
        )
    typer.echo(
        f"Start it: pos-plugin run --store {typed(store)}. On its page it is connected to head office, if there is one."
    )


def enroll(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Head office's address, for example https://loyalty.example")
    ],
    code: Annotated[
        str, typer.Argument(metavar="CODE", help="The one-time code that head office gave (pos-central enroll-code).")
    ],
    store: StoreDir = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Join a head office with a one-time code; sales recorded before are sent, too."""
    from offline_store import journal
    from offline_store.errors import StoreLocked
    from offline_store.store import Store
    from offline_store.sync import SyncError
    from pos_plugin.errors import BadRequest
    from pos_plugin.head_office.enrolling import connect
    from pos_plugin.running import ask

    if "://" in code:
        raise typer.BadParameter(f"{code} is an address. It comes first, and the code after it.", param_hint="CODE")
    try:
        with Store.open(store) as till:
            with till.read() as db:
                terminal = journal.identity(db).terminal
            done = connect(till, url, code, clock=lambda: datetime.now(UTC), random_bytes=os.urandom)
            shop, sent, unsent = done.enrolled.shop, 0, 0
            with closing(done.link):
                try:
                    progress = done.sync.step()
                    sent, unsent = progress.uploaded, progress.unsent
                except SyncError as error:  # it belongs to the shop all the same, and sends when it runs
                    typer.echo(f"{error} {error.hint}", err=True)
    except BadRequest as unfit:
        raise typer.BadParameter(f"{unfit} {unfit.hint}", param_hint="URL") from None
    except StoreLocked as locked:
        said = ask(store, "/v1/head-office", locked, {"url": url, "code": code})
        terminal, shop, sent, unsent = said["terminal"], said["shop"], None, None
    if as_json:
        print_json({"terminal": terminal, "shop": shop, "sent": sent, "unsent": unsent})
        return
    told = "It runs, and sends what it has now." if sent is None else f"Entries sent: {sent:,}."
    typer.echo(f"Till {terminal} belongs to shop {shop} now. {told}")


def backfill(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Sales as CSV or Parquet, a row a line item.")],
    store: StoreDir = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Start with your history: record and award every sale in a file. Reading it twice changes nothing.

    Columns: till, sale_ref, sold_at (2017-01-31T17:45:00, shop time), member (the card, may be empty), sku, category,
    quantity, amount (the line's total in cents); and if you like tax, operator, kind.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from offline_store.store import Store
    from pos_plugin.past_sales.backfill import backfill as record
    from pos_plugin.past_sales.sales_file import read_rows

    with (
        Store.open(store) as till,
        Progress(
            TextColumn("Reading {task.fields[name]}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=is_unwatched(as_json),
        ) as bar,
    ):
        task = bar.add_task("", total=1.0, name=file.name)
        rows = read_rows(file, lambda share: bar.update(task, completed=share))
        done = record(till, rows, clock=lambda: datetime.now(UTC), random_bytes=os.urandom)
    if as_json:
        print_json(
            {
                "rows": done.rows,
                "sales": done.sales,
                "recorded": done.recorded,
                "already": done.already,
                "points": done.points,
                "joined": done.joined,
                "left_out": done.left_out,
                "problems": done.problems,
            }
        )
    else:
        for problem in done.problems:
            typer.echo(f"{file}, {problem}", err=True)
        typer.echo(
            f"Sales recorded: {done.recorded:,}. Points awarded: {done.points:,}. Members joined: {done.joined:,}. "
            f"Sales recorded before: {done.already:,}; left out: {done.left_out:,}."
        )
    if done.left_out:
        if not as_json:
            typer.echo("Correct those rows and read the file again: what is recorded stays as it is.", err=True)
        raise typer.Exit(1)
