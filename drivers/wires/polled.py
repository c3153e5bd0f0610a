"""Sockets and open files that the system can watch: all bytes out within a bound, and whatever has come in.

They must not block by themselves.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable

from drivers.wires.protocol import broken, lost, stalled

_PIECE_BYTES = 65536
_PAUSE_S = 0.01


def write_all(
    target: socket.socket | int, send: Callable[[bytes], int], data: bytes, timeout_s: float, name: str
) -> None:
    give_up = time.monotonic() + timeout_s
    sent = 0
    with selectors.DefaultSelector() as selector:
        try:
            selector.register(target, selectors.EVENT_WRITE)
            while True:
                is_refused = False
                try:
                    sent += send(data[sent : sent + _PIECE_BYTES])
                except BlockingIOError:
                    is_refused = True
                if sent == len(data):
                    return
                remaining_s = give_up - time.monotonic()
                if remaining_s <= 0:
                    raise stalled(name, sent)
                if selector.select(remaining_s) and is_refused:
                    # usblp calls itself writable while it is not, where it believes that the paper is out.
                    time.sleep(min(_PAUSE_S, remaining_s))
        except OSError as error:
            raise broken(name, sent) from error


def read_some(
    target: socket.socket | int,
    receive: Callable[[int], bytes],
    timeout_s: float,
    name: str,
    *,
    has_hung_up: Callable[[], bool] = lambda: True,
) -> bytes:
    """What has come in; `has_hung_up` says whether a read of no bytes meant that."""
    give_up = time.monotonic() + timeout_s
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(target, selectors.EVENT_READ)
            while True:
                if not selector.select(max(give_up - time.monotonic(), 0)):
                    return b""
                with contextlib.suppress(BlockingIOError):
                    data = receive(4096)
                    if data:
                        return data
                    if has_hung_up():
                        raise lost(name)
                remaining_s = give_up - time.monotonic()
                if remaining_s <= 0:
                    return b""
                time.sleep(min(_PAUSE_S, remaining_s))
    except OSError as error:
        raise lost(name) from error
