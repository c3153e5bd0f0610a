"""`pos-plugin operator`: who may sign on at a till that belongs to no head office."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote

import typer

from pos_plugin.cli.options import DEFAULT_STORE, AsJson, StoreDir, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from offline_store.operators import Operator

Named = Annotated[str, typer.Argument(metavar="OPERATOR", help="The name or number to sign on with.")]
Made = Annotated[bool, typer.Option("--made", help="Makes a PIN and shows it once, instead of asking for one.")]


def add_to(app: typer.Typer) -> None:
    operator = typer.Typer(
        help="Who may sign on at this till, where no head office keeps them: add, list, pin, close.",
        no_args_is_help=True,
    )
    operator.command("add")(add)
    operator.command("list")(list_operators)
    operator.command("pin")(pin)
    operator.command("close")(close)
    app.add_typer(operator, name="operator")


def add(
    operator: Named,
    name: Annotated[str, typer.Option(help="The person's name, as the page shows it.")],
    role: Annotated[
        Literal["cashier", "supervisor", "manager"], typer.Option(help="What they may do alone: docs/operators.md")
    ] = "cashier",
    card: Annotated[
        str, typer.Option(help="A member card of their own: it does not count on sales that they ring.")
    ] = "",
    made: Made = False,
    store: StoreDir = DEFAULT_STORE,
) -> None:
    """Let somebody sign on at this till. The PIN is asked for, twice; from the first operator on the page asks who is there."""
    from pos_plugin.errors import Conflict

    known = _known(store, operator)
    if known is not None and known.is_open:
        raise Conflict(
            "OPERATOR_EXISTS", f"There is an operator {operator} already: {known.name}.", hint="Choose another name."
        )
    _put(store, operator, name, role, card, made)
    typer.echo(f"{name} can sign on as {operator} ({role}).")


def list_operators(store: StoreDir = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Show who may sign on, and who could."""
    from offline_store import operators
    from offline_store.store import Store

    with Store.open_for_reading(store) as till, till.read() as db:
        found = operators.every(db)
    if as_json:
        print_json(
            [
                {
                    "operator": one.operator,
                    "name": one.name,
                    "role": one.role,
                    "open": one.is_open,
                    "here": one.is_of_here,
                }
                for one in found
            ]
        )
        return
    for one in found:
        where = "of this till" if one.is_of_here else "of head office"
        typer.echo(f"{one.operator:<16} {one.role:<11} {'' if one.is_open else 'closed, '}{where:<16} {one.name}")
    if not found:
        typer.echo("No operators are kept: the page asks nobody. pos-plugin operator add OPERATOR --name NAME")


def pin(operator: Named, made: Made = False, store: StoreDir = DEFAULT_STORE) -> None:
    """Give an operator another PIN; whoever was locked out can try at once."""
    from pos_plugin.errors import Unknown

    known = _known(store, operator)
    if known is None or not known.is_open:
        raise Unknown("OPERATOR_UNKNOWN", f"Nobody signs on as {operator} here.", hint="pos-plugin operator list")
    _put(store, operator, known.name, known.role, known.member, made)
    typer.echo(f"{known.name} has another PIN.")


def close(operator: Named, store: StoreDir = DEFAULT_STORE) -> None:
    """Let somebody sign on no more. Where they are on, that ends at once; what is open can be completed."""
    from offline_store.errors import StoreLocked
    from offline_store.store import Store
    from pos_plugin.running import ask
    from pos_plugin.shop_day.operators import close_here

    try:
        with Store.open(store) as till:
            was_open = close_here(till, operator)
    except StoreLocked as locked:
        was_open = bool(ask(store, f"/v1/operators/{quote(operator, safe='')}/close", locked)["was_open"])
    typer.echo(f"{operator} may not sign on any more." if was_open else f"{operator} was closed already.")


def _known(store: Path, operator: str) -> Operator | None:
    from offline_store import operators
    from offline_store.store import Store

    with Store.open_for_reading(store) as till, till.read() as db:
        return operators.find(db, operator)


def _put(store: Path, operator: str, name: str, role: str, card: str, made: bool) -> None:
    """Here, or by the till that runs in this folder."""
    import os
    import secrets

    from ledger.pins import new_pin
    from offline_store.errors import StoreLocked
    from offline_store.store import Store
    from pos_plugin.running import ask
    from pos_plugin.shop_day.operators import put_here

    chosen = new_pin(secrets.randbelow) if made else _typed()
    try:
        with Store.open(store) as till:
            put_here(till, operator, name, role, chosen, os.urandom, card)
    except StoreLocked as locked:
        body = {"operator": operator, "name": name, "role": role, "pin": chosen, "member": card}
        ask(store, "/v1/operators", locked, body)
    if made:
        typer.echo(f"The PIN, shown this once: {chosen}")


def _typed() -> str:
    """Twice, and never an argument, which the shell's history would keep."""
    from pos_plugin.errors import BadRequest

    if sys.stdin.isatty():
        return str(typer.prompt("PIN", hide_input=True, confirmation_prompt="Once more", err=True))
    first, second = sys.stdin.readline().rstrip("\r\n"), sys.stdin.readline().rstrip("\r\n")
    if first != second:
        raise BadRequest("PIN_UNFIT", "The two PINs differ. Nothing was changed.", hint="Type it twice, a line each.")
    return first
