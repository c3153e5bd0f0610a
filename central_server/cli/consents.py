"""The commands `consent-text`, `consent` and `data-copy`: what members agree to, and their right to their own data."""

from __future__ import annotations

import os
from csv import writer as csv_writer
from pathlib import Path
from typing import Annotated

import typer

from central_server.cli.basics import AsJson, Folder, clock_of, counted, opened, print_json, read_text, refusals, stop
from central_server.cli.desk import By, Card

texts = typer.Typer(name="consent-text", help="What who joins is asked to agree to.", no_args_is_help=True)
consents = typer.Typer(name="consent", help="What members agreed to.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    texts.command()(put)
    texts.command("list")(list_texts)
    consents.command()(show)
    consents.command()(withdraw)
    consents.command()(export)
    app.add_typer(texts)
    app.add_typer(consents)
    app.command("data-copy")(data_copy)


def put(
    folder: Folder,
    file: Annotated[Path, typer.Argument(help="A TOML file: version, and [text] with a text for each language.")],
    as_json: AsJson = False,
) -> None:
    """Publishes a text. Tills ask for it from then on; who agreed to an earlier one goes on agreeing to that."""
    from central_server.membership.consents import publish
    from central_server.membership.consents import read_text as read_consent_text

    with refusals():
        text = read_consent_text(read_text(file, "the text"))
    with opened(folder) as office:
        is_new = publish(office, text)
    if as_json:
        print_json({"version": text.version, "new": is_new})
        return
    print(
        f"Version {text.version} is what tills ask for, with their next exchange."
        if is_new
        else f"Version {text.version} was published before, with the same words. Nothing was changed."
    )


def list_texts(folder: Folder, as_json: AsJson = False) -> None:
    """Every text that was published. The latest first, and how many members agree to it now."""
    from central_server.membership.consents import texts

    with opened(folder) as office, office.database.reading() as connection:
        found, at = texts(connection), clock_of(office)
    if as_json:
        print_json(found)
        return
    for one in found:
        languages = ", ".join(sorted(one.texts))
        print(
            f"{one.version:<16}  {at(one.published_at)[:10]}  {languages:<20}  agreed to by {counted(one.agree, 'member')}"
        )
    if not found:
        print("No text was published. pos-central consent-text put FILE publishes one.")


def show(folder: Folder, card: Card, as_json: AsJson = False) -> None:
    """All that a member said. Agreed or taken back, to which text, how and when."""
    from central_server.membership import consents, members

    with opened(folder) as office:
        member = members.of_card(office, card)
        with office.database.reading() as connection:
            found = consents.of(connection, member)
        at = clock_of(office)
    if as_json:
        print_json(found)
        return
    for one in found:
        said = "agreed" if one.is_given else "took back"
        by = f" ({one.operator})" if one.operator else ""
        print(f"{at(one.at)}  {said:<9}  {one.text:<16}  {one.channel}{by}")
    if not found:
        print("This member was never asked, or never agreed: nobody may write to them.")


def withdraw(folder: Folder, card: Card, by: By, as_json: AsJson = False) -> None:
    """The member takes back what they agreed to. From now on they stand in no list of people to write to."""
    from central_server.membership import consents, members

    with opened(folder) as office:
        is_new = consents.say(office, members.of_card(office, card), is_given=False, operator=by)
    if as_json:
        print_json({"card": card, "withdrawn": is_new})
        return
    print(
        f"{card}: taken back. It is written down." if is_new else f"{card} does not agree to anything. Nothing changed."
    )


def export(
    folder: Folder,
    file: Annotated[Path, typer.Argument(help="A new CSV file.")],
    as_json: AsJson = False,
) -> None:
    """Names and phone numbers of those who agree now. And of nobody else; make it anew each time that you write."""
    from central_server.membership.consents import contacts

    with opened(folder) as office:
        found = contacts(office)
        with open(_new_file(file), "w", encoding="utf-8", newline="") as out:
            lines = csv_writer(out)
            lines.writerow(("name", "phone", "consent", "since"))
            lines.writerows((_harmless(one.name), _harmless(one.phone), one.text, one.since[:10]) for one in found)
    if as_json:
        print_json({"members": len(found), "file": str(file)})
        return
    print(
        f"{counted(len(found), 'member')} in {file}. Delete it when you have written: consent can be taken back any day."
    )


def data_copy(
    folder: Folder,
    card: Card,
    out: Annotated[Path, typer.Option(metavar="FILE", help="A new JSON file.")],
    as_json: AsJson = False,
) -> None:
    """Everything known of a member, in one file for them."""
    import msgspec

    from central_server.membership import data_copy, members

    with opened(folder) as office:
        copy = data_copy.of(office, members.of_card(office, card))
        with open(_new_file(out), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(copy)) + b"\n")
    if as_json:
        print_json({"card": card, "file": str(out), "entries": len(copy["entries"])})
        return
    print(
        f"{out}: all that is known of the member with this card, {counted(len(copy['entries']), 'entry', 'entries')}."
    )


def _new_file(file: Path) -> int:
    """For its owner alone: it is full of somebody's data."""
    if file.exists():
        stop(f"{file} is there already.", "Choose another name.", status=2)
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _harmless(text: str) -> str:
    """A table calculator takes what begins like this for a formula, and members write their names themselves."""
    is_number = text.strip("+-()/. 0123456789") == ""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) and not is_number else text
