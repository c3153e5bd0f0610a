"""Node's libraries, and how a script that uses them is run."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
TIMEOUT_S = 30
INSTALL_TIMEOUT_S = 110

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def node_modules(pytestconfig: pytest.Config) -> Path:
    """The libraries in the exact versions of package.json, in pytest's cache: installed once, and anew when that changes."""
    assert pytestconfig.cache
    folder = pytestconfig.cache.mkdir("clients")
    wanted = (HERE / "package.json").read_text()
    installed = folder / "installed.json"
    if not installed.exists() or installed.read_text() != wanted:
        (folder / "package.json").write_text(wanted)
        npm = shutil.which("npm")
        assert npm, "Node.js is needed: apt install nodejs npm"
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
        assert done.returncode == 0, done.stderr
        installed.write_text(wanted)
    return folder


@pytest.fixture
def run(node_modules: Path) -> Run:
    """Runs one of the scripts here among the libraries, and gives back the JSON that it printed."""

    def run(script: str, *arguments: object) -> dict[str, Any]:
        copy = node_modules / script  # node looks for libraries beside the script
        copy.write_bytes((HERE / script).read_bytes())
        command = ["node", str(copy), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout or "{}")
        return answer

    return run
