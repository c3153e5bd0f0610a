"""The till that the shop has always had: it knows nothing of points, and prints its receipts where it believes the printer.

Its receipts are ESC/POS as many tills print it: one font, code page 858, a pulse for the drawer, feeds, a cut.
"""

from __future__ import annotations

import itertools
import random
import socket
from collections.abc import Callable
from datetime import datetime

from drivers.escpos import Profile
from pos_plugin.intercept.papers import Paper
from pos_plugin.intercept.stream import Stream

COLUMNS = 48
GOODS = (("Olive oil 0.5 l", 598), ("Green tea", 449), ("Crème fraîche", 189), ("Pears", 612), ("Coffee", 1290))
CONNECT_S = 3.0
_BEGIN = b"\x1b@\x1bt\x13"  # ESC @, ESC t 19: code page 858
_END = b"\x1bp\x00\x19\xfa\x1bd\x04\x1dV\x01"  # ESC p 0, ESC d 4, GS V 1


class OtherTill:
    """Sells something else each time, and prints it to `port` of this machine."""

    def __init__(self, port: int, now: Callable[[], datetime], random_numbers: random.Random | None = None) -> None:
        self._port = port
        self._now = now
        self._random = random_numbers or random.Random()  # noqa: S311 - which goods
        # A number is that of one sale for ever, and the demo's folder may be kept.
        self._numbers = itertools.count(int(now().timestamp()) % 1_000_000)

    def sell(self) -> bool:
        """Prints the receipt of a sale; whether anybody was there to take it."""
        goods = self._random.sample(GOODS, self._random.randint(1, 3))
        return self._print(receipt(next(self._numbers), goods, self._now()))

    def report(self) -> bool:
        """Prints its report of the day, which is no sale."""
        return self._print(_paper(["", "X REPORT", f"{self._now():%d.%m.%Y %H:%M}", "", _row("Gross sales", 48210)]))

    def _print(self, data: bytes) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), CONNECT_S) as printer:
                printer.sendall(data)
        except OSError:
            return False
        return True


def receipt(number: int, goods: list[tuple[str, int]], at: datetime) -> bytes:
    """What the till sends for a sale, prices in cents."""
    total = sum(price for _, price in goods)
    return _paper(
        [
            "Corner Shop".center(COLUMNS),
            "12 Market Street".center(COLUMNS),
            "",
            f"Receipt no. {number}".ljust(COLUMNS - 16) + f"{at:%d.%m.%Y %H:%M}",
            "-" * COLUMNS,
            *(_row(name, price) for name, price in goods),
            "-" * COLUMNS,
            _row("TOTAL EUR", total),
            _row("Cash", total),
            "",
            "Thank you".center(COLUMNS),
        ]
    )


def lessons(at: datetime, profile: Profile) -> list[Paper]:
    """Some receipts of it as interception reads them: what its shop would teach."""
    papers = list[Paper]()
    stream = Stream(papers.append, profile)
    for number, count in ((4101, 1), (4102, 2), (4103, 3)):
        stream.feed(receipt(number, list(GOODS[:count]), at))
        stream.close()
    return papers


def _row(name: str, minor: int) -> str:
    amount = f"{minor // 100}.{minor % 100:02}"
    return name.ljust(COLUMNS - len(amount)) + amount


def _paper(rows: list[str]) -> bytes:
    return _BEGIN + b"".join(row.encode("cp858") + b"\n" for row in rows) + _END
