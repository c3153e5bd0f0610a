"""`pos-plugin audit`: this till's awards computed again. It works beside a running till, and head office runs the same code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import typer

from pos_plugin.cli.options import DEFAULT_STORE, AsJson, StoreDir, is_unwatched, print_json


def add_to(app: typer.Typer) -> None:
    app.command()(audit)


def audit(store: StoreDir = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Compute every award of this till's journal again and list what differs, by cashier.

    Then what each cashier did, what somebody else allowed, and what is worth a look.
    """
    import msgspec
    from rich.console import Console
    from rich.progress import Progress

    from ledger.audit import differences, outliers
    from ledger.doings import Doings
    from ledger.entry import Entry, EntryUnreadable, read_entry
    from loyalty.program import Program
    from offline_store import journal, settings
    from offline_store.store import Store

    with Store.open_for_reading(store) as till, till.read() as db:
        last, _ = journal.head(db)

        def program_of(name: str) -> Program | None:
            try:
                return settings.program(db, name)
            except KeyError:
                return None

        with Progress(console=Console(stderr=True), transient=True, disable=is_unwatched(as_json)) as bar:
            task = bar.add_task("Computing again", total=2 * last)

            def entries() -> Iterator[Entry]:
                for number, _, data in journal.every(db):
                    if number % 1000 == 0:
                        bar.advance(task, 1000)
                    try:
                        yield read_entry(data)
                    except EntryUnreadable:
                        continue  # `verify` names it

            found = list(differences(entries(), program_of, sale_of=lambda _, document: journal.find(db, document)))
            doings = Doings()
            odd = outliers(doings.seen(entries()))
    done = doings.counted(lambda _, operator: operator)
    by = Counter(one.operator or "nobody named" for one in found)
    if as_json:
        print_json(
            {
                "entries": last,
                "differences": msgspec.to_builtins(found),
                "by": dict(by.most_common()),
                "outliers": msgspec.to_builtins(odd),
                "done": done,
                "allowed": msgspec.to_builtins(doings.allowed),
            }
        )
    else:
        for one in found:
            typer.echo(one.text)
        for operator, count in by.most_common():
            typer.echo(f"  {count:>6,}  {operator}")
        if not found:
            typer.echo(f"{last:,} entries compute to what they say.")
        for who, kinds in done.items():
            typer.echo(f"  {who}: {', '.join(f'{count:,} {kind}' for kind, count in kinds.items())}")
        for allowed in doings.allowed:
            typer.echo(allowed.text)
        if odd:
            typer.echo("Worth a look, and not wrong by itself:")
            for outlier in odd:
                typer.echo(f"  {outlier.text}")
    if found:
        raise typer.Exit(1)
