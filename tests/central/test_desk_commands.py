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
    latin = desk("import-balances", wrong, "--shop", "Mill")
    assert (latin.exit_code, latin.stderr.endswith("it is not UTF-8. Save it as UTF-8.\n")) == (2, True)
    absent = desk("import-balances", tmp_path / "none.csv", "--shop", "Mill")
    assert (absent.exit_code, "there is no such file" in absent.stderr) == (2, True)


def test_cards_of_another_system_are_taken_where_that_is_asked_for(desk, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("\ufeffcard,points\nOLD-7,1\n", encoding="utf-8")
    refused = desk("import-balances", other, "--shop", "Mill")
    assert (refused.exit_code, "--any-card" in refused.stderr) == (1, True)
    done = desk("import-balances", other, "--shop", "Mill", "--any-card")
    assert done.stdout == "1 member, 1 lot, 1 point taken over.\n"


def test_points_by_hand(desk):
    given = desk("adjust", ONE, 5, *TWO).stdout
    assert given == f"+5 points for {ONE}: the balance was 100 and is 105.\n"
    assert (
        "-5 points"
        in CliRunner().invoke(app, ["adjust", *TWO, "--dir", str(desk.file.parent / "office"), "--", ONE, "-5"]).stdout
    )
    bare = desk("adjust", ONE, -5, *TWO)
    assert (bare.exit_code, "-- CARD -5" in bare.stderr) == (2, True)
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
    seen = ("--reason", "card seen", "--by", "Ada")
    assert "student until 2999-01-01" in desk("segment", ONE, "student", "--until", "2999-01-01", *seen).stdout
    assert "no longer student" in desk("segment", ONE, "student", "--remove", *seen).stdout
    assert desk("segment", ONE, "student", "--until", "soon", *seen).exit_code == 2
    assert desk("segment", ONE, "student").exit_code == 2
    assert desk("tier", ONE, "silver", *seen).exit_code == 2
    assert "is silver" in desk("tier", ONE, "silver", *TWO).stdout
    wrong = desk("tier", ONE, "sliver", *TWO)
    assert "Did you mean silver?" in wrong.stderr
    over = desk("tier", ONE, "silver", "--until", "2020-01-01", *TWO)
    assert (over.exit_code, "2020-01-01 is over" in over.stderr) == (2, True)
    assert desk("tier", ONE, "silver", "--until", "2999-01-01", "--remove", *TWO).exit_code == 2
    assert "no longer given silver" in desk("tier", ONE, "silver", "--remove", *TWO).stdout


def test_thanks_among_colleagues_say_what_is_left(desk):
    assert "can give 80 more" in desk("recognise", ONE, OTHER, 20, "--reason", "the inventory").stdout
    assert desk("recognise", ONE, OTHER, 90, "--reason", "more").exit_code == 2
