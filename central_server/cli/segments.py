"""The commands `saved-segment` and `webhook`: who meets conditions, as a file or sent to another system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from central_server.cli.basics import AsJson, Folder, Yes, counted, opened, print_json
from central_server.cli.consents import _new_file
from central_server.cli.desk import By

segments = typer.Typer(
    name="saved-segment", help="Segments that somebody keeps on head office's pages.", no_args_is_help=True
)
webhooks = typer.Typer(name="webhook", help="Other systems to which segments are sent.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The segment, as the page names it.")]
Endpoint = Annotated[str, typer.Argument(help="The endpoint, as `webhook add` named it.")]


def add_to(app: typer.Typer) -> None:
    segments.command("list")(list_segments)
    segments.command()(show)
    segments.command()(export)
    segments.command()(send)
    webhooks.command()(add)
    webhooks.command("list")(list_webhooks)
    webhooks.command("test")(send_test)
    webhooks.command()(new_secret)
    webhooks.command()(remove)
    webhooks.command()(retry)
    app.add_typer(segments)
    app.add_typer(webhooks)


def list_segments(folder: Folder, as_json: AsJson = False) -> None:
    """Every saved segment with its conditions. And where it is sent by itself."""
    from central_server.segments import saved
    from central_server.segments.conditions import choices, words

    with opened(folder) as office, office.database.reading() as connection:
        found, may = saved.every(connection), choices(office, connection)
    if as_json:
        print_json(found)
        return
    for one in found:
        nightly = f"  each night to {', '.join(one.nightly)}" if one.nightly else ""
        print(f"{one.name}: {' and '.join(words(one.conditions, may)) or 'all members'}{nightly}")
    if not found:
        print("No segment is saved. Somebody in marketing makes them: head office's pages, Segments.")


def show(folder: Folder, name: Name, as_json: AsJson = False) -> None:
    """How many members it has now. And how many of them agree to be written to."""
    from central_server.figures import facts
    from central_server.segments import saved
    from central_server.segments.conditions import choices, words
    from central_server.segments.found import found

    with opened(folder) as office:
        facts.count_pending(office)
        with office.database.reading() as connection:
            one, may = saved.named(connection, name), choices(office, connection)
            members = agree = 0
            for member in found(office, connection, one.conditions):
                members, agree = members + 1, agree + member.agrees
    if as_json:
        print_json({"name": one.name, "conditions": one.conditions, "members": members, "agree": agree})
        return
    print(f"{one.name}: {' and '.join(words(one.conditions, may)) or 'all members'}")
    print(f"{counted(members, 'member')}, {agree:,} of them agree to be written to.")


def export(
    folder: Folder, name: Name, file: Annotated[Path, typer.Argument(help="A new CSV file.")], as_json: AsJson = False
) -> None:
    """Those of its members who agree to be written to, and nobody else. Make it anew each time that you write."""
    from central_server.figures import facts
    from central_server.reports import exporting
    from central_server.segments import saved
    from central_server.segments.found import COLUMNS, rows

    with opened(folder) as office:
        facts.count_pending(office)
        with office.database.reading() as connection:
            one = saved.named(connection, name)
            members = list(rows(office, connection, one.conditions))
        with open(_new_file(file), "wb") as out:
            out.writelines(exporting.as_csv(COLUMNS, members))
    if as_json:
        print_json({"name": one.name, "members": len(members), "file": str(file)})
        return
    print(f"{counted(len(members), 'member')} in {file}. Delete it when you have written.")


def send(folder: Folder, name: Name, webhook: Endpoint, by: By, as_json: AsJson = False) -> None:
    """Sends its members who agree now. A server that runs does it within seconds, and tries again where it must."""
    from central_server.figures import facts
    from central_server.segments import saved

    with opened(folder) as office:
        facts.count_pending(office)
        put_up = saved.send(office, name, webhook, by)
    if as_json:
        print_json(put_up)
        return
    print(
        f"{counted(put_up.members, 'member')} in {counted(put_up.messages, 'message')} to {webhook}, once a server runs."
    )


def add(
    folder: Folder,
    name: Annotated[str, typer.Argument(help="What it is called here, such as crm.")],
    url: Annotated[str, typer.Argument(help="https://… that takes Standard Webhooks.")],
    private: Annotated[
        bool, typer.Option("--private", help="It is in the own network, or on this machine: that is meant.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Adds an endpoint, and shows its secret once. By the secret it knows us."""
    from central_server.webhooks import endpoints

    with opened(folder) as office:
        secret = endpoints.add(office, name, url, is_private=private)
    if as_json:
        print_json({"name": name, "secret": secret})
        return
    print(f"{name}: {endpoints.where(url)}")
    print(f"Its secret, which is not shown again: {secret}")
    print(f"Next, beside a running server: pos-central webhook test {name}")


