"""Commands that only look: status, members, member, verify. They work beside a running till."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer

from pos_plugin.cli.options import DEFAULT_STORE, AsJson, StoreDir, is_unwatched, print_json


def add_to(app: typer.Typer) -> None:
    app.command()(status)
    app.command("members")(list_members)
    app.command()(member)
    app.command()(verify)


def status(store: StoreDir = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """How this till stands: entries, what is not sent yet, receipts not printed yet."""
    import shutil
    import sqlite3

    from loyalty.words import date_words
    from offline_store import journal, receipts, settings
    from offline_store.store import Store
    from pos_plugin.doctor.head_office import CLOCK_MAY_HAVE_DIFFERED_S, difference
    from pos_plugin.doctor.machine import LEAST_ROOM_BYTES
    from pos_plugin.doctor.till import reopened

    with Store.open_for_reading(store) as till, till.read() as db:
        who, program = journal.identity(db), settings.program_in_force(db, datetime.now(UTC))
        last, _ = journal.head(db)
        acknowledged = int(settings.get(db, "acknowledged", "0"))
        (members,) = db.execute("SELECT count(*) FROM member").fetchone()
        found: dict[str, Any] = {
            "terminal": who.terminal,
            "shop": settings.get(db, "shop") or None,
            "program": program.id,
            "currency": program.currency,
            "entries": last,
            "unsent": last - acknowledged,
            "last_heard": settings.get(db, "server_time") or None,
            "members": members,
            "receipts": receipts.counts(db),
            "clock_ahead_s": int(settings.get(db, "clock_ahead_s", "0")),
            "disk_free_mb": shutil.disk_usage(store).free // 1_000_000,
            "reopened": None,
            "sqlite": sqlite3.sqlite_version,
        }
        again = reopened(db)
        if again is not None:
            day, why, points = again
            found["reopened"] = {"day": day, "because": why, "points": points}
    if as_json:
        print_json(found)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    head_office = "not heard yet" if found["shop"] else "none: this till works alone"
    if found["last_heard"]:
        heard = datetime.fromisoformat(found["last_heard"]).astimezone(program.zone)
        head_office = f"last heard on {date_words(heard.date().isoformat())} at {heard:%H:%M}"
    if abs(found["clock_ahead_s"]) > CLOCK_MAY_HAVE_DIFFERED_S:
        head_office += f"; this till's clock was {difference(found['clock_ahead_s'])} its own: pos-plugin doctor"
    odd = []
    if found["disk_free_mb"] * 1_000_000 < LEAST_ROOM_BYTES:
        odd.append(("Disk", f"only {found['disk_free_mb']:,} MB are free: pos-plugin doctor"))
    if again is not None:
        odd.append(("Epoch", f"new since {again[0]}: {again[1]}"))
    prints = ", ".join(f"{count} {state}" for state, count in found["receipts"].items()) or "none yet"
    for name, value in (
        ("Till", who.terminal),
        ("Shop", found["shop"] or "not enrolled with a head office yet"),
        ("Programme", f"{program.id}, in {program.currency}"),
        ("Entries", f"{last:,}, of which {last - acknowledged:,} are not at head office yet"),
        ("Head office", head_office),
        ("Members", f"{members:,}"),
        ("Receipts", prints),
        *odd,
    ):
        table.add_row(name, value)
    Console().print(table)


def list_members(
    store: StoreDir = DEFAULT_STORE,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print card,balance, for a spreadsheet.")] = False,
    as_of: Annotated[
        str,
        typer.Option(
            "--as-of",
            metavar="DAY",
            help="Balances as this till's journal has them at the end of that day (2017-12-31).",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Every member with a card known here, and their balance."""
    from offline_store import members, verify
    from offline_store.moment import moment
    from offline_store.store import Store

    if as_of:
        try:
            as_of = date.fromisoformat(as_of).isoformat()  # 20171231 is a day, too, and days are compared as text
        except ValueError:
            raise typer.BadParameter(f"{as_of!r} is no day; write it like 2017-12-31.", param_hint="--as-of") from None
    with Store.open_for_reading(store) as till, till.read() as db:
        found = db.execute("SELECT card, member FROM card ORDER BY card").fetchall()
        whose = {card: members.current(db, reference) for card, reference in found}
        if as_of:
            then: Counter[str] = Counter()
            for reference, points in verify.balances_as_of(db, as_of).items():
                then[members.current(db, reference)] += points
            balances = {reference: then[reference] for reference in whose.values()}
        else:
            day = moment(db, datetime.now(UTC)).today
            balances = {
                reference: members.balance(db, reference, day).points for reference in dict.fromkeys(whose.values())
            }
    rows = [(card, balances[reference]) for card, reference in whose.items()]
    if as_json:
        print_json([{"card": card, "balance": balance} for card, balance in rows])
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("card", "balance"))
        writer.writerows(rows)
    else:
        for card, balance in rows:
            typer.echo(f"{card:20} {balance:>10,}")
        typer.echo(f"{len(rows):,} card{'' if len(rows) == 1 else 's'}, {sum(balances.values()):,} points")


