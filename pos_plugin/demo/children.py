"""The demo's child processes: begun, waited for, ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

from pos_plugin.errors import TillError

START_TIMEOUT_S = 20.0


def child(module: str, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """A child in a session of its own, so that Ctrl-C reaches the parent alone and it ends them in order."""
    return subprocess.Popen(  # noqa: S603 - our own programs
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=None,
        stdin=stdin,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def finished(child: subprocess.Popen[str], what: str) -> str:
    """What a child printed, once it has ended well."""
    printed, _ = child.communicate(timeout=START_TIMEOUT_S)
    if child.returncode:
        raise TillError("CHILD_FAILED", f"The demo stopped at {what}; the line above says why.")
    return printed


def end(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if child.stdout is not None:
        child.stdout.close()


def answers(url: str, child: subprocess.Popen[str], what: str) -> None:
    """Waits until a child answers, or says that it does not."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise TillError("CHILD_FAILED", f"{what} did not start; the line above says why.")
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310
            if answer.status == 200:
                return
        time.sleep(0.03)
    raise TillError("CHILD_FAILED", f"{what} did not answer within {START_TIMEOUT_S:.0f} s.")
