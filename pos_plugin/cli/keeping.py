"""Commands that keep a till for years: backup, restore, upgrade."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pos_plugin.cli.options import DEFAULT_STORE, AsJson, StoreDir, is_unwatched, print_json


def add_to(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)
    app.command()(upgrade)


def backup(
    file: Annotated[Path, typer.Argument(help="The new file to write.")],
    store: StoreDir = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Write the till's file to another place, and prove what was written; also beside a running till."""
    from pos_plugin.backing_up import backup as keep

    with _reading(as_json) as told:
        kept = keep(store, file, told)
    if as_json:
        print_json({"file": str(file), "terminal": kept.terminal, "entries": kept.last, "bytes": file.stat().st_size})
        return
    typer.echo(
        f"{kept.last:,} entries of till {kept.terminal} are in {file}, and sound. Keep it on another machine, beside "
        f"one copy of {store / 'terminal.key'} and of the settings (*.toml)."
    )


def restore(
    file: Annotated[Path, typer.Argument(help="The backup.")],
    store: StoreDir = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the place of the till's file. Stop the till first; the file of before is kept beside it."""
    from pos_plugin.backing_up import restore as put_back

    with _reading(as_json) as told:
        done = put_back(store, file, datetime.now(UTC), os.urandom, told)
    if as_json:
        print_json(
            {
                "terminal": done.kept.terminal,
                "entries": done.kept.last,
                "before": str(done.before) if done.before else None,
                "given_up": done.given_up,
            }
        )
        return
    typer.echo(f"Till {done.kept.terminal} is as it was after its entry {done.kept.last:,}.")
    if done.before:
        typer.echo(f"The file of before is {done.before}; whoever looks for later sales finds them there.")
    if done.given_up is not None:
        typer.echo(
            "As any copy of a till's disk, it begins a new epoch: what it did since may be at head office, so it gave up the "
            f"{done.given_up:,} points that lay here, and its first exchange sends what is missing."
        )
        typer.echo("Next: pos-plugin sync. Then docs/recovery.md: a till was put back to an old image.")


def upgrade(store: StoreDir = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """After installing a new version: bring the till's file up to date, a copy first, and prove it. Stop the till first."""
    from pos_plugin.backing_up import upgrade as bring_up

    with _reading(as_json) as told:
        done = bring_up(store, told)
    if as_json:
        print_json(
            {
                "before": done.before,
                "after": done.after,
                "copy": str(done.copy) if done.copy else None,
                "problems": done.problems,
            }
        )
    elif done.copy is None:
        typer.echo(f"Nothing to do: the till's file is at schema {done.after}, as this program needs it.")
    else:
        typer.echo(f"The till's file was at schema {done.before} and is at {done.after}. As it was before: {done.copy}")
        typer.echo(
            "To go back at once: stop the till, install the version of before, and put that file in the place of "
            f"{store / 'till.db'}. Once the till has sold, that is putting it back to an old image (docs/recovery.md)."
        )
    for problem in () if as_json else done.problems:
        typer.echo(problem, err=True)
    if done.problems:
        raise typer.Exit(1)


@contextmanager
def _reading(is_quiet: bool) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=is_unwatched(is_quiet)) as bar:
        task = bar.add_task("Reading the journal", total=None)
        yield lambda number: bar.update(task, completed=number)