def member(
    card: Annotated[str, typer.Argument(metavar="CARD", help="The card's number.")],
    store: StoreDir = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """One member: balance, what can be spent at this till, last movements."""
    from loyalty.words import date_words
    from offline_store import members, rights, settings
    from offline_store.moment import moment
    from offline_store.store import Store
    from pos_plugin.errors import Unknown

    with Store.open_for_reading(store) as till, till.read() as db:
        found = members.member_of_card(db, card)
        if found is None:
            raise Unknown("ACCOUNT_INVALID", "Nobody known here has this card.", hint="Check the number.")
        day = moment(db, datetime.now(UTC)).today
        balance = members.balance(db, found, day)
        program = settings.program_in_force(db, datetime.now(UTC))
        here = rights.spendable_here(db, program, found, day, is_online=True).points
        moved = [
            (entry.envelope.business_day, entry.kind, points) for entry, points in members.movements(db, found, 20)
        ]
    if as_json:
        print_json(
            {
                "member": found,
                "balance": balance.points,
                "as_of": balance.as_of or None,
                "spendable_here": here,
                "movements": [{"day": day, "kind": kind, "points": points} for day, kind, points in moved],
            }
        )
        return
    told = ""
    if balance.as_of:
        at = datetime.fromisoformat(balance.as_of).astimezone(program.zone)
        moment_words = f"{date_words(at.date().isoformat())} at {at:%H:%M}"
        told = f" (head office's figure of {moment_words}, and what happened here since)"
    typer.echo(f"Balance {balance.points:,}{told}; {here:,} can be used at this till today.")
    for day, kind, points in moved:
        typer.echo(f"{day}  {kind:8} {points:+,}")


def verify(store: StoreDir = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Prove that the journal is whole and that every balance is the sum of its postings."""
    from rich.console import Console
    from rich.progress import Progress

    from offline_store import journal
    from offline_store.store import Store
    from offline_store.verify import verify as prove

    with Store.open_for_reading(store) as till, till.read() as db:
        last, _ = journal.head(db)
        with Progress(console=Console(stderr=True), transient=True, disable=is_unwatched(as_json)) as bar:
            task = bar.add_task("Reading the journal", total=last)
            proof = prove(db, lambda number: bar.update(task, completed=number))
    if as_json:
        print_json(
            {
                "entries": proof.entries,
                "members": proof.members,
                "points": proof.points,
                "head": proof.head,
                "problems": proof.problems,
            }
        )
    else:
        for problem in proof.problems:
            typer.echo(problem, err=True)
        if not proof.problems:
            of_whom = f"{proof.members:,} {'member' if proof.members == 1 else 'members'}"
            typer.echo(
                f"{proof.entries:,} entries are whole, each chained to the one before; the balances of {of_whom} "
                f"are the sums of their postings, {proof.points:,} points in all.\nHead of the chain: {proof.head}"
            )
        else:
            typer.echo(
                f"{len(proof.problems)} problems. Keep this folder as it is and compare it with a backup.", err=True
            )
    if proof.problems:
        raise typer.Exit(1)
