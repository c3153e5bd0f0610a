"""The printer behind the relay, as this till's own jobs reach it: a turn at a time, between those of the shop's till.

While the turn lasts the bytes are the printer's own in both directions, so verdicts are made as on any wire.
"""

from __future__ import annotations

import time
from pathlib import Path

from drivers.errors import DeviceAbsent, DeviceBusy
from drivers.wires import TcpWire, Wire, wire_from_url
from pos_plugin.config import Config
from pos_plugin.intercept.relay_announced import connected, line_of, state

TURN_WITHIN_S = 3.0


class RelayWire(TcpWire):
    """`open` waits for the turn; its user closes the wire after each job, so that the shop's till prints again."""

    def __init__(self, store: Path) -> None:
        super().__init__("127.0.0.1", connect_per_job=True)
        self._store = store

    @property
    def name(self) -> str:
        return "the relay"

    def open(self, timeout_s: float | None = None) -> None:
        self.close()
        bound_s = TURN_WITHIN_S if timeout_s is None else min(timeout_s, TURN_WITHIN_S)
        give_up = time.monotonic() + bound_s
        connection = connected(self._store, "print", bound_s)
        try:
            connection.settimeout(max(give_up - time.monotonic(), 0.001))
            said = line_of(connection)
        except OSError as error:
            connection.close()
            if isinstance(error, TimeoutError):
                hint = "It is printed when that receipt has come out."
                raise DeviceBusy("The shop's till is printing.", hint=hint) from None
            raise DeviceAbsent(
                "The relay in front of the printer ended.", hint="It is started again by itself."
            ) from None
        if said != "ready":
            connection.close()
            raise DeviceAbsent(said.removeprefix("absent ") or "The relay in front of the printer ended.")
        connection.setblocking(False)
        self._socket = connection
        self._broken = False

    def read(self, timeout_s: float) -> bytes:
        try:
            return super().read(timeout_s)
        except DeviceAbsent:
            hint = "It is tried again by itself."
            raise DeviceBusy("The shop's till is printing, or the printer went away.", hint=hint) from None


def printer_wire(store: Path, config: Config) -> Wire:
    """The way to the printer for a command beside the till: by the relay where one runs, which has the printer then."""
    if config.intercept.listen and state(store) is not None:
        return RelayWire(store)
    return wire_from_url(config.printer.address)
