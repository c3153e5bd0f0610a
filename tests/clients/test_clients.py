"""Other people's printing libraries print to the simulated printer unchanged, and understand what it answers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from drivers.errors import DeviceBusy
from drivers.simulated.printer import PrintedReceipt, SimulatedPrinter

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
TIMEOUT_S = 30
LINK = ("QRCode", "https://example.org/r/42")

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def printer() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as printer:
        yield printer


def only_receipt(printer: SimulatedPrinter) -> PrintedReceipt:
    assert printer.wait_until(lambda: printer.printed_total > 0, TIMEOUT_S)
    [receipt] = printer.receipts
    return receipt


def text_of(receipt: PrintedReceipt) -> list[str]:
    return [" ".join(line.split()) for line in receipt.lines if line.strip()]


def codes_on(receipt: PrintedReceipt) -> list[tuple[str, str]]:
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(receipt.png())))
    return sorted((code.format.name, code.bytes.decode()) for code in found)


def test_node_thermal_printer_prints_and_asks_how_the_printer_is(run: Run, printer: SimulatedPrinter) -> None:
    told = run("node_thermal_printer.mjs", "127.0.0.1", printer.serve_tcp())
    receipt = only_receipt(printer)
    assert text_of(receipt) == ["CORNER SHOP", "-" * 42, "Café crème 3,50 €", "TOTAL 3,50 €", "Thank you"]
    assert codes_on(receipt) == [("Code128", "T1-42"), LINK]
    assert told == {"isConnected": True, "status": "16"}  # 16h: the drawer it has opened is open
    assert printer.state()["drawer"] == "open"


def test_receiptline_prints_and_hears_that_the_printer_is_done(run: Run, printer: SimulatedPrinter) -> None:
    told = run("receiptline.mjs", "127.0.0.1", printer.serve_tcp(), HERE / "receipt.md")
    receipt = only_receipt(printer)
    assert text_of(receipt)[0] == "CORNER SHOP"
    assert {"Flat white 3.50", "Croissant 2.20", "TOTAL 5.70"} <= set(text_of(receipt))
    assert codes_on(receipt) == [("Code128", "T1-42"), LINK]
    assert told == {"reply": "00"}  # GS r, behind the cut


def test_receipt_printer_encoder_prints_in_several_code_pages(run: Run, printer: SimulatedPrinter) -> None:
    run("receipt_printer_encoder.mjs", "127.0.0.1", printer.serve_tcp())
    receipt = only_receipt(printer)
    assert text_of(receipt)[:3] == ["CORNER SHOP", "Crème brûlée 4,20 €", "Жёлтый чай 2,00 €"]
    assert "PAID" in text_of(receipt)
    assert codes_on(receipt) == [("EAN13", "4006381333931"), ("PDF417", "https://example.org/p/42"), LINK]
    assert printer.wait_until(lambda: printer.drawer_kicks == 1, TIMEOUT_S)


# receiptio: from the handshake to the verdict


@pytest.fixture
def address(printer: SimulatedPrinter) -> str:
    """An address of this machine whose port 9100 is free; the library knows no other port."""
    for last in range(2, 255):
        try:
            printer.serve_tcp(f"127.0.0.{last}", 9100)
        except DeviceBusy:
            continue
        return f"127.0.0.{last}"
    raise AssertionError("port 9100 is taken everywhere")


def test_receiptio_finds_out_what_printer_it_is_and_that_it_has_printed(
    run: Run, printer: SimulatedPrinter, address: str
) -> None:
    assert run("receiptio.mjs", address, HERE / "receipt.md", "-c 48") == {"result": "success"}
    receipt = only_receipt(printer)
    assert text_of(receipt)[0] == "CORNER SHOP"
    assert "TOTAL 5.70" in text_of(receipt)
    assert codes_on(receipt) == [("Code128", "T1-42"), LINK]


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (None, "success"),
        (SimulatedPrinter.open_cover, "coveropen"),
        (SimulatedPrinter.paper_out, "paperempty"),
        (SimulatedPrinter.unrecoverable_error, "error"),
        (SimulatedPrinter.recoverable_error, "error"),
    ],
    ids=["none", "open_cover", "paper_out", "unrecoverable_error", "recoverable_error"],
)
def test_receiptio_says_why_it_cannot_print(
    run: Run, printer: SimulatedPrinter, address: str, fault: Callable[[SimulatedPrinter], None] | None, result: str
) -> None:
    if fault:
        fault(printer)
    assert run("receiptio.mjs", address, HERE / "receipt.md", "-c 48") == {"result": result}
    assert printer.printed_total == (result == "success")
    if fault is SimulatedPrinter.recoverable_error:
        assert printer.state()["error"] == ""  # its DLE ENQ 2 has ended the error; the receipt is for another try


@pytest.mark.parametrize(
    ("question", "before", "result"),
    [
        ("-q printer", None, "online"),
        ("-q printer", SimulatedPrinter.open_cover, "coveropen"),
        ("-q drawer2", None, "drawerclosed"),
        ("-q drawer2", SimulatedPrinter.open_drawer, "draweropen"),
    ],
)
def test_receiptio_asks_how_printer_and_drawer_are(
    run: Run,
    printer: SimulatedPrinter,
    address: str,
    question: str,
    before: Callable[[SimulatedPrinter], None] | None,
    result: str,
) -> None:
    if before:
        before(printer)
    assert run("receiptio.mjs", address, "", question) == {"result": result}
