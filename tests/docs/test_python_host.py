"""The example till is one: it sells, knows its members and prints what its plugin adds. The page names every hook."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pos_plugin import Terminal
from pos_plugin.members.joining import join
from pos_plugin.plugins import Hooks

DOCS = Path(__file__).parents[2] / "docs"
CARD = "2900000000018"
HOOKS = [name for name in vars(Hooks) if not name.startswith("_")]


def made(folder):
    program = [sys.executable, "-m", "pos_plugin", "init", "--store", str(folder), "--currency", "EUR"]
    subprocess.run(program, check=True, capture_output=True, timeout=60)
    return folder


def entered(folder, *lines):
    program = [sys.executable, str(DOCS / "example_till.py"), str(folder)]
    done = subprocess.run(program, input="\n".join([*lines, "quit", ""]), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_till_sells_to_a_member_of_its_own_app_and_prints_its_own_line(tmp_path):
    folder = made(tmp_path / "till")
    with Terminal.open(folder, start=False) as terminal:
        join(terminal.checkout, CARD)
    said = entered(
        folder, f"shop:{CARD}", "4006381333931", "4012345000017", "4012345000024", "pay", "4006381333931", "pay"
    )
    first, second = said.split("To pay: ")[1:]
    assert "Member ****0018: 0 points" in said
    assert first.startswith("3646 cents")
    assert "Parking is free today" in first
    assert "This sale                              +36" in first
    assert second.startswith("598 cents")
    assert "Parking" not in second


def test_the_example_till_says_what_it_does_not_know(tmp_path):
    assert "Nobody here sells 4711." in entered(made(tmp_path / "till"), "4711")


def test_the_example_till_has_under_a_hundred_lines():
    assert len((DOCS / "example_till.py").read_text(encoding="utf-8").splitlines()) < 100


def test_every_hook_is_on_the_page_and_every_hook_of_the_page_is_there():
    page = (DOCS / "python-host.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `(\w+)\(([^)]*)\)` \|", page, re.MULTILINE)
    assert dict(shown) == {name: ", ".join(getattr(Hooks, name).__code__.co_varnames[1:]) for name in HOOKS}
