"""Draws the receipts of the README: `python docs/make_pictures.py`.

Nothing is staged but the shop: a till in a temporary folder sells, its receipt goes as ESC/POS over TCP to the simulated
printer, and what that printer drew is saved. Clock and randomness are fixed, so the pictures change only with the product.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drivers.escpos import profile
from drivers.printer import Printer
from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import wire_from_url
from ledger.wire import ExpiringPoints, MemberItem
from loyalty.program import preset, read_program
from loyalty.sale import LineItem, Sale
from offline_store import journal, members, settings
from offline_store.store import Store
from pos_plugin.checkout import Checkout
from pos_plugin.joining import join
from pos_plugin.quotes import Connection
from pos_plugin.receipts import Layout
from pos_plugin.spooler import Spooler

PICTURES = Path(__file__).parent / "pictures"
CARD = "2900000000018"
LAYOUT = Layout(48, ("Corner Shop", "12 Market Street"), ("Thank you, come again",))
CONNECTED = Connection(is_online=True, is_current=True)
OFFLINE = Connection(is_online=False, is_current=False)


class Clock:
    """Shop time of a Saturday evening, moved by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 17, 42, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


def sold(clock: Clock, sale_ref: str, *lines: LineItem) -> Sale:
    local = clock().astimezone(read_program(preset("points")).zone).replace(tzinfo=None)
    total = sum(line.amount_minor for line in lines)
    return Sale(
        "1", sale_ref, local.isoformat(timespec="seconds"), local.date().isoformat(), "EUR", total, lines, "Kim"
    )


def hear(checkout: Checkout, clock: Clock, member: str, points: int) -> None:
    """What an exchange with head office leaves at the till: its figure, and that it has every entry."""

    def work(db: object) -> None:
        last, _ = journal.head(db)  # type: ignore[arg-type]
        told = [ExpiringPoints("2027-06-03", points)]
        item = MemberItem(member, [CARD], clock().isoformat(timespec="milliseconds"), last, told)
        members.apply_items(db, checkout.moment(db), [item])  # type: ignore[arg-type]
        settings.put(db, "acknowledged", str(last))  # type: ignore[arg-type]

    checkout.store.write(work)


def receipt(folder: Path, connection: Connection) -> bytes:
    """The picture of the second of two sales of a member who pays with points; before it, head office was heard."""
    clock = Clock()
    link = OFFLINE
    store = Store.create(folder, random_bytes=random.Random(2026).randbytes)  # noqa: S311 - the same picture each time
    with closing(store), SimulatedPrinter() as printer:
        store.write(
            lambda db: settings.use_program(
                db, read_program(preset("points")), (clock() - timedelta(days=1)).isoformat()
            )
        )
        checkout = Checkout(
            store,
            layout=LAYOUT,
            clock=clock,
            random_bytes=random.Random(7).randbytes,  # noqa: S311
            connection=lambda: link,
        )
        member = join(checkout, CARD).member
        hamper = sold(clock, "1016", LineItem("1", 22000, name="Hamper"))
        checkout.commit(checkout.quote(hamper, member).quote_id)
        hear(checkout, clock, member, points=413)
        clock.at += timedelta(seconds=40) if connection.is_online else timedelta(minutes=50)
        link = connection
        checkout.identify(CARD)
        basket = sold(
            clock,
            "1017",
            LineItem("1", 1196, quantity_milli=2000, name="Olive oil 0.5 l"),
            LineItem("2", 449, name="Jasmin-Grüntee"),
            LineItem("3", 612, quantity_milli=1250, name="Conference pears, kg"),
            LineItem("4", 545, name="Crème fraîche, 3 pots"),
        )
        checkout.commit(checkout.quote(basket, member, redeem_points=100).quote_id)
        wire = wire_from_url(f"tcp://127.0.0.1:{printer.serve_tcp()}")
        with closing(Spooler(store, Printer(wire, profile()), profile())) as spooler:
            while spooler.step():
                pass
        return printer.receipts[-1].png()


PICTURED: dict[str, Callable[[Path], bytes]] = {
    "receipt.png": lambda folder: receipt(folder, CONNECTED),
    "receipt-offline.png": lambda folder: receipt(folder, OFFLINE),
}


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    for name, draw in PICTURED.items():
        with tempfile.TemporaryDirectory() as folder:
            (PICTURES / name).write_bytes(draw(Path(folder) / "till"))
        print(PICTURES / name)


if __name__ == "__main__":
    main()
