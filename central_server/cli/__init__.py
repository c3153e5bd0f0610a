"""`pos-central`: head office from the command line. Exit status 0 done, 1 found a problem, 2 wrong use.

What is heavy (FastAPI, uvicorn, Alembic) is imported by the command that needs it.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from csv import writer as csv_writer
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from central_server.cli import cards as cards_cli
from central_server.cli import closings as closings_cli
from central_server.cli import codes as codes_cli
from central_server.cli import consents as consent_cli
from central_server.cli import desk as desk_cli
from central_server.cli import figures as figures_cli
from central_server.cli import operators as operators_cli
from central_server.cli import segments as segments_cli
from central_server.cli import staff as staff_cli
from central_server.cli import stock as stock_cli
from central_server.cli import upgrading as upgrading_cli
from central_server.cli.basics import (
    AsJson,
    Commands,
    Folder,
    Yes,
    clock_of,
    counting,
    now,
    opened,
    print_json,
    read_program_file,
    refusals,
    stop,
)
from loyalty.typed import typed

if TYPE_CHECKING:
    from central_server.office import Office

app = typer.Typer(
    name="pos-central",
    cls=Commands,
    help="Head office of the loyalty plugin: every till's journal in one place. Start with `init`, then `serve`, and "
    "`enroll-code` for each till.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

MOST_NAMED = 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@app.command()
def init(
    folder: Folder,
    shop: Annotated[list[str] | None, typer.Option(help="A shop's name; repeat it for more shops.")] = None,
    database: Annotated[
        str, typer.Option(help="postgresql://USER@HOST/NAME; without it a SQLite file in the folder.")
    ] = "",
    program: Annotated[
        str, typer.Option(metavar="FILE|PRESET", help="The programme's TOML file or preset; without it plain points.")
    ] = "",
) -> None:
    """Makes a head office. Run again: adds shops, puts a programme in force."""
    from central_server.files import in_use
    from central_server.founding import init_office
    from central_server.programs import surprises

    with refusals():
        text = read_program_file(program).text if program else ""
    is_new = not (folder / "office.json").exists()
    with refusals(), in_use(folder) if (folder / "office.json").exists() else nullcontext():
        try:
            office = init_office(folder, now, os.urandom, url=database, program_text=text, shops=shop or [])
            try:
                hashed = surprises.bind_in_force(office)
            finally:
                office.close()
        except ImportError:
            stop("the server's part is not installed.", "pip install 'pos-plugin[server]'", status=2)
    if hashed:
        print(f"Publish this before the first sale: the surprises are drawn from a secret whose SHA-256 is {hashed}")
    if is_new:
        print(f"Head office is ready in {folder}. Keep this folder safe: its keys are what the tills trust.")
        print(f"Next: pos-central serve --dir {typed(folder)}")
    else:
        print(
            f"Head office in {folder} has {'these shops, too' if shop else 'what it had'}. "
            f"Start it again: pos-central serve --dir {typed(folder)}"
        )
    for one in shop or []:
        print(f'For each till of {one}, a code: pos-central enroll-code --dir {typed(folder)} --shop "{one}"')


@app.command("enroll-code")
def enroll_code(
    folder: Folder, shop: Annotated[str, typer.Option(help="The shop that the till is in.")], as_json: AsJson = False
) -> None:
    """Makes a one-time code for one till, good for a day. Type it there, on its page under Devices."""
    from central_server.tills import enrolment

    with opened(folder) as office:
        code = enrolment.new_code(office, shop)
        until, at = office.later(enrolment.VALID_S), clock_of(office)
    if as_json:
        print_json({"code": code, "shop": shop, "expires_at": until})
    else:
        print(f"{code}   for one till of {shop}, until {at(until)} by its clock")
        print(
            "Type it on that till: More, Devices, Connect to head office, with this head office's address.\n"
            f"Or there: pos-plugin enroll ADDRESS {code}"
        )


@app.command()
def revoke(
    folder: Folder,
    terminal: Annotated[str, typer.Argument(help="The till's name, as its receipts and status show it.")],
) -> None:
    """Takes nothing of a till any more. It was stolen, or its key may be known."""
    from central_server.tills import enrolment

    with opened(folder) as office:
        enrolment.revoke(office, terminal)
    print(f"Till {terminal} is revoked. A new one enrols with a code: pos-central enroll-code")


@app.command()
def erase(folder: Folder, card: Annotated[str, typer.Argument(help="The member's card.")]) -> None:
    """Forgets a member's name, phone number and cards. Here and at the tills; the journals stay whole."""
    from central_server.membership import members

    with opened(folder) as office:
        members.erase(office, members.of_card(office, card))
    print("Name, phone number and cards are forgotten. Backups made before still have them.")


