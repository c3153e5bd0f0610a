"""The status byte of a printer port (USB printer class, GET_PORT_STATUS; the same bits as LPGETSTATUS)."""

from __future__ import annotations

PAPER_EMPTY = 0x20
SELECTED = 0x10
NO_ERROR = 0x08


def sentence(status: int) -> str:
    """What the byte says for sure. Many printers answer 0, or always the same; only a raised bit is believed.

    >>> sentence(0x30)
    'It reports that the paper is out.'
    >>> sentence(0x18), sentence(0x00)
    ('', '')
    """
    if status & PAPER_EMPTY:
        return "It reports that the paper is out."
    if status & SELECTED and not status & NO_ERROR:
        return "It reports an error."
    return ""
