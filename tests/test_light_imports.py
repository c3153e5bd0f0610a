"""What a till's command must not wait for: heavy packages are imported where they are used."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    "module",
    [
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
    ],
)
def test_a_module_of_the_till_loads_nothing_heavy(module: str) -> None:
    program = f"import sys, {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
