"""Commands of `pos-central` for those who work at head office: their accounts, passwords and second factors."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

import typer

from central_server.cli.basics import AsJson, Folder, clock_of, counted, opened, print_json, stop

accounts = typer.Typer(name="staff", help="Who may sign in at head office's pages.", no_args_is_help=True)

Login = Annotated[str, typer.Argument(help="The name to sign in with: small letters, digits, dots and dashes.")]
Made = Annotated[bool, typer.Option("--made", help="Makes a password and shows it once, instead of asking for one.")]

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def add_to(app: typer.Typer) -> None:
    accounts.command()(add)
    accounts.command("list")(list_accounts)
    accounts.command()(password)
    accounts.command("second-factor")(second_factor)
    accounts.command()(close)
    app.add_typer(accounts)


def add(
    folder: Folder,
    login: Login,
    name: Annotated[str, typer.Option(help="The person's name.")],
    role: Annotated[
        str, typer.Option(help="manager, marketing, finance, support, auditor, integrator, supervisor or cashier.")
    ],
    shop: Annotated[str, typer.Option(help="The shop of a manager, a supervisor or a cashier.")] = "",
    made: Made = False,
) -> None:
    """Makes an account for somebody at head office. Or for who works with it."""
    from central_server.people.staff import Staff, add_account

    with opened(folder) as office:
        chosen = _password(made)
        add_account(office, Staff(login, name, role, shop), chosen)
    print(f"{name} can sign in at /office as {login} ({role}{f', {shop}' if shop else ''}).")
    _show(chosen, made)


def list_accounts(folder: Folder, as_json: AsJson = False) -> None:
    """Who has an account, and in which role. And when they last signed in."""
    from central_server.people.staff import accounts

    with opened(folder) as office:
        found, at = accounts(office), clock_of(office)
    if as_json:
        print_json(found)
        return
    for one in found:
        seen = f"last in {at(one.signed_in_at)[:10]}" if one.signed_in_at else "never in"
        state = f"closed {at(one.closed_at)[:10]}" if one.closed_at else seen
        factor = "second factor" if one.has_second_factor else "password only"
        print(f"{one.login:<20} {one.role:<11} {one.shop:<16} {factor:<14} {state:<19} {one.name}".rstrip())
    if not found:
        print("Nobody can sign in yet: pos-central staff add LOGIN --name NAME --role ROLE")
    else:
        print(f"{counted(len(found), 'account')}.")


def password(folder: Folder, login: Login, made: Made = False) -> None:
    """Gives an account another password. It lets the account in at once where it was locked, and ends its sessions."""
    from central_server.people import signing_in, staff

    with opened(folder) as office:
        staff.of(office, login)
        chosen = _password(made)
        staff.set_password(office, login, chosen)
        office.database.write(lambda connection: signing_in.unlock(connection, login))
    print(f"{login} has another password. Whoever was signed in is not any more.")
    _show(chosen, made)


def second_factor(
    folder: Folder,
    login: Login,
    remove: Annotated[
        bool, typer.Option("--remove", help="The phone is lost: the password alone is asked for.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Shows a second factor, or takes it away. People set theirs up on their own page."""
    from central_server.people import staff

    with opened(folder) as office:
        staff.of(office, login)
        if remove:
            staff.set_second_factor(office, login, "")
        has = next(one.has_second_factor for one in staff.accounts(office) if one.login == login)
    if as_json:
        print_json({"login": login, "has_second_factor": has})
    elif remove:
        print(f"{login} signs in by the password alone, and allows nothing until there is a new second factor.")
    else:
        print(
            f"{login} has {'a' if has else 'no'} second factor." + ("" if has else " It is set up at /office/account.")
        )


def close(folder: Folder, login: Login) -> None:
    """Nobody signs in by this account again. It is kept, so that what was done under it can be told."""
    from central_server.people.staff import close_account

    with opened(folder) as office:
        close_account(office, login)
    print(f"{login} is closed. Whoever was signed in is not any more.")


def _password(made: bool) -> str:
    """Typed twice, and never an argument, which the shell's history would keep."""
    if made:
        return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(4))
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True))
    first, second = sys.stdin.readline().rstrip("\r\n"), sys.stdin.readline().rstrip("\r\n")
    if first != second:
        stop("the two passwords differ.", "It is typed twice, a line each; nothing was changed.", status=2)
    return first


def _show(chosen: str, made: bool) -> None:
    if made:
        print(f"The password, which is shown this once: {chosen}")
