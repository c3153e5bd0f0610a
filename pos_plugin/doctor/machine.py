"""This machine: whose packages these are, which versions, how much room there is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from pos_plugin.doctor.finding import Finding, Till

LEAST_ROOM_BYTES = 500 * 1_000_000
OWN_PACKAGES = ("drivers", "loyalty", "ledger", "offline_store")
SAFE_SQLITE = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The first versions, and those with the correction taken back, that cannot lose a WAL reset (https://sqlite.org/wal.html)."""


def own_packages() -> Iterator[Finding]:
    """Whether `drivers` and the like are this product's: the names are ordinary, and another package may have them, too."""
    import pos_plugin

    home = Path(pos_plugin.__file__ or "").resolve().parent.parent
    if all((place := _place(name)) is not None and place.parent == home for name in OWN_PACKAGES):
        yield Finding("Packages", True, f"{', '.join(OWN_PACKAGES)} are this product's own")
        return
    for name in OWN_PACKAGES:
        place = _place(name)
        if place is None:
            yield Finding("Packages", False, f"the package {name} is missing", "Install again: pip install pos-plugin")
        elif place.parent != home:
            yield Finding(
                "Packages",
                False,
                f"a foreign package named {name}, {place}, stands in front of this product's own",
                "Install pos-plugin into an environment of its own (python -m venv), and see that PYTHONPATH is not set.",
            )


def _place(name: str) -> Path | None:
    import importlib.util

    try:
        found = sys.modules.get(name) or importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    folders = getattr(found, "__path__", None) or getattr(found, "submodule_search_locations", None)
    if folders:
        return Path(next(iter(folders))).resolve()
    file = getattr(found, "__file__", None) or getattr(found, "origin", None)
    return Path(file).resolve() if file else None


def versions(till: Till) -> Iterator[Finding]:
    import platform
    import sqlite3

    found = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    newest = SAFE_SQLITE[0]
    version = sqlite3.sqlite_version_info
    if version < newest and not any(version[:2] == safe[:2] and version >= safe for safe in SAFE_SQLITE):
        found += (
            f"; with a SQLite before {'.'.join(map(str, newest))} only one process may checkpoint the till's file, "
            "and this product sees to that"
        )
    yield Finding("Versions", True, found)


def room(till: Till) -> Iterator[Finding]:
    import shutil

    place = next(folder for folder in (till.folder.absolute(), *till.folder.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if free < LEAST_ROOM_BYTES:
        do = "Make room: on a full disk sales go on, but their points are not recorded."
        yield Finding("Disk", False, f"only {free // 1_000_000:,} MB are free", do)
    else:
        yield Finding("Disk", True, f"{free // 1_000_000:,} MB are free")
