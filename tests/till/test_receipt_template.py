"""The layout that a shop edits: what it can change, what it cannot, and how it is told of everything that is wrong at once."""

from __future__ import annotations

import dataclasses
import io
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drivers.document import Barcode, Cut, Document, Picture, Qr, Text, decode_document, display_columns
from drivers.escpos import profile
from drivers.escpos.parser import Parser
from drivers.printer import Outcome, Verdict
from drivers.status import PrinterStatus
from loyalty.award import Award
from loyalty.program import read_program
from loyalty.sale import LineItem, Return, Sale
from loyalty.standing import Standing
from loyalty.words import LANGUAGES
from offline_store import pictures, receipts
from offline_store.members import Balance
from pos_plugin.config import Config
from pos_plugin.members.joining import join
from pos_plugin.papers.layout import Layout, read_layout, wrapped
from pos_plugin.papers.receipt_template import (
    BLOCKS,
    DEFAULT_BLOCKS,
    FIGURES,
    POINTS_LINES,
    TEMPLATE,
    WORDINGS,
    Template,
    TemplateError,
    read_logo,
    read_template,
)
from pos_plugin.papers.receipts import PointsShown, TierShown, return_receipt, sale_receipt
from pos_plugin.papers.spooler import Spooler
from pos_plugin.sales.claims import claim
from pos_plugin.sales.pricing import priced
from pos_plugin.sales.returns import take_back
from pos_plugin.terminal import Terminal

PROGRAM = read_program('name = "p"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n')
SALE = Sale(
    "1",
    "17",
    "2026-11-21T18:05:00",
    "2026-11-21",
    "EUR",
    2799,
    (LineItem("1", 2049, 3000, name="Tea"), LineItem("2", 750, name="Bread")),
    "Kim",
)
TOLD = "2026-11-19T17:05:00+00:00"
BALANCE = Balance(413, -73, TOLD, "2026-11-30", 40)


def template(text: str, folder: Path, width: int = 42) -> Template:
    (folder / "receipt.toml").write_text(text, encoding="utf-8")
    return read_template(folder, width)[0]


def problems(text: str, folder: Path, width: int = 42) -> list[str]:
    with pytest.raises(TemplateError) as refused:
        template(text, folder, width)
    assert refused.value.code == "RECEIPT_INVALID"
    return refused.value.problems


def shown(*, is_current: bool = True, used: int = 100) -> PointsShown:
    return PointsShown("2900000001234", BALANCE, 27, used, 120, is_current, "2026-11-21")


def receipt(made: Template, *, points: PointsShown | None = None, width: int = 42, **more: object) -> Document:
    return sale_receipt(
        PROGRAM,
        Layout(width, ("Corner Shop", "12 Market Street"), ("Thank you",), template=made),
        more.pop("sale", SALE),  # type: ignore[arg-type]
        **{"reference": "7K3M2P-17-6", "points": points, "could_have_earned": 0 if points else 27, **more},  # type: ignore[arg-type]
        priced=priced(PROGRAM, SALE, "m" if points else "", Standing(), redeem=100 if points else 0),
    )


def words(document: Document) -> list[str]:
    return [block.text.strip() for block in document.blocks if isinstance(block, Text)]


# What a shop gets without writing anything.


def test_without_a_file_receipts_are_as_they_come(tmp_path: Path) -> None:
    assert read_template(tmp_path, 42) == (Template(), None)


def test_the_file_that_a_new_till_gets_changes_nothing(tmp_path: Path) -> None:
    assert template(TEMPLATE, tmp_path) == Template()


