"""Printed sales that the ledger has not acknowledged: `printed/waiting.jsonl`, one a line, oldest first.

What `add` has returned from is on the disk. A sale stays until it is acknowledged; handed over twice, it is recorded once,
because its till and its reference name it for ever.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import msgspec

from pos_plugin.intercept.papers import PrintedSale

log = logging.getLogger("pos_plugin")

FILE = "waiting.jsonl"
MOST_SALES = 20_000
MOST_BYTES = 32 * 1024 * 1024


class NoRoom(Exception):
    """A sale could not be kept; `str()` says why, for people."""


class WaitingSales:
    """Safe from several threads, in one process."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._lock = threading.Lock()
        self._problem = ""  # why nothing can be kept; what stands there already is not touched then
        self._sales, self._bytes = list[PrintedSale](), 0
        try:
            self._sales, self._bytes, is_whole = _read(self._file)
            if not is_whole:
                os.replace(self._file, self._file.with_suffix(".damaged"))
                self._bytes = 0
                self.acknowledge(0)
        except OSError as error:
            self._problem = f"{self._file} cannot be read: {error.strerror}."

    def __len__(self) -> int:
        return len(self._sales)

    def oldest(self, most: int) -> list[PrintedSale]:
        with self._lock:
            return self._sales[:most]

    def has(self, till: str, reference: str) -> bool:
        """Whether a sale of that name waits."""
        with self._lock:
            return any((one.till, one.seen.reference) == (till, reference) for one in self._sales)

    def add(self, sale: PrintedSale) -> None:
        """Raises NoRoom where the disk does not take it, or far too many wait already."""
        line = msgspec.json.encode(sale) + b"\n"
        with self._lock:
            if any((one.till, one.seen) == (sale.till, sale.seen) for one in self._sales):
                return  # the same paper again
            if self._problem:
                raise NoRoom(self._problem)
            if len(self._sales) >= MOST_SALES or self._bytes + len(line) > MOST_BYTES:
                raise NoRoom(f"{len(self._sales):,} sales wait already, and no more are kept.")
            try:
                is_new = not self._file.exists()
                with open(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as out:
                    # Not appended: what a power cut left half-written, or a full disk, would stand in the middle.
                    out.seek(self._bytes)
                    out.truncate()
                    out.write(line)
                    out.flush()
                    os.fsync(out.fileno())
                if is_new:
                    _keep_name(self._file.parent)
            except OSError as error:
                raise NoRoom(f"{self._file} cannot be written: {error.strerror}.") from error
            self._sales.append(sale)
            self._bytes += len(line)

    def acknowledge(self, count: int) -> None:
        """The first `count` need not be kept any more. Where that cannot be written down they come again after a restart."""
        with self._lock:
            rest = self._sales[count:]
            data = b"".join(msgspec.json.encode(one) + b"\n" for one in rest)
            new = self._file.with_suffix(".new")
            try:
                new.unlink(missing_ok=True)
                if data:
                    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                        out.write(data)
                        out.flush()
                        os.fsync(out.fileno())
                    new.replace(self._file)
                else:
                    self._file.unlink(missing_ok=True)
                self._bytes = len(data)
            except OSError as error:
                log.warning("%s cannot be written: %s", self._file, error.strerror)
            self._sales = rest


def _keep_name(folder: Path) -> None:
    """A new file's name is on the disk only once its folder is."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _read(file: Path) -> tuple[list[PrintedSale], int, bool]:
    """The sales, the bytes of their lines, and whether all lines could be read. A last line without an end was never promised."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return [], 0, True
    sales, is_whole = list[PrintedSale](), True
    whole, _, _ = data.rpartition(b"\n")
    for line in whole.splitlines():
        try:
            sales.append(msgspec.json.decode(line, type=PrintedSale))
        except (msgspec.DecodeError, UnicodeDecodeError):
            is_whole = False
    return sales, len(whole) + bool(whole), is_whole
