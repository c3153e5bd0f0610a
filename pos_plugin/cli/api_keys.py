"""The keys of the programs that use the till: make one, list them, take one out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pos_plugin.cli.options import DEFAULT_STORE, AsJson, StoreDir, print_json

if TYPE_CHECKING:
    from pos_plugin.api_keys import ApiKey


def add_to(app: typer.Typer) -> None:
    app.command("api-key")(api_key)


def api_key(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|list|remove", help="What will use it, for example front-till; or list, or remove."
        ),
    ],
    which: Annotated[str, typer.Argument(metavar="[NAME]", help="After remove: whose key is taken out.")] = "",
    may: Annotated[
        str,
        typer.Option("--may", metavar="RIGHTS", help="Some of read,sell,refund,members,print,drawer; without it, all."),
    ] = "",
    expires: Annotated[
        str, typer.Option("--expires", metavar="DAY", help="The last day on which it is good, like 2027-01-31.")
    ] = "",
    store: StoreDir = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Make a key with which another program on this machine may use the till's API; it is shown once.

    "api-key list" shows whose keys there are, "api-key remove NAME" takes one out at once.
    """
    from pos_plugin import api_keys
    from pos_plugin.errors import Unknown

    if (name == "remove") != bool(which) or (name in api_keys.WORDS and (may or expires)):
        raise typer.BadParameter("say api-key NAME, api-key list, or api-key remove NAME", param_hint="NAME")
    if name == "list":
        _list(api_keys.listed(store), as_json)
    elif name == "remove":
        if not api_keys.remove(store, which):
            raise Unknown("KEY_NAME", f"There is no key named {which}.", hint="See: pos-plugin api-key list")
        if as_json:
            print_json({"removed": which})
        else:
            typer.echo(f"The key of {which} is taken out; it is refused from now on.")
    else:
        rights = [right.strip() for right in may.split(",") if right.strip()]
        if expires and expires < datetime.now().date().isoformat():  # noqa: DTZ005 - this machine's own day
            raise typer.BadParameter(f"{expires} is over: nobody could use this key.", param_hint="--expires")
        key = api_keys.create(store, name, may=rights, until=expires)
        if as_json:
            print_json({"name": name, "key": key})
            return
        typer.echo(f"The key of {name}, shown this once: {key}")
        typer.echo("Send it with every request: Authorization: Bearer KEY")


def _list(keys: list[ApiKey], as_json: bool) -> None:
    if as_json:
        print_json(
            [{"name": one.name, "may": _rights(one), "expires": one.until, "expired": one.is_over} for one in keys]
        )
        return
    for one in keys:
        until = f", {'over since' if one.is_over else 'until'} {one.until}" if one.until else ""
        typer.echo(f"{one.name}: {', '.join(_rights(one))}{until}")
    if not keys:
        typer.echo("There are no keys. Make one: pos-plugin api-key NAME")


def _rights(one: ApiKey) -> list[str]:
    from pos_plugin.api_keys import RIGHTS

    return [right for right in RIGHTS if right in one.may]
