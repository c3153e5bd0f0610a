"""What holds for all tests: a busy machine fails none of them, and the longest files begin first.

One long file that begins last keeps all other workers waiting.
"""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import typer.testing
from hypothesis import HealthCheck, settings

settings.register_profile("on a busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("on a busy machine")

# A tree of commands is built once: to build it for each command that is typed takes longer than most commands.
typer.testing._get_command = functools.cache(typer.testing._get_command)

# In `make check`, each a minute or more of one processor; --no-loadscope-reorder hands files out in this order.
LONGEST = (
    "simulator/test_simulator.py",
    "till/test_backfill_year.py",
    "drivers/test_printing_contract.py",
    "power_loss/test_power_loss.py",
    "crashes/test_killed_servers.py",
    "page/test_page.py",
    "drivers/test_keystrokes.py",
    "page/test_office.py",
    "page/test_care.py",
    "central/test_any_order.py",
    "page/test_demo.py",
    "crashes/test_two_servers.py",
    "page/test_office_members.py",
    "recovery/test_drills.py",
)
_TURNS = {Path(__file__).parent / name: turn for turn, name in enumerate(LONGEST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _TURNS.get(item.path, len(_TURNS)))
