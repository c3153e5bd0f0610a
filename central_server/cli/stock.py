"""The commands `pos-central card-batch …`: cards made at head office, sent to a shop, and how many of them are left."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from central_server.cli.basics import AsJson, Folder, clock_of, counted, opened, print_json, stop

if TYPE_CHECKING:
    from central_server.office import Office
    from central_server.shops.card_stock import BatchStock, ShopStock

Batch = Annotated[str, typer.Argument(help="The batch's name.")]
Pdf = Annotated[Path | None, typer.Option(metavar="FILE", help="Sheets of A4 as a PDF.")]
Png = Annotated[Path | None, typer.Option(metavar="DIR", help="The sheets as pictures, in this folder.")]
Csv = Annotated[Path | None, typer.Option(metavar="FILE", help="The numbers alone.")]
Name = Annotated[str | None, typer.Option(help="What stands on the cards, if not the programme's title.")]

batches = typer.Typer(name="card-batch", help="Card stock: batches of cards, by shop.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    batches.command()(make)
    batches.command()(send)
    batches.command()(withdraw)
    batches.command("list")(list_batches)
    batches.command()(show)
    app.add_typer(batches)


def make(
    folder: Folder,
    batch: Batch,
    count: Annotated[int, typer.Option(min=1, max=5000, help="So many cards.")] = 1000,
    form: Annotated[
        Literal["ean13", "number"] | None,
        typer.Option(help="In-store EAN-13, or a plain number; without it EAN-13 where the programme has them."),
    ] = None,
    pdf: Pdf = None,
    png: Png = None,
    csv: Csv = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Draws the numbers of a new batch, and writes the cards to print. They lie at head office until they are sent."""
    from central_server.shops import card_stock

    with opened(folder) as office:
        files = _where(office, name, pdf, png, csv)
        try:
            numbers = card_stock.make(
                office, batch, count, form or "", lambda digits: f"{secrets.randbelow(10**digits):0{digits}}"
            )
        except ValueError as problem:
            stop(str(problem), status=2)
        written = files(numbers)
        made = card_stock.one(office, batch)
    if as_json:
        print_json({"batch": made, "files": written})
        return
    print(f"Batch {batch}: {counted(made.cards, 'card')}" + (f" in {', '.join(written)}." if written else "."))
    print(f"When they are on their way: pos-central card-batch send {batch} --shop SHOP")


def send(
    folder: Folder,
    batch: Batch,
    shop: Annotated[str, typer.Option(help="The shop that gets the cards.")],
    as_json: AsJson = False,
) -> None:
    """The cards go to this shop. From then on its tills take no other cards for new members."""
    from central_server.shops import card_stock

    with opened(folder) as office:
        sent = card_stock.send(office, batch, shop)
    if as_json:
        print_json(sent)
        return
    print(f"Batch {batch}, {counted(sent.left, 'card')}, is at {shop}. Its tills know with their next exchange.")


def withdraw(folder: Folder, batch: Batch, as_json: AsJson = False) -> None:
    """Nobody joins any more with what is left of it. Cards that are somebody's stay good."""
    from central_server.shops import card_stock

    with opened(folder) as office:
        withdrawn = card_stock.withdraw(office, batch)
    if as_json:
        print_json(withdrawn)
        return
    rest = counted(withdrawn.cards - withdrawn.issued, "card")
    print(f"Batch {batch} is withdrawn: {rest} of it nobody can join with any more, once the tills have heard.")


def list_batches(folder: Folder, as_json: AsJson = False) -> None:
    """Every batch and every shop's stock: sent, issued, left."""
    from central_server.shops import card_stock

    with opened(folder) as office:
        found, shops = card_stock.batches(office), card_stock.by_shop(office)
        at = clock_of(office)
    if as_json:
        print_json({"batches": found, "shops": shops})
        return
    for one in found:
        print(_line(one, at))
    for stock in shops:
        print(_shop_line(stock))
    if not found:
        print("There is no batch. pos-central card-batch make draws one.")


def show(
    folder: Folder,
    batch: Batch,
    pdf: Pdf = None,
    png: Png = None,
    csv: Csv = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """One batch. With --pdf, --png or --csv also its cards that are nobody's yet, to print once more."""
    from central_server.shops import card_stock

    with opened(folder) as office:
        one, at = card_stock.one(office, batch), clock_of(office)
        written = _where(office, name, pdf, png, csv)(card_stock.numbers_of(office, batch))
    if as_json:
        print_json({"batch": one, "files": written})
        return
    print(_line(one, at))
    if written:
        print(f"{counted(one.cards - one.issued, 'card')} in {', '.join(written)}.")


def _where(office: Office, name: str | None, pdf: Path | None, png: Path | None, csv: Path | None):  # type: ignore[no-untyped-def]
    """What writes numbers to these files. Ends the command before anything is drawn where it could not."""
    from loyalty.card_batch import problem_with, write_batch
    from loyalty.words import in_language

    files = (pdf, png, csv)
    with office.database.reading() as connection:
        program = office.program(connection)
    assert program is not None, "init puts a programme in force"
    on_card = name if name is not None else in_language(program.title, "en") if program.title else program.name
    if any(files) and (problem := problem_with(on_card, files)):
        stop(problem, status=2)
    for file in (pdf, csv):
        if file is not None and file.exists():
            stop(f"{file}: There is a file of this name already; nothing was written.", status=2)

    def write(numbers: list[str]) -> list[str]:
        return [str(file) for file in write_batch(numbers, on_card, pdf=pdf, png=png, csv=csv)] if numbers else []

    return write


def _line(one: BatchStock, at: Callable[[str], str]) -> str:
    where = {"made": "at head office", "sent": f"at {one.shop} since {at(one.sent_at)[:10]}", "withdrawn": "withdrawn"}
    return f"{one.batch:<20}  {one.cards:>6,} cards  {one.issued:>6,} issued  {one.left:>6,} left  {where[one.state]}"


def _shop_line(one: ShopStock) -> str:
    low = "  LOW: send more" if one.is_low else ""
    return f"{one.shop}: {one.sent:,} sent, {one.issued:,} issued, {one.withdrawn:,} withdrawn, {one.left:,} left{low}"
