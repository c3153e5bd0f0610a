"""What makes a paper a sale, what keeps it from being one, and that no paper whatever is too much."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from loyalty.card import CardRules, MemberCard, member_card
from pos_plugin.intercept.amounts import Amount, Reader, plain, words_of
from pos_plugin.intercept.papers import Code, Paper, Row, SoldLine
from pos_plugin.intercept.recognition import PICTURE, UNTAUGHT, recognise
from pos_plugin.intercept.till_receipts import TillReceipts, TillReceiptsError, as_toml, till_receipts

PROFILE = """
decimal_mark = ","
thousands = ".'"

[total]
words = ["Summe EUR", "Summe (# Pos.) EUR"]

[reference]
words = ["Bon", "Bon-Nr"]

[original]
words = ["zu Bon"]

[operator]
words = ["Es bediente Sie"]

[member]
words = ["Kundenkarte"]

[sales]
may_say = ["Umtausch nur mit Bon in # Tagen"]

[kinds]
copy = ["Kopie"]
void = ["Storno"]
return = ["Retoure", "Umtausch"]
closing = ["Z-Bericht"]
other = ["Training"]
"""
RULES = till_receipts(PROFILE)
SALE = (
    "MUSTERMARKT",
    "Kaffee            4,50 A",
    "Milch             1,29 B",
    "Summe EUR         5,79",
    "Bar              10,00",
    "Rückgeld          4,21",
    "22.11.2026 14:05  Bon 4711",
    "Es bediente Sie: Anna  Kasse 2",
)


def paper(*rows: str, codes: tuple[Code, ...] = ()) -> Paper:
    return Paper(tuple(map(Row, rows)), codes)


def taught(**changes: str) -> TillReceipts:
    text = PROFILE
    for old, new in changes.items():
        text = text.replace(f"{old} = ", f"{old} = {new} # ", 1)
    return till_receipts(text)


def test_a_sale_is_read_whole() -> None:
    found = recognise(paper(*SALE), RULES)
    assert (found.kind, found.total_minor, found.reference, found.sold_at, found.operator) == (
        "sale",
        579,
        "4711",
        "2026-11-22T14:05:00",
        "Anna",
    )
    assert found.lines == (SoldLine("Kaffee", 450), SoldLine("Milch", 129))
    assert found.why == '"Summe EUR 5,79" says 5,79; its number is 4711.'


def test_an_untaught_till_has_no_sales() -> None:
    found = recognise(paper(*SALE), None)
    assert (found.kind, found.why) == ("other", UNTAUGHT)


def test_a_picture_says_what_to_do() -> None:
    found = recognise(Paper((Row("Nr. 1"),), row_dots=900), RULES)
    assert (found.kind, found.why) == ("other", PICTURE)


# Amounts: what stands at the right edge, and by which rules.

GERMAN, ENGLISH, FRENCH, YEN = Reader(",", ".'", 2), Reader(".", ",", 2), Reader(",", " ", 2), Reader(".", ",", 0)
AMOUNTS = [
    (GERMAN, "SUMME EUR 1.234,56", "SUMME EUR", 123456),
    (GERMAN, "SUMME 12,50 € ", "SUMME €", 1250),
    (GERMAN, "SUMME 12,50 A*", "SUMME", 1250),  # the letter of a tax rate
    (GERMAN, "SUMME 12,50 1", "SUMME", 1250),  # or its number
    (GERMAN, "SUMME 12,50-", "SUMME", -1250),
    (GERMAN, "SUMME -12,50", "SUMME", -1250),
    (GERMAN, "SUMME −12,50", "SUMME", -1250),  # a real minus
    (GERMAN, "SUMME € -12,50", "SUMME €", -1250),
    (GERMAN, "SUMME -€12,50", "SUMME €", -1250),
    (GERMAN, "SUMME (12,50)", "SUMME", -1250),
    (GERMAN, "SUMME - 12,50", "SUMME", None),  # a dash, or a sign
    (GERMAN, "SUMME-12,50", "SUMME", None),
    (GERMAN, "SUMME -12,50-", "SUMME", None),
    (GERMAN, "SUMME ....... 12,50", "SUMME", 1250),
    (GERMAN, "SUMME ------- 12,50", "SUMME", 1250),
    (GERMAN, "TOPLAM *12,50", "TOPLAM", 1250),
    (GERMAN, "SUMME 12,-", "SUMME", 1200),
    (GERMAN, "SUMME CHF 1'234,50", "SUMME CHF", 123450),
    (ENGLISH, "TOTAL $1,234.56", "TOTAL $", 123456),
    (ENGLISH, "TOTAL 12.50 USD", "TOTAL USD", 1250),
    (FRENCH, "TOTAL 12 345,00", "TOTAL", 1234500),
    (FRENCH, "SUMA 12 345,00 zł", "SUMA zł", 1234500),
    (FRENCH, "CELKEM 12 345,00 Kč", "CELKEM Kč", 1234500),
    (FRENCH, "TOTAL 3 42,50", "TOTAL 3", 4250),
    (YEN, "TOTAL ¥1,234", "TOTAL ¥", 1234),
    (ENGLISH, "TOTAL Rs. 1,23,456.00", "TOTAL Rs.", 12345600),  # India's groups
    (ENGLISH, "TOTAL ₹12,34,56,789.00", "TOTAL ₹", 12345678900),
    (YEN, "TOTAL 1 234 FCFA", "TOTAL 1 FCFA", 234),  # no space between thousands was taught
]
NO_AMOUNTS = [
    (GERMAN, "SUMME 1.234"),  # three digits behind a dot are thousands here, and no decimals stand behind them
    (GERMAN, "SUMME 12.50"),
    (GERMAN, "SUMME 1.23,50"),
    (GERMAN, "SUMME 1234.567,50"),
    (GERMAN, "SUMME 12,5"),
    (GERMAN, "SUMME 12,500"),
    (GERMAN, "ART12,50"),
    (GERMAN, "SUMME (netto 12,50)"),
    (GERMAN, "22.11.26"),
    (ENGLISH, "TOTAL 12.50CR"),  # credit: below zero or above, by whom one asks
    (ENGLISH, "22.11.26"),
    (ENGLISH, "TOTAL 1,23,45.00"),
    (YEN, "TOTAL 1,23"),
]


@pytest.mark.parametrize(("reader", "row", "label", "minor"), AMOUNTS)
def test_an_amount_is_read(reader: Reader, row: str, label: str, minor: int | None) -> None:
    assert reader.at_the_end(plain(row)) == Amount(label, minor)


@pytest.mark.parametrize(("reader", "row"), NO_AMOUNTS)
def test_what_can_be_read_in_two_ways_is_no_amount(reader: Reader, row: str) -> None:
    found = reader.at_the_end(plain(row))
    assert found is None or found.label.endswith(("1", "1234"))


@settings(max_examples=60)
@given(st.integers(0, 10**9), st.sampled_from([(",", "."), (".", ","), (",", " "), (".", "'")]), st.integers(0, 3))
def test_every_amount_as_it_is_printed_comes_back(minor: int, marks: tuple[str, str], decimals: int) -> None:
    mark, thousands = marks
    whole, part = divmod(minor, 10**decimals)
    printed = f"{whole:,}".replace(",", thousands) + (f"{mark}{part:0{decimals}d}" if decimals else "")
    assert Reader(mark, thousands, decimals).at_the_end(f"Summe  {printed}") == Amount("Summe", minor)


# The total: one row that says its words alone.


@pytest.mark.parametrize(
    "rows",
    [
        ("Summe EUR  5,79", "Summe EUR  5,97"),
        ("Summe EUR  - 5,79",),
        ("Summe EUR  - 5,79", "Summe EUR  5,79"),
        ("Summe EUR  5.79", "Summe EUR  5,79"),
        ("Summe EUR  5.79",),
        ("Summe EUR  1.234",),
        ("Summe EUR Artikel  5,79",),
        ("Sie sparen Summe EUR  5,79",),
        ("Summe  5,79",),
        ("Summe USD  5,79",),
        ("Zwischensumme EUR  5,79",),
        ("Summe EUR  10000000000,01",),
        (),
    ],
)
def test_without_one_total_there_is_no_sale(rows: tuple[str, ...]) -> None:
    assert recognise(paper("Kaffee  5,79", *rows, "Bon 4711"), RULES).kind == "other"


@pytest.mark.parametrize(
    "rows",
    [
        ("Summe EUR  5,79", "SUMME EUR: 5,79"),  # twice the same
        ("S U M M E   EUR  5,79",),
        ("Summe EUR", "      5,79"),
        ("Summe", "  EUR 5,79"),
        ("Summe (3 Pos.) EUR  5,79",),
        ("Summe EUR 3", "Summe EUR  5,79"),  # how many goods they were
        ("│Summe EUR│  5,79│",),
    ],
)
def test_the_total_may_be_laid_out_in_several_ways(rows: tuple[str, ...]) -> None:
    assert recognise(paper("Kaffee  5,79", *rows, "Bon 4711"), RULES).total_minor == 579


def test_a_negative_total_is_a_return_and_what_came_back_is_positive() -> None:
    found = recognise(paper("Kaffee  -4,50", "Summe EUR  -4,50", "Bon 4712", "zu Bon 4711"), RULES)
    assert (found.kind, found.total_minor, found.reference, found.of_reference) == ("return", 450, "4712", "4711")
    assert found.lines == (SoldLine("Kaffee", 450),)


# The number.


@pytest.mark.parametrize(
    ("row", "reference"),
    [
        ("Bon 4711", "4711"),
        ("BON-NR.: 000123", "000123"),
        ("Kasse 2  Bon-Nr 12/2026", "12-2026"),  # a slash would part an address
        ("Bon A-17.3 Kasse 1", "A-17.3"),
        ("Bon FT 2026A-12", "FT 2026A-12"),
        ("Bon 22.11.2026", ""),
        ("Bon 14:05", ""),
        ("Bon 5,79", ""),
        ("Bon 5.79", ""),
        ("Bon ****1234", ""),
        ("Bonus 300", ""),
        ("Bon", ""),
        (f"Bon {'4' * 65}", ""),
    ],
)
def test_the_number_stands_behind_its_words(row: str, reference: str) -> None:
    found = recognise(paper("Kaffee  5,79", "Summe EUR  5,79", row), RULES)
    assert (found.kind, found.reference) == ("sale" if reference else "other", reference)


def test_two_numbers_are_none() -> None:
    assert recognise(paper(*SALE, "Bon 4712"), RULES).why == "It has two numbers: 4711 and 4712."


def test_a_number_can_be_a_bar_code() -> None:
    rules = till_receipts(PROFILE.replace('words = ["Bon", "Bon-Nr"]', 'code = "code128"'))
    rows = ("Kaffee  5,79", "Summe EUR  5,79")
    assert recognise(paper(*rows, codes=(Code("code128", "00471"),)), rules).reference == "00471"
    assert recognise(paper(*rows, codes=(Code("qr", "00471"),)), rules).kind == "other"


@pytest.mark.parametrize(
    ("time", "printed_at", "reference"),
    [
        ("22.11.2026 14:05", "", "2026-11-22-4711"),
        ("23.11.2026 00:30", "", "2026-11-22-4711"),  # before four in the morning: of the day before
        ("23.11.2026", "2026-11-23T00:30:00", "2026-11-22-4711"),
        ("23.11.2026", "", "2026-11-23-4711"),
        ("", "2026-11-23T00:30:00", "2026-11-22-4711"),
        ("", "", ""),
        ("31.11.2026", "", ""),
        ("", "soon", ""),
    ],
)
def test_numbers_that_begin_anew_each_day_have_the_day_before_them(time: str, printed_at: str, reference: str) -> None:
    rules = till_receipts(PROFILE.replace("[original]", 'restarts = "daily"\nday_starts_at = 4\n[original]'))
    found = recognise(paper("Kaffee  5,79", "Summe EUR  5,79", "Bon 4711", time), rules, printed_at=printed_at)
    assert (found.kind, found.reference) == ("sale" if reference else "other", reference)


def test_of_a_return_whose_numbers_begin_anew_the_first_sale_is_known_by_its_day() -> None:
    rules = till_receipts(PROFILE.replace("[original]", 'restarts = "daily"\n[original]'))
    rows = ("Retoure", "Summe EUR  5,79", "Bon 12  22.11.2026 14:05")
    assert recognise(paper(*rows, "zu Bon 4711 vom 20.11.2026"), rules).of_reference == "2026-11-20-4711"
    assert recognise(paper(*rows, "zu Bon 4711"), rules).of_reference == ""


# Words of something else.


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("*** STORNO ***", "void"),
        ("Storno Bon-Nr. 4711", "void"),
        ("RETOURE", "return"),
        ("Kopie 2", "copy"),
        ("Z-Bericht Nr. 12", "closing"),
        ("Training", "other"),
        ("Dieser Bon ist ein Storno", "other"),  # in a sentence: it is said, and not taken
        ("Keine Retouren ohne Bon", "other"),
        ("Storno EUR  5,79", "other"),
        ("Umtausch nur mit Bon in 14 Tagen", "sale"),  # as taught, whatever the number
        ("Storno Kaffee  -4,50", "sale"),  # a line that was taken back
        ("Storno  -4,50", "sale"),
        ("Trainingsjacke  49,90", "sale"),  # goods
        ("Kopierpapier  4,90", "sale"),
    ],
)
def test_words_of_something_else(row: str, kind: str) -> None:
    assert recognise(paper(*SALE[:3], row, *SALE[3:]), RULES).kind == kind


def test_a_copy_of_a_return_is_a_copy() -> None:
    assert recognise(paper("RETOURE", "KOPIE", *SALE), RULES).kind == "copy"


# Lines: as they are laid out in several ways; those that come to nothing are none.


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        (("2 x 2,00  Kaffee  4,00",), (SoldLine("Kaffee", 400, 2000),)),
        (("2 x Kaffee  4,00",), (SoldLine("Kaffee", 400, 2000),)),
        (("Kaffee", "2 Stk x 2,00  4,00 A"), (SoldLine("Kaffee", 400, 2000),)),
        (("Kaffee  4,00", "  2 x 2,00"), (SoldLine("Kaffee", 400, 2000),)),
        (("  2 x 2,00", "Kaffee  4,00"), (SoldLine("Kaffee", 400, 2000),)),
        (("Kaffee", "      4,00"), (SoldLine("Kaffee", 400),)),
        (("Kaffee                 2     4,00",), (SoldLine("Kaffee", 400, 2000),)),
        (("Käse", " 0,250 kg x 16,00 EUR/kg  4,00 B"), (SoldLine("Käse", 400, 250),)),
        (("Kaffee  5,00", "Rabatt 20%  -1,00"), (SoldLine("Kaffee", 500), SoldLine("Rabatt 20%", -100))),
        (("Kaffee  3,00", "Zwischensumme  3,00", "Maut  1,00"), (SoldLine("Kaffee", 300), SoldLine("Maut", 100))),
        (("Kaffee  3,00",), ()),
    ],
)
def test_lines_are_read_where_they_come_to_the_total(rows: tuple[str, ...], lines: tuple[SoldLine, ...]) -> None:
    found = recognise(paper(*rows, "Summe EUR  4,00", "Bar  5,00", "Bon 4711"), RULES)
    assert (found.kind, found.total_minor) == ("sale", 400)
    assert found.lines == lines


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        (("Kaffee  4,00", "Summe EUR  4,00"), "sale"),
        (("Kaffee  3,60", "MwSt 10%  0,36", "Trinkgeld  0,04", "Summe EUR  4,00"), "sale"),
        (("Kaffee  3,00", "Summe EUR  4,00"), "other"),
        (("Kaffee  4,00", "Zwischensumme  4,00", "Summe EUR  4,50"), "other"),
        (("Umsatz heute", "Summe EUR  4,00"), "other"),
        (("Kaffee  -3,00", "Summe EUR  -4,00"), "return"),  # of returns little is printed
    ],
)
def test_where_the_shop_has_taught_so_goods_must_come_to_the_total(rows: tuple[str, ...], kind: str) -> None:
    strict = till_receipts(PROFILE.replace("[sales]", "[sales]\ngoods = true"))
    found = recognise(paper(*rows, "Bon 4711"), strict)
    assert found.kind == kind
    assert kind != "other" or "goods = false" in found.why


# The member's card, and card slips.


def is_card(code: str) -> bool:
    return isinstance(member_card(CardRules(), code), MemberCard)


@pytest.mark.parametrize(
    ("rows", "codes", "member"),
    [
        (("Kundenkarte: 2900000000018",), (), "2900000000018"),
        (("Kundenkarte: 2900000000019",), (), ""),  # a digit is wrong
        (("Kundenkarte: ****0018",), (), ""),
        ((), (Code("ean13", "2900000000018"),), "2900000000018"),
        ((), (Code("ean13", "4006381333931"),), ""),
        (("Kundenkarte: 2900000000018",), (Code("ean13", "2900000000025"),), ""),  # two members
    ],
)
def test_a_members_code_that_the_till_prints(rows: tuple[str, ...], codes: tuple[Code, ...], member: str) -> None:
    assert recognise(paper(*SALE, *rows, codes=codes), RULES, is_card=is_card).member_code == member


SLIP = ("Terminal-ID 12345678", "AID A000000004", "Karte ############1234")


def test_a_card_slip_below_a_sale_is_a_part_of_it_and_one_alone_is_no_sale() -> None:
    assert recognise(paper(*SALE, *SLIP), RULES).kind == "sale"
    alone = ("MUSTERMARKT", *SLIP, "Kaufbetrag  5,79", "Summe EUR  5,79", "Bon 0815")
    assert recognise(paper(*alone), RULES).kind == "card slip"
    below = ("MUSTERMARKT", "Summe EUR  5,79", "Bon 0815", *SLIP)
    assert recognise(paper(*below), RULES).kind == "card slip"


# Any paper.

SAID = """Summe EUR|Bon|Kaffee|zu Bon|Kopie|Storno|Retoure|5,79|-5,79|1.234,56|1.234|(5,79)|- |x|2 x|4711|22.11.2026|14:05|€|%
#|│|Training|Kundenkarte|2900000000018|Terminal-ID|AID|Zwischensumme|MwSt 19%|\u00a0|İ|ß|\x00|٣|①|"""
VOCABULARY = st.sampled_from(SAID.replace("\n", "|").split("|"))
ROWS = st.lists(VOCABULARY | st.text(max_size=12), max_size=6).map(" ".join)
CODES = st.builds(Code, st.sampled_from(["qr", "ean13", "code128", "other"]), st.text(max_size=40))
ANY = st.builds(
    lambda rows, codes, dots: Paper(tuple(map(Row, rows)), tuple(codes), dots),
    st.lists(ROWS, max_size=25),
    st.lists(CODES, max_size=2),
    st.integers(0, 1000),
)


