"""A till's bytes through the stream: byte for byte what it sent, and the block before the feeds and the cut."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterable

import pytest

from drivers.document import Barcode, Cut, Document, Feed, OpenDrawer, Qr, Text
from drivers.escpos import Profile, profile
from drivers.escpos.parser import COMMAND_BYTES, OPCODES
from drivers.simulated.electronics import PrintedReceipt
from drivers.simulated.pieces import Feed as PaperFeed
from drivers.simulated.pieces import advance_dots
from drivers.simulated.printer import SimulatedPrinter
from pos_plugin.intercept.papers import Block, Code, Paper
from pos_plugin.intercept.stream import HELD_BYTES, Stream

EPSON = profile("TM-T88V")
DOCUMENT = Document(32, (Text("POINTS          Card ****1234"), Text("This sale                 +27")))
BLOCK = Block(recorded=True, document=DOCUMENT)
POINTS = b"POINTS          Card ****1234\nThis sale                 +27\n"
CUTTER_DOTS = 100  # 12.5 mm: the least that lies between a print head and its cutter


class Till:
    """A stream with what was asked of it; `answers` are given one after the other, the last one for ever."""

    def __init__(self, *answers: Block | None, model: Profile = EPSON) -> None:
        self.papers: list[Paper] = []
        self._answers = list(answers)
        self.stream = Stream(self._answer, model)

    def _answer(self, paper: Paper) -> Block | None:
        self.papers.append(paper)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def prints(self, *pieces: bytes) -> bytes:
        """What reaches the printer by the end of the connection."""
        return b"".join(map(self.stream.feed, pieces)) + self.stream.close()


def by_byte(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def printed(data: bytes) -> tuple[list[PrintedReceipt], SimulatedPrinter]:
    """The papers that it makes, the one that still hangs from the printer last."""
    with SimulatedPrinter(code_pages="TM-T88V") as printer:
        wire, sent = printer.attach(), 0
        while sent < len(data):
            sent += wire.write(data[sent:])
        return [*printer.receipts, printer.current], printer


def lines(receipt: PrintedReceipt) -> list[str]:
    return [line.rstrip() for line in receipt.lines if line.strip()]


# Where the block goes in.


SHOP = b"\x1b@\x1bt\x13CORNER SHOP\nTea             3.50\n"
TAILS = {  # what comes before the block, and what after it; of real clients, and what is like them
    "python-escpos": (b"\x1bp\x00\x32\xfa", b"\x1bd\x06\x1dV\x00"),
    "node-thermal-printer": (b"\x1bp\x00\x19\xfa\x1bp\x01\x19\xfa", b"\x1bd\x04\x1bd\x04\x1dV\x00\x1b@\x1bB\x01\x01"),
    "escpos-php": (b"", b"\x1dVA\x03\x1bp0<x"),
    "receiptio": (b"", b"\x1dVB\x00\x1dr1"),
    "a pulse between the feeds": (b"", b"\n\n\x1bp\x00\x19\xfa\n\n\n\x1dV0"),
    "modes between the feeds": (b"\x1ba\x00", b"\n\n\x1b!\x00\x1bE\x00\x1b@\n\n\n\x1dV\x01"),
    "CR LF": (b"", b"\r\n\r\n\r\n\r\n\r\n\x1bi"),
    "ESC J": (b"", b"\x1bJ\xff\x1bm"),
    "a cut with a feed of its own, and one before": (b"", b"\x1bd\x02\x1dVB\x20"),
    "reverse to the top after the cut": (b"", b"\x1dVg\x00"),
    "a feed of which the parameter is LF": (b"", b"\x1bd\n\x1dV\x00"),
    "a feed of which the parameter is CR": (b"", b"\x1bd\r\x1dV\x00"),
}


@pytest.mark.parametrize(("before", "after"), TAILS.values(), ids=TAILS)
def test_the_block_stands_before_the_feeds_however_the_bytes_arrive(before: bytes, after: bytes) -> None:
    stream = SHOP + before + after
    # A CR in front of the first feed is no feed: it has gone already.
    at = len(SHOP + before) + (after[:1] == b"\r")
    wanted = stream[:at] + POINTS + stream[at:]
    assert Till(BLOCK).prints(stream) == wanted
    assert Till(BLOCK).prints(*by_byte(stream)) == wanted
    for split in range(len(stream)):
        assert Till(BLOCK).prints(stream[:split], stream[split:]) == wanted
    assert Till(None).prints(stream) == stream


BYTES_OF_COMMANDS = {  # which must not be taken for a cut or for the end of a paper, nor hide the cut that follows
    "an EAN-13 without its NUL": b"\x1dk\x024006381333931",
    "the length of Bematech's QR code": b"\x1dkQ\x02\n\x00\x01\x0c\x00http://a.bc/",
    "a cut in Bematech's QR code": b"\x1dkQ\x02\n\x00\x01\x05\x00a\x1dV\x00b",
    "the length of a clone's QR code": b"\x1dZ\x02\x1bZ\x01M\x06\x0c\x00http://a.bc/",
    "a clone's margin": b"\x1dx\x0c",
    "the parameter of a command unknown": b"\x1bY\x0c",
    "characters that end before they begin": b"\x1b&\x03BAThank you\n",
    "a picture of no format": b"\x1dD0C0\x01\x01\x01\x01XX\x01\x01\x01\x01Thank you\n",
    "a code of no level": b"\x1bZ\x01x\x06\x01\x01Thank you\n",
    "a bar code of no kind": b"\x1dkP\x02Thank you\n",
}


@pytest.mark.parametrize("odd", BYTES_OF_COMMANDS.values(), ids=BYTES_OF_COMMANDS)
def test_bytes_within_a_command_move_no_block_however_they_arrive(odd: bytes) -> None:
    before, after = SHOP + odd, b"\x1bd\x04\x1dV\x00"
    till = Till(BLOCK)
    whole = till.prints(before + after)
    assert whole.replace(POINTS, b"") in (before + after, before + b"\n" + after)
    assert whole.endswith(POINTS + after)
    assert len(till.papers) == 1
    stream = before + after
    assert Till(BLOCK).prints(*by_byte(stream)) == whole
    for split in range(len(stream)):
        assert Till(BLOCK).prints(stream[:split], stream[split:]) == whole


def test_the_qz_sample_opens_the_drawer_in_real_time_behind_its_cut() -> None:
    till = Till(BLOCK)
    assert (
        till.stream.feed(SHOP + b"\x1bi") == SHOP + POINTS + b"\n" * 4 + b"\x1bi"
    )  # fed past the cutter: ESC i is not
    assert till.stream.feed(b"\x10\x14\x01\x00\x05") == b"\x10\x14\x01\x00\x05"


TOO_SHORT = {  # feeds that leave the block under the cutter: so many lines are added
    "none": (b"\x1dV\x00", 4),
    "one line": (b"\n\x1dV\x00", 3),
    "two lines": (b"\x1bd\x02\x1dV0", 2),
    "four lines": (b"\x1bd\x04\x1dV0", 0),
    "units that may be half dots": (b"\x1bJ\x78\x1dV1", 2),
    "units that are known": (b"\x1dP\x00\xcb\n\x1bJ\x5a\x1dV1", 0),
}


@pytest.mark.parametrize(("after", "added"), TOO_SHORT.values(), ids=TOO_SHORT)
def test_what_the_till_feeds_too_little_is_fed_behind_the_block(after: bytes, added: int) -> None:
    held = after.removeprefix(b"\x1dP\x00\xcb")
    before = SHOP + after[: len(after) - len(held)]
    assert Till(BLOCK).prints(SHOP + after) == before + POINTS + b"\n" * added + held


def test_lines_too_close_to_feed_by_are_made_longer_for_it() -> None:
    tight = SHOP + b"\x1b3\x00"
    assert Till(BLOCK).prints(tight + b"\x1dV\x00") == tight + POINTS + b"\x1b2\n\n\n\n\x1b3\x00" + b"\x1dV\x00"
    in_old_units = SHOP + b"\x1b3\x00\x1dP\x00\xcb"  # ESC 3 0 in new units might be something else
    assert Till(BLOCK).prints(in_old_units + b"\x1dV\x00") == in_old_units + POINTS + b"\x1bJ\x78" + b"\x1dV\x00"


@pytest.mark.parametrize(
    "cut", [b"\x1dV\x00", b"\x1dVA\x00", b"\x1bi", b"\x1bd\x06\x1dV\x00", b"\n\n\n\n\x1dV1"], ids=repr
)
@pytest.mark.parametrize("end", [b"Thank you\n", b"Thank you", b"Thank you\x1b*\x00\x02\x00ab"], ids=repr)
def test_on_paper_the_block_is_a_fresh_line_that_no_cutter_falls_on(end: bytes, cut: bytes) -> None:
    [receipt, rest], _ = printed(Till(BLOCK).prints(SHOP + end + cut + b"Next"))
    assert lines(receipt) == ["CORNER SHOP", "Tea             3.50", "Thank you", *DOCUMENT.text().splitlines()]
    assert receipt.lines[2:4] == ["Thank you", DOCUMENT.blocks[0].text]  # type: ignore[union-attr]  # no blank line
    last = max(at for at, one in enumerate(receipt.printed) if not isinstance(one, PaperFeed) and lines_of(one))
    feeds_itself = cut.startswith(b"\x1dVA")
    assert feeds_itself or sum(map(advance_dots, receipt.printed[last + 1 :])) >= CUTTER_DOTS
    assert rest.printed == ()


def lines_of(piece: object) -> str:
    return str(getattr(piece, "text", "")).strip()


def test_what_cuts_opens_or_sounds_is_left_out_of_a_block() -> None:
    loud = Document(32, (OpenDrawer(), *DOCUMENT.blocks, Cut()))
    cut = b"\x1bd\x06\x1dV\x00"
    assert Till(Block(recorded=True, document=loud)).prints(SHOP + cut) == SHOP + POINTS + cut
    assert Till(Block(recorded=True, document=Document(32, (Feed(3),)))).prints(SHOP + cut) == SHOP + cut
    assert Till(Block(recorded=True)).prints(SHOP + cut) == SHOP + cut


# What is never held.


def test_everything_but_the_end_of_a_paper_goes_on_at_once() -> None:
    till = Till(None)
    for piece in (
        b"Te",
        b"a",
        b"\n",
        b"\x1bE\x01",
        b"\x1ba\x01To",
        b"tal",
        b"\x1dv0\x00\x02\x00\x02\x00a",  # a picture, in pieces
        b"\n\n",
        b"\n",
        b"\x1d8L\x00\x01\x00\x000p",
        b"\n" * 100,
        b"\x1bp\x00\x19\xfa",  # the drawer, with nothing fed
    ):
        assert till.stream.feed(piece) == piece
        assert not till.stream.is_holding or piece.startswith(b"\n" * 100)


QUESTIONS = [
    *(b"\x10\x04\x01", b"\x10\x04\x07\x01", b"\x10\x05\x02", b"\x10\x14\x01\x00\x05"),
    *(b"\x1dr\x01", b"\x1dI\x42", b"\x1da\xff", b"\x1bv", b"\x1bu\x00", b"\x1d(H\x06\x0000A001"),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=repr)
def test_what_a_till_asks_goes_on_with_all_before_it(question: bytes) -> None:
    till = Till(BLOCK)
    feeds = b"\n\n\x1bd\x02"
    assert till.stream.feed(SHOP + feeds) == SHOP
    assert till.stream.is_holding
    assert b"".join(map(till.stream.feed, by_byte(question))) == feeds + question
    # The feeds are gone: the block stands behind them and is fed past the cutter itself.
    assert till.stream.feed(b"\x1dV\x00") == POINTS + b"\n" * 4 + b"\x1dV\x00"


def test_a_real_time_command_hidden_in_a_command_that_is_held_goes_on_as_well() -> None:
    till = Till(BLOCK)
    assert till.stream.feed(SHOP + b"\n\x1bp\x10\x04") == SHOP
    assert till.stream.feed(b"\x01") == b"\n\x1bp\x10\x04\x01"  # the printer answers it, pulse or not


def test_more_than_a_tail_is_not_held() -> None:
    feeds = b"\n" * (HELD_BYTES + 1)
    assert Till(BLOCK).stream.feed(SHOP + feeds) == SHOP + feeds


def test_a_picture_larger_than_anything_that_is_kept_goes_on_piece_by_piece() -> None:
    till = Till(BLOCK)
    begin = b"Tea\n\x1d8L" + (COMMAND_BYTES + 100).to_bytes(4, "little")
    assert till.stream.feed(begin) == begin
    for _ in range(COMMAND_BYTES // 65536):
        assert till.stream.feed(bytes(65536)) == bytes(65536)
    assert till.prints(bytes(100) + b"\x1dVB\x00") == bytes(100) + POINTS + b"\x1dVB\x00"


# Papers and connections.


def test_two_tickets_and_a_remainder_in_one_stream() -> None:
    """As a till of vouchers prints."""
    tail = b"\x1bd\x05\x1dV\x00"
    till = Till(BLOCK, None)
    out = till.prints(b"\x1b@Ticket 1\n" + tail + b"Ticket 2\n" + tail + b"Remainder\n")
    assert out == b"\x1b@Ticket 1\n" + POINTS + tail + b"Ticket 2\n" + tail + b"Remainder\n"
    assert [paper.text for paper in till.papers] == ["Ticket 1", "Ticket 2"]
    assert till.prints(b"and its end\n" + tail) == b"and its end\n" + tail
    assert till.papers[-1].text == "Remainder\nand its end"


def test_a_receipt_in_two_connections_after_a_probe_that_says_nothing() -> None:
    till = Till(BLOCK)
    assert till.prints() == b""
    assert till.prints(b"\x1b@\x1bE\x01Tea 3.50\n") == b"\x1b@\x1bE\x01Tea 3.50\n"
    # Bold from the first connection: off for the block, and on again behind it.
    assert till.prints(b"\x1dVB\x00") == b"\x1bE\x00" + POINTS + b"\x1bE\x01" + b"\x1dVB\x00"
    assert [paper.text for paper in till.papers] == ["Tea 3.50"]


@pytest.mark.parametrize("at", [at for at in range(1, len(SHOP)) if not SHOP[:at].endswith((b"\x1b", b"\x1bt"))])
def test_a_connection_may_end_anywhere_between_two_letters_of_a_receipt(at: int) -> None:
    till, cut = Till(BLOCK), b"\x1bd\x04\x1dV\x00"
    assert till.prints(SHOP[:at]) + till.prints(SHOP[at:] + cut) == SHOP + POINTS + cut
    assert [paper.text for paper in till.papers] == ["CORNER SHOP\nTea             3.50"]


def test_what_a_broken_connection_has_left_on_the_paper_is_no_part_of_the_next_receipt() -> None:
    till = Till(None)
    till.prints(b"Receipt 17\nTea")
    till.stream.break_off()
    till.prints(b"\x1b@Receipt 18\nMilk\n\x1dVB\x00")
    assert [paper.text for paper in till.papers] == ["Receipt 18\nMilk"]


def test_a_cut_with_nothing_printed_is_no_paper() -> None:
    till = Till(BLOCK)
    stream = b"\x1b@\x1bp\x00\x19\xfa\n\n\n\n\x1dV\x00\x1dV\x00"
    assert till.prints(stream) == stream
    assert not till.papers


def test_a_till_that_tears_off_gets_its_block_when_it_falls_silent() -> None:
    till = Till(BLOCK)
    assert till.stream.feed(SHOP + b"\n\n\n\n") == SHOP
    assert till.stream.is_holding
    assert till.stream.flush() == POINTS + b"\n\n\n\n"
    assert not till.stream.is_holding
    assert till.stream.flush() == b""
    assert till.prints(SHOP) == SHOP
    assert len(till.papers) == 1


@pytest.mark.parametrize(("feeds", "added"), [(b"", 4), (b"\n\n", 2), (b"\n" * 8, 0)])
def test_a_form_feed_ends_a_paper_as_the_text_driver_of_windows_sends_it(feeds: bytes, added: int) -> None:
    till, end = Till(BLOCK), feeds + b"\x0c"
    wanted = b"Tea 3.50\r\n" + POINTS + b"\n" * added + end
    assert till.prints(*by_byte(b"Tea 3.50\r\n" + end)) == wanted
    assert till.prints(b"Tea 3.50\r\n" + end) == wanted
    assert [paper.text for paper in till.papers] == ["Tea 3.50", "Tea 3.50"]


def test_a_form_feed_within_a_receipt_that_nobody_knows_yet_is_no_end() -> None:
    till = Till(None, BLOCK)
    assert till.prints(b"Shop\n\x0cTotal 3.50\n\x0c") == b"Shop\n\x0cTotal 3.50\n" + POINTS + b"\n" * 4 + b"\x0c"
    assert [paper.text for paper in till.papers] == ["Shop", "Shop\nTotal 3.50"]


@pytest.mark.parametrize("end", [b"\n\n\n\n", b"\x0c"], ids=repr)
def test_a_torn_off_paper_that_nobody_knows_is_no_part_of_the_next_connections(end: bytes) -> None:
    """Else a bill with its own total would make every later receipt contradict itself, for ever."""
    till = Till(None)
    till.prints(b"Bill 9.00\n" + end)
    till.prints(b"Tea 3.50\n" + end)
    # On a connection that never ends the till's long silence says so.
    till.stream.feed(b"Milk 1.20\n" + end)
    till.stream.flush()
    till.stream.tear_off()
    till.stream.feed(b"Bread 2.00\n")
    till.stream.tear_off()  # not fed past the edge yet: its rest may come
    till.prints(b"Butter 1.00\n" + end)
    assert [paper.text for paper in till.papers] == ["Bill 9.00", "Tea 3.50", "Milk 1.20", "Bread 2.00\nButter 1.00"]


def test_silence_within_a_receipt_only_lets_go() -> None:
    till = Till(BLOCK)
    assert till.stream.feed(SHOP + b"\n") == SHOP
    assert till.stream.flush() == b"\n"
    assert not till.papers
    assert till.prints(b"Total\n\x1bd\x04\x1dV\x00") == b"Total\n" + POINTS + b"\x1bd\x04\x1dV\x00"


def test_a_paper_that_had_no_answer_when_the_till_fell_silent_is_asked_about_again_at_the_cut() -> None:
    till = Till(None, BLOCK)
    assert till.stream.feed(SHOP + b"\x1bd\x05") + till.stream.flush() == SHOP + b"\x1bd\x05"
    assert not till.stream.is_holding  # asked once
    assert till.prints(b"\x1dV\x00") == POINTS + b"\n" * 4 + b"\x1dV\x00"
    assert till.papers[0] == till.papers[1]


def test_silence_within_a_command_lets_go_and_never_puts_in_there() -> None:
    till = Till(BLOCK)
    assert till.stream.feed(SHOP + b"\x1bd\x05\x1b") == SHOP
    assert till.stream.flush() == POINTS + b"\x1bd\x05\x1b"
    assert till.stream.feed(b"d") == b"d"
    assert till.prints(b"\x02\x1dV\x00") == b"\x02\x1dV\x00"
    till = Till(BLOCK)
    till.stream.feed(SHOP + b"\x1b")
    till.stream.flush()
    assert till.prints(b"i") == b"i"  # a cut in two halves: too late
    assert len(till.papers) == 1


def test_a_cut_whose_last_byte_never_comes_is_a_cut() -> None:
    till = Till(BLOCK)
    assert till.stream.feed(SHOP + b"\x1dVA") == SHOP
    assert till.stream.flush() == POINTS + b"\n" * 4 + b"\x1dVA"
    assert till.prints(b"\x00" + SHOP) == b"\x00" + SHOP


def test_the_stream_says_when_another_program_may_print() -> None:
    stream = Till(None).stream
    for piece, is_between in (
        (b"\x1b@\x10\x04\x01", True),
        (b"\x1d", True),
        (b"r\x01", True),
        (b"T", False),
        (b"ea\n", False),
        (b"\x1bd\x05\x1dV\x00", True),
        (b"\x1b@\x1bB\x01\x01", True),
        (b"\x1dv0", False),
    ):
        stream.feed(piece)
        assert stream.is_between_papers == is_between, piece


# Where nothing may be put in.


PASSED = {
    "a page that is being put together": SHOP + b"\x1bLPage\n\n\n\n\x1dV\x00",
    "a macro that is being defined": SHOP + b"\x1d:Macro\n\n\n\n\x1dV\x00",
    "a display on the same line": SHOP + b"\x1b=\x02TOTAL 3.50\n\n\n\n\x1dV\x00",
}


@pytest.mark.parametrize("stream", PASSED.values(), ids=PASSED)
def test_nothing_is_put_into(stream: bytes) -> None:
    till = Till(BLOCK)
    assert b"".join(map(till.stream.feed, by_byte(stream))) == stream
    assert till.prints() == b""
    assert Till(BLOCK).stream.feed(stream) == stream


STARS = {
    "a code page": b"\x1b\x1dt\x20",
    "centred": b"\x1b\x1da\x01",
    "a font": b"\x1b\x1eF\x00",
    "a QR code": b"\x1b\x1dyS0\x02",
}


@pytest.mark.parametrize("own", STARS.values(), ids=STARS)
@pytest.mark.parametrize("end", [b"\x1bd\x03", b"\n\n\n\n", b"\x1bi\x00\x00\n\x1bd\x02"], ids=repr)
def test_a_receipt_in_stars_own_commands_passes_unread(own: bytes, end: bytes) -> None:
    till, stream = Till(BLOCK), b"\x1b@" + own + b"SHOP\nTOTAL 3.50\n" + end
    assert till.prints(stream) == stream
    assert till.prints(*by_byte(stream)) == stream
    assert till.papers == []
    assert till.prints(b"\x1b@Tea\n\x1dVB\x00") == b"\x1b@Tea\n" + POINTS + b"\x1dVB\x00"  # of another till


def test_a_page_is_read_and_the_block_stands_below_it() -> None:
    till = Till(BLOCK)
    page = b"\x1bL\x1d$\x40\x00Total\x1b$\x00\x01 3.50\x1d$\x20\x00SHOP\x0c"
    assert till.prints(page + b"\x1dVB\x00") == page + POINTS + b"\x1dVB\x00"
    assert [row.text.split() for row in till.papers[0].rows] == [["SHOP"], ["Total", "3.50"]]


def test_what_a_macro_cuts_is_over() -> None:
    till = Till(BLOCK)
    stream = b"\x1d:\n\n\n\x1dV\x00\x1d:Tea\n\x1d^\x01\x00\x00"
    assert till.prints(stream) == stream
    assert [paper.text for paper in till.papers] == ["Tea"]
    assert till.prints(b"Two\n\x1dVB\x00") == b"Two\n" + POINTS + b"\x1dVB\x00"
    assert till.papers[-1].text == "Two"


# What a paper says.


def read(*pieces: bytes, model: Profile = EPSON) -> Paper:
    till = Till(None, model=model)
    till.prints(*pieces, b"\x1dVB\x00")
    [paper] = till.papers
    return paper


def test_rows_say_what_stands_on_paper_and_how() -> None:
    paper = read(
        b"\x1b@\x1bt\x13\x1ba\x01\x1d!\x11SHOP\x1d!\x00\n\x1ba\x00Caf\x82 \xd5\n",  # code page 858: é, €
        b"\x1bE\x01TOTAL\t9.00\x1bE\x00\r\n \n",
        b"\x1bEx\x1b$\x60\x003.50\x1b$\x00\x00Tea \x1bE\x00\n",  # the price first, then what stands on its left
        b"last, without its end",
    )
    assert [(row.text, row.bold, row.large) for row in paper.rows] == [
        ("SHOP", False, True),
        ("Café €", False, False),
        ("TOTAL   9.00", True, False),
        ("Tea     3.50", False, False),
        ("last, without its end", False, False),
    ]


@pytest.mark.parametrize(
    "told",
    [b"", b"\x1cC\xff", b"\x1c&\x1cC\xff", b"\x1c.\x1cC\xff", b"\x1bt\x13\x1cC\xff", b"\x1c(C\x02\x0002"],
    ids=repr,
)
def test_rows_in_utf8_say_what_stands_on_paper_whether_the_printer_was_told_so_or_not(told: bytes) -> None:
    """FS C 255 is what clones with Android are told; some need not be told anything."""
    rows = ["FİŞ NO: 4711", "Größe 12,50 €", "合計 ₹1,234.00"]
    paper = read(b"\x1b@" + told + "\n".join(rows).encode() + b"\n")
    assert [row.text for row in paper.rows] == rows


def test_rows_of_the_page_of_delivery_are_not_taken_for_utf8() -> None:
    rows = ["CAFÉ Größe", "╔═╗", "├─┤ 12,50 ╒", "── 50 % ──"]
    paper = read("\n".join(rows).encode("cp437") + b"\n")
    assert [row.text for row in paper.rows] == rows


CODES = {
    b"\x1d(k\x04\x001A2\x00\x1d(k\x09\x001P0T1-4\xc3\xa9\x1d(k\x03\x001Q0": ("qr", "T1-4é"),
    b"\x1d(k\x05\x001P0\xff\xfe\x1d(k\x03\x001Q0": ("qr", "ÿþ"),
    b"\x1d(k\x06\x000P0abc\x1d(k\x03\x000Q0": ("pdf417", "abc"),
    b"\x1dkI\x09{BT1-{{42": ("code128", "T1-{42"),
    b"\x1dkI\x08{BA{C\x01\x02\x63": ("code128", "A010299"),
    b"\x1dkC\x0c400638133393": ("ean13", "4006381333931"),
    b"\x1dk\x02400638133393\x00": ("ean13", "4006381333931"),
    b"\x1dkB\x0b04210000526": ("other", "04210000526"),
    b"\x1dk\x04ABC-1\x00": ("code39", "ABC-1"),
    b"\x1dk\x024006381333931": ("ean13", "4006381333931"),
    b"\x1dkQ\x02\n\x00\x01\x04\x00T1-4": ("qr", "T1-4"),
    b"\x1dZ\x02\x1bZ\x01M\x06\x04\x00T1-4": ("qr", "T1-4"),
    b"\x1dZ\x00\x1bZ\x02\x01\x03\x04\x00T1-4": ("other", "T1-4"),
}


@pytest.mark.parametrize(("stream", "code"), CODES.items(), ids=repr)
def test_codes_say_what_they_hold(stream: bytes, code: tuple[str, str]) -> None:
    assert read(b"Tea\n", stream).codes == (Code(*code),)  # type: ignore[arg-type]


def test_pictures_say_how_high_they_are() -> None:
    raster = b"\x1dv0\x00\x02\x00\xf0\x00" + bytes(480)
    band = b"\x1b*\x21\x02\x00" + bytes([255] * 6) + b"\n"
    paper = read(raster, band * 2)
    assert (paper.row_dots, paper.rows, paper.is_picture) == (240 + 48, (), True)
    assert not read(b"The whole receipt in words\n", raster).is_picture


def test_columns_are_those_of_the_font_that_prints_last() -> None:
    wide, large = b"x" * 40 + b"\n", b"\x1d!\x11" + b"y" * 21 + b"\x1d!\x00\n"
    assert read(wide, large).columns == 40
    assert read(b"\x1bM\x01" + b"x" * 56 + b"\n").columns == 56
    assert read(b"short\n").columns == 32
    assert read(b"z" * 200 + b"\n").columns == 48  # the paper ends there


def test_the_same_print_has_the_same_digest_whatever_is_asked_between() -> None:
    receipt = b"Tea 3.50\nTOTAL 3.50\n"
    digest = read(receipt).digest
    assert len(digest) == 64
    assert read(*by_byte(receipt)).digest == digest
    assert read(b"\x1b@\x10\x04\x01", receipt[:9], b"\x1dr\x01\x1bp\x00\x19\xfa", receipt[9:]).digest == digest
    assert read(receipt.replace(b"3", b"4")).digest != digest


def test_a_paper_without_end_keeps_its_last_rows() -> None:
    paper = read(b"".join(b"%d\n" % number for number in range(5000)))
    assert len(paper.rows) == 2000
    assert paper.rows[-1].text == "4999"


# When something goes wrong.


def test_after_an_exception_the_connection_passes_through_and_the_next_is_read_again() -> None:
    def fails(paper: Paper) -> Block | None:
        raise LookupError("no such till")

    stream = Stream(fails, EPSON)
    tail = b"\x1bd\x05\x1dV\x00"
    assert stream.feed(SHOP + tail + b"more") == SHOP + tail + b"more"
    assert "no such till" in stream.fault
    assert not stream.is_between_papers
    assert stream.feed(b"\n\n\n\x1b") == b"\n\n\n\x1b"
    assert (stream.flush(), stream.close(), stream.fault, stream.is_holding) == (b"", b"", "", False)
    assert stream.feed(b"Tea\n") == b"Tea\n"
    assert not stream.fault


def test_a_block_that_no_printer_can_print_does_not_cost_the_receipt() -> None:
    impossible = Document(32, (Text("POINTS"), Barcode("12", symbology="ean13")))
    till = Till(Block(recorded=True, document=impossible))
    assert till.stream.feed(SHOP + b"\x1bd\x05\x1dV\x00") == SHOP + b"\x1bd\x05\x1dV\x00"
    assert "check digit" in till.stream.fault


# Streams that nobody wrote.


def clients() -> Iterable[bytes]:
    """Receipts in the manner of real libraries, and python-escpos itself."""
    from escpos.printer import Dummy

    from drivers.escpos import encode

    printer = Dummy(profile="TM-T88V")
    printer.set(align="center", bold=True, double_height=True)
    printer.textln("CORNER SHOP")
    printer.set_with_default()
    printer.textln("Crème brûlée 4,20 €")
    printer.textln("Жёлтый чай 2,00")
    printer.barcode("4006381333931", "EAN13", 64, 2, "BELOW", "A")
    printer.qr("https://example.org/r/42", native=True, size=6)
    printer.cashdraw(2)
    printer.cut()
    yield printer.output
    yield encode(Document(42, (Text("Çay 3,50 ₺"), Text("茶"), Qr("https://example.org"), Cut(), OpenDrawer())), EPSON)
    yield (
        b"\x1b&\x03AB\x0c"
        + bytes(36)
        + b"\x08"
        + bytes(24)
        + b"\x1b%\x01ABAB\n\x1cq\x01\x01\x00\x01\x00abcdefgh\x1cp\x01\x00\x1dV\x00"
    )
    yield (
        b"\x1d(L\x12\x000p0\x01\x011\x10\x00\x04\x00abcdefgh\x1d(L\x02\x0002\x1d*\x01\x01ab\x1dV\x00\x1d/\x03\x1bi"
        + b"\x1d8L\x00\x00\x40\x00"
    )
    yield (
        b"\x1bD\x08\x10\x00a\tb\n\x1bEx\x1bd\n\x1bE\r\x1d(?\x02\x00ab\x1bw\x01\x1d:ab\n\x1dV\x00\x1d:\x1d^\x02\x00\x00"
        + b"\n" * 30
    )


def test_without_a_block_the_output_is_the_input_at_every_split() -> None:
    for stream in clients():
        whole = Till(None)
        assert whole.prints(stream) == stream
        for at in range(0, len(stream), 1 + len(stream) // 40):
            till = Till(None)
            assert till.prints(stream[:at], stream[at:]) == stream
            assert till.papers == whole.papers
            assert not till.stream.fault


def test_python_escpos_gets_its_block_above_its_six_lines() -> None:
    stream = next(iter(clients()))
    out = Till(BLOCK).prints(*by_byte(stream))
    [receipt, rest], printer = printed(out)
    assert out.endswith(b"\x1bd\x06\x1dV\x00")
    assert lines(receipt) == [
        "CORNER SHOP",
        "Crème brûlée 4,20 €",
        "Жёлтый чай 2,00",
        *DOCUMENT.text().splitlines(),
    ]
    assert (rest.printed, printer.drawer_kicks) == ((), 1)


def test_bytes_that_nobody_meant_come_out_as_they_went_in() -> None:
    fuzz(30_000)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [300_000, pytest.param(2_000_000, marks=pytest.mark.long)])
def test_many_more_bytes_that_nobody_meant_come_out_as_they_went_in(count: int) -> None:
    tracemalloc.start()
    fuzz(count)
    assert tracemalloc.get_traced_memory()[1] < 4 * COMMAND_BYTES + 8 * 1024 * 1024
    tracemalloc.stop()


def fuzz(total: int) -> None:
    """Noise, opcodes with noise behind them, and receipts with faults in them; silences and ends of connections among them."""
    noise = random.Random(total)
    opcodes, receipts = sorted(OPCODES.values()), list(clients())
    till = Till(None)
    fed = 0
    while fed < total:
        match noise.randrange(4):
            case 0:
                data = noise.randbytes(noise.randrange(1, 300))
            case 1:
                data = noise.choice(opcodes) + bytes(
                    noise.choices([0, 1, 4, 10, 16, 27, 29, 48, 255], k=noise.randrange(9))
                )
            case _:
                data = mutated(noise, noise.choice(receipts))
        at, out = 0, b""
        while at < len(data):
            size = noise.choice((1, 2, 7, 64, 512))
            out += till.stream.feed(data[at : at + size])
            at += size
            assert data.startswith(out)
            assert len(out) >= min(at, len(data)) - HELD_BYTES
            if noise.random() < 0.02:
                out += till.stream.flush()
                assert len(out) == min(at, len(data))
        till.papers.clear()
        # A long command that is begun would swallow all the rest.
        out += till.stream.close() if noise.random() < 0.5 else till.stream.flush()
        assert out == data
        assert not till.stream.fault
        fed += len(data)


def mutated(noise: random.Random, stream: bytes) -> bytes:
    changed = bytearray(stream)
    for _ in range(noise.randrange(1, 6)):
        at = noise.randrange(len(changed))
        changes: list[Callable[[], None]] = [
            lambda at=at: changed.__setitem__(at, noise.randrange(256)),  # type: ignore[misc]
            lambda at=at: changed.__delitem__(slice(at, at + noise.randrange(1, 6))),  # type: ignore[misc]
            lambda at=at: changed.__setitem__(slice(at, at), changed[at : at + 20]),  # type: ignore[misc]
        ]
        noise.choice(changes)()
        if len(changed) < 2:
            break
    return bytes(changed)
