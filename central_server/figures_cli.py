"""Commands of `pos-central` for figures, and for the months that finance closes."""

from __future__ import annotations

import sys
from csv import writer as csv_writer
from enum import StrEnum
from typing import Annotated

import typer

from central_server.cli_basics import AsJson, Folder, counting, opened, print_json, stop


class Grouped(StrEnum):
    shop = "shop"
    cashier = "cashier"
    month = "month"


def add_to(app: typer.Typer) -> None:
    app.command()(report)


def report(
    folder: Folder,
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="The first trading day.")] = "",
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="The last trading day; without it today.")] = "",
    shop: Annotated[str, typer.Option(help="Of this shop only.")] = "",
    by: Annotated[Grouped | None, typer.Option(help="Sales and attach rate of each, too.")] = None,
    window: Annotated[int, typer.Option(help="Days of the window for active, churn and retention.", min=1)] = 90,
    margin: Annotated[
        int | None, typer.Option(help="Margin in percent of net sales, for the value of a member.", min=0, max=100)
    ] = None,
    recount: Annotated[bool, typer.Option("--recount", help="Count all entries from the first again.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Answer in CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """The figures of a period: sales, attach rate, baskets, members, points. Without days, of this month so far."""
    from central_server.figures import answers, facts
    from central_server.figures.scope import scope_of

    if csv and as_json:
        stop("--csv and --json do not go together.", "Say one of them.", status=2)
    with opened(folder) as office:
        with counting("Counting", as_json or csv, "entries") as told:
            told(facts.recount(office) if recount else facts.count_pending(office))
        with office.database.reading() as connection:
            asked = scope_of(office, connection, first, last, shop, window)
        found = answers.figures(office, asked, by=by.value if by else None, margin_percent=margin)
    if as_json:
        print_json(found)
        return
    provisional = answers.provisional(found)
    if csv:
        rows = csv_writer(sys.stdout, lineterminator="\n")
        if by:
            rows.writerow(answers.GROUP_HEADINGS)
            rows.writerows(answers.group_row(one) for one in found.by)
        else:
            rows.writerow(("figure", "title", "value", "basis"))
            rows.writerows((one.name, one.title, one.value, one.basis) for one in answers.lines(found))
        if provisional:
            print(provisional, file=sys.stderr)
        return
    print(f"{found.first} to {found.last}, {found.shop or 'all shops'}; window {found.window_days} days")
    if not found.has_sales:
        print("There are no sales in this period.")
    for one in answers.lines(found):
        print(f"  {one.title:<28} {one.value:>18}   {one.basis}")
    for group in found.by:
        name = " ".join(filter(None, (group.month, group.shop if by != "month" else "", group.cashier)))
        whole = group.all
        print(
            f"  {name:<28} {whole.sales:>8,} sales {whole.value_minor / 100:>14,.2f} {found.currency}   "
            f"attach {group.attach_by_count} by count, {group.attach_by_value} by value"
        )
    if provisional:
        print(provisional)