def test_what_that_file_shows_is_valid_when_it_is_uncommented_and_says_the_defaults(tmp_path: Path) -> None:
    Image.new("1", (8, 8)).save(tmp_path / "logo.png")
    active = TEMPLATE.split("\n\n", 1)[1].replace("\n# ", "\n").removeprefix("# ")
    made = template(active.replace('"footer", "reference",', '"footer", "reference", "greeting",'), tmp_path)
    assert made.blocks == [*DEFAULT_BLOCKS, "greeting"]
    assert made.points_lines == list(POINTS_LINES)
    assert made.words.claim
    assert (made.points, made.long_names, made.slips.enrolment) == ("receipt", "cut", False)


def test_every_wording_that_can_be_replaced_is_a_key_and_the_other_way_round() -> None:
    assert set(WORDINGS) == set(type(Template().words).model_fields)


# Order, words, what is left out.


def test_blocks_come_in_the_shops_order_and_those_left_out_are_not_there(tmp_path: Path) -> None:
    made = template(
        'blocks = ["reference", "date", "operator", "lines", "discounts", "totals", "footer", "points"]', tmp_path
    )
    said = words(receipt(made, points=shown()))
    assert said[:3] == ["Receipt 7K3M2P-17-6", "2026-11-21 18:05", "Served by Kim"]
    assert said.index("Thank you") < said.index("POINTS                       Card ****1234")
    assert "Corner Shop" not in said
    assert not any(line.startswith("Use 40") for line in said)


def test_the_lines_of_the_points_block_come_in_the_shops_order(tmp_path: Path) -> None:
    made = template('points_lines = ["here", "used", "sale", "since", "balance"]', tmp_path)
    offline = shown(is_current=False)
    block = words(receipt(made, points=offline))
    start = next(i for i, line in enumerate(block) if line.startswith("POINTS"))
    assert [line.split("  ")[0] for line in block[start + 1 : start + 6]] == [
        "Can use here today",
        "Used",
        "This sale",
        "Earned here since",
        "Balance 19 Nov 18:05",
    ]


def test_a_shop_says_it_in_its_own_words_and_in_each_language(tmp_path: Path) -> None:
    made = template(
        '[words]\nclaim = { en = "{points} are yours for {days} days, says {shop}", de = "{points}: {days} Tage" }\n'
        'total = "You pay {currency}"\n',
        tmp_path,
    )
    said = words(receipt(made))
    assert "27 points are yours for 7 days, says" in said
    assert "Corner Shop" in said[said.index("27 points are yours for 7 days, says") + 1]
    assert any(line.startswith("You pay EUR") for line in said)
    german = Layout(42, language="de", template=made)
    assert german.word("claim", points=3, days=7) == "3: 7 Tage"


def test_a_brace_of_a_name_is_not_taken_for_a_field(tmp_path: Path) -> None:
    made = template('[words]\noperator = "Kasse {{1}}: {operator}"', tmp_path)
    assert Layout(42, template=made).word("operator", operator="{shop}") == "Kasse {1}: {shop}"


def test_a_note_is_printed_where_its_name_stands_with_what_it_names(tmp_path: Path) -> None:
    made = template(
        'blocks = ["date", "lines", "discounts", "totals", "points", "reference", "bye"]\n'
        '[[note]]\nname = "bye"\nsays = "{shop}, {time}: {total} {currency}, {earned}, {card}"\nalign = "right"\nbold = true\n',
        tmp_path,
    )
    last = [block for block in receipt(made, points=shown()).blocks if isinstance(block, Text)][-1]
    assert last == Text("****1234", bold=True, align="right")
    assert "Corner Shop, 18:05: 26.99 EUR, +27," in words(receipt(made, points=shown()))


def test_a_note_with_a_balance_is_left_out_while_the_balance_is_not_known_to_be_current(tmp_path: Path) -> None:
    made = template(
        'blocks = ["date", "lines", "discounts", "totals", "points", "bye", "reference"]\n'
        '[[note]]\nname = "bye"\nsays = "You have {balance} now"\n',
        tmp_path,
    )
    assert "You have 340 now" in words(receipt(made, points=shown()))
    for nobody_knows in (shown(is_current=False), None):
        said = " ".join(words(receipt(made, points=nobody_knows)))
        assert "You have" not in said
        assert "340" not in said


