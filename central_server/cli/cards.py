"""The command `pos-central cards`: a batch of member cards to print."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Literal

import typer

from central_server.cli.basics import AsJson, Folder, opened, print_json, stop


def add_to(app: typer.Typer) -> None:
    app.command()(cards)


def cards(
    folder: Folder,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="So many cards; a sheet has ten.")] = 10,
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", help="Sheets of A4 as a PDF.")] = None,
    png: Annotated[Path | None, typer.Option(metavar="DIR", help="The sheets as pictures, in this folder.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="The numbers alone.")] = None,
    form: Annotated[
        Literal["ean13", "number"] | None,
        typer.Option(help="In-store EAN-13, or a plain number; without it EAN-13 where the programme has them."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What stands on them, if not the programme's title.")] = None,
    as_json: AsJson = False,
) -> None:
    """Draws new card numbers, and cards to print. No member has one of them."""
    from central_server.shops.card_stock import is_known
    from loyalty.card_batch import draw_numbers, form_of, problem_with, told, write_batch
    from loyalty.words import in_language

    with opened(folder) as office:
        with office.database.reading() as connection:
            program = office.program(connection)
            assert program is not None, "init puts a programme in force"
            on_card = name if name is not None else in_language(program.title, "en") if program.title else program.name
            if problem := problem_with(on_card, (pdf, png, csv)):
                stop(problem, status=2)
            rules = program.cards.rules
            try:
                numbers = draw_numbers(
                    rules,
                    form_of(rules, form or ""),
                    count,
                    lambda digits: f"{secrets.randbelow(10**digits):0{digits}}",
                    lambda number: is_known(office, connection, number),
                )
            except ValueError as problem:
                stop(str(problem), status=2)
        files = write_batch(numbers, on_card, pdf=pdf, png=png, csv=csv)
    if as_json:
        print_json({"cards": count, "files": [str(file) for file in files]})
        return
    print("\n".join(told(count, files, on_card)))
