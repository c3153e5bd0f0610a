"""`pos-plugin cards`: what a shop that has no head office types to have cards printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from loyalty.card import CardRules, MemberCard, member_card
from loyalty.program import preset
from pos_plugin.cli import app

FEW = (  # a hundred numbers
    preset("points")
    .replace('number_prefix = ""', 'number_prefix = "12345678"')
    .replace("number_length = 10", "number_length = 11")
)


def typed(till: Any, *words: object) -> Any:
    return CliRunner().invoke(app, ["cards", "--store", str(till.folder), *map(str, words)])


def test_a_batch_is_drawn_beside_a_till_that_runs(till: Any, tmp_path: Path) -> None:
    told = typed(till, "--count", 12, "--csv", tmp_path / "cards.csv", "--pdf", tmp_path / "cards.pdf", "--json")
    assert told.exit_code == 0
    assert json.loads(told.stdout) == {"cards": 12, "files": [str(tmp_path / "cards.csv"), str(tmp_path / "cards.pdf")]}
    head, *numbers = (tmp_path / "cards.csv").read_text("utf-8").split()
    assert (head, len({*numbers})) == ("card", 12)
    assert {len(number) for number in numbers} == {13}
    assert all(isinstance(member_card(CardRules(), number), MemberCard) for number in numbers)
    assert (tmp_path / "cards.pdf").read_bytes().startswith(b"%PDF-")


def test_a_name_that_nobody_wrote_does_not_stand_on_the_cards(till: Any, tmp_path: Path) -> None:
    told = typed(till, "--pdf", tmp_path / "a.pdf", "--count", 1)
    assert told.stdout.startswith("1 card: ")
    assert "No name stands on them: --name gives one." in told.stdout
    nameless = typed(till, "--pdf", tmp_path / "b.pdf", "--count", 1, "--name", "Mill")
    assert "No name" not in nameless.stdout


def test_plain_numbers_and_another_name(till: Any, tmp_path: Path) -> None:
    told = typed(till, "--form", "number", "--png", tmp_path / "sheets", "--name", "Café", "--count", 3)
    assert told.exit_code == 0
    assert told.stdout.startswith(f"3 cards: {tmp_path / 'sheets' / 'cards-001.png'}\n")
    assert "nobody's" in told.stdout


def test_a_number_that_a_member_has_is_not_drawn_again(till: Any, tmp_path: Path) -> None:
    till.use_program(FEW)
    till.member(known := "12345678002")
    told = typed(till, "--form", "number", "--count", 99, "--csv", tmp_path / "a.csv")
    assert told.exit_code == 0
    assert len({*(tmp_path / "a.csv").read_text("utf-8").split()[1:], known}) == 100
    told = typed(till, "--form", "number", "--count", 100, "--csv", tmp_path / "b.csv")
    assert told.exit_code == 2
    assert "hardly 100 free numbers" in " ".join(told.stderr.replace("│", " ").split())
    assert not (tmp_path / "b.csv").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Say where the cards are to go"),
        (["--csv", "x.csv", "--count", "0"], "--count"),
        (["--csv", "x.csv", "--count", "10001"], "--count"),
        (["--csv", "x.csv", "--form", "ean14"], "ean13"),
        (["--csv", "x.csv", "--name", "茶"], "茶"),
    ],
)
def test_wrong_use_is_told_and_nothing_is_written(till: Any, words: list[str], told: str, monkeypatch: Any) -> None:
    monkeypatch.chdir(till.folder)
    answer = typed(till, *words)
    assert answer.exit_code == 2
    assert told in answer.stderr
    assert not Path("x.csv").exists()


def test_a_list_that_is_there_is_not_written_over(till: Any, tmp_path: Path) -> None:
    (tmp_path / "cards.csv").write_text("card\n2900000000018\n", encoding="utf-8")
    answer = typed(till, "--csv", tmp_path / "cards.csv", "--pdf", tmp_path / "cards.pdf")
    assert answer.exit_code == 1
    assert isinstance(answer.exception, FileExistsError)
    assert (tmp_path / "cards.csv").read_text("utf-8") == "card\n2900000000018\n"
    assert not (tmp_path / "cards.pdf").exists()