@app.command("members")
def list_members(
    folder: Folder,
    csv: Annotated[bool, typer.Option("--csv", help="Answer as card,balance,aliases.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every member once, with all cards and the balance. That is the points that can still be spent, less what is owed."""
    from central_server.reports import report

    with opened(folder) as office:
        found = report.members(office)
    if as_json:
        print_json(found)
        return
    if csv:
        # Cards of another system may hold a comma or a quotation mark.
        rows = csv_writer(sys.stdout, lineterminator="\n")
        rows.writerow(("card", "balance", "aliases"))
        rows.writerows((one.card, one.balance, " ".join(one.aliases)) for one in found)
        return
    for one in found:
        print(f"{one.card:>20}  {one.balance:>10,}" + (f"  also {', '.join(one.aliases)}" if one.aliases else ""))
    if not found:
        print("No member is known yet: they join at the tills.")


@app.command()
def status(folder: Folder, as_json: AsJson = False) -> None:
    """When each till was heard, and what to look at."""
    from central_server.reports import report

    with opened(folder) as office:
        now = report.status(office)
    if as_json:
        print_json(now)
        return
    print(
        f"Head office {now.server}, server epoch {now.server_epoch}: {now.recorded} entries recorded, "
        f"{now.applied} applied, {now.members} {'member' if now.members == 1 else 'members'}."
    )
    for one in now.terminals:
        signs = {
            "revoked": one.revoked,
            "forfeited": one.forfeited,
            "awaited": one.awaited,
            f"{one.branches} branches": one.branches > 1,
        }
        state = ", ".join(sign for sign, is_so in signs.items() if is_so)
        counts = f"{one.recorded:>8} recorded {one.applied:>8} applied"
        when = f"{_ago('heard', one.heard_at):<16}  {_ago('sent', one.sent_at):<16}"
        print(f"  {one.terminal}  {one.shop:<20} {counts}  {when}  {state}".rstrip())
    if any(one.awaited for one in now.terminals):
        print("  No points are granted until every awaited till has been heard: pos-central roll-call")
    for code, count in sorted(now.notes.items()):
        print(f"  to look at: {count} {code} (pos-central notes)")


@app.command()
def verify(folder: Folder, as_json: AsJson = False) -> None:
    """Checks that all journals and balances are sound. Every balance is the sum of its postings, every point accounted for."""
    from central_server.reports import report

    with opened(folder) as office:
        found = list(report.problems(office))
    if as_json:
        print_json({"sound": not found, "problems": found})
    else:
        print("\n".join(found) or "Sound: every journal is whole, every balance is the sum of its postings.")
    if found:
        raise typer.Exit(1)


@app.command()
def notes(
    folder: Folder,
    last: Annotated[int, typer.Option(help="How many, the newest first; 0 is all.", min=0, max=1_000_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """What a person should look at, newest first. Nothing waits for it, and nothing was refused."""
    from central_server.reports import report

    with opened(folder) as office:
        found, at = report.notes(office, last), clock_of(office)
    if as_json:
        print_json(found)
        return
    for one in found:
        print(f"{at(one.noted_at)}  {one.code:<10} till {one.terminal}, entry {one.number}: {one.reason}")
    if not found:
        print("Nothing odd was noted.")


@app.command()
def find(
    folder: Folder,
    reference: Annotated[str, typer.Argument(help="What the receipt bears, for example 7K3M2P-17-6.")],
    as_json: AsJson = False,
) -> None:
    """What head office has of a receipt. Several entries where the till's disk was copied or put back."""
    from central_server.reports import report
    from ledger.identifiers import read_receipt_reference

    read = read_receipt_reference(reference)
    if read is None:
        stop(f"{reference} is mistyped.", "It stands at the end of the receipt, such as 7K3M2P-17-6.", status=2)
    terminal, number = read
    with opened(folder) as office:
        found, at = report.find(office, terminal, number), clock_of(office)
        if not found:
            _require_till(office, terminal)
    if as_json:
        print_json(found)
    for one in () if as_json else found:
        fork = f", on the fork {one.branch}: this till's disk was copied or put back" if one.is_fork else ""
        print(f"Entry {one.number} of till {one.terminal} in {one.shop}{fork}")
        print(
            f"  {one.kind or 'not readable by this version'}  {one.document}  of {one.business_day or 'an unknown day'}"
        )
        print(
            f"  recorded {at(one.recorded_at) or '?'} by the till's clock, arrived {at(one.received_at)} ({one.outcome})"
        )
        moved = ", ".join(f"{points} points {what}" for what, points in one.points.items())
        cards = ", ".join(one.cards) or "no card known"
        print(f"  {f'member with {cards}' if one.member else 'no member'}{f'; {moved}' if moved else ''}")
        if not one.is_applied:
            print("  recorded, and not applied to the member's points yet")
        for note in one.notes:
            print(f"  {note}")
    if not found:
        if not as_json:
            stop(
                f"head office has no entry {number} of till {terminal}.",
                "Either that till has not sent it yet, or its disk died before it could; the receipt is the evidence.",
            )
        raise typer.Exit(1)


# -- accidents: docs/recovery.md -----------------------------------------------------------------------------------------


@app.command()
def backup(
    folder: Folder, file: Annotated[Path, typer.Argument(help="The new file to write.")], as_json: AsJson = False
) -> None:
    """Writes the whole database to one file. Also beside a running server; the folder's keys are not in it."""
    from central_server.upkeep import restoring

    with opened(folder) as office, counting("Writing", as_json) as told:
        rows = restoring.backup(office, file, told)
    if as_json:
        print_json({"file": str(file), "rows": rows, "bytes": file.stat().st_size})
    else:
        print(f"{rows:,} rows are in {file}. Keep it on another machine, beside a copy of the folder's keys (*.key).")


@app.command()
def restore(
    folder: Folder,
    file: Annotated[Path, typer.Argument(help="The backup.")],
    database: Annotated[
        str,
        typer.Option(
            help="An empty database, postgresql://USER@HOST/NAME; without it a new SQLite file in the folder."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Puts a backup in the place of the database. Stop the servers first; the database before is left as it is."""
    from central_server.upkeep import restoring

    with refusals(), counting("Restoring", as_json) as told:
        try:
            office = restoring.restore(folder, file, now, os.urandom, url=database, progress=told)
        except ImportError:
            stop("the server's part is not installed.", "pip install 'pos-plugin[server]'", status=2)
    _tell_restored(office, as_json)


@app.command()
def restored(folder: Folder, as_json: AsJson = False) -> None:
    """Says that something else put the database back. Or this whole machine, to an earlier state. Safe to run in doubt."""
    from central_server.upkeep import restoring

    with refusals():
        office = restoring.declare_restored(folder, now, os.urandom)
    _tell_restored(office, as_json)


def _tell_restored(office: Office, as_json: bool) -> None:
    from central_server.people.staff import accounts
    from central_server.reports import report

    with refusals():
        try:
            awaited = report.awaited(office)
            people = [one.login for one in accounts(office) if not one.closed_at]
        finally:
            office.close()
    if as_json:
        print_json({"server_epoch": office.server_epoch, "awaited": awaited, "accounts": people})
        return
    tills = len({one.terminal for one in awaited})
    print(
        f"This is server epoch {office.server_epoch} now. Start the server: every till sees it, and sends what is missing."
    )
    if tills:
        print(f"Until {'it has' if tills == 1 else f'all {tills} have'} been heard, no points are granted to tills.")
    print(
        f"Next: pos-central serve --dir {typed(office.folder)}   then: pos-central roll-call --dir {typed(office.folder)}"
    )
    if people:
        more = f" and {len(people) - MOST_NAMED} more" if len(people) > MOST_NAMED else ""
        print(
            f"Nobody is signed in at /office any more. These accounts are open, with their passwords of then: "
            f"{', '.join(people[:MOST_NAMED])}{more}."
        )
        print(
            f"Who has left since is to be closed again: pos-central staff list --dir {typed(office.folder)}, and for the tills: "
            f"pos-central operator list --dir {typed(office.folder)}"
        )


@app.command("roll-call")
def call_roll(
    folder: Folder,
    without: Annotated[
        str, typer.Option(metavar="TERMINAL", help="Go on without this till, which will never come back.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """After a restore: the tills that have not been heard yet. Until then no points are granted; sales go on."""
    from central_server.reports import report
    from central_server.tills import roll_call

    with opened(folder) as office:
        gone = [one for one in report.awaited(office) if one.terminal == without] if without else []
        if without:
            roll_call.excuse(office, without)
        waiting = report.awaited(office)
    if as_json:
        print_json({"awaited": waiting, "gone_on_without": gone})
    else:
        if gone:
            points = sum(one.at_stake for one in gone)
            print(
                f"Going on without {without}. If it spent points that head office has forgotten granting, they can be spent "
                f"again elsewhere: that is the shop's loss, booked and noted (pos-central notes). It cannot be more than the "
                f"till held; {points:,} points of that are known here."
            )
        for one in waiting:
            print(
                f"Waiting for {one.terminal} ({_ago('heard', one.heard_at)}); {one.at_stake:,} points are known to lie there."
            )
        if waiting:
            print(
                "Start these tills and connect them. One that will never come: pos-central roll-call --without TERMINAL"
            )
        else:
            print("Nobody is awaited: points are granted.")
    if waiting:
        raise typer.Exit(1)


@app.command()
def forfeit(
    folder: Folder,
    terminal: Annotated[str, typer.Argument(help="The till's name.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Gives back the points that lie at a lost till. They are the members' again; what it spent all the same is the shop's
    loss."""
    from central_server.tills import forfeits

    with opened(folder) as office:
        points = forfeits.lying_at(office, terminal)
        if not yes:
            print(
                f"{points:,} points lie at till {terminal}. They go back to their members. What the till has spent of them "
                "without telling head office is the shop's loss.",
                file=sys.stderr,
            )
            typer.confirm("Is this till lost for good?", abort=True, err=True)
        points = forfeits.forfeit(office, terminal)
    if as_json:
        print_json({"terminal": terminal, "points": points})
    else:
        print(
            f"{points:,} points are the members' again. If {terminal} comes back, it gives up what it held and starts anew."
        )


@app.command("write-off")
def write_off(
    folder: Folder, card: Annotated[str, typer.Argument(help="The member's card.")], as_json: AsJson = False
) -> None:
    """Makes what a member owes the shop's loss. They owe points that were taken back and had been spent."""
    from central_server.membership import members
    from central_server.tills import forfeits

    with opened(folder) as office:
        points = forfeits.write_off(office, members.of_card(office, card))
    if as_json:
        print_json({"card": card, "points": points})
    else:
        print(f"{points:,} points were written off." if points else "This member owes nothing.")


def _require_till(office: Office, terminal: str) -> None:
    """Raises OfficeError where no till of this name was ever enrolled."""
    from central_server.tills import overview

    with office.database.reading() as connection:
        overview.till(office, connection, terminal)


def _ago(what: str, at: str) -> str:
    """How long ago a till was last heard, or sent entries."""
    if not at:
        return f"never {what}"
    minutes = max(0, round((now() - datetime.fromisoformat(at)).total_seconds() / 60))
    if minutes < 120:
        return f"{what} {minutes} min ago"
    return f"{what} {minutes // 60} h ago" if minutes < 48 * 60 else f"{what} {minutes // 1440} days ago"


def _require_certificate(cert: Path, key: Path) -> None:
    import ssl

    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password="")
    except ssl.SSLError:
        stop(
            f"{cert} and {key} are no certificate and its key.",
            "Both are PEM files; the key has no password and belongs to the first certificate in the file.",
            status=2,
        )


@app.command()
def serve(
    folder: Folder,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)] = 8360,
    tls_cert: Annotated[Path | None, typer.Option(help="The certificate's file (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's key file (PEM).")] = None,
    behind_proxy: Annotated[
        str, typer.Option(help="The name of the proxy that does TLS in front of this server.")
    ] = "",
    metrics_token: Annotated[
        Path | None, typer.Option(help="A file with a secret: whoever sends it may read GET /metrics.")
    ] = None,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Write the log as JSON, a line for each record.")
    ] = False,
    log_file: Annotated[
        Path | None, typer.Option(help="Write the log to this file, at most six of 5 MB; else to standard error.")
    ] = None,
) -> None:
    """Serves the tills until Ctrl-C or SIGTERM."""
    if bool(tls_cert) != bool(tls_key):
        stop("--tls-cert and --tls-key go together.", status=2)
    for file in (tls_cert, tls_key):
        if file is not None and not file.is_file():
            stop(f"there is no file {file}.", status=2)
    if tls_cert and tls_key:
        _require_certificate(tls_cert, tls_key)
    if host not in LOOPBACK and not tls_cert and not behind_proxy:
        stop(
            f"{host} is reached from outside, and there is no TLS.",
            "Give --tls-cert and --tls-key, or name the proxy that does TLS: --behind-proxy NAME.",
            status=2,
        )
    from ledger.log_lines import set_up

    with opened(folder) as office:
        from central_server.pages.frame import Reached
        from central_server.serving import PortTaken, serve_until_stopped
        from central_server.upkeep.metrics import read_token

        reached = Reached.BY_PROXY if behind_proxy else Reached.LOCALLY if host in LOOPBACK else Reached.DIRECTLY
        set_up(as_json=log_json, file=log_file)
        token = read_token(metrics_token) if metrics_token else ""
        try:
            serve_until_stopped(office, host, port, tls_cert, tls_key, reached, token)
        except PortTaken as taken:
            stop(str(taken))


desk_cli.add_to(app)
figures_cli.add_to(app)
codes_cli.add_to(app)
cards_cli.add_to(app)
staff_cli.add_to(app)
stock_cli.add_to(app)
operators_cli.add_to(app)
consent_cli.add_to(app)
closings_cli.add_to(app)
segments_cli.add_to(app)
upgrading_cli.add_to(app)


def main() -> None:
    app(prog_name="pos-central")
