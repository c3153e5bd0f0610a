"""The rewards block of a receipt that came as a picture: its sale is known by the fiscal code that stands on it, or not at all.

The code gives the exact total and the reference (`pos_plugin.intercept.fiscal_codes`); the member is whose card was read last.
The same receipt again is the same sale. The codes are read by zxing-cpp, which comes with `pip install 'pos-plugin[camera]'`.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC
from typing import TYPE_CHECKING

from drivers.document import Document
from pos_plugin.intercept.papers import Code, Paper, PrintedSale
from pos_plugin.terminal import Terminal

if TYPE_CHECKING:
    from PIL import Image

MOST_CODES = 4

log = logging.getLogger("pos_plugin")


def rewards_of(terminal: Terminal, grey: Image.Image) -> Document | None:
    """The block for the end of this receipt, its sale recorded; None for none. Loyalty keeps no receipt from being printed."""
    try:
        codes = _codes(grey)
        return _recorded(terminal, grey, codes) if codes else None
    except Exception as error:
        log.error("odoo: a receipt is printed without its rewards: %s", type(error).__name__)
        return None


def can_read_codes() -> bool:
    try:
        import zxingcpp  # noqa: F401
    except ImportError:
        return False
    return True


def _codes(grey: Image.Image) -> tuple[Code, ...]:
    if not can_read_codes():
        return ()
    import zxingcpp

    qr = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
    found = zxingcpp.read_barcodes(grey, formats=qr, text_mode=zxingcpp.TextMode.Plain)
    return tuple(Code("qr", one.text) for one in found[:MOST_CODES])


def _recorded(terminal: Terminal, grey: Image.Image, codes: tuple[Code, ...]) -> Document | None:
    from pos_plugin.intercept.recognition import recognise

    now, columns = terminal.clock(), terminal.config.printer.width_columns
    paper = Paper(codes=codes, row_dots=grey.height, columns=columns, digest=hashlib.sha256(grey.tobytes()).hexdigest())
    local = now.astimezone().replace(tzinfo=None).isoformat(timespec="seconds")
    seen = recognise(paper, None, printed_at=local)
    if seen.kind not in ("sale", "return", "void") or not (seen.reference or seen.of_reference):
        log.info("odoo: a receipt with a code is no sale that is known here: %s", seen.why)
        return None
    printed_at = now.astimezone(UTC).isoformat(timespec="seconds")
    sale = PrintedSale(terminal.config.intercept.till, seen, columns, printed_at)
    return terminal.printed_sales.record(sale).document
