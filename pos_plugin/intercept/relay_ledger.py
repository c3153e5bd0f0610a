"""The relay's way to the running till: `POST /v1/printed-sales`, within a bound, and later again what it did not acknowledge.

The till is found by `running.json` in its folder, read anew whenever it has another. One thread asks, so that whoever waits for
an answer can stop waiting at any moment; a till that was too slow once is not waited for again until it has answered.
"""

from __future__ import annotations

import http.client
import json
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from pos_plugin.intercept.papers import Block, PrintedSale
from pos_plugin.intercept.waiting_sales import WaitingSales
from pos_plugin.running import FILE

log = logging.getLogger("pos_plugin")

PATH = "/v1/printed-sales"
AT_THE_CUT_S = 0.25
"""So long a receipt waits for its block."""
ASKED_S = 10.0
"""So long a sale that is handed over later may take."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 15.0
AT_ONCE = 50
LARGEST_ANSWER = 1024 * 1024

_answers = msgspec.json.Decoder(Block)


class NoAnswer(Exception):
    """The till does not run, or did not answer as it should."""


class RunningTill:
    """Asks the till of a folder; one connection, used by one thread."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._found: tuple[int, int] | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._key = ""

    def record(self, sale: PrintedSale, timeout_s: float) -> Block:
        """What the till says of the sale. Raises NoAnswer."""
        was_fresh = self._find(timeout_s)
        try:
            return self._asked(sale)
        except (OSError, http.client.HTTPException) as error:
            self._lose()
            if was_fresh or isinstance(error, TimeoutError):
                raise NoAnswer(str(error) or type(error).__name__) from error
        self._find(timeout_s)  # the till had ended a connection that was silent, or was started anew
        try:
            return self._asked(sale)
        except (OSError, http.client.HTTPException) as error:
            self._lose()
            raise NoAnswer(str(error) or type(error).__name__) from error

    def _find(self, timeout_s: float) -> bool:
        """Sees to a connection to the till as it runs now; whether it is a new one."""
        try:
            seen = self._file.stat()
            stamp = (seen.st_mtime_ns, seen.st_ino)
            if self._connection is not None and stamp == self._found:
                self._connection.timeout = timeout_s
                if self._connection.sock is not None:
                    self._connection.sock.settimeout(timeout_s)
                return False
            self._lose()
            at = json.loads(self._file.read_text(encoding="utf-8"))
            url = urlsplit(at["url"])
            self._key = str(at["key"])
            self._connection = http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=timeout_s)
            self._found = stamp
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._lose()
            raise NoAnswer("The till does not run.") from error
        return True

    def _asked(self, sale: PrintedSale) -> Block:
        connection = self._connection
        if connection is None:
            raise NoAnswer("The till does not run.")
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        connection.request("POST", PATH, msgspec.json.encode(sale), headers)
        answered = connection.getresponse()
        data = answered.read(LARGEST_ANSWER)
        if answered.status == 422:  # a bug, or a paper that says what no sale can: it never will be otherwise
            return Block(recorded=False, why=_said(data))
        if answered.status != 200:
            raise NoAnswer(f"The till answered {answered.status}: {_said(data)}")
        try:
            return _answers.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NoAnswer("The till's answer cannot be read.") from error

    def _lose(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _said(data: bytes) -> str:
    try:
        return str(json.loads(data)["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return ""


class Ledger:
    """What the relay asks. `told` of what became of a sale that was handed over later."""

    def __init__(
        self,
        till: RunningTill,
        waiting: WaitingSales,
        told: Callable[[PrintedSale, Block], None] = lambda sale, block: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._till = till
        self.waiting = waiting
        self._told = told
        self._clock = clock
        self._asked: queue.SimpleQueue[tuple[Future[Block], PrintedSale] | None] = queue.SimpleQueue()
        self._slow_until = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def record(self, sale: PrintedSale) -> Block | None:
        """The till's answer; None where there was none in time: the sale is then kept, and handed over later.

        Returns within `AT_THE_CUT_S` and a flush of the disk. Raises NoRoom where the sale could not be kept.
        """
        must_wait = self._clock() < self._slow_until or (
            sale.seen.kind != "sale" and self.waiting.has(sale.till, sale.seen.of_reference)
        )
        if not must_wait:
            future: Future[Block] = Future()
            self._asked.put((future, sale))
            try:
                block = future.result(AT_THE_CUT_S)
                if block.recorded or not block.ask_again:
                    return block
            except FutureTimeout:
                self._slow_until = self._clock() + LONGEST_PAUSE_S
                future.cancel()
            except NoAnswer:
                pass
        self.waiting.add(sale)
        self._asked.put(None)
        return None

    def _run(self) -> None:
        rest_until = 0.0
        while True:
            pause_s = max(0.0, rest_until - self._clock()) if len(self.waiting) else None
            try:
                asked = self._asked.get(timeout=pause_s)
            except queue.Empty:
                asked = None
            try:
                if asked is not None:
                    self._answer(*asked)
                elif len(self.waiting) and self._clock() >= rest_until:
                    is_done = self._hand_over()
                    self._pause_s = FIRST_PAUSE_S if is_done else min(2 * self._pause_s, LONGEST_PAUSE_S)
                    rest_until = self._clock() + (0.0 if is_done else self._pause_s)
            except Exception:  # a sale waits on; whoever prints does not see it
                log.exception("handing over printed sales failed; it is tried again")
                rest_until = self._clock() + LONGEST_PAUSE_S

    def _answer(self, future: Future[Block], sale: PrintedSale) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            if len(self.waiting) and not self._hand_over():
                raise NoAnswer("Older sales wait: whoever was at the till then must not be there for this one.")
            future.set_result(self._till.record(sale, AT_THE_CUT_S))
        except Exception as error:
            future.set_exception(error if isinstance(error, NoAnswer) else NoAnswer(type(error).__name__))

    def _hand_over(self) -> bool:
        """Those that wait, oldest first; False where the till did not take one, which stays with all behind it."""
        sales = self.waiting.oldest(AT_ONCE)
        done = 0
        try:
            for sale in sales:
                block = self._till.record(sale, ASKED_S)
                self._slow_until = 0.0
                if not block.recorded and block.ask_again:
                    return False
                done += 1
                self._told(sale, block)
        except NoAnswer:
            return False
        finally:
            if done:
                self.waiting.acknowledge(done)
        return True
