"""Explanations: a template and its values, said in whichever language there is."""

from __future__ import annotations

import pytest

from loyalty.program import Unit, preset_names
from loyalty.sale import Return, Sale, document_name
from loyalty.words import Money, Reason, counted, in_language, said, say

TITLE = {"de": "Doppelt", "tr": "İki kat"}


@pytest.mark.parametrize(
    ("words", "language", "text"),
    [
        ("Double", "de", "Double"),
        (TITLE, "tr", "İki kat"),
        (TITLE | {"en": "Double"}, "fr", "Double"),
        (TITLE, "fr", "Doppelt"),  # the first that there is
    ],
)
def test_a_text_is_said_in_the_language_or_in_one_that_there_is(words: object, language: str, text: str) -> None:
    assert in_language(words, language) == text  # type: ignore[arg-type]
    assert Reason(5, "{rule}", {"rule": said(words)}).in_language(language) == text  # type: ignore[arg-type]


def test_the_text_of_a_reason_is_english_where_nothing_else_is_asked() -> None:
    both = {"en": "Double", "de": "Doppelt"}
    assert in_language(both) == "Double"  # type: ignore[arg-type]
    reason = Reason(5, "{rule}: {much}", {"rule": both, "much": "3"})
    assert (reason.text, reason.in_language("de")) == ("Double: 3", "Doppelt: 3")


def test_one_is_one_and_all_else_are_many() -> None:
    assert [counted(points) for points in (0, 1, 2, -1)] == ["0 points", "1 point", "2 points", "-1 point"]
    star = Unit(one={"en": "star", "de": "Stern"}, many={"en": "stars", "de": "Sterne"})
    assert [say("{n}", "de", n=star.counted(points)) for points in (1, -1, 0)] == ["1 Stern", "-1 Stern", "0 Sterne"]
    assert [say("{n}", "en", n=star.counted(points)) for points in (1, -1, 0)] == ["1 star", "-1 star", "0 stars"]
    assert say("{n}", n=Unit().counted(2)) == "2 points"


def test_a_document_is_named_by_what_it_is_and_no_two_have_one_name() -> None:
    assert document_name("sale", "a/b", "1%2") == "sale/a%2Fb/1%252"
    assert Sale("1", "17", "t", "d", "EUR", 0).document == "sale/1/17"
    back = Return("1", "17", "r")
    assert (back.document, back.sale_document) == ("return/1/17/r", "sale/1/17")


def test_the_presets_are_named_without_their_ending() -> None:
    assert "points" in preset_names()
    assert not [name for name in preset_names() if "." in name]
    assert preset_names() == sorted(preset_names())


def test_a_sum_in_a_reason_bears_the_currency_where_it_is_known_as_on_screens_or_as_on_paper() -> None:
    reason = Reason(0, "Sales under {amount} earn nothing", {"amount": Money(2000)})
    assert reason.in_language("de", "EUR") == "Einkäufe unter 20,00\N{NO-BREAK SPACE}€ sammeln nichts"
    assert reason.in_language("en", "EUR", on_paper=True) == "Sales under 20.00 EUR earn nothing"
    assert reason.in_language("en") == "Sales under 20.00 earn nothing"