def test_blank_lines_do_not_add_up_where_a_block_is_empty(tmp_path: Path) -> None:
    made = template(
        'blocks = ["blank", "date", "blank", "logo", "blank", "lines", "discounts", "totals", "points", "reference"]',
        tmp_path,
    )
    kinds = [type(block).__name__ for block in receipt(made).blocks]
    assert kinds[0] == "Text"
    assert not any(pair == ("Feed", "Feed") for pair in pairwise(kinds))


def test_long_names_go_on_in_the_next_line_where_the_shop_wants_that(tmp_path: Path) -> None:
    sale = sale_of(LineItem("1", 2799, name="Organic wholemeal sourdough bread with seeds"))
    said = [
        block.text for block in receipt(template('long_names = "wrap"', tmp_path, 32), width=32, sale=sale).blocks[4:6]
    ]  # type: ignore[union-attr]
    assert said == ["Organic wholemeal", "sourdough bread with seeds 27.99"]


def sale_of(*lines: LineItem) -> Sale:
    return Sale("1", "17", "2026-11-21T18:05:00", "2026-11-21", "EUR", 2799, lines)


def test_the_claim_code_holds_the_reference_or_the_shops_address_with_it(tmp_path: Path) -> None:
    blocks = ", ".join(f'"{"claim code" if name == "claim" else name}"' for name in DEFAULT_BLOCKS)
    made = template(f"blocks = [{blocks}]", tmp_path)
    assert Qr("7K3M2P-17-6", 6) in receipt(made).blocks
    assert not any(isinstance(block, Qr) for block in receipt(made, points=shown()).blocks)
    linked = template(f'claim_link = "https://shop.example/c?r={{reference}}"\nblocks = [{blocks}]', tmp_path)
    assert Qr("https://shop.example/c?r=7K3M2P-17-6", 6) in receipt(linked).blocks


def test_the_bar_code_holds_the_reference(tmp_path: Path) -> None:
    made = template('blocks = ["date", "lines", "discounts", "totals", "points", "barcode"]', tmp_path)
    assert Barcode("7K3M2P-17-6") in receipt(made).blocks
    assert not any(isinstance(block, Barcode) for block in receipt(made, reference="").blocks)


# Where the points go.


def papers(document: Document) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for block in document.blocks:
        if isinstance(block, Cut):
            found.append([])
        elif isinstance(block, Text):
            found[-1].append(block.text.strip())
    assert found.pop() == [], "a paper is cut at its end"
    return found


def test_points_on_a_slip_leave_the_receipt_and_have_a_paper_of_their_own(tmp_path: Path) -> None:
    document = receipt(template('points = "slip"', tmp_path), points=shown())
    assert [block.partial for block in document.blocks if isinstance(block, Cut)] == [True, False]
    sale, slip = papers(document)
    assert any(line.startswith("TOTAL EUR") for line in sale)
    assert not any("POINTS" in line or "balance" in line for line in sale)
    assert any(line.startswith("New balance 340") for line in slip)
    assert not any("Tea" in line or "TOTAL" in line for line in slip)
    assert "Receipt 7K3M2P-17-6" in sale
    assert "Receipt 7K3M2P-17-6" in slip


def test_no_slip_is_printed_where_there_is_nothing_to_say_about_points(tmp_path: Path) -> None:
    made = template('points = "slip"', tmp_path)
    assert len(papers(receipt(made, could_have_earned=0))) == 1
    assert len(papers(receipt(made))) == 2, "what could have been earned"


