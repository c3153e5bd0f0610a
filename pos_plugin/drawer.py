"""The cash drawer: whether it opened, in words for the cashier. The printer kicks it; this room says what came of that."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from drivers.printer import Outcome, Verdict
from pos_plugin.config import DrawerSettings

TIMEOUT_S = 3.0
_WITH_THE_KEY = "Open it with its key."


class Kicks(Protocol):
    """What is needed of `drivers.printer.Printer`."""

    def open_drawer(self, *, timeout_s: float = 3.0) -> Verdict: ...


class Opened(msgspec.Struct, frozen=True):
    """`drawer`: opened (its switch says so); sent (nothing verifies it); not opened. The rest is for the cashier."""

    drawer: Literal["opened", "sent", "not opened"]
    code: str
    text: str
    hint: str


def opened(device: Kicks, settings: DrawerSettings) -> Opened:
    """Kicks the drawer, on the thread that owns the printer; never raises because of a device."""
    verdict = device.open_drawer(timeout_s=TIMEOUT_S)
    match verdict.outcome:
        case Outcome.PRINTED:
            return Opened("sent", "", "The drawer was told to open.", "If it did not, open it with its key.")
        case Outcome.UNKNOWN:
            return Opened("sent", verdict.code, "The drawer was told to open, and may not have.", _WITH_THE_KEY)
        case Outcome.NOT_PRINTED:
            return not_opened(verdict.code, verdict.reason.removesuffix(" Nothing was printed."))


def not_opened(code: str, why: str) -> Opened:
    return Opened("not opened", code, f"The drawer was not opened. {why}", _WITH_THE_KEY)


def no_printer() -> Opened:
    return not_opened("no_printer", "It opens through the printer, and this till has none.")


def not_in_time() -> Opened:
    return not_opened("catching_up", "The printer was busy with a receipt for too long.")
