"""The cash drawer: whether it opened, in words for the cashier. The printer kicks it; this room says what came of that."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from drivers.printer import Outcome, Verdict
from pos_plugin.config import DrawerSettings

TIMEOUT_S = 3.0
_WITH_THE_KEY = "Open it with its key."
_LOOK_AT_LOCK = "Open it with its key, and look at its lock. If it is open, change open_is in till.toml."


class Kicks(Protocol):
    """What is needed of `drivers.printer.Printer`."""

    def open_drawer(self, pin: Literal[2, 5] = 2, *, timeout_s: float = 3.0) -> Verdict: ...


class Opened(msgspec.Struct, frozen=True):
    """`drawer`: opened (its switch says so); sent (nothing verifies it); not opened. The rest is for the cashier."""

    drawer: Literal["opened", "sent", "not opened"]
    code: str
    text: str
    hint: str


def opened(device: Kicks, settings: DrawerSettings) -> Opened:
    """Kicks the drawer, on the thread that owns the printer; never raises because of a device."""
    verdict = device.open_drawer(settings.pin, timeout_s=TIMEOUT_S)
    if verdict.outcome is Outcome.NOT_PRINTED:
        return not_opened(verdict.code, verdict.reason.removesuffix(" Nothing was printed."))
    if verdict.code == "drawer_stuck":
        return not_opened(verdict.code, "It was told to, and its switch does not say that it is open.", _LOOK_AT_LOCK)
    if verdict.outcome is Outcome.UNKNOWN:
        text = "The drawer was told to open, and may not have."
        return Opened("sent", verdict.code, text, "Look; else open it with its key.")
    if settings.open_is != "not wired":
        return Opened("opened", "", "The drawer is open.", "Close it after the change is given.")
    return Opened("sent", "", "The drawer was told to open.", "If it did not, open it with its key.")


def not_opened(code: str, why: str, hint: str = _WITH_THE_KEY) -> Opened:
    return Opened("not opened", code, f"The drawer was not opened. {why}", hint)


def no_printer() -> Opened:
    return not_opened("no_printer", "It opens through the printer, and this till has none.")


def not_in_time() -> Opened:
    return not_opened("catching_up", "The printer was busy with a receipt for too long.")
