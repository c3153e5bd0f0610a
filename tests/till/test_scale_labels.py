"""Labels of the shop's scales: read as the shop says, and never taken for a member's card, nor a card for one of them.

The check digits were worked out by hand, but for those of prices, which stand in the General Specifications (7.9.3, 7.9.4).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.card import CardRules, NumberForm, ean_check_digit
from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.store import Store
from pos_plugin.codes.item_codes import NO_MEASURE, WRONG_LABEL, Item, ItemReading, read_item
from pos_plugin.codes.scale_labels import ScalePattern, beside_cards, told_apart
from pos_plugin.config import ConfigError, read_config
from pos_plugin.doctor import examine
from pos_plugin.terminal import Terminal

PATTERNS = tuple(
    map(
        ScalePattern,
        [
            "28IIIIIPPPPPC",
            "29IIIIIWWWWWC",
            "21IIIIVPPPPPC",  # with a check digit of the price
            "22IIIIIVPPPPC",
            "27IIIIIINNNXC",
            "02IIIIIPPPPPC",  # the same as UPC-A: it begins with 2
        ],
    )
)


def label(**said: object) -> Item:
    return Item("scale label", **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "item", "message"),
    [
        ("2800471012346", label(number="00471", price_minor=1234), ""),
        ("2800471012345", None, WRONG_LABEL),
        ("2800471000008", label(number="00471"), NO_MEASURE),  # a price of nought is typed
        ("2900099012503", label(number="00099", weight_g=1250), ""),
        ("2112346146859", label(number="1234", price_minor=14685), ""),  # 6 is that of 14685, GS 7.9.4
        ("2112345146850", label(number="1234"), NO_MEASURE),  # misprinted: the price cannot be trusted
        ("2212345928750", label(number="12345", price_minor=2875), ""),  # 9 is that of 2875, GS 7.9.3
        ("2700001200697", label(number="000012", count=6), ""),
        ("0200471012346", label(number="00471", price_minor=1234), ""),
        ("200471012346", label(number="00471", price_minor=1234), ""),  # UPC-A
        ("2300471012341", Item("ean13", "02300471012341"), ""),  # the shop's own, and no label
    ],
)
def test_a_label_is_read_as_the_shop_says(code: str, item: Item | None, message: str) -> None:
    assert read_item(code, "", PATTERNS) == ItemReading("item", item, message)


def test_an_ean_of_the_world_is_no_label() -> None:
    assert read_item("4006381333931", "ean13", PATTERNS).item == Item("ean13", "04006381333931")
    assert read_item("2800471012346", "qr", PATTERNS) == read_item("2800471012346", "", PATTERNS)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("28IIIIIPPPPP", "13 places"),
        ("40IIIIIPPPPPC", "a shop's own"),  # Germany's
        ("2IIIIIIPPPPPC", "a shop's own"),
        ("28IIIIIPPPPPP", "end in C"),
        ("28iiiiipppppc", "letters of"),
        ("28IIIPPPPPIIC", "I in two places"),
        ("28PPPPPPPPPPC", "no I"),
        ("28IIIIIIIIIIC", "one of P"),
        ("28IIIIIPPWWWC", "not 2 of them"),
        ("28IIIIIVPPPVC", "V in two places"),
        ("28IIIIVVPPPPC", "V is one digit"),
        ("28IIIIIIVPPPC", "four or five"),
        ("28IIIII٣PPPPC", "letters of"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused_in_a_sentence(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        ScalePattern(text)


def test_patterns_that_begin_alike_are_refused() -> None:
    one, longer, other = ScalePattern("28IIIIIPPPPPC"), ScalePattern("281IIIIWWWWWC"), ScalePattern("29IIIIIPPPPPC")
    assert "begin alike" in told_apart([one, longer])
    assert "begin alike" in told_apart([longer, other, one])
    assert told_apart([longer, other]) == ""


@pytest.mark.parametrize(
    ("rules", "clashes"),
    [
        (CardRules(), ["29"]),
        (CardRules(in_store_prefix="2900"), ["29"]),  # labels 29 00... would be cards
        (CardRules(in_store_prefix="20", numbers=(NumberForm("28", 13, "ean"),)), ["28"]),
        (CardRules(in_store_prefix="20", numbers=(NumberForm("29", 11),)), []),  # as long as no label is
        (CardRules(in_store_prefix="20", numbers=(NumberForm("M-", 13),)), []),
        (CardRules(in_store_prefix=""), []),
    ],
)
def test_a_pattern_never_begins_like_a_card(rules: CardRules, clashes: list[str]) -> None:
    told = beside_cards([ScalePattern("28IIIIIPPPPPC"), ScalePattern("29IIIIIPPPPPC")], rules)
    assert [one.split("'")[1][:2] for one in told] == clashes


@given(st.sampled_from(PATTERNS), st.text("0123456789", min_size=12, max_size=12))
def test_what_a_label_says_stands_on_it(pattern: ScalePattern, digits: str) -> None:
    first = pattern.prefix + digits[len(pattern.prefix) :]
    told = pattern.read(first + ean_check_digit(first))
    assert told is not None
    assert told.number in first
    for figure in (told.price_minor, told.weight_g, told.count):
        assert figure is None or str(figure) in first


# In the till.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store.create(tmp_path / "till") as store:
        program = read_program(preset("points"))  # whose cards begin with 29
        store.write(lambda db: settings.use_program(db, program, "2026-01-01T00:00:00+00:00"))
    return tmp_path / "till"


def configure(folder: Path, patterns: str) -> None:
    (folder / "till.toml").write_text(f"[items]\npatterns = {patterns}\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("patterns", "told"),
    [
        ('["28IIIIIPPPPP"]', "line 2: items.patterns 1: '28IIIIIPPPPP' must have the 13 places of an EAN-13, not 12"),
        (
            '["28IIIIIPPPPPC", "28IIIIIWWWWWC"]',
            "line 1: items: patterns: '28IIIIIPPPPPC' and '28IIIIIWWWWWC' begin alike",
        ),
        ('"28IIIIIPPPPPC"', 'line 2: items.patterns must be a list of texts in brackets, like ["a", "b"]'),
    ],
)
def test_wrong_patterns_are_named_with_their_line(folder: Path, patterns: str, told: str) -> None:
    configure(folder, patterns)
    with pytest.raises(ConfigError) as refused:
        read_config(folder)
    (problem,) = refused.value.problems
    assert problem.startswith(told)


def test_a_till_whose_scales_print_what_is_a_card_sells_on_and_the_doctor_says_so(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configure(folder, '["28IIIIIPPPPPC", "29IIIIIPPPPPC"]')
    with Terminal.open(folder, start=False) as terminal:  # head office may have changed its cards overnight
        assert "'29IIIIIPPPPPC' begins like the programme's member cards (29)" in caplog.text
        assert terminal.checkout.identify("2800471012346").kind == "item"
        assert terminal.checkout.identify("2900000000018").kind == "unknown card"  # a card stays a card
    (found,) = [one for one in examine(folder) if one.what == "Scales"]
    assert not found.ok
    configure(folder, '["28IIIIIPPPPPC"]')
    assert "Scales" not in [one.what for one in examine(folder)]  # and the folder was let go


def test_a_label_is_identified_with_what_it_says_and_a_card_stays_a_card(folder: Path) -> None:
    configure(folder, '["28IIIIIPPPPPC"]')
    with Terminal.open(folder, start=False) as terminal:
        label, card = terminal.checkout.identify("2800471012346"), terminal.checkout.identify("2900000000018")
        coupon, wrong = terminal.checkout.identify("9912345678909"), terminal.checkout.identify("4006381333930")
    assert (label.kind, label.code, label.item) == (
        "item",
        "2800471012346",
        Item("scale label", number="00471", price_minor=1234),
    )
    assert (card.kind, card.item) == ("unknown card", None)
    assert (coupon.kind, coupon.code) == ("coupon", "9912345678909")
    assert (wrong.kind, wrong.item) == ("item", None)
    assert "check digit" in wrong.message
