"""Commands of `pos-central` for figures, and for the months that finance closes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from csv import writer as csv_writer
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from central_server.cli.basics import AsJson, Folder, clock_of, counting, opened, print_json, stop

if TYPE_CHECKING:
    from central_server.figures.closing import Month


class Grouped(StrEnum):
    shop = "shop"
    cashier = "cashier"
    month = "month"


periods = typer.Typer(name="period", help="Months of the books, and closing them.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.command()(report)
    periods.command("close")(close_period)
    periods.command("list")(list_periods)
    periods.command("show")(show_period)
    app.add_typer(periods)


def report(
    folder: Folder,
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="The first trading day.")] = "",
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="The last trading day; without it today.")] = "",
    shop: Annotated[str, typer.Option(help="Of this shop only.")] = "",
    by: Annotated[Grouped | None, typer.Option(help="Sales and attach rate of each, too.")] = None,
    window: Annotated[
        int | None,
        typer.Option(
            help="Days of the window for active, churn and retention; without it the setting of head office.", min=1
        ),
    ] = None,
    margin: Annotated[
        int | None,
        typer.Option(
            help="Margin in percent of net sales, for the value of a member; without it the setting of head office.",
            min=0,
            max=100,
        ),
    ] = None,
    recount: Annotated[bool, typer.Option("--recount", help="Count all entries from the first again.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Answer in CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """The figures of a period. Sales, attach rate, baskets, members, points; without days, of this month so far."""
    from central_server.figures import answers, experiments, facts
    from central_server.figures.scope import scope_of

    if csv and as_json:
        stop("--csv and --json do not go together.", "Say one of them.", status=2)
    with opened(folder) as office:
        with counting("Counting", as_json or csv, "entries") as told:
            told(facts.recount(office) if recount else facts.count_pending(office))
        with office.database.reading() as connection:
            asked = scope_of(office, connection, first, last, shop, window or 0)
        found = answers.whole(office, asked, by.value if by else None, margin)
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
    for compared in found.experiments:
        print(f"Experiment {compared.name}, {compared.first} to {compared.last}. {compared.said}")
        for note in compared.notes:
            print(f"  {note}")
        for line in experiments.lines(compared):
            print(f"  {line}")
    if provisional:
        print(provisional)


MONTH = typer.Argument(metavar="MONTH", help="Such as 2026-11.")


def close_period(
    folder: Folder,
    month: Annotated[str, MONTH],
    by: Annotated[str, typer.Option(help="Who closes it.")],
    as_json: AsJson = False,
) -> None:
    """Closes a month with all before it. What is heard of it later lands in the next one, and is shown there as late."""
    from central_server.figures import closing

    with opened(folder) as office:
        done = closing.close(office, month, by)
    if as_json:
        print_json(done)
    else:
        print(f"{month} is closed with {done.closing:,} open points.")


def list_periods(
    folder: Folder, csv: Annotated[bool, typer.Option("--csv", help="Answer in CSV.")] = False, as_json: AsJson = False
) -> None:
    """Every month of the books. Opening, issued, redeemed, expired, adjusted, closing."""
    from central_server.figures import closing, facts

    with opened(folder) as office:
        facts.count_pending(office)
        at = clock_of(office)
        with office.database.reading() as connection:
            found = closing.months(connection)
    if as_json:
        print_json(found)
        return
    if csv:
        rows = csv_writer(sys.stdout, lineterminator="\n")
        rows.writerow(closing.HEADINGS)
        rows.writerows(closing.row(one) for one in found)
        return
    for one in found:
        print(_told(one, at))
    if not found:
        print("No points have moved yet.")


def show_period(folder: Folder, month: Annotated[str, MONTH], as_json: AsJson = False) -> None:
    """One month of the books, and which shop's points paid in which shop."""
    from central_server.figures import closing, facts

    with opened(folder) as office:
        facts.count_pending(office)
        with office.database.reading() as connection:
            one = closing.month_named(closing.months(connection), month)
            found, kept = closing.between(connection, month), closing.as_closed(connection, month)
        at = clock_of(office)
    if as_json:
        print_json({**msgspec.structs.asdict(one), "as_closed": kept, "between": found})
        return
    print(_told(one, at))
    for what, points in one.late.items():
        print(f"  late, of days in closed months: {points:,} {what}")
    for row in found:
        issued_in = {"": "head office", "?": "no lot known"}.get(row.issued_in, row.issued_in)
        print(f"  issued in {issued_in}, redeemed in {row.redeemed_in or 'head office'}: {row.points:,}")


def _told(one: Month, at: Callable[[str], str]) -> str:
    state = f"closed {at(one.closed_at)[:10]} by {one.closed_by}" if one.closed_at else "open"
    return (
        f"{one.period}  {one.opening:>11,} + {one.issued - one.reversed:,} issued - {one.redeemed - one.restored:,} redeemed "
        f"- {one.expired:,} expired {one.adjusted + one.borne:+,} adjusted = {one.closing:,}  ({state})"
    )