def test_a_note_about_the_member_goes_to_the_slip(tmp_path: Path) -> None:
    blocks = ", ".join(f'"{name}"' for name in (*DEFAULT_BLOCKS, "yours", "hours"))
    made = template(
        f'points = "slip"\nblocks = [{blocks}]\n[[note]]\nname = "yours"\nsays = "You have {{balance}}"\n'
        '[[note]]\nname = "hours"\nsays = "Open until 8"\n',
        tmp_path,
    )
    sale, slip = papers(receipt(made, points=shown()))
    assert ("Open until 8" in sale, "Open until 8" in slip) == (True, False)
    assert ("You have 340" in sale, "You have 340" in slip) == (False, True)


def test_points_only_prints_no_sale_and_nothing_at_all_for_nobody(tmp_path: Path) -> None:
    made = template('points = "points only"', tmp_path)
    [slip] = papers(receipt(made, points=shown()))
    assert slip[:3] == ["Corner Shop", "12 Market Street", "2026-11-21 18:05"]
    assert any(line.startswith("New balance 340") for line in slip)
    assert not any("Tea" in line or "TOTAL" in line for line in slip)
    assert receipt(made, could_have_earned=0).blocks == ()


def test_none_prints_the_sale_alone(tmp_path: Path) -> None:
    [sale] = papers(receipt(template('points = "none"', tmp_path), points=shown()))
    assert any(line.startswith("TOTAL EUR") for line in sale)
    assert not any("POINTS" in line or "340" in line for line in sale)


def test_training_is_said_on_every_paper(tmp_path: Path) -> None:
    for mode in ("receipt", "slip", "points only", "none"):
        document = receipt(template(f'points = "{mode}"', tmp_path), points=shown(), reference="", is_training=True)
        for paper in papers(document):
            assert "TRAINING - NOT A SALE" in paper, mode


def test_a_return_and_a_claim_keep_what_makes_them_one_in_every_mode(till, tmp_path: Path) -> None:
    member = till.member()
    for number, mode in enumerate(("receipt", "slip", "points only", "none")):
        layout = Layout(32, ("Shop",), template=template(f'points = "{mode}"', tmp_path))
        till.checkout.layout = layout
        sold = till.sell(f"{number}", 2799)
        claimed = claim(till.checkout, sold.reference, member).receipt_text
        assert ("POINTS ADDED" in claimed) == (mode != "none"), "without its points it would be a paper about nothing"
        assert (claimed == "") == (mode == "none")
        back = take_back(till.checkout, Return("1", str(number), "r", amount_minor=1000)).receipt_text
        assert ("RETURN" in back) == (mode != "points only")
        assert ("Taken back" in back) == (mode != "none")


def test_where_the_shops_own_till_prints_a_sale_of_nobody_makes_no_print_job(till, tmp_path: Path) -> None:
    till.use_program('name = "n"\ncurrency = "EUR"\n[claim]\nwithin_days = 0\n')
    till.checkout.layout = Layout(32, template=template('points = "points only"', tmp_path))
    done = till.sell("1")
    with till.store.read() as db:
        assert receipts.jobs_of(db, done.number) == []
        assert receipts.document(db, done.number) is not None


# What is wrong.


