"""`pos-central`: head office from the command line. Exit status 0 done, 1 found a problem, 2 wrong use.

What is heavy (FastAPI, uvicorn, Alembic) is imported by the command that needs it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from central_server.office import Office

app = typer.Typer(
    name="pos-central",
    help="Head office of the loyalty plugin: every till's journal in one place. Start with `init`, then `serve`, and "
    "`enroll-code` for each till.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Option("--dir", help="The folder of this head office.", file_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _now() -> datetime:
    return datetime.now(UTC)


def _stop(message: str, hint: str = "", status: int = 1) -> NoReturn:
    print(f"pos-central: {message}" + (f" {hint}" if hint else ""), file=sys.stderr)
    raise typer.Exit(status)


@contextmanager
def _refusals() -> Iterator[None]:
    """What a person can put right is one line; wrong use is told apart from a problem found."""
    from sqlalchemy.exc import SQLAlchemyError

    from central_server.errors import CentralError
    from loyalty.program import ProgramError

    try:
        yield
    except CentralError as error:
        _stop(str(error), error.hint, status=1 if error.code.startswith("SCHEMA") else 2)
    except ProgramError as error:
        _stop("\n  ".join([f"{error.source} cannot be used:", *error.problems]), status=2)
    except SQLAlchemyError as error:
        _stop(f"the database does not answer ({type(error).__name__}).", "Is it running, and its address right?")


@contextmanager
def _office(folder: Path) -> Iterator[Office]:
    from central_server.office import Office

    with _refusals():
        office = Office.open(folder, _now, os.urandom)
        try:
            yield office
        finally:
            office.close()


def _print_json(answer: object) -> None:
    import msgspec

    print(msgspec.json.encode(answer).decode())


@app.command()
def init(
    folder: Folder,
    shop: Annotated[list[str] | None, typer.Option(help="A shop's name; repeat it for more shops.")] = None,
    database: Annotated[
        str, typer.Option(help="postgresql://USER@HOST/NAME; without it a SQLite file in the folder.")
    ] = "",
    program: Annotated[
        Path | None, typer.Option(help="The programme's TOML file; without it plain points.", dir_okay=False)
    ] = None,
) -> None:
    """Makes a head office. Run again: adds shops, puts a programme in force, brings the tables up to date."""
    from central_server.office import Office

    try:
        text = program.read_text(encoding="utf-8") if program else ""
    except (OSError, UnicodeDecodeError) as error:
        _stop(f"the programme {program} cannot be read ({type(error).__name__}).", status=2)
    with _refusals():
        try:
            Office.init(folder, _now, os.urandom, url=database, program_text=text, shops=shop or []).close()
        except ImportError:
            _stop("the server's part is not installed.", "pip install 'pos-plugin[server]'", status=2)
    print(f"Head office is ready in {folder}. Keep this folder safe: its keys are what the tills trust.")
    print(f"Next: pos-central serve --dir {folder}")


@app.command("enroll-code")
def enroll_code(
    folder: Folder, shop: Annotated[str, typer.Option(help="The shop that the till is in.")], as_json: AsJson = False
) -> None:
    """Makes a one-time code for one till, good for a day. Type it there: pos-plugin enroll."""
    from central_server import enrolment

    with _office(folder) as office:
        code = enrolment.new_code(office, shop)
        until = office.later(enrolment.VALID_S)
    if as_json:
        _print_json({"code": code, "shop": shop, "expires_at": until})
    else:
        print(f"{code}   for one till of {shop}, until {until[:16].replace('T', ' ')} UTC")


@app.command()
def revoke(
    folder: Folder,
    terminal: Annotated[str, typer.Argument(help="The till's name, as its receipts and status show it.")],
) -> None:
    """A till was stolen, or its key may be known: from now on nothing of it is taken."""
    from central_server import enrolment

    with _office(folder) as office:
        enrolment.revoke(office, terminal)
    print(f"Till {terminal} is revoked. A new one enrols with a code: pos-central enroll-code")


@app.command()
def erase(folder: Folder, card: Annotated[str, typer.Argument(help="The member's card.")]) -> None:
    """Forgets a member's name and phone number, here and at the tills; points and journals stay whole."""
    from central_server import members

    with _office(folder) as office:
        members.erase(office, members.of_card(office, card))
    print("Name and phone number are forgotten. Backups made before still have them.")


@app.command("members")
def list_members(
    folder: Folder,
    csv: Annotated[bool, typer.Option("--csv", help="Answer as card,balance.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every card with its balance: points that can still be spent, less what is owed."""
    from central_server import report

    with _office(folder) as office:
        balances = report.balances(office)
    if as_json:
        _print_json(balances)
        return
    if csv:
        print("card,balance")
    for one in balances:
        print(f"{one.card},{one.balance}" if csv else f"{one.card:>20}  {one.balance:>10}")


@app.command()
def status(folder: Folder, as_json: AsJson = False) -> None:
    """How far each till has been heard, and what a person should look at."""
    from central_server import report

    with _office(folder) as office:
        now = report.status(office)
    if as_json:
        _print_json(now)
        return
    print(f"Head office {now.server}: {now.recorded} entries recorded, {now.applied} applied, {now.members} members.")
    for one in now.terminals:
        state = "revoked" if one.revoked else f"{one.branches} branches" if one.branches > 1 else ""
        print(f"  {one.terminal}  {one.shop:<20} {one.recorded:>8} recorded {one.applied:>8} applied  {state}".rstrip())
    for code, count in sorted(now.notes.items()):
        print(f"  to look at: {count} {code}")


@app.command()
def verify(folder: Folder, as_json: AsJson = False) -> None:
    """Checks that every journal is whole, every balance the sum of its postings, and every point accounted for."""
    from central_server import report

    with _office(folder) as office:
        found = list(report.problems(office))
    if as_json:
        _print_json({"sound": not found, "problems": found})
    else:
        print("\n".join(found) or "Sound: every journal is whole, every balance is the sum of its postings.")
    if found:
        raise typer.Exit(1)


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
) -> None:
    """Serves the tills until Ctrl-C or SIGTERM."""
    if bool(tls_cert) != bool(tls_key):
        _stop("--tls-cert and --tls-key go together.", status=2)
    for file in (tls_cert, tls_key):
        if file is not None and not file.is_file():
            _stop(f"there is no file {file}.", status=2)
    if host not in LOOPBACK and not tls_cert and not behind_proxy:
        _stop(
            f"{host} is reached from outside, and there is no TLS.",
            "Give --tls-cert and --tls-key, or name the proxy that does TLS: --behind-proxy NAME.",
            status=2,
        )
    with _office(folder) as office:
        from central_server.serving import PortTaken, serve_until_stopped

        try:
            serve_until_stopped(office, host, port, tls_cert, tls_key)
        except PortTaken as taken:
            _stop(str(taken), "Is head office running already? Otherwise choose another --port.")


def main() -> None:
    app(prog_name="pos-central")