@settings(max_examples=60)
@given(ANY, st.booleans())
def test_no_paper_raises_and_a_sale_has_its_number_and_total(any_paper: Paper, is_taught: bool) -> None:
    found = recognise(any_paper, RULES if is_taught else None, is_card=is_card, printed_at="2026-11-22T14:05:00")
    assert found.why
    if found.kind in ("sale", "return", "void"):
        assert is_taught
        assert found.reference
        assert found.total_minor >= 0
    else:
        assert (found.reference, found.total_minor, found.lines) == ("", 0, ())


@settings(max_examples=60)
@given(ROWS, st.integers(0, len(SALE)))
def test_no_row_that_is_added_to_a_sale_changes_its_total(row: str, at: int) -> None:
    """But for one: it may turn it into something else."""
    found = recognise(paper(*SALE[:at], row, *SALE[at:]), RULES)
    if found.kind == "sale":
        assert (found.total_minor, found.reference) == (579, "4711")


@settings(max_examples=60)
@given(st.integers(0, len(SALE) - 1), st.integers(0, 30))
def test_a_paper_that_was_torn_has_its_total_or_is_no_sale(row: int, column: int) -> None:
    torn = (*SALE[:row], SALE[row][:column])
    assume(torn != SALE)
    found = recognise(paper(*torn), RULES)
    assert found.kind == "other" or (found.kind, found.total_minor) == ("sale", 579)


