"""What a till's command must not wait for: heavy packages are imported where they are used."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "fastapi",
    "uvicorn",
    "httpx",
    "escpos",
    "PIL",
    "alembic",
    "sqlalchemy",
    "cv2",
    "serial",
    "usb",
    "cryptography",
)


LIGHT = (
    "loyalty.program",
    "ledger.wire",
    "offline_store.sync",
    "offline_store.verify",
    "pos_plugin.sales.checkout",
    "pos_plugin.sales.returns",
    "pos_plugin.members.joining",
    "pos_plugin.config",
    "pos_plugin.papers.spooler",
    "pos_plugin.head_office.server_link",
    "pos_plugin.terminal",
)

# One Python loads them one after another: what is heavy is told of the first that needs it.
PROGRAM = f"""
import importlib, json, sys
loaded = {{}}
for module in {LIGHT!r}:
    before = set(sys.modules)
    importlib.import_module(module)
    loaded[module] = sorted(set({HEAVY!r}) & set(sys.modules) - before)
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    answer: dict[str, list[str]] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("module", LIGHT)
def test_a_module_of_the_till_loads_nothing_heavy(loaded: dict[str, list[str]], module: str) -> None:
    assert loaded[module] == []
