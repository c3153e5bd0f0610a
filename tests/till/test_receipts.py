"""Receipts as they come out, line by line: true when they are printed, and no figure that merges what is not known."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta

import pytest

from drivers.document import Text, decode_document, display_columns, encode_document
from ledger.entry import Slice
from ledger.wire import GrantItem
from loyalty.program import Program, read_program
from loyalty.sale import LineItem, Return, Sale
from loyalty.standing import Standing
from offline_store import journal
from offline_store.members import Balance
from pos_plugin.papers.layout import Layout, columns, wrapped
from pos_plugin.papers.receipts import PointsShown, expiry_lines, laid_out_slip, points_block, sale_receipt
from pos_plugin.sales.claims import claim
from pos_plugin.sales.pricing import priced
from pos_plugin.sales.returns import take_back, void

PROGRAM = read_program('name = "p"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n')
TOLD = datetime(2026, 11, 19, 17, 5, tzinfo=UTC).isoformat()  # 18:05 in Berlin


def block(shown: PointsShown, width: int = 32, program: Program = PROGRAM) -> str:
    return "\n".join(told(shown, Layout(width), program))


def told(shown: PointsShown, layout: Layout, program: Program = PROGRAM) -> list[str]:
    lines = points_block(program, shown, layout) + expiry_lines(program, shown, layout)
    return [line.text for line in lines]  # type: ignore[union-attr]


def shown(balance: Balance, earned: int = 27, used: int = 100, here: int = 120, *, is_current: bool) -> PointsShown:
    return PointsShown("2900000001234", balance, earned, used, here, is_current, "2026-11-21")


def test_the_online_block_is_the_one_agreed() -> None:
    told = Balance(413, -73, TOLD, "2026-11-30", 40)
    assert block(shown(told, is_current=True)) == (
        "POINTS             Card ****1234\n"
        "New balance 340 (worth 3.40 EUR)\n"
        "This sale                    +27\n"
        "Used                        -100\n"
        "Use 40 pts by 29 Nov 2026"
    )


def test_the_offline_block_is_the_one_agreed_and_merges_nothing() -> None:
    told = Balance(413, -73, TOLD, "2026-11-30", 40)
    text = block(shown(told, is_current=False))
    assert text == (
        "POINTS             Card ****1234\n"
        "Balance 19 Nov 18:05         413\n"
        "Earned here since             +0\n"
        "This sale                    +27\n"
        "Used                        -100\n"
        "Can use here today           120"
    )
    assert "340" not in text  # 413 + 27 - 100


def test_the_blocks_are_as_wide_as_the_paper() -> None:
    told = Balance(413, -73, TOLD, "", 0)
    assert block(shown(told, is_current=True), 42).splitlines()[:2] == [
        "POINTS                       Card ****1234",
        "New balance 340           (worth 3.40 EUR)",
    ]
    for width in (32, 42, 48):
        for is_current in (True, False):
            assert {
                display_columns(line) for line in block(shown(told, is_current=is_current), width).splitlines()
            } == {width}


@pytest.mark.parametrize(
    ("balance", "used", "line"),
    [
        (Balance(0, 27, "", "", 0), 0, "Earned at this till before    +0"),  # head office never told
        (Balance(0, 90, "", "", 0), 0, "Earned at this till before   +63"),
        (Balance(0, -73, "", "", 0), 100, "Earned at this till before    +0"),
        (Balance(413, 50, TOLD, "", 0), 0, "Earned here since            +23"),
        (Balance(413, -50, TOLD, "", 0), 0, "Used here since              -77"),
    ],
)
def test_what_happened_here_stands_apart_from_what_was_told(balance: Balance, used: int, line: str) -> None:
    assert line in block(shown(balance, used=used, is_current=False)).splitlines()


@pytest.mark.parametrize(
    ("expiry", "points", "line"),
    [
        ("2026-12-21", 40, "Use 40 pts by 20 Dec 2026"),  # thirty days
        ("2026-12-22", 40, None),
        ("2026-11-22", 40, "Use 40 pts by 21 Nov 2026"),  # today is the last day
        ("", 0, None),
    ],
)
def test_points_that_end_within_a_month_are_told_with_their_last_day(
    expiry: str, points: int, line: str | None
) -> None:
    text = block(shown(Balance(340, 0, TOLD, expiry, points), is_current=True))
    assert ("Use " in text) is (line is not None)
    assert line is None or line in text.splitlines()


def test_a_balance_below_zero_has_no_worth() -> None:
    assert block(shown(Balance(-40, 0, TOLD, "", 0), used=0, is_current=True)).splitlines()[1] == "New balance -40"


def test_without_a_card_none_is_shown() -> None:
    assert block(PointsShown("", Balance(5, 0, TOLD, "", 0), 5, 0, 0, True, "2026-11-21")).splitlines()[0] == "POINTS"


def test_a_whole_receipt_without_a_member_says_what_could_have_been_earned() -> None:
    sale = Sale(
        "1",
        "17",
        "2026-11-21T18:05:00",
        "2026-11-21",
        "EUR",
        2799,
        (
            LineItem("1", 2049, 3000, name="Tea"),
            LineItem("2", 500, 1250, name="A cheese with a name longer than the paper"),
            LineItem("3", 250, name="東京のお茶と抹茶のケーキです"),
            LineItem("4", 0, sku="sku-9"),
        ),
    )
    receipt = sale_receipt(
        PROGRAM,
        Layout(32, ("Corner shop",), ("Thank you",)),
        sale,
        reference="7K3M2P-17-6",
        points=None,
        could_have_earned=27,
        priced=priced(PROGRAM, sale, "", Standing()),
    )
    assert receipt.text() == (
        "Corner shop\n2026-11-21 18:05\n3 x Tea                    20.49\n1.25 x A cheese with a nam  5.00\n".replace(
            "nam  5", "name 5"
        )
        + "東京のお茶と抹茶のケーキで  2.50\n"
        "sku-9                       0.00\n"
        "--------------------------------\n"
        "TOTAL EUR                  27.99\n"
        "You could have earned 27 points:\n"
        "scan within 7 days\n"
        "Thank you\n"
        "Receipt 7K3M2P-17-6"
    )


def test_a_whole_receipt_with_redemption(till) -> None:
    member = till.member()
    till.sell("0", 15000, member)
    assert till.sell("1", 2799, member, redeem=100).receipt_text.splitlines()[:-1] == [
        "2026-11-21 18:05",
        "--------------------------------",
        "Subtotal                   27.99",
        "Paid with points           -1.00",
        "TOTAL EUR                  26.99",
        "POINTS             Card ****0018",
        "Earned at this till before  +150",
        "This sale                    +26",
        "Used                        -100",
        "Can use here today            76",
    ]


def test_a_receipt_bears_the_reference_by_which_it_is_found(till) -> None:
    done = till.sell("1")
    assert done.receipt_text.splitlines()[-1] == f"Receipt {done.reference}"


def test_a_void_and_a_return_say_what_was_taken_and_given_back(till) -> None:
    member = till.member()
    till.sell("0", 15000, member)
    sold = till.sell("1", 2000, member, redeem=100)
    back = take_back(till.checkout, Return("1", "1", "r", amount_minor=1000))
    assert back.receipt_text.splitlines() == [
        "2026-11-21 18:05",
        "RETURN",
        columns("Of receipt", sold.reference, 32),
        "Goods returned             10.00",
        "Given back as points       -0.50",
        "REFUND EUR                  9.50",
        "POINTS             Card ****0018",
        "Earned at this till before   +69",  # 150, and 19 less 100
        "Taken back                   -10",  # 9.50 are left to pay, and earn 9
        "Given back                   +50",
        "Can use here today           109",
        f"Receipt {back.reference}",
    ]
    assert "VOID" in void(till.checkout, "1", "0").receipt_text


def test_a_claim_says_what_was_added(till) -> None:
    member = till.member()
    sold = till.sell("1", 2799)
    claimed = claim(till.checkout, sold.reference, member)
    assert claimed.receipt_text.splitlines() == [
        "2026-11-21 18:05",
        "POINTS ADDED",
        columns("For receipt", sold.reference, 32),
        "POINTS             Card ****0018",
        "Earned at this till before    +0",
        "This sale                    +27",
        "Can use here today            27",
        f"Receipt {claimed.reference}",
    ]


def test_one_balance_line_only_while_all_but_this_sale_is_at_head_office(till) -> None:
    member = till.member()
    till.go_online()
    till.hear_of(member, ("2027-06-01", 413), as_of=till.now, includes=till.head()[0])
    till.acknowledge(till.head()[0])
    current = till.sell("1", 2799, member).receipt_text
    assert "New balance 440 (worth 4.40 EUR)" in current
    behind = till.sell("2", 2799, member).receipt_text  # the sale before it has not been sent
    assert "Balance 21 Nov 18:05         413" in behind
    assert "Earned here since            +27" in behind
    assert "New balance" not in behind
    till.acknowledge(till.head()[0])
    till.go_online(is_current=False)
    assert "New balance" not in till.sell("3", 2799, member).receipt_text


def test_a_member_who_joined_here_a_moment_ago_gets_a_receipt_online(till) -> None:
    """Head office has the joining, and has not told of the member yet."""
    member = till.member()
    till.go_online()
    till.acknowledge(till.head()[0])
    assert "New balance 27  (worth 0.27 EUR)" in till.sell("1", 2799, member).receipt_text


def test_points_that_end_soon_and_were_used_just_now_are_not_told_as_left(till) -> None:
    member = till.member()
    soon = (till.now + timedelta(days=9)).date().isoformat()
    with till.store.read() as db:
        who = journal.identity(db)
    till.take(GrantItem("1-g", who.terminal, who.epoch, member, [Slice("far", 40, soon)], ""))
    till.go_online()
    till.hear_of(member, (soon, 40), ("2027-06-01", 300), as_of=till.now, includes=till.head()[0])
    till.acknowledge(till.head()[0])
    part = till.sell("1", 2799, member, redeem=30).receipt_text
    assert "Use 10 pts by 29 Nov 2026" in part
    till.acknowledge(till.head()[0])
    assert "Use " not in till.sell("2", 2799, member, redeem=10).receipt_text


@pytest.mark.parametrize(
    ("left", "right", "line"),
    [
        ("Tea", "1.00", "Tea         1.00"),
        ("A long name of goods", "1.00", "A long name 1.00"),
        ("お茶のケーキ", "1.00", "お茶のケー  1.00"),  # two columns each, and half a character is none
        ("e\u0301" * 12, "1.00", "e\u0301" * 11 + " 1.00"),  # accents take no room
        ("", "1.00", "            1.00"),
        ("Tea", "", "Tea"),
    ],
)
def test_two_columns_meet_the_edges_and_the_left_one_gives_way(left: str, right: str, line: str) -> None:
    assert columns(left, right, 16) == line


def test_words_are_wrapped_at_the_edge_and_never_lost() -> None:
    text = "You could have earned 27 points: scan within 7 days"
    for width in range(12, 60):
        lines = wrapped(text, width)
        assert " ".join(lines) == text
        assert all(len(line) <= width for line in lines)


def test_a_negative_balance_is_explained_on_a_sale_too() -> None:
    lines = block(shown(Balance(-50, 0, TOLD, "", 0), used=0, is_current=True)).splitlines()
    assert "New balance -50" in [line.strip() for line in lines]
    assert "Next 50 points cover your" in " ".join(lines)


def test_while_online_nothing_is_said_of_what_is_held_here_because_more_can_be_fetched() -> None:
    online = dataclasses.replace(shown(Balance(413, 50, TOLD, "", 0), used=0, is_current=False), is_online=True)
    assert "Can use here today" not in block(online)


@pytest.mark.parametrize("language", ["tr", "de", "fr", "es"])
@pytest.mark.parametrize("is_current", [True, False])
def test_a_block_in_another_language_says_the_same_figures_and_fits_the_paper(language: str, is_current: bool) -> None:
    known = Balance(413, -73, TOLD, "2026-11-30", 40)
    for width in (32, 42):
        english = told(shown(known, is_current=is_current), Layout(width))
        words = told(shown(known, is_current=is_current), Layout(width, language=language))
        assert all(display_columns(line) <= width for line in words)
        for line, said in zip(english, words, strict=True):
            assert sorted(re.findall(r"\d+", said)) == sorted(re.findall(r"\d+", line))
        assert words[1] != english[1]


def test_a_receipt_in_german() -> None:
    known = Balance(413, -73, TOLD, "2026-11-30", 40)
    layout = Layout(32, language="de")
    assert "\n".join(told(shown(known, is_current=True), layout)) == (
        "PUNKTE            Karte ****1234\n"
        "Neuer Stand 340  (Wert 3,40 EUR)\n"
        "Dieser Einkauf               +27\n"
        "Eingelöst                   -100\n"
        "40 Pkt. bis 29 Nov 2026 einlösen"
    )


@pytest.mark.parametrize(("language", "word"), [("en", "COPY"), ("de", "KOPIE"), ("fr", "DUPLICATA"), ("tr", "KOPYA")])
def test_a_copy_says_so_in_the_receipts_language(language: str, word: str) -> None:
    receipt = laid_out_slip(Layout(language=language), [Text("body")], "2026-11-21T10:00", "")
    assert receipt.as_copy().text().splitlines()[0] == word
    assert decode_document(encode_document(receipt)) == receipt


@pytest.mark.parametrize(
    ("points", "language", "stands"),
    [
        (12345, "en", "New balance 12345 (worth 123.45)"),
        (123456, "en", "New balance 123456|" + "(worth 1234.56)".rjust(32)),
        (123456, "tr", "Yeni bakiye 123456|" + "(değeri 1234,56)".rjust(32)),
    ],
)
def test_where_there_is_no_room_for_the_currency_the_balance_keeps_all_its_figures(points, language, stands) -> None:
    known = Balance(points, 0, TOLD, "2026-11-30", 40)
    lines = told(shown(known, is_current=True), Layout(32, language=language))
    assert lines[1 : 2 + stands.count("|")] == stands.split("|")
