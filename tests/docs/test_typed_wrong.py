"""Every command, typed wrong: one clear message and no traceback, before anything is done."""

from __future__ import annotations

import pytest
import typer
from click.testing import CliRunner

import central_server.cli
import pos_plugin.cli

# Read once: typer reads all commands again for each that it runs.
PROGRAMS = {
    "pos-central": (typer.main.get_command(central_server.cli.app), "--dir"),
    "pos-plugin": (typer.main.get_command(pos_plugin.cli.app), "--store"),
}
MAKES_ITS_FOLDER = ("init", "demo")


def commands(group, *before):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *before, name)
        else:
            yield (*before, name), command


ALL = [
    pytest.param(program, words, command, id=" ".join((program, *words)))
    for program, (whole, _) in PROGRAMS.items()
    for words, command in commands(whole)
]


def fits(param) -> str:
    kind = param.type_descriptor.annotation
    return "1" if kind in (int, float) else "7K3M2P-17-6"


def needed(command, kind):
    return [
        param for param in command.params if param.param_type_name == kind and (kind == "argument" or param.required)
    ]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def typed(program, *words):
        """(exit status, what was said), where nothing escaped the program."""
        told = CliRunner(env={"COLUMNS": "160"}).invoke(PROGRAMS[program][0], [str(word) for word in words], input="")
        escaped = told.exception
        if escaped is None or isinstance(escaped, SystemExit):
            return told.exit_code, told.output
        assert program == "pos-plugin", repr(escaped)  # whose main() says it; a hint says what to do
        assert getattr(escaped, "hint", ""), repr(escaped)
        return 1, f"{escaped} {escaped.hint}"

    return typed


@pytest.mark.parametrize(("program", "words", "command"), ALL)
def test_an_option_that_there_is_not_is_named(run, program, words, command):
    status, said = run(program, *words, "--nope")
    assert (status, "No such option: --nope" in said) == (2, True)


@pytest.mark.parametrize(("program", "words", "command"), ALL)
def test_an_argument_that_is_missing_is_named(run, program, words, command):
    if missing := [param for param in needed(command, "argument") if param.required]:
        required = [word for param in needed(command, "option") for word in (param.opts[0], fits(param))]
        status, said = run(program, *words, *required)
        assert (status, "Missing argument" in said) == (2, True)
        assert missing[0].name.lower().split("_")[0] in said.lower() or (missing[0].metavar or "") in said


@pytest.mark.parametrize("where", ["no such folder", "a file"])
@pytest.mark.parametrize(("program", "words", "command"), ALL)
def test_a_folder_that_is_none_is_named_and_not_made(run, tmp_path, program, words, command, where):
    folder_option = PROGRAMS[program][1]
    if words[0] in MAKES_ITS_FOLDER or not any(folder_option in param.opts for param in command.params):
        return
    folder = tmp_path / "there"
    if where == "a file":
        folder.write_text("")
    required = [
        word
        for param in needed(command, "option")
        if folder_option not in param.opts
        for word in (param.opts[0], fits(param))
    ]
    status, said = run(program, *words, folder_option, folder, *required, *map(fits, needed(command, "argument")))
    assert status in (1, 2)
    assert said.strip()
    assert "Traceback" not in said
    assert folder.is_file() == (where == "a file")
    assert not folder.is_dir()