def test_every_problem_is_told_at_once_with_its_line_and_what_was_meant(tmp_path: Path) -> None:
    found = problems(
        'points = "slips"\n'
        'blocks = ["date", "lines", "totls", "discounts", "points", "reference", "date"]\n'
        'points_lines = ["balance", "sale", "used", "hre"]\n'
        "[words]\n"
        'claim = "{point} in {days}"\n'
        'totl = "x"\n'
        "[[note]]\n"
        'name = "hello"\n'
        'says = "{shpo"\n',
        tmp_path,
    )
    assert [line for line in found if line.startswith("line 1:")] == [
        'line 1: points must be one of "receipt", "slip", "points only", "none", not "slips"; did you mean "slip"?'
    ]
    assert 'line 2: blocks: there is no block "totls"; did you mean totals?' in found
    assert 'line 2: blocks: "date" stands twice' in found
    assert 'line 2: blocks: "totals" is missing; a receipt says what was sold and paid' in found
    assert 'line 3: points_lines: there is no line "hre"; did you mean here?' in found
    assert any('"since" is missing; without it the other figures would not be true' in line for line in found)
    assert any(line.startswith("line 5: words.claim: there is no field {point}") for line in found)
    assert "line 5: words.claim must name {points}, so that nothing is left out" in found
    assert "line 6: there is no key words.totl; did you mean total?" in found
    assert any(line.startswith('line 9: note "hello": a field is written like {shop}') for line in found)
    assert any('note "hello" is printed nowhere' in line for line in found)
    assert found == sorted(found, key=lambda line: int(line.split()[1].rstrip(":")))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # What was sold and what it comes to stands together, in order, before what is about points.
        ('blocks = ["date","totals","lines","discounts","points","reference"]', "stand in this order"),
        ('blocks = ["date","lines","discounts","footer","totals","points","reference"]', '"footer" stands inside'),
        ('blocks = ["date","lines","points","discounts","totals","reference"]', '"points" stands inside'),
        ('blocks = ["date","points","lines","discounts","totals","reference"]', '"points" stands before the sale'),
        ('blocks = ["date","tier","lines","discounts","totals","points","reference"]', '"tier" stands before'),
        ('blocks = ["lines","discounts","totals","points","reference"]', '"date" is missing'),
        ('blocks = ["date","lines","discounts","totals","points"]', '"reference" is missing'),
        ('blocks = ["date","lines","totals","points","reference"]', '"discounts" is missing'),
        ('blocks = ["date","lines","discounts","totals","reference"]', 'write points = "none"'),
        ('points = "slip"\nblocks = ["date","lines","discounts","totals","reference"]', 'write points = "none"'),
        ('points = "points only"\nblocks = ["points","reference"]', '"date" is missing'),
        ('blocks = ["date","lines","discounts","totals","points","claim","claim code","reference"]', "leave one of"),
        ("blocks = 5", "blocks must be a list of texts"),
        ("blocks = [5]", "blocks 1 must be a text"),
        ('points_lines = ["balance","since","sale","used","here","here"]', '"here" stands twice'),
        ('language = "it"', 'language must be one of "", "en", "tr", "de", "fr", "es"'),
        ('[words]\ntotal = "Pay"', "must name {currency}"),
        ('[words]\ntotal = { en = "Pay {currency}", de = "Zahlen" }', "words.total.de must name {currency}"),
        ('[words]\ntotal = { xx = "Pay {currency}" }', "xx is no language"),
        ('[words]\ntotal = "{currency!r}"', "a brace that is none twice"),
        ('[words]\ntotal = "{currency:>99999999}"', "a brace that is none twice"),
        ('[words]\ntotal = "{currency.x}"', "a brace that is none twice"),
        ('[words]\ntotal = "{} {currency}"', "a brace that is none twice"),
        ('[words]\ntotal = "} {currency}"', "a brace that is none twice"),
        ('[words]\nsubtotal = "Sum\\u0007"', "control character"),
        ('[[note]]\nname = "points"\nsays = "x"', "is a block of the product"),
        ('[[note]]\nname = "a"\nsays = "x"\n[[note]]\nname = "a"\nsays = "y"', "two of this name"),
        ('[[note]]\nname = "a"\nsays = "{balnce}"', "did you mean balance?"),
        ('[note]\nname = "a"\nsays = "x"', "written with two brackets"),
        ('claim_link = "javascript:alert(1)//{reference}"', "must be an address"),
        ('claim_link = "https://shop.example/"', "must name {reference}"),
        ('claim_link = "https://shop.example/{ref}"', "there is no field {ref}"),
        ('logo = "none.png"', "none.png cannot be read"),
        ("this is no toml", "line 1: this is not TOML"),
    ],
)
def test_what_would_make_a_receipt_untrue_or_impossible_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    assert any(problem in line for line in problems(text, tmp_path)), problems(text, tmp_path)


