"""The rooms import each other as agreed, and every contract that says so can fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
ROOMS = SETTINGS["root_packages"]

# For each contract an import that it forbids: (the file it is planted in, the import).
PLANTED = {
    "Rooms are layers: the till and head office on top, the programme at the bottom": (
        "loyalty/sale.py",
        "import ledger.entry",
    ),
    "Drivers know bytes and wires, and no sale": ("drivers/scanners/scan.py", "import loyalty.sale"),
    "Nothing below the till knows a device": ("offline_store/receipts.py", "import drivers.document"),
    "Till and head office meet on the wire only": ("pos_plugin/papers/receipts.py", "import central_server.schema"),
    "No circles among the rooms of a till, nor below it": (
        "pos_plugin/papers/layout.py",
        "import pos_plugin.sales.pricing",
    ),
    "Head office does not read a till's file": ("central_server/schema/ledger.py", "import offline_store.settings"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([command, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rooms")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_every_import_is_as_agreed(copied: Path) -> None:
    done = lint(copied)
    assert done.returncode == 0, done.stdout


def test_every_contract_has_an_import_that_breaks_it() -> None:
    assert set(PLANTED) == {contract["name"] for contract in SETTINGS["contracts"]}


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_import_breaks_its_contract(copied: Path, contract: str) -> None:
    name, line = PLANTED[contract]
    file = copied / name
    honest = file.read_text(encoding="utf-8")
    file.write_text(honest + f"\n{line}\n", encoding="utf-8")
    try:
        done = lint(copied)
    finally:
        file.write_text(honest, encoding="utf-8")
    assert done.returncode == 1
    assert f"{contract} BROKEN" in done.stdout
