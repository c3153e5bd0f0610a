"""Texts in five languages: every one is in every catalogue, with the same places for its values."""

from __future__ import annotations

import io
import string
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

from loyalty.words import LANGUAGES, Counted, Money, Reason, in_language, say

ROOT = Path(__file__).parents[2]
LOCALE = ROOT / "loyalty/locale"
OTHERS = [language for language in LANGUAGES if language != "en"]


def catalogue(language: str):
    with (LOCALE / language / "LC_MESSAGES/pos-plugin.po").open("rb") as file:
        return read_po(file, locale=language)


def places(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_the_template_has_every_text_of_the_product(tmp_path) -> None:
    line = next(line for line in (ROOT / "Makefile").read_text().splitlines() if "extract" in line)
    options = line.split("extract", 1)[1].replace("loyalty/locale/pos-plugin.pot", str(tmp_path / "now.pot")).split()
    command = [sys.executable, "-m", "babel.messages.frontend", "--quiet", "extract", *options]
    subprocess.run(command, cwd=ROOT, check=True)
    now, kept = (tmp_path / "now.pot").read_text(), (LOCALE / "pos-plugin.pot").read_text()
    assert now == kept, "texts have changed: make words, then translate what is empty"


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_and_keeps_its_values(language) -> None:
    with (LOCALE / "pos-plugin.pot").open("rb") as file:
        wanted = {message.id for message in read_po(file) if message.id}
    found = {message.id: message.string for message in catalogue(language) if message.id}
    assert found.keys() == wanted
    for english, text in found.items():
        assert text, f"{english!r} is not translated"
        assert places(text) == places(english), english


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalogue_is_that_of_its_source(language) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(language), use_fuzzy=True)
    compiled.seek(0)
    with (LOCALE / language / "LC_MESSAGES/pos-plugin.mo").open("rb") as file:
        kept = {message.id: message.string for message in read_mo(file) if message.id}
    assert kept == {message.id: message.string for message in read_mo(compiled) if message.id}, "make words"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "1 point per 1.00 on 26.99"),
        ("tr", "26,99 için, her 1,00 başına 1 puan"),
        ("de", "1 Punkt je 1,00 auf 26,99"),
        ("fr", "1 point par 1,00 sur 26,99"),
        ("es", "1 punto por cada 1,00 de 26,99"),
        ("pl", "1 point per 1.00 on 26.99"),  # no catalogue: English
    ],
)
def test_a_reason_is_said_in_the_members_language(language, said) -> None:
    values = {"points": Counted(1), "amount": Money(100), "paid": Money(2699)}
    assert Reason(26, "{points} per {amount} on {paid}", values).in_language(language) == said


def test_the_shops_own_words_are_said_as_it_wrote_them() -> None:
    stars = Counted(2, {"en": "star", "de": "Stern"}, {"en": "stars", "de": "Sterne"})
    values = {"points": stars, "amount": Money(100), "paid": Money(200)}
    assert say("{points} per {amount} on {paid}", "de", **values) == "2 Sterne je 1,00 auf 2,00"
    assert say("{points} per {amount} on {paid}", "tr", **values) == "2,00 için, her 1,00 başına 2 stars"


def test_a_word_without_a_language_falls_back_to_english_then_to_any() -> None:
    assert in_language({"en": "Gold", "de": "Güldin"}, "tr") == "Gold"
    assert in_language({"de": "Güldin"}, "tr") == "Güldin"
    assert in_language("Gold", "tr") == "Gold"


def test_a_value_with_braces_is_not_a_place_for_another() -> None:
    assert say("{rule}", "de", rule="{points}") == "{points}"
