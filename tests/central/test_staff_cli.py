"""The commands for accounts, as people type them."""

import json

import pytest
from typer.testing import CliRunner

from central_server.cli import app


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("staff")

    def run(*arguments, given=""):
        return CliRunner().invoke(app, [*arguments, "--dir", str(folder / "office")], input=given)

    assert run("init", "--shop", "Harbour").exit_code == 0
    return run


TWICE = "four words and more\nfour words and more\n"


def test_accounts_are_made_listed_changed_and_closed(typed):
    assert "Nobody can sign in yet" in typed("staff", "list").stdout
    made = typed("staff", "add", "ada", "--name", "Ada", "--role", "finance", given=TWICE)
    assert (made.exit_code, made.stdout) == (0, "Ada can sign in at /office as ada (finance).\n")
    shown = typed("staff", "add", "max", "--name", "Max", "--role", "manager", "--shop", "Harbour", "--made")
    told = shown.stdout.splitlines()[-1]
    assert told.startswith("The password, which is shown this once: ")
    assert len(told.split(": ")[1]) == 19
    rows = json.loads(typed("staff", "list", "--json").stdout)
    assert [(row["login"], row["role"], row["shop"], row["has_second_factor"]) for row in rows] == [
        ("ada", "finance", "", False),
        ("max", "manager", "Harbour", False),
    ]
    assert "password" not in rows[0]
    assert typed("staff", "password", "ada", given=TWICE).exit_code == 0
    assert json.loads(typed("staff", "second-factor", "ada", "--json").stdout)["has_second_factor"] is False
    assert "password alone" in typed("staff", "second-factor", "ada", "--remove").stdout
    assert typed("staff", "close", "ada").exit_code == 0
    assert "closed" in typed("staff", "list").stdout
    for command in (("password", "ada"), ("close", "ada"), ("second-factor", "ada"), ("password", "nobody")):
        again = typed("staff", *command, given=TWICE)
        assert (again.exit_code, "no open account" in again.stderr) == (2, True)
    taken = typed("staff", "add", "ada", "--name", "Eve", "--role", "finance", given=TWICE)
    assert (taken.exit_code, "Take another name" in taken.stderr) == (2, True)


@pytest.mark.parametrize(
    ("given", "said"),
    [("four words and more\nfour words and less\n", "differ"), ("short\nshort\n", "10 or more"), ("", "10 or more")],
)
def test_a_password_is_typed_twice_and_long_enough(typed, given, said):
    refused = typed("staff", "add", "ben", "--name", "Ben", "--role", "support", given=given)
    assert (refused.exit_code, said in refused.stderr) == (2, True)
    assert "ben" not in typed("staff", "list").stdout


def test_a_password_is_never_an_argument(typed):
    assert typed("staff", "add", "ben", "words and more", "--name", "Ben", "--role", "support").exit_code == 2
    assert "--password" not in typed("staff", "add", "--help").stdout
