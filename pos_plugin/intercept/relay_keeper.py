"""Sees to it that the relay runs while the till does: started as a process of its own, started again if it dies.

It is no part of this process's group, so that it goes on printing when this one is killed; the next one finds it by what it has
announced. Only an orderly end of the till ends it.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from pathlib import Path

from pos_plugin.config import Config
from pos_plugin.intercept import relay_announced

log = logging.getLogger("pos_plugin")

LOOK_EVERY_S = 1.0
LONGEST_PAUSE_S = 15.0


class RelayKeeper:
    """`with` it the relay runs. It has a log of its own, beside the till's: two processes cannot exchange one full file."""

    def __init__(self, store: Path, config: Config, *, log_file: Path | None = None, log_json: bool = False) -> None:
        self._store = store
        self._log_file, self._log_json = log_file, log_json
        self._wanted = relay_announced.settings_of(config)
        self._child: subprocess.Popen[bytes] | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="relay", daemon=True)

    def __enter__(self) -> RelayKeeper:
        self._see_that_it_runs()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        relay_announced.stop(self._store)
        if self._child is not None:
            try:
                self._child.wait(5)
            except subprocess.TimeoutExpired:
                log.warning("the relay goes on with its job, and ends behind it")

    def _keep(self) -> None:
        pause_s = LOOK_EVERY_S
        while not self._is_over.wait(pause_s):
            pause_s = LOOK_EVERY_S if self._see_that_it_runs() else min(2 * pause_s, LONGEST_PAUSE_S)

    def _see_that_it_runs(self) -> bool:
        """Whether it ran already; else it is started."""
        there = relay_announced.read_announced(self._store)
        if there is not None and relay_announced.state(self._store) is not None:
            if there.settings == self._wanted:
                return True
            log.warning("the relay was started with other settings: it ends, and starts with these")
            relay_announced.stop(self._store)
        elif self._child is not None and self._child.poll() is None:
            return True  # it is starting, or very busy
        elif self._child is not None:
            log.error("the relay ended (%s); it is started again", self._child.returncode)
        self._start()
        return False

    def _start(self) -> None:
        quiet = subprocess.DEVNULL  # a terminal or a pipe may end before it does
        try:
            own = relay_announced.folder_of(self._store) / "relay.log"
            file = log_beside(self._log_file) if self._log_file else own
            command = [sys.executable, "-m", "pos_plugin", "intercept", "--store", str(self._store)]
            command += ["--log-file", str(file), *(["--log-json"] if self._log_json else [])]
            self._child = subprocess.Popen(  # noqa: S603  # our own program
                command,
                stdin=quiet,
                stdout=quiet,
                stderr=quiet,
                start_new_session=True,
                creationflags=getattr(subprocess, "DETACHED_PROCESS", 0),
            )
        except OSError as error:
            log.error("the relay cannot be started: %s", error.strerror)


def log_beside(file: Path) -> Path:
    """
    >>> log_beside(Path("till.log")).name
    'till-relay.log'
    """
    return file.absolute().with_name(f"{file.stem}-relay{file.suffix}")
