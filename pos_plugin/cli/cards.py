"""The command cards: a batch of member cards to print."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from pos_plugin.cli.options import DEFAULT_STORE, AsJson, StoreDir, print_json


def add_to(app: typer.Typer) -> None:
    app.command()(cards)


def cards(
    count: Annotated[int, typer.Option(min=1, max=10_000, help="So many cards; a sheet has ten.")] = 10,
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", help="Sheets of A4 as a PDF.")] = None,
    png: Annotated[Path | None, typer.Option(metavar="DIR", help="The sheets as pictures, in this folder.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="The numbers alone.")] = None,
    form: Annotated[
        Literal["ean13", "number"] | None,
        typer.Option(help="In-store EAN-13, or a plain number; without it EAN-13 where the programme has them."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What stands on them, if not the shop's name.")] = None,
    store: StoreDir = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Draw new card numbers, and print cards with them. For a shop alone; where there is a head office, draw them there."""
    from loyalty.card_batch import draw_numbers, form_of, problem_with, told, write_batch
    from offline_store import codes, members, settings
    from offline_store.store import Store
    from pos_plugin.config import Shop, read_config

    header = read_config(store).shop.header
    if header[:1] == Shop().header:
        header = []  # "Your shop", as init wrote it
    on_card = (header[0] if header else "") if name is None else name
    if problem := problem_with(on_card, (pdf, png, csv)):
        raise typer.BadParameter(problem)
    with Store.open_for_reading(store) as till, till.read() as db:
        rules = settings.program_in_force(db, datetime.now(UTC)).cards.rules
        try:
            numbers = draw_numbers(
                rules,
                form_of(rules, form or ""),
                count,
                lambda digits: f"{secrets.randbelow(10**digits):0{digits}}",
                lambda number: members.member_of_card(db, number) is not None or any(codes.why_blocked(db, number)),
            )
        except ValueError as problem:
            raise typer.BadParameter(str(problem)) from None
    files = write_batch(numbers, on_card, pdf=pdf, png=png, csv=csv)
    if as_json:
        print_json({"cards": count, "files": [str(file) for file in files]})
        return
    typer.echo("\n".join(told(count, files, on_card)))
