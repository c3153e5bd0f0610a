"""The relay as a process of its own: the settings, the printer's wire, the doors, and everything that is told of them.

It opens no till's file and loads no web framework; it goes on when the till is stopped, killed or updated.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.wires import wire_from_url
from pos_plugin.config import Config, printer_profile, read_config
from pos_plugin.errors import TillError
from pos_plugin.intercept.kept_jobs import KeptJobs
from pos_plugin.intercept.relay import Relay
from pos_plugin.intercept.relay_announced import alone, announced, folder_of
from pos_plugin.intercept.relay_doors import Door, TcpDoor, door_from_url
from pos_plugin.intercept.relay_ledger import Ledger, RunningTill
from pos_plugin.intercept.relay_printer import RelayPrinter
from pos_plugin.intercept.relay_sales import RelaySales
from pos_plugin.intercept.relay_stream import TillStream
from pos_plugin.intercept.waiting_sales import WaitingSales

KEPT_AT_ONCE = 8

Told = Callable[[str, dict[str, Any]], None]


def relay_until_stopped(store: Path, told: Told, started: Callable[[Relay], None] = lambda relay: None) -> None:
    """Relays until a signal or `--stop`. `told` hears a sentence, and the same as data, of all that happens.

    Raises ConfigError, TillError or DeviceError where it cannot begin.
    """
    config = read_config(store)
    door = door_of(config)
    printer = RelayPrinter(wire_from_url(config.printer.address))
    profile = printer_profile(config.printer)
    with alone(store):
        folder = folder_of(store)
        waiting = WaitingSales(folder)
        ledger = Ledger(RunningTill(store), waiting, lambda sale, block: sales.answered(sale.seen, block))
        sales = RelaySales(store, config.intercept.till, ledger, told=told)
        own_door = TcpDoor("127.0.0.1", 0, is_ours=True)
        own_door.open()
        with announced(store, own_door.port, config) as secret:
            relay = Relay(
                printer,
                [door],
                TillStream(sales.on_paper, profile),
                secret=secret,
                own_door=own_door,
                kept=_keeper(folder) if config.intercept.keep else lambda job: None,
                told=lambda sentence: told(sentence, {"relay": sentence}),
                state=lambda: {**vars(sales.seen), "waiting": len(waiting)},
            )
            with _until_a_signal(relay.stop):
                started(relay)
                relay.run()


def door_of(config: Config) -> Door:
    """Where the shop's till prints to, not yet open. Raises TillError where the settings cannot be."""
    listen, prints_to = config.intercept.listen, config.printer.address
    if not listen:
        raise TillError(
            "INTERCEPT_OFF",
            "This till's settings name no place where the shop's till prints to.",
            hint='Write into till.toml, under [intercept]: listen = "tcp://127.0.0.1:9100"',
        )
    if not prints_to:
        raise TillError(
            "INTERCEPT_NO_PRINTER",
            "This till's settings name no printer to pass on to.",
            hint='Write the printer\'s address into till.toml, under [printer]; "pos-plugin doctor" lists what is there.',
        )
    door = door_from_url(listen)
    if is_loop(listen, prints_to):
        raise TillError(
            "INTERCEPT_LOOP",
            f"{prints_to} is where the relay itself listens: every receipt would come back to it for ever.",
            hint="Write the printer's own address under [printer] in till.toml, and the relay's into the shop's till.",
        )
    return door


def is_loop(listen: str, prints_to: str) -> bool:
    """Whether the printer's address is the relay's own.

    >>> is_loop("tcp://0.0.0.0:9100", "tcp://localhost"), is_loop("tcp://0.0.0.0:9100", "tcp://192.168.1.50:9100")
    (True, False)
    """
    from urllib.parse import urlsplit

    ours, theirs = urlsplit(listen), urlsplit(prints_to)
    if ours.scheme != theirs.scheme:
        return False
    if ours.scheme == "serial":
        return (ours.netloc or ours.path) == (theirs.netloc or theirs.path)
    if ours.scheme != "tcp" or (ours.port or 9100) != (theirs.port or 9100):
        return False
    here = ("127.0.0.1", "localhost", "::1", "0.0.0.0")  # noqa: S104  # compared, not bound
    return theirs.hostname == ours.hostname or (theirs.hostname in here and ours.hostname in here)


def _keeper(folder: Path) -> Callable[[bytes], None]:
    """Writes jobs down on a thread of its own: a slow disk holds up no receipt, and loses jobs instead."""
    jobs: queue.Queue[bytes] = queue.Queue(KEPT_AT_ONCE)
    kept = KeptJobs(folder)

    def write() -> None:
        while True:
            kept.keep(jobs.get())

    threading.Thread(target=write, name="kept jobs", daemon=True).start()

    def keep(job: bytes) -> None:
        with contextlib.suppress(queue.Full):
            jobs.put_nowait(job)

    return keep


@contextlib.contextmanager
def _until_a_signal(stop: Callable[[], None]) -> Any:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda number, frame: stop()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
