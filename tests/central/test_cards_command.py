"""`pos-central cards`: a batch for all shops."""

import json

import pytest
from typer.testing import CliRunner

from central_server.cli import app
from loyalty.card import CardRules, MemberCard, member_card
from loyalty.program import preset

FEW = (  # a hundred numbers
    preset("points")
    .replace('number_prefix = ""', 'number_prefix = "12345678"')
    .replace("number_length = 10", "number_length = 11")
)


@pytest.fixture
def office(tmp_path):
    program, balances = tmp_path / "rules.toml", tmp_path / "old.csv"
    program.write_text(FEW)
    balances.write_text("card,points\n12345678002,100\n")

    def typed(*words):
        return CliRunner().invoke(app, [*map(str, words), "--dir", str(tmp_path / "office")])

    assert typed("init", "--shop", "Harbour", "--program", program).exit_code == 0
    assert typed("import-balances", balances, "--shop", "Harbour").exit_code == 0
    return typed


def numbers(file):
    head, *found = file.read_text("utf-8").split()
    assert head == "card"
    return found


def test_a_batch_is_drawn_for_all_shops(office, tmp_path):
    told = office("cards", "--count", 12, "--csv", tmp_path / "c.csv", "--pdf", tmp_path / "c.pdf", "--json")
    assert json.loads(told.stdout) == {"cards": 12, "files": [str(tmp_path / "c.csv"), str(tmp_path / "c.pdf")]}
    drawn = numbers(tmp_path / "c.csv")
    assert len({*drawn}) == 12
    assert all(isinstance(member_card(CardRules(), number), MemberCard) for number in drawn)
    assert (tmp_path / "c.pdf").read_bytes().startswith(b"%PDF-")


def test_a_number_that_a_member_has_or_had_is_not_drawn_again(office, tmp_path):
    used = {"12345678002", "12345678010"}
    replaced = office("replace-card", *sorted(used), "--reason", "worn", "--by", "Ada")
    assert replaced.exit_code == 0
    assert office("cards", "--form", "number", "--count", 98, "--csv", tmp_path / "a.csv").exit_code == 0
    assert len({*numbers(tmp_path / "a.csv"), *used}) == 100
    refused = office("cards", "--form", "number", "--count", 99, "--csv", tmp_path / "b.csv")
    assert (refused.exit_code, "hardly 99 free numbers" in refused.stderr) == (2, True)


def test_wrong_use_is_told_and_a_list_is_never_written_over(office, tmp_path):
    refused = office("cards")
    assert (refused.exit_code, "Say where the cards are to go" in refused.stderr) == (2, True)
    (tmp_path / "a.csv").write_text("card\n")
    refused = office("cards", "--csv", tmp_path / "a.csv")
    assert (refused.exit_code, "already" in refused.stderr) == (1, True)
    assert "Choose another name" in refused.stderr
    assert (tmp_path / "a.csv").read_text() == "card\n"