@given(st.permutations(POINTS_LINES), st.sets(st.sampled_from(POINTS_LINES)))
def test_a_points_block_is_in_any_order_or_refused_but_never_partial(order, left_out) -> None:
    from pos_plugin.papers.receipt_template import _points_lines

    lines = [name for name in order if name not in left_out]
    assert (list(_points_lines(lines)) == []) == (not left_out & set(FIGURES))


# The logo.


def png(width: int, height: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height), 0).save(file, kind)
    return file.getvalue()


def test_a_logo_is_named_by_its_digest_and_kept_once_in_the_tills_file(till, tmp_path: Path) -> None:
    (till.folder / "logo.png").write_bytes(png(200, 80))
    (till.folder / "receipt.toml").write_text('logo = "logo.png"')
    layout, logo = read_layout(till.folder, Config())
    assert logo is not None
    for _ in range(2):
        terminal = Terminal(till.store, Config(), clock=lambda: till.now)
        with till.store.read() as db:
            assert pictures.of(db, [logo.digest, "0" * 16]) == {logo.digest: logo.png}
            assert db.execute("SELECT count(*) FROM picture").fetchone() == (1,)
    done = terminal.checkout.commit(terminal.checkout.quote(till.sale("1")).quote_id)
    with till.store.read() as db:
        kept = receipts.document(db, done.number)
    assert Picture(layout.logo) in decode_document(kept).blocks
    assert len(kept) < 2000, "a thousand receipts keep one copy"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("wide.png", png(505, 10), "is 505 x 10 dots; this paper takes 504 x 600"),
        ("tall.png", png(10, 601), "is 10 x 601 dots"),
        ("photo.png", png(10, 10, "JPEG"), "is a JPEG; save it as PNG"),
        ("words.png", b"not a picture", "is no PNG that can be read"),
        ("half.png", png(400, 300)[:60], "is no PNG that can be read"),
        ("empty.png", b"", "is empty"),
        ("huge.png", b"\x89PNG" + bytes(300 * 1024), "has 301 KiB; 256 are the most: save it in black and white"),
    ],
)
def test_a_picture_that_cannot_be_printed_is_refused_in_words(
    name: str, content: bytes, problem: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    found = problems(f'logo = "{name}"', tmp_path)
    assert len(found) == 1
    assert found[0].startswith(f"line 1: logo: {name} ")
    assert problem in found[0]


def test_the_widest_logo_fits(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(png(384, 600))
    assert not isinstance(read_logo(tmp_path / "logo.png", 32), str)


# Other languages than the cashier's, and the enrolment slip.


def test_receipts_may_speak_another_language_than_the_page(till) -> None:
    (till.folder / "till.toml").write_text('[shop]\nlanguage = "en"\n')
    (till.folder / "receipt.toml").write_text('language = "de"\n')
    layout, _ = read_layout(till.folder, Config())
    checkout = till.new_checkout(layout=layout)
    member = till.member()
    quote = checkout.quote(till.sale("1"), member)
    assert "points" in quote.spendable_text
    assert "PUNKTE" in checkout.commit(quote.quote_id).receipt_text


def test_the_enrolment_slip_is_printed_where_the_shop_wants_it_and_shows_a_new_number_in_full(till) -> None:
    assert join(till.checkout).reference == ""
    layout = Layout(32, ("Shop",), template=Template.model_validate({"slips": {"enrolment": True}}))
    till.new_checkout(layout=layout)
    made, brought = join(till.checkout), join(till.checkout, "2900000000018")
    with till.store.read() as db:
        job = receipts.next_job(db)
        texts = [receipts.document(db, number).decode() for number in (job.number, job.number + 1)]  # type: ignore[union-attr]
    assert job is not None
    assert made.reference.split("-")[1] == str(job.number)
    assert made.card in texts[0]
    assert brought.card not in texts[1]
    assert "****0018" in texts[1]


# Every layout, every sale: nothing is wider than the paper.

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    [
        "לחם שיפון אורגני עם גרעינים",
        "خبز الجاودار العضوي بالبذور الكاملة",
        "東京のお茶と抹茶のケーキです",
        "👩‍👩‍👧‍👦 family pack",
        "e\u0301" * 50,
    ]
)
amounts = st.integers(-(10**9), 10**9)


@st.composite
def sales(draw) -> Sale:
    lines = tuple(
        LineItem(str(number), draw(amounts), draw(st.sampled_from([1000, 1250, -2000, 0])), name=draw(names))
        for number in range(draw(st.integers(0, 6)))
    )
    return Sale("1", "1", "2026-11-21T18:05:00", "2026-11-21", "EUR", draw(amounts), lines, draw(names)[:20])


@settings(max_examples=150)
@given(
    sale=sales(),
    width=st.sampled_from([24, 32, 42, 48, 64]),
    language=st.sampled_from(LANGUAGES),
    mode=st.sampled_from(["receipt", "slip", "points only", "none"]),
    wraps=st.booleans(),
    is_current=st.booleans(),
    has_member=st.booleans(),
    points=st.integers(-(10**6), 10**6),
    seed=st.integers(0, 2**30),
)
def test_no_line_is_wider_than_the_paper(
    sale: Sale,
    width: int,
    language: str,
    mode: str,
    wraps: bool,
    is_current: bool,
    has_member: bool,
    points: int,
    seed: int,
) -> None:
    extra = [name for name in BLOCKS if name not in DEFAULT_BLOCKS and name != "claim code"]
    after = ["points", "expiry", "reach", "charity", "tier", "offers", "claim", "footer", "reference", "mine", *extra]
    random.Random(seed).shuffle(after)
    made = Template.model_validate(
        {
            "points": mode,
            "long_names": "wrap" if wraps else "cut",
            "blocks": ["logo", "header", "date", "lines", "discounts", "totals", *after],
            "note": [
                {"name": "mine", "says": "{shop} {balance} {card} donaudampfschifffahrtsgesellschaft", "align": "right"}
            ],
        }
    )
    layout = Layout(
        width, ("Shop with a name that is longer than its paper is wide", "東京" * 20), ("x" * 99,), language, made
    )
    balance = Balance(points, 5, TOLD, "2026-11-25", 40)
    figures = PointsShown("2900000001234", balance, 27, 100, 120, is_current, "2026-11-21") if has_member else None
    free = Sale("1", "1", "", "2026-11-21", "EUR", 0)
    price = dataclasses.replace(priced(PROGRAM, free, "", Standing()), award=Award(27, (), "", "", ""))
    document = sale_receipt(
        PROGRAM,
        layout,
        sale,
        reference="7K3M2P-17-6",
        points=figures,
        could_have_earned=27,
        priced=price,
        tier=TierShown("gold", "Gold", "2027-12-31", text="120.00 to Platinum and to everything that comes with it"),
        benefits=["Free delivery of whatever weighs less than thirty kilograms"],
        in_reach=(60, "Coffee"),
    )
    for block in document.blocks:
        if isinstance(block, Text):
            assert display_columns(block.text) <= width, block.text


def test_three_hundred_lines_and_none_are_receipts_too() -> None:
    many = sale_of(*(LineItem(str(number), 9, name=f"Goods {number}") for number in range(300)))
    document = receipt(Template(), sale=many)
    assert sum("Goods" in line for line in words(document)) == 300
    assert any(line.startswith("TOTAL EUR") for line in words(receipt(Template(), sale=sale_of())))


def test_a_return_has_no_figure_that_is_not_its_own(tmp_path: Path) -> None:
    blocks = ", ".join(f'"{name}"' for name in (*DEFAULT_BLOCKS, "paid"))
    made = template(f'blocks = [{blocks}]\n[[note]]\nname = "paid"\nsays = "You paid {{total}}"\n', tmp_path)
    document = return_receipt(
        PROGRAM,
        Layout(32, template=made),
        at="2026-11-21T18:05:00",
        sale_reference="7K3M2P-17-6",
        reference="7K3M2P-18-R",
        returned_minor=1000,
        restored_minor=50,
        currency="EUR",
        is_void=False,
        points=None,
    )
    assert "You paid" not in document.text()
    assert "REFUND EUR                  9.50" in document.text()


def test_a_word_that_is_longer_than_the_paper_goes_on_in_the_next_line() -> None:
    for word in ("x" * 99, "東京" * 30, "e\u0301" * 50):
        lines = wrapped(f"see {word} there", 24)
        assert "".join("".join(lines).split()) == f"see{word}there"
        assert all(display_columns(line) <= 24 for line in lines)


def test_what_is_missing_to_a_reward_is_not_said_of_a_balance_that_is_not_known() -> None:
    assert "60 points more: Coffee" in words(receipt(Template(), points=shown(), in_reach=(60, "Coffee")))
    assert not any(
        "Coffee" in line for line in words(receipt(Template(), points=shown(is_current=False), in_reach=(60, "Coffee")))
    )


def test_what_is_nearly_in_reach_is_said_only_while_the_balance_is_current(till) -> None:
    till.use_program(
        'name = "r"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n[redeem]\npoints = 0\n'
        '[[reward]]\nname = "coffee"\ntitle = "Free coffee"\nkind = "gift"\npoints = 60\n'
    )
    member = till.member()
    assert "Free coffee" not in till.sell("1", 2700, member).receipt_text
    till.go_online()
    till.hear_of(member, ("2027-06-01", 27), as_of=till.now, includes=till.head()[0])
    till.acknowledge(till.head()[0])
    assert "32 points more: Free coffee" in " ".join(till.sell("2", 100, member).receipt_text.split())


class Paper:
    """A printer that takes whatever it is sent."""

    def __init__(self) -> None:
        self.jobs: list[bytes] = []

    def print(self, data: bytes, *, timeout_s: float) -> Verdict:
        self.jobs.append(data)
        return Verdict(Outcome.PRINTED)

    def status(self, timeout_s: float = 2.0) -> PrinterStatus:
        return PrinterStatus()

    def close(self) -> None: ...


def printed(data: bytes) -> list[str]:
    """What a print head did, in order: pictures, cuts, and lines of text."""
    parser, found = Parser(), list[str]()
    parser.feed(data)
    for item in parser:
        name = getattr(item, "name", "")
        if name.startswith(("GS v 0", "GS (L", "GS ( L", "GS 8 L")):
            found.append("picture")
        elif name.startswith("GS V"):
            found.append("cut")
        elif not name and getattr(item, "data", b"").strip():
            found.append(item.data.decode("ascii", "replace").strip())
    return found


def test_the_logo_is_printed_on_the_receipt_and_every_paper_of_a_reprint_says_copy(till) -> None:
    (till.folder / "logo.png").write_bytes(png(200, 80))
    (till.folder / "receipt.toml").write_text('logo = "logo.png"\npoints = "slip"\n')
    terminal = Terminal(till.store, Config(), clock=lambda: till.now)
    member = join(terminal.checkout, "2900000000018").member
    done = terminal.checkout.commit(terminal.checkout.quote(till.sale("1"), member).quote_id)
    terminal.printer.reprint(done.reference)
    paper = Paper()
    spooler = Spooler(till.store, paper, profile())
    while spooler.step():
        pass
    first, again = map(printed, paper.jobs)
    assert first[0] == "picture"
    assert first.count("picture") == 1
    assert first.count("cut") == 2
    assert "COPY" not in first
    assert again[:2] == ["COPY", "picture"]
    assert again[again.index("cut") + 1] == "COPY"
    assert again.count("COPY") == 2
