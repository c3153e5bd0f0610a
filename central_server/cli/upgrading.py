"""Commands of `pos-central` for a new version of the program, and for going back: upgrade, downgrade."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from central_server.cli.basics import AsJson, Folder, Yes, counted, counting, now, print_json, refusals
from loyalty.typed import typed


def add_to(app: typer.Typer) -> None:
    app.command()(upgrade)
    app.command()(downgrade)


def upgrade(folder: Folder, as_json: AsJson = False) -> None:
    """Brings the tables up to date with a new version. A backup first, and verified after. Stop the servers first."""
    from central_server import schema
    from central_server.upkeep import upgrading

    with refusals(), counting("Backing up", as_json) as told:
        done = upgrading.upgrade(folder, now, os.urandom, told)
    if as_json:
        print_json(done or {"before": schema.VERSION, "after": schema.VERSION})
    elif done is None:
        print(f"Nothing to do: the tables are at schema {schema.VERSION}, as this program needs them.")
    else:
        print(f"The tables were at schema {done.before} and are at {done.after}; {done.rows:,} rows are all there:")
        for step in done.steps:
            print(f"  {step}")
        print(f"As it was before: {done.backup} (members' names are in it; delete it when your rules say so).")
        print("\n".join(done.problems) or "Sound: every journal is whole, every balance is the sum of its postings.")
        print(f"Next: pos-central serve --dir {typed(folder)}")
        print(
            f"To go back: pos-central downgrade --to {done.before} --dir {typed(folder)}, then install the version of before. "
            "The sooner, the less has to be sent again."
        )
    if done and done.problems:
        raise typer.Exit(1)


def downgrade(
    folder: Folder,
    to: Annotated[str, typer.Option("--to", metavar="VERSION", help="The tables' version, as upgrade told: 0005.")],
    forget_since: Annotated[
        bool, typer.Option("--forget-since", help="Also where tills were acknowledged since; they send it again.")
    ] = False,
    database: Annotated[
        str,
        typer.Option(help="An empty database, where head office keeps its data in one: postgresql://USER@HOST/NAME."),
    ] = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Puts back what was there before an upgrade. For the version of before. Stop the servers first."""
    from central_server.upkeep import upgrading

    with refusals():
        file = upgrading.backup_of(folder, to)
        if not yes:
            lost = upgrading.lost_by(folder, file, now, os.urandom)
            print(f"Back to {lost.backup}, made {lost.made_at[:16].replace('T', ' ')} UTC.", file=sys.stderr)
            sent = sum(lost.entries.values())
            if sent:
                came = f"{counted(sent, 'entry', 'entries')} of {counted(len(lost.entries), 'till')} came since"
                print(f"{came}; the tills send them again.", file=sys.stderr)
            else:
                print("No till has been acknowledged since.", file=sys.stderr)
            print(
                f"{counted(lost.own, 'entry', 'entries')} of head office's own since (points granted, expired, given by "
                "hand) would be forgotten; what a person did has to be done again.",
                file=sys.stderr,
            )
            for table, rows in lost.rows.items():
                print(f"  {counted(rows, 'row')} of {table}", file=sys.stderr)
            typer.confirm("Go back?", abort=True, err=True)
        with counting("Putting back", as_json) as told:
            lost = upgrading.downgrade(
                folder, file, now, os.urandom, forget_since=forget_since, url=database, progress=told
            )
    if as_json:
        print_json(lost)
        return
    print(f"The tables are at schema {to} again; the database of the later version was left as it is.")
    print(f"Next: install the version of before, then: pos-central restored --dir {typed(folder)}")
    print(f"and: pos-central serve --dir {typed(folder)}   The tills send again what came since.")
