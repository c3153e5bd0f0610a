"""Commands of `pos-central` for the operators of the shops' tills, and their PINs."""

from __future__ import annotations

import secrets
import sys
from getpass import getuser
from typing import Annotated

import typer

from central_server.cli.basics import AsJson, Folder, clock_of, opened, print_json, stop

operators = typer.Typer(name="operator", help="Who may sign on at the tills of a shop.", no_args_is_help=True)

Shop = Annotated[str, typer.Argument(help="The shop.")]
Operator = Annotated[str, typer.Argument(metavar="OPERATOR", help="The name or number to sign on with.")]
Made = Annotated[bool, typer.Option("--made", help="Makes a PIN and shows it once, instead of asking for one.")]


def add_to(app: typer.Typer) -> None:
    operators.command()(add)
    operators.command("list")(list_operators)
    operators.command()(pin)
    operators.command()(close)
    app.add_typer(operators)


def add(
    folder: Folder,
    shop: Shop,
    operator: Operator,
    name: Annotated[str, typer.Option(help="The person's name, as tills show it.")],
    role: Annotated[str, typer.Option(help="cashier, supervisor or manager.")] = "cashier",
    card: Annotated[
        str, typer.Option(help="A member card of their own: it does not count on sales that they ring.")
    ] = "",
    made: Made = False,
) -> None:
    """Lets somebody sign on at the tills of a shop. The PIN is asked for, twice."""
    from central_server.shops import operators

    with opened(folder) as office:
        chosen = _pin(made)
        operators.add(office, shop, operator, name, role, chosen, card=card, by=_who())
    print(f"{name} can sign on at the tills of {shop} as {operator} ({role}), once they have heard.")
    _show(chosen, made)


def list_operators(
    folder: Folder,
    shop: Annotated[str, typer.Option(help="Of this shop alone.")] = "",
    as_json: AsJson = False,
) -> None:
    """Who may sign on where; those who may not any more come last."""
    from central_server.shops import operators

    with opened(folder) as office:
        found, at = operators.of_shop(office, shop), clock_of(office)
    if as_json:
        print_json(found)
        return
    for one in found:
        state = f"since {at(one.changed_at)[:10]}" if one.is_open else f"closed {at(one.changed_at)[:10]}"
        print(f"{one.shop:<16} {one.operator:<16} {one.role:<11} {state:<18} {one.name}")
    if not found:
        print(
            "No operators are kept: tills ask nobody who they are. pos-central operator add SHOP OPERATOR --name NAME"
        )


def pin(folder: Folder, shop: Shop, operator: Operator, made: Made = False) -> None:
    """Gives an operator another PIN. Tills that have heard of it let them try at once, even where they were locked out."""
    from central_server.shops import operators

    with opened(folder) as office:
        operators.role_of(office, shop, operator)
        chosen = _pin(made)
        operators.set_pin(office, shop, operator, chosen, by=_who())
    print(f"{operator} has another PIN at the tills of {shop}.")
    _show(chosen, made)


def close(folder: Folder, shop: Shop, operator: Operator) -> None:
    """Lets somebody sign on no more. Where they are on, that ends once the till has heard; what is open can be completed."""
    from central_server.shops import operators

    with opened(folder) as office:
        was_open = operators.close(office, shop, operator, by=_who())
    print(f"{operator} may not sign on any more at {shop}." if was_open else f"{operator} was closed already.")


def _who() -> str:
    """The user of this machine, beside what was changed."""
    try:
        return getuser()
    except (OSError, KeyError, ImportError):
        return "command line"


def _pin(made: bool) -> str:
    """Typed twice, and never an argument, which the shell's history would keep."""
    from ledger.pins import new_pin

    if made:
        return new_pin(secrets.randbelow)
    if sys.stdin.isatty():
        return str(typer.prompt("PIN", hide_input=True, confirmation_prompt="Once more", err=True))
    first, second = sys.stdin.readline().rstrip("\r\n"), sys.stdin.readline().rstrip("\r\n")
    if first != second:
        stop("the two PINs differ.", "It is typed twice, a line each; nothing was changed.", status=2)
    return first


def _show(chosen: str, made: bool) -> None:
    if made:
        print(f"The PIN, which is shown this once: {chosen}")