def test_a_paper_of_any_length_is_read_in_bounds() -> None:
    long = Paper(
        tuple(Row("Summe EUR 5,79 " * 2000) for _ in range(2000)), tuple(Code("qr", "V0;" * 3000) for _ in range(50))
    )
    assert recognise(long, RULES).kind == "other"


# The profile.


def test_a_profile_is_what_it_was_after_it_is_written() -> None:
    assert till_receipts(as_toml(RULES)) == RULES


def test_everything_that_is_wrong_in_a_profile_is_told_with_its_line() -> None:
    with pytest.raises(TillReceiptsError) as refused:
        till_receipts(
            'decimal_mark = ";"\nthousands = ", "\n[totals]\n[reference]\nrestarts = "weekly"\nday_starts_at = 24\n'
            '[kinds]\ncopy = "Kopie"\n'
        )
    told = "\n".join(refused.value.problems)
    for problem in (
        "line 1: decimal_mark",
        "line 3: ",
        "line 5: reference.restarts",
        "line 6: reference.day_starts_at",
        "line 8: kinds.copy",
    ):
        assert problem in told
    assert "total: without words no paper is a sale" in told
    assert "reference: without words no paper is a sale" in told


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('decimal_mark = ","\nthousands = ","', '"," parts the decimals already'),
        ('thousands = "_"', "what may stand between groups"),
        ('thousands = " "', "cannot be told from its thousands"),
        ('[kinds]\nother = ["Total #"]', "it cannot be a title as well"),
    ],
)
def test_what_a_profile_must_not_say(text: str, problem: str) -> None:
    tables = '\n[total]\nwords = ["Total #"]\n[reference]\nwords = ["Bon"]\n'
    with pytest.raises(TillReceiptsError, match=problem.replace("(", r"\(")):
        till_receipts(f"{text}{tables}" if not text.startswith("[") else f"{tables}{text}")


def test_words_are_compared_without_accents_and_frames() -> None:
    assert words_of("FİŞ NO") == words_of("fis no") == ("fis", "no")
    assert words_of("À PAYER") == ("a", "payer")
    assert words_of("T O T A L  EUR") == ("total", "eur")
