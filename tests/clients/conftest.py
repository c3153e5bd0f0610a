"""Node's libraries, and how a script that uses them is run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.libraries import installed

HERE = Path(__file__).parent
TIMEOUT_S = 30

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def node_modules(pytestconfig: pytest.Config) -> Path:
    return installed(pytestconfig)


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
