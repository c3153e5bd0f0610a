"""From the end of a sale to the first byte of its receipt at the printer: a running terminal, a printer at the end of a socket.

The till sells with everything that runs in a shop beside it: the spooler's table and its flush to disk before the first byte, the
printer's status where it has to be asked. The printer is the simulated one, in this process, so that one clock tells both times.
There is nothing to compare with, since no peer says when it begins to print; the bound is what a cashier does not notice.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bench.beside import at_most, folder, percentile
from drivers.simulated.printer import SimulatedPrinter
from loyalty.program import preset, read_program
from loyalty.sale import LineItem, Sale
from offline_store import settings
from offline_store.store import Store
from pos_plugin.config import Config
from pos_plugin.terminal import Terminal

SALES = 60
BOUND_MS = 5.0
PAUSE_S = (0.05, 0.6)  # between two customers, shortened: the printer is looked at as often as in a shop


def measure(sales: int = SALES) -> list[dict[str, Any]]:
    times = _measured(sales, has_asb=True)
    asked = _measured(sales, has_asb=False)
    return [
        at_most(
            "commit to first byte / what nobody notices",
            statistics.median(times),
            BOUND_MS,
            1.0,
            "ms",
            p95=percentile(times, 95),
            at_a_printer_that_must_be_asked_each_time=statistics.median(asked),
        )
    ]


def _measured(sales: int, *, has_asb: bool) -> list[float]:
    """Milliseconds; `has_asb`: the printer tells of changes by itself (GS a), and is not asked before each receipt."""
    times: list[float] = []
    draw = random.Random(1)
    with folder() as place, SimulatedPrinter(has_asb=has_asb) as far:
        arrived = _arrivals(far)
        store = Store.create(place / "till")
        store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
        address = f"tcp://127.0.0.1:{far.serve_tcp()}"
        with Terminal(
            store, Config.model_validate({"printer": {"address": address}}), random_bytes=os.urandom
        ) as terminal:
            terminal.start()
            for number in range(sales + 3):
                quote = terminal.checkout.quote(_sale(number), "", 0)
                arrived.clear()
                terminal.checkout.commit(quote.quote_id, f"sale {number}")
                committed = time.perf_counter()
                if not far.wait_until(lambda: far.printed_total > number, 10):  # noqa: B023  called before the next sale
                    raise RuntimeError("a receipt did not come out")
                if number >= 3:  # the first finds out what the printer can do
                    times.append((arrived[0] - committed) * 1000)
                time.sleep(draw.uniform(*PAUSE_S))
    return times


def _arrivals(far: SimulatedPrinter) -> list[float]:
    """When bytes of a receipt came in; questions about the status are none."""
    arrived: list[float] = []
    wires: Any = far._wires
    receive = wires._receive

    def seen(read: Callable[[], bytes]) -> None:
        def take() -> bytes:
            data = read()
            if b"\n" in data:
                arrived.append(time.perf_counter())
            return data

        receive(take)

    wires._receive = seen
    return arrived


def _sale(number: int) -> Sale:
    now = datetime.now(UTC)
    lines = tuple(LineItem(str(line), 199, name=f"Article {line}") for line in range(1, 9))
    made_at, day = now.replace(tzinfo=None).isoformat(timespec="seconds"), now.date().isoformat()
    return Sale("1", str(number), made_at, day, "EUR", 199 * len(lines), lines)
