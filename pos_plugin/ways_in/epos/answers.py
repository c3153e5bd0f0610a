"""What an Epson would answer: success, a code that tills know, and the printer's state as bits.

Few tills print again by themselves, and their cashiers do what the code makes the till say. So `success` says what is proven of
the paper, and a code that reads "try again" is given only where nothing is on paper:

    printed              true
    not printed          false, with the cause; EX_TIMEOUT where it was not begun in time. Printing it again is safe
    unknown              false, with the cause, else PrintSystemError: somebody looks at the paper first
    printer cannot tell  true, once it has taken all: else every receipt of a one-way cable would be a failure, and printed twice
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape, quoteattr

import msgspec

from drivers.status import PrinterStatus
from drivers.verdict import Outcome, Verdict
from pos_plugin.papers.drawer import Opened

NO_RESPONSE: Final = 0x1
PRINTED: Final = 0x2
DRAWER_HIGH: Final = 0x4
OFFLINE: Final = 0x8
COVER_OPEN: Final = 0x20
MECHANICAL: Final = 0x400
CUTTER: Final = 0x800
UNRECOVERABLE: Final = 0x2000
NEAR_END: Final = 0x20000
PAPER_OUT: Final = 0x80000
ALWAYS: Final = 0x0F000010
"""The fixed bits of an automatic status, which an Epson passes on: the 251658262 of the manual's examples has them."""

_CODES = {
    "cover_open": "EPTR_COVER_OPEN",
    "paper_out": "EPTR_REC_EMPTY",
    "cutter": "EPTR_CUTTER",
    "error": "EPTR_MECHANICAL",
    "offline": "EPTR_AUTOMATICAL",
    "catching_up": "EX_TIMEOUT",
    "no_printer": "DeviceNotFound",
    "too_large": "RequestEntityTooLarge",
}
_NO_CONNECTION = ("absent", "busy", "denied", "wrong_address", "silent", "stalled")
NOT_TOLD: Final = "PrintSystemError"


class Answer(msgspec.Struct, frozen=True):
    success: bool
    code: str
    status: int


def status_bits(status: PrinterStatus) -> int:
    if status.online is None:
        return NO_RESPONSE
    bits = ALWAYS
    for is_so, bit in (
        (status.drawer_pin == "high", DRAWER_HIGH),
        (not status.online or status.trouble, OFFLINE),
        (status.cover_open, COVER_OPEN),
        (status.error == "recoverable", MECHANICAL),
        (status.error == "cutter", CUTTER),
        (status.error == "unrecoverable", UNRECOVERABLE),
        (status.paper in ("near end", "out"), NEAR_END),
        (status.paper == "out", PAPER_OUT),
    ):
        if is_so:
            bits |= bit
    return bits


def of_state(status: PrinterStatus, *, answers: bool) -> Answer:
    """To a request that prints nothing. `answers` is False for a printer that can never say how it is."""
    if status.online is None:
        return Answer(not answers, "EX_BADPORT" if answers else "", NO_RESPONSE if answers else ALWAYS)
    return Answer(not status.trouble, _code(status.trouble, status), status_bits(status))


def of_print(verdict: Verdict, status: PrinterStatus, *, answers: bool) -> Answer:
    """`status` is from before the job as often as from behind it: what the verdict says of the printer's state goes first."""
    if verdict.outcome is Outcome.PRINTED or (verdict.outcome is Outcome.UNKNOWN and not answers and not verdict.doubt):
        paper = "ok" if status.paper == "out" else status.paper
        return Answer(True, "", status_bits(PrinterStatus(True, paper, False, "", status.drawer_pin)) | PRINTED)
    if verdict.code in _CODES:
        return Answer(False, _code(verdict.code, status), status_bits(_as_told(verdict.code, status)))
    if verdict.outcome is Outcome.NOT_PRINTED and verdict.code in _NO_CONNECTION:
        return Answer(False, "EX_BADPORT", NO_RESPONSE)
    return Answer(False, NOT_TOLD, status_bits(status))


def of_drawer(opened: Opened, status: PrinterStatus) -> Answer:
    if opened.drawer != "not opened":
        return Answer(True, "", status_bits(status) | PRINTED)
    if opened.code in _NO_CONNECTION:
        return Answer(False, "EX_BADPORT", NO_RESPONSE)
    return Answer(False, _code(opened.code, status) if opened.code in _CODES else NOT_TOLD, status_bits(status))


def _code(trouble: str, status: PrinterStatus) -> str:
    if trouble == "error" and status.error == "unrecoverable":
        return "EPTR_UNRECOVERABLE"
    return _CODES[trouble] if trouble else ""


def _as_told(trouble: str, status: PrinterStatus) -> PrinterStatus:
    match trouble:
        case "cover_open":
            return msgspec.structs.replace(status, online=False, cover_open=True)
        case "paper_out":
            return msgspec.structs.replace(status, online=False, paper="out")
        case "cutter":
            return msgspec.structs.replace(status, online=False, error="cutter")
        case "error":
            return msgspec.structs.replace(status, online=False, error=status.error or "recoverable")
        case "offline":
            return msgspec.structs.replace(status, online=False)
        case _:
            return status


def envelope(answer: Answer, namespace: str, *, devid: str = "", printjobid: str = "") -> bytes:
    """The response; with a header where the request named its job."""
    header = ""
    if printjobid:
        header = (
            f'<soapenv:Header><parameter xmlns="{namespace}"><devid>{escape(devid)}</devid>'
            f"<printjobid>{escape(printjobid)}</printjobid></parameter></soapenv:Header>"
        )
    success = "true" if answer.success else "false"
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
        f'{header}<soapenv:Body><response xmlns="{namespace}" success="{success}" code={quoteattr(answer.code)} '
        f'status="{answer.status}" battery="0"/></soapenv:Body></soapenv:Envelope>'
    ).encode()
