"""The simulated printer over real sockets and a pseudo-terminal: what it prints, answers, refuses and loses."""

from __future__ import annotations

import contextlib
import io
import os
import random
import select
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image, ImageFont

from drivers.errors import DeviceBusy
from drivers.escpos.parser import OPCODES, Parser
from drivers.simulated import drawing, glyphs
from drivers.simulated.code_pages import numbers
from drivers.simulated.paper import Paper
from drivers.simulated.printer import BUFFER_BYTES, KEPT_RECEIPTS, LONGEST_PIECE, PrintedReceipt, SimulatedPrinter

TIMEOUT_S = 10
INIT = b"\x1b@"
CUT = b"\x1dVB\x00"
PROCESS_ID = b"\x1d(H\x06\x0000A001"
PROCESS_ID_REPLY = b"\x37\x22A001\x00"
STATUS = [b"\x10\x04\x01", b"\x10\x04\x02", b"\x10\x04\x03", b"\x10\x04\x04"]


class Client:
    """A till at the other end of a socket."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            assert more, f"the printer hung up after {data!r}"
            data += more
        return data

    def ask(self, question: bytes, count: int = 1) -> bytes:
        self.send(question)
        return self.receive(count)

    def hears_nothing_before(self, question: bytes, answer: bytes) -> None:
        """Answers keep their order: had there been another one, it would come first."""
        assert self.ask(question, len(answer)) == answer

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def printer() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as printer:
        yield printer


@pytest.fixture
def client(printer: SimulatedPrinter) -> Iterator[Client]:
    with closing(Client(printer.serve_tcp())) as client:
        yield client


def printed(*commands: bytes, width_dots: int = 576) -> PrintedReceipt:
    """What comes out, without a wire."""
    sheet, parser = Paper(width_dots), Parser()
    parser.feed(b"".join(commands))
    for item in parser:
        sheet.execute(item)
    return PrintedReceipt(width_dots, sheet.tear(), was_cut=True, printed_at_s=0)


def codes_on(receipt: PrintedReceipt) -> list[tuple[str, str]]:
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(receipt.png())))
    return sorted((code.format.name, code.bytes.decode()) for code in found)


# printing


def test_a_receipt_is_what_stands_between_two_cuts(printer: SimulatedPrinter, client: Client) -> None:
    client.send(INIT + b"one\n" + CUT + b"two\n\nthree\n" + CUT + b"not cut\nnot printed")
    assert printer.wait_until(lambda: printer.current.lines == ["not cut"], TIMEOUT_S)
    assert [receipt.lines for receipt in printer.receipts] == [["one"], ["two", "", "three"]]
    assert [receipt.was_cut for receipt in printer.receipts] == [True, True]
    assert not printer.current.was_cut
    assert printer.printed_total == 2


def test_a_cut_with_nothing_printed_makes_no_receipt(printer: SimulatedPrinter, client: Client) -> None:
    client.hears_nothing_before(INIT + b"\x1dV\x00" + b"\x1dV\x00" + PROCESS_ID, PROCESS_ID_REPLY)
    assert printer.receipts == []


def test_only_the_last_receipts_are_kept_and_all_are_counted(printer: SimulatedPrinter, client: Client) -> None:
    for number in range(KEPT_RECEIPTS + 5):
        client.send(b"%d\n" % number + CUT)
    client.ask(PROCESS_ID, len(PROCESS_ID_REPLY))
    assert printer.printed_total == KEPT_RECEIPTS + 5
    assert [printer.receipts[0].lines, len(printer.receipts)] == [["5"], KEPT_RECEIPTS]


LINES = [
    (b"\x1bt\x10\x80 5\n", ["€ 5"]),  # Windows-1252
    (b"\x1bt\x13\xd5 5\n", ["€ 5"]),  # code page 858
    (b"\x1bt\x11\x8f\xe0\n", ["Пр"]),  # code page 866
    (b"\x1bt\x2d\x8c\n", ["Ś"]),  # Windows-1250
    (b"\x1bt\xff\x80\n", ["�"]),  # a page the printer does not have
    (b"\x1c(C\x02\x0002\xe2\x82\xac\n", ["€"]),  # UTF-8
    (b"\x1bt\x10" + INIT + b"\x82\n", ["é"]),  # ESC @ goes back to code page 437
    (b"x" * 50 + b"\n", ["x" * 48, "xx"]),  # 48 columns of font A
    (b"\x1bM\x01" + b"x" * 65 + b"\n", ["x" * 64, "x"]),  # 64 of font B
    (b"\x1d!\x10" + b"x" * 25 + b"\n", ["x" * 24, "x"]),  # half of it at double width
    (b"a\tb\n", ["a       b"]),  # tabs stand at every eighth column
    (b"a\x1b$\x78\x00b\n", ["a         b"]),  # ten columns of 12 dots from the left
    (b"a\x1bd\x02b\n", ["a", "b"]),  # feeding prints the line
    (b"\r\na\r\n", ["", "a"]),  # CR is ignored
    (b"lost" + INIT + b"kept\n", ["kept"]),  # ESC @ forgets the line being composed
]


@pytest.mark.parametrize(("stream", "lines"), LINES, ids=[repr(stream[:16]) for stream, _ in LINES])
def test_text_lines_are_kept_as_strings(stream: bytes, lines: list[str]) -> None:
    assert printed(stream).lines == lines


def test_every_code_page_has_a_codec() -> None:
    for number in numbers():
        assert printed(b"\x1bt%cA\n" % number).lines == ["A"]


def qr(data: bytes, level: bytes = b"1", module_dots: int = 4) -> bytes:
    size = (len(data) + 3).to_bytes(2, "little")
    store = b"\x1d(k" + size + b"1P0" + data
    return (
        b"\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C%c\x1d(k\x03\x001E" % module_dots + level + store + b"\x1d(k\x03\x001Q0"
    )


CODES = [
    (qr(b"https://example.org/r/42"), ("QRCode", "https://example.org/r/42")),
    (qr("Café 5 €".encode(), level=b"3"), ("QRCode", "Café 5 €")),
    (qr(b"0123456789", module_dots=3), ("QRCode", "0123456789")),
    (b"\x1dkI\x0d{BT1-000042-X", ("Code128", "T1-000042-X")),
    (b"\x1dkI\x0a{BT1{C\x00\x01\x2a\x63", ("Code128", "T100014299")),  # set C: two digits a byte
    (b"\x1dkI\x0a{C\x01\x02{BA{{B", ("Code128", "0102A{B")),
    (b"\x1dkI\x06{AAB\x01C", ("Code128", "AB\x01C")),  # set A has control characters
    (b"\x1dkC\x0c400638133393", ("EAN13", "4006381333931")),  # the printer adds the check digit
    (b"\x1dk\x024006381333931\x00", ("EAN13", "4006381333931")),
    (b"\x1dkD\x079638507", ("EAN8", "96385074")),
    (b"\x1dkA\x0b03600029145", ("EAN13", "0036000291452")),  # UPC-A is EAN-13 with a zero before it
]


@pytest.mark.parametrize("width_dots", [576, 384])
@pytest.mark.parametrize(("command", "code"), CODES, ids=[code[1] for _, code in CODES])
def test_a_code_on_the_drawn_receipt_can_be_scanned(command: bytes, code: tuple[str, str], width_dots: int) -> None:
    receipt = printed(b"text\n\n\x1ba\x01\x1dw\x02\x1dH\x02", command, b"\n\ntext\n", width_dots=width_dots)
    assert codes_on(receipt) == [code]


@pytest.mark.parametrize(
    "command",
    [
        b"\x1dkI\x05T1-42",  # no code set
        b"\x1dkI\x03{C\xff",  # not two digits
        b"\x1dkC\x0c40063813339X",  # not a digit
        b"\x1dkE\x03abc",  # small letters in Code 39
        b"\x1dkK\x0d0401234567890",  # GS1 DataBar is not drawn
        b"\x1d(k\x04\x002P0A\x1d(k\x03\x002Q0",  # nor is MaxiCode
        qr(b"x" * 3000),  # more than a QR code holds
    ],
    ids=repr,
)
def test_a_code_that_cannot_be_drawn_becomes_a_frame(command: bytes) -> None:
    receipt = printed(command)
    assert codes_on(receipt) == []
    assert has_black(receipt)


def has_black(receipt: PrintedReceipt) -> bool:
    return Image.open(io.BytesIO(receipt.png())).getextrema()[0] == 0


SQUARE = bytes([0xFF] * 24)  # 8 × 24 black dots, as rows and as columns
IMAGES = [
    (b"\x1dv0\x00\x01\x00\x18\x00" + SQUARE, (8, 24)),
    (b"\x1dv0\x03\x01\x00\x18\x00" + SQUARE, (16, 48)),  # both doubled
    (b"\x1d(L\x22\x000p0\x01\x011\x08\x00\x18\x00" + SQUARE + b"\x1d(L\x02\x0002", (8, 24)),
    (b"\x1d8L\x22\x00\x00\x000p0\x02\x011\x08\x00\x18\x00" + SQUARE + b"\x1d(L\x02\x0002", (16, 24)),
    (b"\x1b*\x21\x08\x00" + SQUARE + b"\n", (8, 24)),
    (b"\x1b*\x00\x18\x00" + SQUARE + b"\n", (48, 24)),  # single density: dots 2 wide and 3 high
    (b"\x1ba\x02\x1dv0\x00\x01\x00\x18\x00" + SQUARE, (8, 24)),
]


@pytest.mark.parametrize(("stream", "size"), IMAGES, ids=[repr(stream[:8]) for stream, _ in IMAGES])
def test_an_image_is_drawn_dot_for_dot(stream: bytes, size: tuple[int, int]) -> None:
    picture = Image.open(io.BytesIO(printed(stream).png()))
    black = picture.point(lambda level: 255 if level == 0 else 0).getbbox()
    assert black is not None
    left, top, right, bottom = black
    assert (right - left, bottom - top) == size
    assert left == (drawing.MARGIN_DOTS if stream[:2] != b"\x1ba" else drawing.MARGIN_DOTS + 576 - 8)


STYLES = [
    b"\x1bE\x01",
    b"\x1b-\x02",
    b"\x1dB\x01",
    b"\x1d!\x11",
    b"\x1d!\x70",
    b"\x1bM\x01",
    b"\x1b!\xb9",
    b"\x1b \x05",
]


@pytest.mark.parametrize("style", STYLES, ids=repr)
def test_a_style_changes_how_text_looks_and_esc_at_ends_it(style: bytes) -> None:
    plain = printed(b"text\n").png()
    assert printed(style, b"text\n").png() != plain
    assert printed(style, INIT, b"text\n").png() == plain


@pytest.fixture
def no_cached_glyphs() -> Iterator[None]:
    def clear() -> None:
        glyphs._font.cache_clear()
        glyphs.cell_picture.cache_clear()

    clear()
    yield
    clear()


@pytest.mark.usefixtures("no_cached_glyphs")
def test_without_system_fonts_the_one_in_a_wheel_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    fonts = [path for path in glyphs.monospaced_fonts() if "site-packages" in path.parts]
    monkeypatch.setattr(glyphs, "monospaced_fonts", lambda: fonts)
    font, has_bold = glyphs._font(24, True)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert (font.getname(), has_bold) == (("DejaVu Sans Mono", "Book"), False)
    assert printed(b"\x1bE\x01Milk\n").png() != printed(b"Milk\n").png()


@pytest.mark.usefixtures("no_cached_glyphs")
def test_with_no_font_at_all_the_one_inside_pillow_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glyphs, "monospaced_fonts", list)
    assert has_black(printed(b"\x1bE\x01Milk WWW iii 1,20\n"))


def test_whatever_a_client_sends_can_be_drawn() -> None:
    noise = random.Random(3)
    for opcode in sorted(OPCODES.values()) * 3:
        parameters = bytes(noise.choices([0, 1, 2, 3, 8, 32, 48, 49, 67, 73, 80, 81, 112, 123, 255], k=8))
        assert printed(opcode + parameters, b"text \x95\xe9\n").png()


# status


def test_a_ready_printer_says_so_in_every_way_it_can(client: Client) -> None:
    assert [client.ask(question) for question in STATUS] == [b"\x12"] * 4
    assert client.ask(b"\x1dr\x01") == b"\x00"
    assert client.ask(b"\x1dIB", 7) == b"_EPSON\x00"
    assert client.ask(b"\x1dIC", 9) == b"_TM-T88V\x00"
    assert client.ask(b"\x1da\xff", 4) == b"\x10\x00\x00\x0f"


FAULTS = [
    # fault, DLE EOT 1 to 4, the four bytes of GS a
    ("paper_near_end", b"\x12\x12\x12\x1e", b"\x10\x00\x03\x0f"),
    ("paper_out", b"\x1a\x32\x12\x7e", b"\x18\x00\x0f\x0f"),
    ("open_cover", b"\x1a\x16\x12\x12", b"\x38\x00\x00\x0f"),
    ("cutter_jam", b"\x1a\x52\x1a\x12", b"\x18\x08\x00\x0f"),
]
REMEDIES = {
    "paper_out": "load_paper",
    "paper_near_end": "load_paper",
    "open_cover": "close_cover",
    "cutter_jam": "clear_error",
}


@pytest.mark.parametrize(("fault", "real_time", "automatic"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
def test_a_fault_is_pushed_and_answered_and_so_is_its_end(
    printer: SimulatedPrinter, client: Client, fault: str, real_time: bytes, automatic: bytes
) -> None:
    client.ask(b"\x1da\xff", 4)
    getattr(printer, fault)()
    assert client.receive(4) == automatic
    assert b"".join(client.ask(question) for question in STATUS) == real_time
    getattr(printer, REMEDIES[fault])()
    assert client.receive(4) == b"\x10\x00\x00\x0f"
    assert b"".join(client.ask(question) for question in STATUS) == b"\x12" * 4


def test_automatic_status_reports_only_the_chosen_items_and_ends_with_esc_at(
    printer: SimulatedPrinter, client: Client
) -> None:
    assert client.ask(b"\x1da\x08", 4) == b"\x10\x00\x00\x0f"  # paper only
    printer.open_cover()
    printer.close_cover()
    printer.paper_near_end()
    assert client.receive(4) == b"\x10\x00\x03\x0f"
    client.ask(INIT + PROCESS_ID, len(PROCESS_ID_REPLY))
    printer.load_paper()
    client.hears_nothing_before(STATUS[0], b"\x12")


def test_a_printer_without_process_ids_and_automatic_status_ignores_both() -> None:
    printer = SimulatedPrinter(has_process_id=False, has_asb=False)
    with printer, closing(Client(printer.serve_tcp())) as client:
        client.send(b"\x1da\xff" + PROCESS_ID)
        client.hears_nothing_before(b"\x1dr\x01", b"\x00")


def test_a_real_time_question_inside_an_image_is_answered_too(client: Client) -> None:
    assert client.ask(b"\x1dv0\x00\x04\x00\x01\x00\x00\x10\x04\x04") == b"\x12"


# stopping and going on


@pytest.mark.parametrize("fault", ["paper_out", "open_cover", "cutter_jam"])
def test_a_stopped_printer_keeps_the_job_and_prints_it_once_put_right(
    printer: SimulatedPrinter, client: Client, fault: str
) -> None:
    getattr(printer, fault)()
    client.send(INIT + b"one\ntwo\n" + CUT + PROCESS_ID)
    client.hears_nothing_before(STATUS[0], b"\x1a")  # offline, and the process id unanswered
    assert printer.receipts == []
    getattr(printer, REMEDIES[fault])()
    assert client.receive(len(PROCESS_ID_REPLY)) == PROCESS_ID_REPLY
    assert [receipt.lines for receipt in printer.receipts] == [["one", "two"]]


def test_paper_may_run_out_in_the_middle_of_a_receipt(printer: SimulatedPrinter, client: Client) -> None:
    printer.paper_out(after_lines=2)
    client.send(INIT + b"one\ntwo\nthree\n" + CUT + PROCESS_ID)
    assert printer.wait_until(lambda: printer.state()["paper"] == "out", TIMEOUT_S)
    assert printer.current.lines == ["one", "two"]
    assert client.ask(STATUS[3]) == b"\x7e"
    printer.load_paper()
    assert client.receive(len(PROCESS_ID_REPLY)) == PROCESS_ID_REPLY
    assert printer.receipts[0].lines == ["one", "two", "three"]


def test_a_process_id_waits_for_the_line_before_it(client: Client) -> None:
    client.send(INIT + b"no line feed yet" + PROCESS_ID)
    client.hears_nothing_before(STATUS[0], b"\x12")
    assert client.ask(b"\n", len(PROCESS_ID_REPLY)) == PROCESS_ID_REPLY


def test_a_process_id_cleared_with_its_data_is_never_answered(printer: SimulatedPrinter, client: Client) -> None:
    printer.paper_out()
    client.send(INIT + b"lost\n" + PROCESS_ID)
    client.send(b"\x10\x05\x02" + INIT + b"kept\n" + CUT)
    client.ask(STATUS[0])
    printer.load_paper()
    client.hears_nothing_before(b"\x1dr\x01", b"\x00")
    assert [receipt.lines for receipt in printer.receipts] == [["kept"]]


def test_dle_enq_1_goes_on_after_a_jam(printer: SimulatedPrinter, client: Client) -> None:
    printer.cutter_jam()
    client.send(b"one\n" + CUT + PROCESS_ID)
    assert client.ask(b"\x10\x05\x01", len(PROCESS_ID_REPLY)) == PROCESS_ID_REPLY
    assert printer.printed_total == 1


@pytest.mark.slow
def test_a_stopped_printer_stops_reading_when_its_buffer_is_full(printer: SimulatedPrinter, client: Client) -> None:
    printer.open_cover()
    client.socket.setblocking(False)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # all that is on its way is printed below
    line = b"x" * 40 + b"\n"
    sent = 0

    def somebody_takes_more() -> bool:
        return bool(select.select([], [client.socket], [], 0.1)[1])

    while somebody_takes_more() or printer.state()["waiting_bytes"] < BUFFER_BYTES:
        with contextlib.suppress(BlockingIOError):
            sent += client.socket.send((line * 1000)[sent % len(line) :])
    assert printer.state()["waiting_bytes"] < 2 * BUFFER_BYTES
    printer.close_cover()
    assert printer.wait_until(lambda: len(printer.current.lines) == sent // len(line) % LONGEST_PIECE, TIMEOUT_S)


# faults of the wire


def test_unplugging_drops_the_client_and_loses_what_was_not_printed(printer: SimulatedPrinter) -> None:
    port = printer.serve_tcp()
    printer.paper_out()
    with closing(Client(port)) as client:
        client.send(INIT + b"\x1bE\x01lost\n" + CUT + b"\x1dv0\x00\x48\x00half an image")
        client.ask(STATUS[0])
        printer.unplug()
        assert client.socket.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        Client(port)
    printer.load_paper()
    printer.plug()
    with closing(Client(port)) as client:
        client.ask(b"kept\n" + CUT + PROCESS_ID, len(PROCESS_ID_REPLY))
    assert [receipt.lines for receipt in printer.receipts] == [["kept"]]


def test_a_second_client_waits_for_the_first_to_leave(printer: SimulatedPrinter) -> None:
    port = printer.serve_tcp()
    with closing(Client(port)) as first, closing(Client(port)) as second:
        second.send(b"second\n" + STATUS[0])
        assert first.ask(b"first\n" + STATUS[3]) == b"\x12"
        assert printer.current.lines == ["first"]
        first.close()
        assert second.receive(1) == b"\x12"
        assert printer.wait_until(lambda: printer.current.lines == ["first", "second"], TIMEOUT_S)


def test_a_silent_printer_prints_and_says_nothing(printer: SimulatedPrinter, client: Client) -> None:
    printer.silence()
    client.send(b"one\n" + CUT + PROCESS_ID + STATUS[0])
    assert printer.wait_until(lambda: printer.printed_total == 1, TIMEOUT_S)
    printer.silence(False)
    client.hears_nothing_before(b"\x1dr\x01", b"\x00")


def test_garbage_replies_have_every_bit_wrong(printer: SimulatedPrinter, client: Client) -> None:
    printer.garbage_replies()
    assert client.ask(STATUS[0]) == b"\xed"
    printer.garbage_replies(False)
    assert client.ask(STATUS[0]) == b"\x12"


def test_a_stalled_printer_takes_no_bytes_until_it_goes_on(printer: SimulatedPrinter, client: Client) -> None:
    client.ask(STATUS[0])
    printer.stall()
    client.send(b"one\n" + CUT + STATUS[0])
    assert not select.select([client.socket], [], [], 0.1)[0]
    assert printer.state()["waiting_bytes"] == 0
    printer.stall(False)
    assert client.receive(1) == b"\x12"
    assert printer.wait_until(lambda: printer.printed_total == 1, TIMEOUT_S)


def test_a_port_in_use_is_one_clear_sentence(printer: SimulatedPrinter) -> None:
    port = printer.serve_tcp()
    with SimulatedPrinter() as other, pytest.raises(DeviceBusy, match=f"listens on port {port}") as refused:
        other.serve_tcp(port=port)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("command", "kicks"),
    [
        (b"\x1bp\x00\x19\xfa", 1),
        (b"\x1bp1\x19\xfa", 1),
        (b"\x1bp\x07\x19\xfa", 0),  # no such pin
        (b"\x10\x14\x01\x00\x05", 1),
        (b"\x1d(D\x03\x00\x14\x01\x00" + PROCESS_ID, 0),  # real-time pulses switched off
    ],
    ids=repr,
)
def test_the_drawer_opens(printer: SimulatedPrinter, client: Client, command: bytes, kicks: int) -> None:
    if PROCESS_ID in command:
        client.ask(command, len(PROCESS_ID_REPLY))
        command = b"\x10\x14\x01\x00\x05"
    client.ask(command + b"\x1dr\x01")
    assert printer.drawer_kicks == kicks == printer.state()["drawer_kicks"]


def test_changes_are_told_outside_the_lock() -> None:
    heard = threading.Event()
    seen: list[object] = []

    def on_change() -> None:
        # Asking from another thread would hang if the printer called with its lock held.
        asking = threading.Thread(target=lambda: seen.append(printer.state()["paper"]))
        asking.start()
        asking.join(TIMEOUT_S)
        heard.set()

    with SimulatedPrinter(on_change=on_change) as printer:
        printer.paper_near_end()
        assert heard.wait(TIMEOUT_S)
    assert seen == ["near end"]


def test_a_client_that_never_cuts_does_not_fill_the_memory(printer: SimulatedPrinter, client: Client) -> None:
    client.send(b"\n" * (LONGEST_PIECE + 7) + b"\x1dr\x01")
    client.receive(1)
    assert len(printer.current.lines) == 7
    assert [receipt.was_cut for receipt in printer.receipts] == [False]
    assert printer.printed_total == 0


# pseudo-terminal


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_pseudo_terminal_keeps_its_path_when_unplugged_and_plugged(printer: SimulatedPrinter) -> None:
    path = printer.serve_pty()
    for text in (b"one", b"two"):
        terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
        os.write(terminal, text + b"\r\n" + CUT + PROCESS_ID)
        reply = b""
        while len(reply) < len(PROCESS_ID_REPLY):
            assert select.select([terminal], [], [], TIMEOUT_S)[0]
            reply += os.read(terminal, 64)
        assert reply == PROCESS_ID_REPLY
        printer.unplug()
        assert not Path(path).exists()
        os.close(terminal)
        printer.plug()
    assert [receipt.lines for receipt in printer.receipts] == [["one"], ["two"]]
    printer.close()
    assert not Path(path).parent.exists()


# a client that knows nothing of us


@pytest.mark.filterwarnings("default")  # python-escpos warns on import and leaves files open
def test_python_escpos_prints_text_a_qr_code_and_cuts(printer: SimulatedPrinter) -> None:
    from escpos.printer import Network

    till = Network("127.0.0.1", port=printer.serve_tcp(), timeout=TIMEOUT_S, profile="TM-T88V")
    till.open()
    assert till.is_online()
    till.set(align="center", bold=True)
    till.text("Café crème 5.00 €\n")
    till.qr("https://example.org/r/42", size=6, native=True)
    till.text("\n")
    till.barcode("{BT1-42", "CODE128", function_type="B")
    till.image(Image.new("1", (80, 40)))
    till.cut()
    assert printer.wait_until(lambda: printer.printed_total == 1, TIMEOUT_S)
    assert till.paper_status() == 2
    till.close()
    [receipt] = printer.receipts
    assert receipt.lines[0] == "Café crème 5.00 €"
    assert codes_on(receipt) == [("Code128", "T1-42"), ("QRCode", "https://example.org/r/42")]


# Macros.


def said(*pieces: bytes, **options: bool) -> tuple[bytes, list[str]]:
    with SimulatedPrinter(**options) as printer:
        end = printer.attach()
        for piece in pieces:
            if piece == b"":
                printer.power_cycle(drops_connection=False)
            end.write(piece)
        return end.read(), [line for line in printer.current.lines if line]


@pytest.mark.parametrize(
    ("pieces", "answer", "lines"),
    [
        ([b"\x1d:Hello\n\x1d:"], b"", ["Hello"]),  # what is defined is obeyed meanwhile
        ([b"\x1d:Hello\n\x1d:\x1d^\x02\x00\x00"], b"", ["Hello"] * 3),
        ([b"\x1d:\x1dr\x01\x1d:", b"\x1d^\x01\x00\x00"], b"\x00\x00", []),
        ([b"\x1d:Hello\n\x1d:\x1b@\x1d^\x01\x00\x00"], b"", ["Hello"] * 2),  # ESC @ clears nothing
        ([b"\x1d:Hello\n\x1d:", b"", b"\x1d^\x01\x00\x00"], b"", ["Hello"]),  # the power switch does
        ([b"\x1d:Hello\n\x1d^\x01\x00\x00", b"\x1d^\x01\x00\x00"], b"", ["Hello"]),  # GS ^ within a definition does
        (
            [b"\x1d:Hello\n\x1d^\x00\x00\x00Dear\n\x1d:Sir\n\x1d:\x1d^\x01\x00\x00"],
            b"",
            ["Hello", "Dear", "Sir", "Sir"],
        ),
        ([b"\x1d:Hello\n\x1d:\x1d:\x1d:\x1d^\x01\x00\x00"], b"", ["Hello"]),  # nothing between the two: no macro
        ([b"\x1d:Hello\n\x1d:\x1d^\x00\x00\x00"], b"", ["Hello"]),
        ([b"\x1d^\x01\x00\x00Hello\n"], b"", ["Hello"]),
        ([b"\x1d:" + b"Row\n" * 600 + b"\x1d:\x1d^\x01\x00\x00"], b"", ["Row"] * (600 + 512)),  # 2048 bytes are kept
        ([b"\x1d:Hello\n\x1d:\x1d^\x02", b"\x00", b"\x00Bye\n"], b"", ["Hello"] * 3 + ["Bye"]),
    ],
)
def test_a_macro_is_kept_until_the_power_goes(pieces: list[bytes], answer: bytes, lines: list[str]) -> None:
    assert said(*pieces) == (answer, lines)


def test_a_printer_without_macros_takes_them_for_letters() -> None:
    assert said(b"\x1d:Hello\n\x1d^\x01\x00\x00\n", has_macros=False) == (b"", [":Hello", "^"])
