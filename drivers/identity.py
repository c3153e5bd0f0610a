"""Who a printer says it is: GS I, the transmit-printer-ID command of ESC/POS."""

from __future__ import annotations

import time
from collections.abc import Callable

from drivers.status import Block, StatusReader
from drivers.wires import Wire

_ASK_MAKER, _ASK_MODEL = b"\x1dI\x42", b"\x1dI\x43"  # GS I 66, GS I 67: answered in their turn, as 5F text 00
_HEADER = 0x5F


def maker_and_model(
    wire: Wire, timeout_s: float = 1.0, *, clock: Callable[[], float] = time.monotonic
) -> tuple[str, str]:
    """The printer's maker and model as it names them; '' for what it does not say in time.

    Asked behind a job on the job's own connection, by the thread that owns it: an old printer that does not know the command
    takes it for letters, and those are gone with the ESC @ of the next job. Raises DeviceError where the connection breaks.
    """
    wire.write(_ASK_MAKER + _ASK_MODEL, timeout_s)
    reader, names = StatusReader(), list[str]()
    give_up = clock() + timeout_s
    while len(names) < 2 and clock() < give_up:
        for event in reader.feed(wire.read(max(0.0, give_up - clock()))):
            if isinstance(event, Block) and event.header == _HEADER:
                names.append(event.data.decode("ascii", "replace").strip())
    maker, model = [*names, "", ""][:2]
    return maker, model
