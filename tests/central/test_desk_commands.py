"""The desk's commands as people type them."""

import json

import pytest
from typer.testing import CliRunner

from central_server.cli import app
from loyalty.program import preset

PROGRAM = (
    preset("points")
    + """
[segments]
student = "Students"

[[tier]]
name = "silver"
title = "Silver"
from = 50000

[recognition]
allowance = 100
"""
)
TWO = ("--reason", "why", "--by", "Ada", "--approved-by", "Ben")
ONE, OTHER = "2900000000018", "2900000000025"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    program, balances = folder / "rules.toml", folder / "old.csv"
    program.write_text(PROGRAM)
    balances.write_text(f"card,points,name\n{ONE},100,Ada Lovelace\n{OTHER},50,\n")

    def typed(*arguments):
        return CliRunner().invoke(app, [*map(str, arguments), "--dir", str(folder / "office")])

    assert typed("init", "--shop", "Harbour", "--shop", "Mill", "--program", program).exit_code == 0
    typed.file = balances
    return typed


def test_balances_are_imported_once_and_the_shop_must_be_known(desk):
    refused = desk("import-balances", desk.file)
    assert refused.exit_code == 2
    assert "--shop: Harbour, Mill" in refused.stderr
    assert desk("import-balances", desk.file, "--shop", "Nowhere").exit_code == 2
    done = desk("import-balances", desk.file, "--shop", "Mill")
    assert (done.exit_code, done.stdout) == (0, "2 members, 2 lots, 150 points taken over.\n")
    again = json.loads(desk("import-balances", desk.file, "--shop", "Mill", "--json").stdout)
    assert again == {"members": 2, "lots": 0, "points": 0, "again": 2}


def test_every_problem_of_a_file_is_printed(desk, tmp_path):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("card,points\n,5\nX,many\n")
    told = desk("import-balances", wrong, "--shop", "Mill")
    assert told.exit_code == 1
    assert ("line 2:" in told.stderr, "line 3:" in told.stderr, "nothing was taken over" in told.stderr) == (True,) * 3
    wrong.write_bytes(b"card,points\n\xff,5\n")
    assert desk("import-balances", wrong, "--shop", "Mill").exit_code == 2


def test_points_by_hand(desk):
    given = desk("adjust", ONE, 5, *TWO).stdout
    assert given == f"+5 points for {ONE}: the balance was 100 and is 105.\n"
    assert (
        "-5 points"
        in CliRunner().invoke(app, ["adjust", *TWO, "--dir", str(desk.file.parent / "office"), "--", ONE, "-5"]).stdout
    )
    alone = desk("adjust", ONE, 5, "--reason", "why", "--by", "Ada", "--approved-by", "ada")
    assert alone.exit_code == 2
    assert "Somebody else has to allow it" in alone.stderr
    assert json.loads(desk("adjust", ONE, 1, *TWO, "--case", "7", "--json").stdout)["is_new"] is True
    again = json.loads(desk("adjust", ONE, 1, *TWO, "--case", "7", "--json").stdout)
    assert again == {"card": ONE, "points": 1, "is_new": False, "before": 101, "after": 101, "owed": 0}
    same = desk("adjust", ONE, 1, *TWO, "--case", "7")
    assert (
        same.stdout == f"The case 7 was booked before: +1 point for {ONE}. Nothing was changed; the balance is 101.\n"
    )
    for card, points in ((OTHER, 1), (ONE, 2)):
        differs = desk("adjust", card, points, *TWO, "--case", "7")
        assert (differs.exit_code, differs.stdout) == (2, "")
        assert "is recorded with other content: +1 points (adjustment) for" in differs.stderr
        assert "Nothing was changed. Give this one a --case of its own." in differs.stderr
    assert "30 points went" in desk("transfer", ONE, OTHER, 30, *TWO).stdout
    assert desk("transfer", ONE, OTHER, 1000, *TWO).exit_code == 2
    assert desk("adjust", "nobody", 5, *TWO).exit_code == 2


def test_who_somebody_is(desk):
    assert "student until 2027-01-01" in desk("segment", ONE, "student", "--until", "2027-01-01").stdout
    assert "no longer student" in desk("segment", ONE, "student", "--remove").stdout
    assert desk("segment", ONE, "student", "--until", "soon").exit_code == 2
    assert "is silver" in desk("tier", ONE, "silver", "--reason", "board", "--by", "Ada").stdout
    wrong = desk("tier", ONE, "sliver", "--reason", "board", "--by", "Ada")
    assert "Did you mean silver?" in wrong.stderr


def test_thanks_among_colleagues_say_what_is_left(desk):
    assert "can give 80 more" in desk("recognise", ONE, OTHER, 20, "--reason", "the inventory").stdout
    assert desk("recognise", ONE, OTHER, 90, "--reason", "more").exit_code == 2
