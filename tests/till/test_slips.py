"""Slips as they come out, line by line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from drivers.document import Barcode, Cut, Text, display_columns
from ledger.entry import Gap, Tally
from loyalty.program import read_program
from loyalty.words import LANGUAGES
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.slips import (
    ClosingFigures,
    DeviceFound,
    closing_slip,
    device_status_slip,
    enrolment_slip,
    gift_card_slip,
    ticket_slip,
)
from pos_plugin.sales.receipt_sample import SLIPS, sample_slip

PROGRAM = read_program(
    'name = "p"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n[redeem]\npoints = 100\nworth_minor = 250\n'
)
LAYOUT = Layout(32, ("Shop",), ("Bye",))
AT = "2026-11-21T18:05:00"


def test_a_new_card_is_printed_in_full_and_as_a_bar_code() -> None:
    slip = enrolment_slip(PROGRAM, LAYOUT, at=AT, card="2900000000018", is_new_number=True, points=1, reference="R-1")
    assert slip.text() == (
        "Shop\n2026-11-21 18:05\nWELCOME\nThis is your card. Keep it, or\ntake a picture of it:\n2900000000018\n"
        "Waiting for you: 1 point\n2.50 EUR off for 100 points\nShow your card each time you buy.\nBye\nReceipt R-1"
    ).replace("you buy.", "you\nbuy.")
    assert Barcode("2900000000018", "ean13") in slip.blocks


def test_a_card_that_was_brought_is_masked() -> None:
    text = enrolment_slip(PROGRAM, LAYOUT, at=AT, card="2900000000018", is_new_number=False).text()
    assert "2900000000018" not in text
    assert "Card                    ****0018" in text


@pytest.mark.parametrize("card", ["2900000000019", "ABC-12", "290000000001"])
def test_a_card_that_is_no_ean_13_is_a_code_128(card: str) -> None:
    slip = enrolment_slip(PROGRAM, LAYOUT, at=AT, card=card, is_new_number=True)
    assert Barcode(card) in slip.blocks


def test_a_number_that_no_bar_code_holds_is_printed_as_it_is() -> None:
    slip = ticket_slip(LAYOUT, at=AT, ticket="Ş-7", about="x", said="y")
    assert Text("Ş-7", align="center") in slip.blocks
    assert not any(isinstance(block, Barcode) for block in slip.blocks)


def test_a_ticket_repeats_what_was_said_and_how_to_ask_again() -> None:
    slip = ticket_slip(LAYOUT, at=AT, ticket="T-7", about="Points", said="They are missing.", answer_by="2026-11-28")
    assert slip.text() == (
        "Shop\n2026-11-21 18:05\nYOUR REQUEST\nNumber                       T-7\nPoints\nThey are missing.\n"
        "You will have an answer by 28\nNov 2026.\nName this number when you ask\nabout it.\nT-7\nBye"
    )


def test_a_gift_card_says_what_is_on_it_until_when_and_that_it_is_like_cash() -> None:
    slip = gift_card_slip(
        LAYOUT, at=AT, card="2900000000018", balance_minor=2500, currency="EUR", expires_on="2029-12-31"
    )
    assert slip.text() == (
        "Shop\n2026-11-21 18:05\nGIFT CARD\n25.00 EUR\n2900000000018\nValid through 31 Dec 2029\n"
        "Keep it like cash: whoever holds\nthis paper can pay with it.\nBye"
    )


TOTAL = Tally(
    sales=118,
    sales_minor=214_530,
    member_sales=71,
    member_minor=107_265,
    returns=3,
    returns_minor=4_290,
    voids=1,
    issued=1320,
    redeemed=400,
    redeemed_minor=380,
    reversed=42,
    restored=12,
)
FIGURES = ClosingFigures(
    TOTAL,
    operators={"": Tally(sales=18, sales_minor=4_530), "Kim": Tally(100, 210_000, 60, 100_000, 3, 4_290)},
    late={"2026-11-20": 2},
    ahead={"2026-11-22": 1},
    missing=(Gap("1", "19", "19", 1), Gap("1", "A07", "A09", 3)),
    unsent=6,
)


def closing(kind: str, figures: ClosingFigures = FIGURES, layout: Layout = LAYOUT) -> list[str]:
    slip = closing_slip(
        layout,
        at=AT,
        kind=kind,
        number=212,
        business_day="2026-11-21",
        terminal="7K3M2P",
        currency="EUR",
        figures=figures,
    )
    return slip.text().splitlines()


def test_a_closing_says_the_figures_that_it_was_given() -> None:
    assert closing("Z")[2:] == [
        "Z REPORT 212",
        "Business day         21 Nov 2026",
        "Till                      7K3M2P",
        "--------------------------------",
        "Sales (118)              2145.30",
        "Returns (3)               -42.90",
        "Voided                         1",
        "TOTAL EUR                2102.40",
        "  paid with points          3.80",
        "--------------------------------",
        "Sales with a member  71 (60.2 %)",
        "  their value   1072.65 (50.0 %)",
        "Points given               +1320",
        "Points used                 -400",
        "Points taken back            -42",
        "Points given back            +12",
        "--------------------------------",
        "BY CASHIER",
        "nobody named           18  45.30",
        "  with a member        0 (0.0 %)",
        "Kim                 100  2057.10",
        "  with a member      60 (60.0 %)",
        "--------------------------------",
        "Of other days, or later than",
        "their closing:",
        "  20 Nov 2026          Sales (2)",
        "Not in here, for a later",
        "closing:",
        "  22 Nov 2026          Sales (1)",
        "No sale has these receipt",
        "numbers:",
        "  Till 1                      19",
        "  Till 1                 A07–A09",
        "Entries not at head office yet:",
        "6. They are safe here.",
        "Bye",
    ]


def test_a_first_closing_of_many_days_counts_those_of_long_ago_together() -> None:
    late = {f"2026-{month:02}-{day:02}": day for month in (9, 10) for day in range(1, 29)}
    said = closing("Z", ClosingFigures(Tally(), late=late))
    assert [line for line in said if line.startswith("  ") and "Sales (" in line] == [
        f"  …                  Sales ({2 * 28 * 29 // 2 - sum(range(15, 29))})",
        *(f"  {day} Oct 2026         Sales ({day})" for day in range(15, 29)),
    ]


def test_an_x_report_says_that_it_ends_nothing_and_has_no_number() -> None:
    said = closing("X", ClosingFigures(Tally()))
    assert said[2] == "X REPORT"
    assert "212" not in " ".join(said)
    assert "A look only: the day goes on." in said
    assert "Sales with a member            0" in said, "of no sales there is no share"
    with pytest.raises(ValueError, match="X or Z"):
        closing("Y")


def test_a_share_has_the_comma_of_its_language_and_is_rounded_to_a_tenth() -> None:
    german = Layout(42, language="de")
    assert (
        any(
            "1 (66,7 %)" in line
            for line in closing("Z", ClosingFigures(Tally(sales=3, sales_minor=3, member_sales=2)), german)
        )
        is False
    )
    assert any(
        "2 (66,7 %)" in line
        for line in closing("Z", ClosingFigures(Tally(sales=3, sales_minor=3, member_sales=2)), german)
    )


def test_what_is_wrong_with_a_device_comes_first_and_in_bold() -> None:
    found = [
        DeviceFound("Printer", True, "it answers"),
        DeviceFound("Scanner", False, "it is not there", "Plug it in."),
    ]
    slip = device_status_slip(LAYOUT, at=AT, terminal="7K3M2P", found=found)
    assert slip.text().splitlines()[3:-1] == [
        "Till                      7K3M2P",
        "To put right: 1",
        "--------------------------------",
        "Scanner                  PROBLEM",
        "  it is not there",
        "  Plug it in.",
        "Printer                       ok",
        "  it answers",
    ]
    assert [block.text.split()[0] for block in slip.blocks if isinstance(block, Text) and block.bold][2:] == [
        "To",
        "Scanner",
    ]
    assert "All is well." in device_status_slip(LAYOUT, at=AT, terminal="7K3M2P", found=found[:1]).text()


@pytest.mark.parametrize("name", SLIPS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_slip_fits_every_paper_in_every_language_and_is_cut_once(name: str, language: str) -> None:
    for width in (24, 32, 42, 48):
        layout = Layout(width, ("Shop",), ("Bye",), language)
        slip = sample_slip(name, PROGRAM, layout, datetime(2026, 11, 21, 17, 5, tzinfo=UTC))
        assert [block for block in slip.blocks if isinstance(block, Cut)] == [slip.blocks[-1]]
        for block in slip.blocks:
            if isinstance(block, Text):
                assert display_columns(block.text) * (2 if block.double else 1) <= width, block.text
