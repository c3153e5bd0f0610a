"""Bears the processes that a test kills: everything is imported once, so a child is at work milliseconds after it is asked for.

A command is a line of JSON on stdin. Everything said on stdout is a line: `born PID`, what the child says, `dead STATUS`. The
last comes once the child is gone, so that whatever it had said stands before it. This process has no thread: to fork one that
has is not safe.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from central_server.office import Office
from central_server.serving import serve_until_stopped
from drivers.escpos import Profile
from drivers.printer import Outcome, Verdict
from drivers.status import PrinterStatus
from loyalty.sale import LineItem, Sale
from offline_store.store import Store
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.spooler import Spooler
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.quotes import Connection

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
REFERENCE = re.compile(rb"Receipt +\S+?-(\d+)")


def say(line: str) -> None:
    """In one piece: a line this short is written to a pipe whole or not at all."""
    os.write(1, f"{line}\n".encode())


class Paper:
    """A printer that is always well. What it prints it says, so that paper can be counted after its till is dead."""

    def print(self, data: bytes, *, timeout_s: float) -> Verdict:
        found = REFERENCE.search(data)
        assert found is not None, "every receipt bears its reference"
        say(f"paper {int(found[1])}{' COPY' if b'COPY' in data else ''}")
        return Verdict(Outcome.PRINTED)

    def status(self, timeout_s: float = 2.0) -> PrinterStatus:
        return PrinterStatus()

    def close(self) -> None:
        pass


def till(folder: str, seed: str, card: str, starts: list[int]) -> None:
    """Sells in as many threads as there are `starts`, each from its own sale on, and prints, for ever."""
    draws = random.Random(seed)
    printing = threading.Event()
    store = Store.open(Path(folder))
    checkout = Checkout(
        store,
        layout=Layout(42),
        clock=lambda: AT,
        random_bytes=draws.randbytes,
        connection=lambda: Connection(is_online=False, is_current=False),
        recorded=printing.set,
    )
    member = checkout.identify(card).member
    spooler = Spooler(store, Paper(), Profile("test", 42, {}))

    def sell(thread: int, number: int) -> None:
        while True:
            total = 100 + number * 37 % 5000
            lines = (LineItem("1", total // 3), LineItem("2", total - total // 3))
            day = AT.date().isoformat()
            sale = Sale("1", f"{thread}.{number}", f"{day}T10:00:00", day, "EUR", total, lines)
            quote = checkout.quote(sale, member if number % 4 else "", 100 if number % 5 == 1 else 0)
            done = checkout.commit(quote.quote_id, f"sale {sale.sale_ref}")
            say(f"sold {thread} {number} {done.number}")
            number += 1

    def spool() -> None:
        while True:
            printing.clear()
            while spooler.step():
                pass
            printing.wait()

    def guarded(work: object, *arguments: int) -> None:
        try:
            work(*arguments)  # type: ignore[operator]
        except BaseException as error:
            say(f"failed {type(error).__name__}: {error}")
            os._exit(1)

    threads = [threading.Thread(target=guarded, args=(sell, *each)) for each in enumerate(starts)]
    threads.append(threading.Thread(target=guarded, args=(spool,)))
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def server(folder: str, port: int) -> None:
    """Head office as `pos-central serve` runs it, at a time that stands still."""
    serve_until_stopped(Office.open(Path(folder), lambda: AT, os.urandom), "127.0.0.1", port)


def main() -> None:
    say("ready")
    for line in sys.stdin:
        command = json.loads(line)
        pid = os.fork()
        if not pid:
            try:
                {"till": till, "server": server}[command.pop("role")](**command)
            except BaseException as error:
                say(f"failed {type(error).__name__}: {error}")
            finally:
                os._exit(1)
        say(f"born {pid}")
        _, status = os.waitpid(pid, 0)
        say(f"dead {status}")


if __name__ == "__main__":
    main()
