"""The npm libraries of package.json, in exactly those versions: in pytest's cache, installed anew when that changes."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INSTALL_TIMEOUT_S = 110


def installed(config: pytest.Config) -> Path:
    """The folder in which their node_modules lies. Two workers that ask at once do not install into each other's files."""
    assert config.cache
    folder = config.cache.mkdir("clients")
    wanted = (HERE / "package.json").read_text()
    record = folder / "installed.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not record.exists() or record.read_text() != wanted:
            (folder / "package.json").write_text(wanted)
            npm = shutil.which("npm")
            assert npm, "Node.js is needed: apt install nodejs npm"
            command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
            assert done.returncode == 0, done.stderr
            record.write_text(wanted)
    return folder
