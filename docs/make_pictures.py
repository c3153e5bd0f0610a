"""Draws the receipts of the README: `python docs/make_pictures.py`.

Nothing is staged but the shop: a till in a temporary folder sells, its receipt goes as ESC/POS over TCP to the simulated
printer, and what that printer drew is saved. Clock and randomness are fixed, so the pictures change only with the product.
"""

from __future__ import annotations

import io
import random
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

from drivers.escpos import profile
from drivers.printer import Printer
from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import wire_from_url
from ledger.wire import ExpiringPoints, MemberItem
from loyalty.program import preset, read_program
from loyalty.sale import LineItem, Sale
from offline_store import journal, members, pictures, settings
from offline_store.store import Store
from pos_plugin.members.joining import join
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.receipt_template import read_template
from pos_plugin.papers.spooler import Spooler
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.quotes import Connection

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


def logo() -> bytes:
    """A shop's sign: a leaf on a disc, of nothing but shapes."""
    sign = Image.new("L", (560, 480), 255)
    pen = ImageDraw.Draw(sign)
    pen.ellipse((80, 40, 480, 440), fill=0)
    leaf = Image.new("L", sign.size, 0)
    inside = ImageDraw.Draw(leaf)
    inside.ellipse((150, 100, 430, 380), fill=255)
    other = Image.new("L", sign.size, 0)
    ImageDraw.Draw(other).ellipse((10, -40, 390, 340), fill=255)
    sign.paste(255, (0, 0), ImageChops.multiply(leaf, other))
    pen.line((150, 370, 330, 190), fill=0, width=14)
    file = io.BytesIO()
    sign.resize((140, 120)).point(lambda level: 255 if level > 127 else 0).convert("1").save(file, "PNG")
    return file.getvalue()


def edited(folder: Path) -> tuple[Layout, dict[str, bytes]]:
    """The example of the page about receipts, with its logo."""
    page = (Path(__file__).parent / "receipt-template.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    folder.mkdir(parents=True)
    (folder / "receipt.toml").write_text(example, encoding="utf-8")
    (folder / "logo.png").write_bytes(logo())
    template, picture = read_template(folder, LAYOUT.width_columns)
    assert picture is not None
    return replace(LAYOUT, template=template, logo=picture.digest), {picture.digest: picture.png}


def receipt(
    folder: Path, connection: Connection, layout: Layout = LAYOUT, kept: Mapping[str, bytes] | None = None
) -> bytes:
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
        for digest, picture in (kept or {}).items():
            store.write(lambda db, digest=digest, picture=picture: pictures.keep(db, digest, picture))  # type: ignore[misc]
        checkout = Checkout(
            store,
            layout=layout,
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
        papers = [Image.open(io.BytesIO(one.png())) for one in printer.receipts[1:]]
        # The first sale is that of one paper, or of two where points go to a slip.
        return stacked(papers[-1:] if layout is LAYOUT else papers[-2:])


def stacked(papers: Sequence[Image.Image]) -> bytes:
    whole = Image.new("L", (papers[0].width, sum(one.height + 24 for one in papers) - 24), 214)
    y = 0
    for one in papers:
        whole.paste(one, (0, y))
        y += one.height + 24
    file = io.BytesIO()
    whole.save(file, "PNG")
    return file.getvalue()


PICTURED: dict[str, Callable[[Path], bytes]] = {
    "receipt.png": lambda folder: receipt(folder, CONNECTED),
    "receipt-offline.png": lambda folder: receipt(folder, OFFLINE),
    "receipt-edited.png": lambda folder: receipt(folder, CONNECTED, *edited(folder.with_name("edited"))),
}


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    for name, draw in PICTURED.items():
        with tempfile.TemporaryDirectory() as folder:
            (PICTURES / name).write_bytes(draw(Path(folder) / "till"))
        print(PICTURES / name)


if __name__ == "__main__":
    main()
