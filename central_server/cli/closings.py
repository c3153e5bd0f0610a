"""The command `pos-central closings`: the tills' days, beside what head office has of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from central_server.cli.basics import AsJson, Folder, opened, print_json, stop

if TYPE_CHECKING:
    from central_server.shops.closings import Compared


def add_to(app: typer.Typer) -> None:
    app.command()(closings)


def closings(
    folder: Folder,
    shop: Annotated[str, typer.Option(help="One shop alone.")] = "",
    day: Annotated[str, typer.Option(metavar="DAY", help="One trading day, like 2026-11-21; else the last 31.")] = "",
    as_json: AsJson = False,
) -> None:
    """Compares each till's closings with what is here. Each Z with the same entries; status 1 where something differs."""
    import msgspec

    from central_server.shops import closings as kept
    from central_server.shops import shop_names
    from loyalty.days import is_day

    if day and not is_day(day):
        stop(f"{day} is no day.", "Write it like 2026-11-21.", status=2)
    with opened(folder) as office:
        if shop:
            with office.database.reading() as connection:
                shop_names.require(connection, shop)
        found = kept.compared(office, shop, day)
        open_days = kept.unclosed(office, shop, day)
    if as_json:
        print_json(
            {
                "closings": [{**msgspec.to_builtins(one), "equal": one.is_equal} for one in found],
                "unclosed": msgspec.to_builtins(open_days),
            }
        )
    else:
        for one in found:
            _tell(one)
        for missed in open_days:
            where = f"in Z {missed.closed_with}, which is of a later day" if missed.closed_with else "in no Z yet"
            sales = f"{missed.sales} sale{'s' if missed.sales != 1 else ''}"
            print(f"{missed.business_day}  {missed.shop}, till {missed.terminal}: no Z of this day; {sales}, {where}")
        if not found and not open_days:
            print("No till has closed a day, and none has sold.")
    if any(not one.is_equal for one in found):
        raise typer.Exit(1)


def _tell(one: Compared) -> None:
    total = one.total
    print(
        f"{one.business_day}  {one.shop}, till {one.terminal}, Z {one.number}: {total.sales} sales, "
        f"{total.issued:+,} {-total.redeemed:+,} {-total.reversed:+,} points; {'equal' if one.is_equal else 'DIFFERS'}"
    )
    for unlike in one.unlike:
        entry = f" of {unlike.entry}" if unlike.entry else ""
        print(f"    {unlike.what}{entry}: the till says {unlike.said}, head office has {unlike.found}: {unlike.why}")
    for of, sales in one.late.items():
        print(f"    {sales} of its sales are of {of}, or came after a Z of that day")
    if one.missing:
        print(f"    no sale has these receipt numbers: {', '.join(one.missing)}")
