"""Every command is told of somewhere, and whatever the pages tell people to type can be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import central_server.cli
import pos_plugin.cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = {
    "pos-plugin": typer.main.get_command(pos_plugin.cli.app),
    "pos-central": typer.main.get_command(central_server.cli.app),
}


def commands(group, *before):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *before, name)
        else:
            yield " ".join((*before, name))


ALL = [f"{program} {command}" for program, group in PROGRAMS.items() for command in commands(group)]


def typed():
    """(page, line) of every line in a shell block that begins with one of our programs."""
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.splitlines():
                if line.startswith(tuple(PROGRAMS)):
                    yield pytest.param(line, id=f"{page.name}: {line.partition('#')[0].strip()}")


@pytest.mark.parametrize("command", ALL)
def test_every_command_is_in_the_readme_or_a_page(command):
    assert any(re.search(rf"{command}\b", page.read_text(encoding="utf-8")) for page in PAGES)


@pytest.mark.parametrize("line", list(typed()))
def test_what_the_pages_say_to_type_is_understood(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(line, comments=True)
    command, name = PROGRAMS[program], program
    while hasattr(command, "commands"):
        name, *arguments = arguments
        command = command.commands[name]
    command.make_context(name, arguments)  # parses the arguments and runs nothing


def test_commands_named_in_the_pages_exist():
    known = {command.split()[0] for group in PROGRAMS.values() for command in commands(group)}
    for page in PAGES:
        for program, name in re.findall(r"`(pos-plugin|pos-central) ([a-z-]+)", page.read_text(encoding="utf-8")):
            assert name in known, f"{page.name}: {program} {name}"


def test_make_knows_what_the_pages_make():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = re.findall(r"`make ([a-z-]+)`", text) + re.findall(r"^make (?:\S+=\S+ )?([a-z-]+)", text, re.MULTILINE)
        assert set(named) <= targets, page.name
    assert {"run", "test"} <= targets


def groups(group, *before):
    yield before, group
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from groups(command, *before, name)


@pytest.mark.parametrize("app", [pos_plugin.cli.app, central_server.cli.app], ids=PROGRAMS)
def test_the_list_of_commands_cuts_no_description_at_eighty_columns(app):
    for words, _ in groups(typer.main.get_command(app)):
        told = CliRunner(env={"COLUMNS": "80"}).invoke(app, [*words, "--help"]).output
        cut = [line for line in told.splitlines() if re.search(r"[^\]](\.\.\.|…)", line)]
        assert cut == [], " ".join(words)


def numbers():
    """(program, words, option) of every option that takes a number."""
    for program, root in PROGRAMS.items():
        for words, group in groups(root):
            for name, command in group.commands.items():
                for option in command.params if not hasattr(command, "commands") else ():
                    if option.param_type_name == "option" and option.type_descriptor.annotation in (int, float):
                        yield pytest.param(
                            program, (*words, name), option.opts[0], id=" ".join((program, *words, name, *option.opts))
                        )


@pytest.mark.parametrize(("program", "words", "option"), list(numbers()))
def test_what_is_no_number_is_said_in_the_products_words(program, words, option):
    app = pos_plugin.cli.app if program == "pos-plugin" else central_server.cli.app
    for typed in ("ten", "-1e99999"):
        told = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*words, f"{option}={typed}"])
        assert told.exit_code == 2
        assert re.search(f"{typed} is (no (whole )?number|too small)", told.output), told.output
