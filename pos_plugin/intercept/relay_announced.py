"""Where this folder's relay is found: `printed/relay.json`, readable by the till's user alone, and what it can be asked.

Its door for this till's own programs is a port of loopback. Whoever comes says the secret of the file and a word, in one line:
`print` (the printer is theirs until they hang up; `ready` or `absent SENTENCE` is answered), `state` (a line of JSON), or
`stop`. The file outlives a relay that was killed; then nobody answers at its port.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from drivers.errors import DeviceAbsent
from pos_plugin.config import Config
from pos_plugin.errors import Conflict

log = logging.getLogger("pos_plugin")

FOLDER = "printed"
FILE = "relay.json"
LOCK = "relay.lock"
ANSWERS_WITHIN_S = 2.0
LONGEST_ANSWER = 64 * 1024


class Announced(msgspec.Struct, frozen=True):
    """`settings` are those that the relay was started with: with others it has to be started anew."""

    port: int
    secret: str
    settings: str


def folder_of(store: Path) -> Path:
    """The folder for what was printed, made where it is missing; for the till's user alone."""
    folder = store / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def settings_of(config: Config) -> str:
    """What a relay is started with, in one line."""
    return json.dumps({"intercept": config.intercept.model_dump(), "printer": config.printer.model_dump()})


@contextmanager
def alone(store: Path) -> Iterator[None]:
    """While it lasts this process is the relay of the folder. Raises Conflict where another is."""
    handle = os.open(folder_of(store) / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                "RELAY_RUNS",
                f"A relay runs already for the till in {store}.",
                hint='It goes on. "pos-plugin doctor" says what it sees; "pos-plugin intercept --stop" ends it.',
            ) from None
        yield
    finally:
        os.close(handle)


@contextmanager
def announced(store: Path, port: int, config: Config) -> Iterator[str]:
    """For as long as the block lasts the relay is found at `port`; the secret that its callers must say.

    On a disk that is full nobody finds it, and the shop prints all the same.
    """
    file = folder_of(store) / FILE
    secret = secrets.token_urlsafe(32)
    try:
        file.unlink(missing_ok=True)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(msgspec.json.encode(Announced(port, secret, settings_of(config))))
    except OSError as error:
        log.error(
            "%s cannot be written (%s): the relay prints, and this till's own programs do not find it", file, error
        )
    try:
        yield secret
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def read_announced(store: Path) -> Announced | None:
    try:
        return msgspec.json.decode((store / FOLDER / FILE).read_bytes(), type=Announced)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def connected(store: Path, word: str, timeout_s: float) -> socket.socket:
    """A connection to this folder's relay that has said `word`. Raises DeviceAbsent where none runs."""
    at = read_announced(store)
    if at is not None:
        try:
            connection = socket.create_connection(("127.0.0.1", at.port), timeout_s)
        except OSError:
            at = None
    if at is None:
        raise DeviceAbsent(
            "The relay between the shop's till and the printer does not run.",
            hint='"pos-plugin run" starts it; by itself: pos-plugin intercept',
        )
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(f"{at.secret} {word}\n".encode())
    except OSError:
        connection.close()
        raise DeviceAbsent("The relay in front of the printer ended.", hint="It is started again by itself.") from None
    return connection


def line_of(connection: socket.socket) -> str:
    """The line that the relay answers; "" where it hung up. Raises TimeoutError."""
    said = bytearray()
    while not said.endswith(b"\n") and len(said) < LONGEST_ANSWER:
        byte = connection.recv(1)  # what follows the line is the printer's
        if not byte:
            return ""
        said += byte
    return said.decode("utf-8", "replace").strip()


def state(store: Path) -> dict[str, Any] | None:
    """How this folder's relay is; None where none answers."""
    try:
        with connected(store, "state", ANSWERS_WITHIN_S) as connection:
            said = json.loads(line_of(connection))
    except (DeviceAbsent, OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def stop(store: Path, timeout_s: float = 15.0) -> bool:
    """Has the relay end once the job in progress is done, and waits for it; False where none runs or it goes on."""
    try:
        with connected(store, "stop", timeout_s) as connection:
            return line_of(connection) == "" or connection.recv(1) == b""
    except (DeviceAbsent, OSError):
        return False