def list_webhooks(folder: Folder, as_json: AsJson = False) -> None:
    """Every endpoint with its last message."""
    from central_server.webhooks import deliveries, endpoints

    with opened(folder) as office, office.database.reading() as connection:
        program = office.program(connection)
        assert program is not None, "init puts a programme in force"
        found = [(one, deliveries.latest(connection, one.name, 1)) for one in endpoints.every(connection)]
    if as_json:
        print_json([{"endpoint": one, "last": last[0] if last else None} for one, last in found])
        return
    for one, last in found:
        state = (
            f"switched off: {one.off_why}"
            if one.off_at
            else deliveries.told(last[0], program.zone)
            if last
            else "nothing sent yet"
        )
        print(f"{one.name:<16} {one.where:<40} {state}")
    if not found:
        print("There is no endpoint. pos-central webhook add NAME URL adds one.")


def send_test(folder: Folder, webhook: Endpoint, by: By, as_json: AsJson = False) -> None:
    """Sends a message without any member. `webhook list` shows what became of it."""
    from central_server.webhooks import deliveries

    with opened(folder) as office:
        deliveries.put_up_test(office, webhook, by)
    if as_json:
        print_json({"name": webhook})
        return
    print(f"A test is put up for {webhook}. A server that runs sends it within seconds.")


def new_secret(folder: Folder, webhook: Endpoint, by: By, as_json: AsJson = False) -> None:
    """Makes a new secret and shows it: this once. For a day the one before signs as well, so that nothing is lost."""
    from central_server.webhooks import endpoints

    with opened(folder) as office:
        secret = endpoints.new_secret(office, webhook, by)
    if as_json:
        print_json({"name": webhook, "secret": secret})
        return
    print(f"The new secret of {webhook}, which is not shown again: {secret}")
    print("Change it at the receiver within 24 hours: until then both sign.")


def remove(folder: Folder, webhook: Endpoint, yes: Yes = False, as_json: AsJson = False) -> None:
    """Removes an endpoint, and all that waits for it."""
    from central_server.webhooks import endpoints

    with opened(folder) as office:
        with office.database.reading() as connection:
            endpoints.one(connection, webhook)
        if not yes:
            typer.confirm(f"Remove {webhook}, and what waits for it?", abort=True, err=True)
        endpoints.remove(office, webhook)
    if as_json:
        print_json({"name": webhook})
        return
    print(f"{webhook} is removed.")


def retry(folder: Folder, webhook: Endpoint, by: By, as_json: AsJson = False) -> None:
    """Switches an endpoint on again. What failed is sent once more, under the same ids."""
    from central_server.webhooks import deliveries, endpoints

    with opened(folder) as office:
        endpoints.switch_on(office, webhook, by)
        messages = deliveries.again(office, webhook=webhook)
    if as_json:
        print_json({"name": webhook, "messages": messages})
        return
    print(f"{webhook} is on; {counted(messages, 'message')} that failed are sent again.")
