"""What holds for all tests: a busy machine fails none of them, and the longest files begin first.

One long file that begins last keeps all other workers waiting.
"""

from __future__ import annotations

import functools
import gc
from pathlib import Path

import pytest
import sqlalchemy
import typer.testing
from hypothesis import HealthCheck, settings
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

settings.register_profile("on a busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("on a busy machine")

# A tree of commands is built once: to build it for each command that is typed takes longer than most commands.
typer.testing._get_command = functools.cache(typer.testing._get_command)

# What is collected stays to the end: Python need not look through it again and again for what can go.
gc.disable()

# Each head office that a test opens is a new process to SQLAlchemy, which would write every statement out anew: that took
# a seventh of its tests. One SQLite is as another, and statements are written out for all of them once.
SQLiteDialect_pysqlite.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
SQLiteDialect_pysqlite.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
_written_out: LRUCache[object, object] = LRUCache(2000)


@sqlalchemy.event.listens_for(sqlalchemy.Engine, "engine_connect")
def _share_statements(connection: sqlalchemy.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.execution_options(compiled_cache=_written_out)


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


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()
