"""What the relay costs: a chunk on its way to the printer, and the decision at the cut with the ledger's record in it.

The relay, and the till with its ledger, are processes of their own, as in a shop; the shop's till and the printer are sockets of
this process, so that one clock tells both times. Beside it stands the same bytes' way without a relay.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.beside import at_most, folder, percentile
from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.store import Store
from pos_plugin.intercept import relay_announced
from pos_plugin.running import state

RECEIPTS = 60
CHUNK_MS = 2.0
CUT_MS = 20.0
WAIT_S = 20.0
PAUSE_S = 0.02  # between two lines, as of a till that prints while it scans
RULES = '[total]\nwords = ["Total EUR"]\n[reference]\nwords = ["Receipt no."]\n'
CUT = b"\n\n\n\n\x1dV\x00"


def measure() -> list[dict[str, Any]]:
    with _printer() as printer, folder() as place:
        straight, _ = _printed(printer, lambda: socket.create_connection(printer.getsockname()), "S")
        with _shop(place / "till", printer.getsockname()[1]) as port:
            chunks, cuts = _printed(printer, lambda: socket.create_connection(("127.0.0.1", port)), "A", has_block=True)
            said = relay_announced.state(place / "till") or {}
            memory_kib = _memory_kib(said.get("pid", 0))
    if said.get("recorded", 0) < RECEIPTS:
        raise RuntimeError(f"only {said.get('recorded')} receipts were recorded")
    return [
        at_most(
            "a line through the relay / what nobody notices",
            statistics.median(chunks),
            CHUNK_MS,
            1.0,
            "ms",
            p95=percentile(chunks, 95),
            without_a_relay=statistics.median(straight),
            relays_memory_mib=memory_kib / 1024,
        ),
        at_most(
            "from the cut sent to the block at the printer / what nobody notices",
            statistics.median(cuts),
            CUT_MS,
            1.0,
            "ms",
            p95=percentile(cuts, 95),
        ),
    ]


def _printed(
    printer: socket.socket, connect: Callable[[], socket.socket], name: str, *, has_block: bool = False
) -> tuple[list[float], list[float]]:
    """Milliseconds of each line, and of each cut. The printer is connected to once, or for each receipt."""
    chunks, cuts = list[float](), list[float]()
    far: socket.socket | None = None
    for number in range(RECEIPTS + 3):
        with connect() as till:
            till.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if far is None:
                far, _ = printer.accept()
                far.settimeout(WAIT_S)
            lines = ["Corner shop", f"Receipt no. {name}-{number}", *[f"Article {one}   1.99" for one in range(8)]]
            for line in [*lines, "Total EUR 15.92"]:
                took = _until_arrived(till, far, line.encode() + b"\n", line.encode())
                if number >= 3:  # the first find out where the till is
                    chunks.append(took)
                time.sleep(PAUSE_S)
            took = _until_arrived(till, far, CUT, b"\x1dV\x00", holds=b"points" if has_block else b"")
            if number >= 3:
                cuts.append(took)
        if not has_block:
            far.close()
            far = None
        else:
            time.sleep(0.3)  # the turn ends
    if far is not None:
        far.close()
    return chunks, cuts


def _until_arrived(till: socket.socket, far: socket.socket, data: bytes, end: bytes, holds: bytes = b"") -> float:
    began = time.perf_counter()
    till.sendall(data)
    arrived = b""
    while end not in arrived:
        arrived += far.recv(65_536)
    took = (time.perf_counter() - began) * 1000
    if holds not in arrived:
        raise RuntimeError(f"there is no block in {arrived!r}")
    return took


@contextmanager
def _printer() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WAIT_S)
        yield listener


@contextmanager
def _shop(place: Path, printer_port: int) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with Store.create(place) as store:
        store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    (place / "till-receipts.toml").write_text(RULES, encoding="utf-8")
    (place / "till.toml").write_text(
        f'[printer]\naddress = "tcp://127.0.0.1:{printer_port}"\n[page]\nport = 0\n'
        f'[intercept]\nlisten = "tcp://127.0.0.1:{port}"\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pos_plugin", "run", "--store", str(place)]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        give_up = time.monotonic() + WAIT_S
        while state(place) is None or not (relay_announced.state(place) or {}).get("is_open"):
            if time.monotonic() > give_up:
                raise RuntimeError("the till or its relay did not start")
            time.sleep(0.05)
        yield port
    finally:
        run.terminate()
        run.wait(WAIT_S)


def _memory_kib(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0.0)
