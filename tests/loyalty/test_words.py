"""Texts in five languages: every one is in every catalogue, with the same places for its values."""

from __future__ import annotations

import io
import string
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from babel.core import get_global
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, get_territory_currencies, list_currencies

from loyalty.currencies import CODES
from loyalty.words import LANGUAGES, Amount, Counted, Money, Reason, in_language, say

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


@pytest.mark.parametrize("minor", [420, -74829, 5])
@pytest.mark.parametrize(
    ("language", "currency"),
    [
        ("en", "EUR"),
        ("en", "GBP"),
        ("en", "USD"),
        ("tr", "TRY"),
        ("tr", "EUR"),
        ("de", "EUR"),
        ("fr", "EUR"),
        ("es", "EUR"),
    ],
)
def test_money_in_a_sentence_is_written_as_unicodes_locale_data_writes_it(language, currency, minor) -> None:
    """So do the browsers, in the totals beside it."""
    said = say("{amount}", language, amount=Amount(minor, currency))
    assert said == format_currency(minor / 100, currency, locale=language)


def test_money_on_paper_bears_its_code_for_not_every_printer_has_the_sign() -> None:
    assert say("{amount} off", "tr", amount=Amount(420, "TRY", on_paper=True)) == "4,20 TRY indirim"
    assert say("{amount} off", "tr", amount=Amount(420, "TRY")) == "₺4,20 indirim"


def test_every_currency_that_is_legal_tender_somewhere_is_known_and_no_other() -> None:
    day = date(2026, 1, 1)
    tender = {
        code for place in get_global("territory_currencies") for code in get_territory_currencies(place, day, day)
    }
    assert tender <= CODES
    assert {code for code in CODES if code in list_currencies()} == CODES


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
