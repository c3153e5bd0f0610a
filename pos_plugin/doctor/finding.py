"""What the doctor looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offline_store.store import Store
    from pos_plugin.config import Config

Clock = Callable[[], datetime]
WAIT_S = 3.0
"""So long each question to a device or to head office may take."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is well, what was found and, where something can be done, what to do."""

    what: str
    ok: bool
    found: str
    do: str = ""


@dataclass
class Till:
    """What the checks look at. `store` is None where the folder cannot be opened, `config` where the settings are not valid."""

    folder: Path
    clock: Clock
    store: Store | None = None
    config: Config | None = None
    is_running: bool = False
    printer_is_well: bool = False
    scanners_are_well: bool = True
