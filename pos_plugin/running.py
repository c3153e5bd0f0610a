"""A running till and the commands beside it: a command that writes asks the till that owns the file.

While a till runs, `running.json` in its folder says where it answers and holds a key of its own, readable by the till's user
alone; both end with it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from offline_store.errors import StoreLocked
from pos_plugin import api_keys
from pos_plugin.errors import TillError

FILE = "running.json"
KEY_NAME = "pos-plugin commands"


@contextmanager
def announced(folder: Path, url: str) -> Iterator[None]:
    """For as long as the block lasts, commands in this folder find the till at `url`."""
    file = folder / FILE
    withdraw(folder)
    key = api_keys.create(folder, KEY_NAME)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump({"url": url, "key": key}, out)
    try:
        yield
    finally:
        withdraw(folder)


def withdraw(folder: Path) -> None:
    (folder / FILE).unlink(missing_ok=True)
    api_keys.remove(folder, KEY_NAME)


def ask(folder: Path, path: str, locked: StoreLocked, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """POSTs to the till that runs in this folder; raises `locked` where it is no till that answers, else its refusal."""
    import httpx

    try:
        at = json.loads((folder / FILE).read_text(encoding="utf-8"))
        answer = httpx.post(
            f"{at['url']}{path}",
            json=body or {},
            headers={"Authorization": f"Bearer {at['key']}"},
            timeout=60,
            trust_env=False,
        )
        said: dict[str, Any] = answer.json()
    except (OSError, ValueError, KeyError, httpx.HTTPError):
        raise locked from None
    if answer.status_code != 200:
        raise TillError(str(said.get("code")), str(said.get("message")), hint=str(said.get("hint", "")))
    return said


def state(folder: Path) -> dict[str, Any] | None:
    """How the till that runs in this folder is, as its page shows it; None where none answers."""
    import httpx

    try:
        at = json.loads((folder / FILE).read_text(encoding="utf-8"))
        answer = httpx.get(
            f"{at['url']}/v1/state", headers={"Authorization": f"Bearer {at['key']}"}, timeout=10, trust_env=False
        )
        said: dict[str, Any] = answer.json()
    except (OSError, ValueError, KeyError, httpx.HTTPError):
        return None
    return said if answer.status_code == 200 else None
