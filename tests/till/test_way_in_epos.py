"""A till that prints to an Epson's web service prints here: on the same paper, with the same answers."""

from __future__ import annotations

import base64
import re
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from epson_tills import NS, PAGE, PATH, EpsonTill, response
from src.epos.constants import Align, Font, Lang  # the client ePos-Print-XML, whose wheel puts it there
from src.epos.document import EposDocument
from src.epos.elements import Feed, Image, Text
from src.epos.printer import Printer as EposClient

from drivers.escpos import Profile
from drivers.simulated.pieces import BarCode, Characters, Line, Pdf417, Picture, Qr
from drivers.simulated.printer import PrintedReceipt, SimulatedPrinter
from pos_plugin.ways_in.epos import elements
from pos_plugin.ways_in.epos.elements import Item
from pos_plugin.ways_in.epos.encoding import encoded
from tests.waiting import LONG_S, until


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EpsonTill]:
    """For what leaves the printer as it was."""
    with SimulatedPrinter() as far:
        till = EpsonTill(tmp_path_factory.mktemp("epos") / "till", far)
        assert till.send("<feed/><cut/>").success
        yield till
        till.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[EpsonTill]:
    """For what goes wrong with the printer."""
    with SimulatedPrinter() as far:
        till = EpsonTill(tmp_path / "till", far)
        yield till
        far.slow_down()
        till.close()


def looks(paper: PrintedReceipt) -> dict[str, Characters]:
    """The words on a paper, with how each looks."""
    parts = [part for item in paper.printed if isinstance(item, Line) for part in item.parts]
    return {part.text.strip(): part for part in parts if isinstance(part, Characters)}


# -- what is printed


def test_text_goes_on_in_its_line_until_the_line_ends(shared: EpsonTill) -> None:
    paper = shared.paper(
        "<text>Tea    </text><text em='true'>3.50</text><text>&#10;Bun&#10;&#10;</text><text>Total 3.50</text>"
    )
    assert [line.rstrip() for line in paper.lines] == ["Tea    3.50", "Bun", "", "Total 3.50"]
    seen = looks(paper)
    assert seen["3.50"].style.bold
    assert not seen["Tea"].style.bold


def test_an_attribute_holds_until_another_is_given(shared: EpsonTill) -> None:
    paper = shared.paper(
        '<text width="2" height="3" font="font_b" reverse="1" ul="true"/><text>BIG&#10;</text>'
        '<text dw="false" dh="false" reverse="0" ul="false" font="font_a">small&#10;</text>'
    )
    seen = looks(paper)
    big, small = seen["BIG"].style, seen["small"].style
    assert (big.width, big.height, big.cell, big.inverted, bool(big.underline)) == (2, 3, (9, 17), True, True)
    assert (small.width, small.height, small.cell, small.inverted, bool(small.underline)) == (
        1,
        1,
        (12, 24),
        False,
        False,
    )


def test_text_stands_where_it_is_told_to(shared: EpsonTill) -> None:
    paper = shared.paper(
        '<text align="center"/><text>middle&#10;</text><text align="right">end&#10;</text>'
        '<text align="left">a<!-- --></text><text x="300">b&#10;</text><text rotate="true">over&#10;</text>'
    )
    lines = {line.text.strip(): line for line in paper.printed if isinstance(line, Line)}
    assert (lines["middle"].area.align, lines["end"].area.align) == (1, 2)
    assert lines["over"].area.upside_down
    assert [part.x for part in lines[next(text for text in lines if text.startswith("a"))].parts] == [0, 300]


def test_every_script_comes_out(shared: EpsonTill) -> None:
    paper = shared.paper(
        "<text lang='tr'>Hoş geldiniz, ığdır&#10;</text>"
        "<text>Добро 12,50 €&#10;</text><text>אבג</text><text em='1'> x&#10;</text>"
    )
    assert [line.rstrip() for line in paper.lines] == ["Hoş geldiniz, ığdır", "Добро 12,50 €", "גבא x"]
    thai = shared.paper("<text>ยินดีต้อนรับ&#10;</text><text>plain&#10;</text>")
    assert len([line for line in thai.printed if isinstance(line, Line)]) >= 2
    assert "plain" in thai.lines


def test_letters_that_must_be_drawn_leave_the_rest_of_their_line_where_it_is() -> None:
    """On a printer that draws whole lines only, the nearest letters stand in within a line of several parts."""
    drawer = Profile("draws whole lines", 42, {}, has_raster=True)
    alone = encoded([Item(elements.Text(), "ยินดี\n")], drawer, 42)
    beside = encoded([Item(elements.Text(), "ยินดี"), Item(elements.Text(em=True), " x\n")], drawer, 42)
    assert b"\x1dv0" in alone
    assert b"\x1dv0" not in beside
    assert beside.count(b"\n") == 1
    assert beside.index(b" x") < beside.index(b"\n")


def test_feeds_are_in_lines_or_dots(shared: EpsonTill) -> None:
    def length(inside: str) -> int:
        from drivers.simulated.pieces import advance_dots

        return sum(advance_dots(one) for one in shared.paper(inside).printed)

    empty = length("<text>a&#10;</text>")
    assert length('<text>a&#10;</text><feed unit="100"/>') == empty + 100
    assert length('<text>a</text><feed unit="100"/>') == empty + 70  # from the line that it ends
    assert length("<text>a</text><feed/>") == empty
    assert length('<text>a&#10;</text><feed linespc="50" line="3"/>') == empty + 150
    assert length('<text>a</text><feed line="0"/>') == empty


ROWS = bytes.fromhex("ff00 8001 8001 ff00")


def test_a_picture_comes_out_dot_for_dot(shared: EpsonTill) -> None:
    paper = shared.paper(
        f'<image width="16" height="4" align="center" color="color_1">{base64.b64encode(ROWS).decode()}</image>'
    )
    (picture,) = (item for item in paper.printed if isinstance(item, Picture))
    assert (picture.dots.width, picture.dots.height, picture.dots.rows, picture.area.align) == (16, 4, ROWS, 1)


def test_a_grey_picture_becomes_dots(shared: EpsonTill) -> None:
    rows = (b"\x00" * 4 + b"\xff" * 4) * 8  # eight black dots, eight white ones
    paper = shared.paper(f'<image width="16" height="8" mode="gray16">{base64.b64encode(rows).decode()}</image>')
    (picture,) = (item for item in paper.printed if isinstance(item, Picture))
    assert picture.dots.rows == b"\xff\x00" * 8


def test_a_picture_whose_rows_are_not_whole_bytes_is_taken_as_odoo_packs_it(shared: EpsonTill) -> None:
    """Odoo puts the bits of one row right behind those of the row before; the manual ends each row with its byte."""
    bits = "1111000001" + "1000000001" + "0000011111"
    packed = int(bits.ljust(32, "0"), 2).to_bytes(4, "big")
    whole = b"".join(int(bits[at : at + 10].ljust(16, "0"), 2).to_bytes(2, "big") for at in (0, 10, 20))
    for data in (packed, whole):
        paper = shared.paper(f'<image width="10" height="3">{base64.b64encode(data).decode()}</image>')
        (picture,) = (item for item in paper.printed if isinstance(item, Picture))
        assert picture.dots.rows == whole


def test_a_picture_that_is_wider_than_the_paper_is_made_smaller(shared: EpsonTill) -> None:
    width = 1024
    paper = shared.paper(
        f'<image width="{width}" height="64">{base64.b64encode(bytes([255]) * (width // 8) * 64).decode()}</image>'
    )
    (picture,) = (item for item in paper.printed if isinstance(item, Picture))
    assert picture.dots.width <= paper.width_dots
    assert picture.dots.height == round(64 * picture.dots.width / width)
    assert set(picture.dots.rows) == {255}


def test_codes_are_the_printers_own(shared: EpsonTill) -> None:
    paper = shared.paper(
        '<symbol type="qrcode_model_2" level="level_q" width="6">https://example.com/é</symbol>'
        '<symbol type="pdf417_standard" width="2">PDF \\\\ 417</symbol>'
        '<barcode type="code128" hri="below" width="2" height="60">{BNo.12</barcode>'
        '<barcode type="ean13" hri="none" font="font_b">2900000000018</barcode>'
        '<barcode type="code39">A-1</barcode>'
    )
    qr = next(item for item in paper.printed if isinstance(item, Qr))
    assert (qr.data, qr.module_dots, qr.level) == ("https://example.com/é".encode(), 6, "Q")
    assert next(item for item in paper.printed if isinstance(item, Pdf417)).data == b"PDF \\ 417"
    bars = [item for item in paper.printed if isinstance(item, BarCode)]
    assert [(one.data, one.module_dots, one.height_dots, one.text_position) for one in bars] == [
        (b"{BNo.12", 2, 60, 2),
        (b"2900000000018", 3, 162, 0),
        (b"A-1", 3, 162, 0),
    ]


@pytest.mark.parametrize(
    "code",
    [
        '<barcode type="ean13">29000X0000018</barcode>',
        '<barcode type="itf">123</barcode>',  # an odd number of digits
        '<symbol type="azteccode_compact">29000X0000018</symbol>',  # of which no profile knows
    ],
)
def test_a_code_that_cannot_be_is_printed_as_words(shared: EpsonTill, code: str) -> None:
    assert re.sub("<[^>]*>", "", code) in shared.paper(code).lines


def test_rules_are_drawn_and_labels_and_vertical_lines_left_out(shared: EpsonTill) -> None:
    paper = shared.paper(
        '<layout type="receipt" width="800" margin-top="-10"/><vline-begin x="10"/><hline x1="8" x2="23"/>'
        '<vline-end x="10"/><feed pos="current_tof"/><logo key1="48" key2="48"/>'
    )
    (rule,) = (item for item in paper.printed if isinstance(item, Picture))
    assert rule.dots.rows[:3] == b"\x00\xff\xff"


def test_a_command_goes_to_the_printer_as_it_is(shared: EpsonTill) -> None:
    assert (
        shared.paper("<text>a</text><command>1b4501</command><text>b</text><command>1b45000A</command>").lines[0]
        == "ab"
    )


def test_a_cut_without_feed_cuts_and_one_paper_follows_another(shared: EpsonTill) -> None:
    before = shared.far.printed_total
    assert shared.send("<text>one&#10;</text><cut/><text>two</text><cut type='no_feed'/><text>three</text>").success
    assert shared.far.printed_total == before + 2
    assert [one.lines[0] for one in shared.far.receipts[-2:]] == ["one", "two"]
    assert shared.far.current.lines == ["three"]
    assert shared.send("<cut type='reserve'/>").success


def test_a_request_without_an_envelope_is_printed_and_other_namespaces_of_epson_too(shared: EpsonTill) -> None:
    for namespace in (NS, NS.replace("2011/03", "2012/06")):
        before = shared.far.printed_total
        assert shared.post(f'<epos-print xmlns="{namespace}"><text>x</text><cut/></epos-print>').success
        assert shared.far.printed_total == before + 1


def test_the_next_job_finds_nothing_of_the_looks_before(shared: EpsonTill) -> None:
    """Not even one that does not begin with a reset."""
    shared.paper('<text em="1" width="4" ul="1" align="right" linespc="80" rotate="true" font="font_b">x</text>')
    shared.terminal.printer.print_for_host(b"y\n\x1dVB\x00")
    (line, *_) = (item for item in shared.far.receipts[-1].printed if isinstance(item, Line))
    style = looks(shared.far.receipts[-1])["y"].style
    assert (style.bold, style.width, style.underline, style.cell) == (False, 1, 0, (12, 24))
    assert (line.area.align, line.area.upside_down, line.advance) == (0, False, 30)


# -- clients of others, as they are


def test_odoo_prints_a_receipt_and_opens_the_drawer(shared: EpsonTill) -> None:
    """addons/pos_epson_printer: a picture of 512 dots as a string body, which a browser sends as text/plain."""
    dots = base64.b64encode(bytes(range(64)) * 20).decode()
    envelope = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>\n'
        f'<epos-print xmlns="{NS}">%s</epos-print>\n</s:Body></s:Envelope>'
    )
    job = envelope % f'<image  width="512" height="20" align="center">{dots}</image><cut  type="feed"/>'
    before, kicks = shared.far.printed_total, shared.far.drawer_kicks
    answer = shared.http.post(
        f"{PATH}?devid=local_printer", content=job, headers={"Content-Type": "text/plain;charset=UTF-8"}
    )
    said = response(answer.text)
    assert (said.success, said.code) == (True, "")
    assert shared.far.printed_total == before + 1
    (picture,) = (item for item in shared.far.receipts[-1].printed if isinstance(item, Picture))
    assert (picture.dots.width, picture.dots.height) == (512, 20)
    assert response(shared.http.post(f"{PATH}?devid=local_printer", content=envelope % "<pulse/>").text).success
    assert shared.far.wait_until(lambda: shared.far.drawer_kicks == kicks + 1)


def test_epsons_javascript_connects_and_asks_for_the_state(shared: EpsonTill) -> None:
    """epos-2.x.js probes the printer and the display with empty requests; the display may be missing."""
    headers = {
        "Content-Type": "text/xml; charset=utf-8",
        "If-Modified-Since": "Thu, 01 Jun 1970 00:00:00 GMT",
        "SOAPAction": '""',
    }
    soap = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%s</s:Body></s:Envelope>'
    before = shared.far.printed_total, shared.far.current.printed
    asked = shared.http.post(
        f"{PATH}?devid=local_printer&timeout=10000",
        content=soap % f'<epos-print xmlns="{NS}"></epos-print>',
        headers=headers,
    )
    said = response(asked.text)
    assert (said.success, said.code) == (True, "")
    assert not said.says(0x1 | 0x8 | 0x20 | 0x80000)
    display = soap % '<epos-display xmlns="http://www.epson-pos.com/schemas/2012/09/epos-display"></epos-display>'
    shown = shared.http.post(
        "/cgi-bin/eposDisp/service.cgi?devid=local_display&timeout=10000", content=display, headers=headers
    )
    assert shown.status_code == 200
    assert 'code="EDSP_NOT_FOUND"' in shown.text
    assert (shared.far.printed_total, shared.far.current.printed) == before


def test_the_pages_of_the_till_may_print_and_no_others(shared: EpsonTill) -> None:
    """What a browser asks first, for the headers of Epson's JavaScript; and what it does not ask first, as Odoo sends it."""
    job = f'<epos-print xmlns="{NS}"><text>x</text><cut/></epos-print>'
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true"}
    wanted = {"content-type", "if-modified-since", "soapaction"}
    allowed = shared.http.options(PATH, headers={"Origin": PAGE, **asked})
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == PAGE
    assert wanted <= set(allowed.headers["access-control-allow-headers"].split(", "))
    assert shared.http.options(PATH, headers={"Origin": "https://evil.example", **asked}).status_code == 403
    before = shared.far.printed_total
    for origin, printed in (("https://evil.example", 0), (PAGE, 1)):
        answer = shared.http.post(f"{PATH}?devid=local_printer", content=job, headers={"Origin": origin})
        assert (answer.status_code == 200) == bool(printed)
        assert shared.far.printed_total == before + printed


@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
def test_the_client_of_the_package_index_prints(shared: EpsonTill) -> None:
    client = EposClient(shared.door.url.removeprefix("http://"), request_timeout=10)
    assert client.printer_ready()
    document = EposDocument()
    document.add_body(Text("Corner Shop\n", align=Align.CENTER, width=2, height=2, bold=True, lang=Lang.DE))
    document.add_body(Text("Käse  2,30 €\n", font=Font.A, width=1, height=1, bold=False, x=24))
    document.add_body(Feed(2))
    document.add_body(Image(16, 4, base64.b64encode(ROWS).decode()))
    answer = client.print(document)
    assert (answer.success, answer.code) == (True, "")
    assert "Printing is succssfully completed" in answer.status_msg()  # its own spelling
    paper = shared.far.receipts[-1]
    assert [line.strip() for line in paper.lines][:2] == ["Corner Shop", "Käse  2,30 €"]
    assert looks(paper)["Corner Shop"].style.width == 2


# -- answers


def test_what_was_printed_has_the_bit_and_the_drawers_pin(shared: EpsonTill) -> None:
    said = shared.send("<text>x</text><cut/>")
    assert (said.success, said.code, said.says(0x2), said.says(0x1 | 0x8)) == (True, "", True, False)


@pytest.mark.parametrize(
    ("harm", "code", "bits"),
    [
        (SimulatedPrinter.open_cover, "EPTR_COVER_OPEN", 0x8 | 0x20),
        (SimulatedPrinter.paper_out, "EPTR_REC_EMPTY", 0x8 | 0x80000),
        (SimulatedPrinter.unrecoverable_error, "EPTR_UNRECOVERABLE", 0x8 | 0x2000),
        (SimulatedPrinter.unplug, "EX_BADPORT", 0x1),
    ],
)
def test_a_printer_that_cannot_print_gets_nothing_and_says_why(
    alone: EpsonTill, harm: Callable[[SimulatedPrinter], None], code: str, bits: int
) -> None:
    before = alone.far.printed_total
    harm(alone.far)
    said = alone.send("<text>Tea</text><cut/>")
    assert (said.success, said.code) == (False, code)
    assert said.status & bits == bits
    assert not said.says(0x2)
    assert (alone.far.printed_total, alone.far.current.lines) == (before, [])


def test_the_state_is_that_of_the_printer_without_printing(alone: EpsonTill) -> None:
    alone.far.paper_near_end()
    said = alone.send("")
    assert (said.success, said.says(0x20000), said.says(0x2)) == (True, True, False)
    alone.far.open_cover()
    said = alone.send("<recovery/><reset/>")
    assert (said.success, said.code, said.says(0x8), said.says(0x20)) == (False, "EPTR_COVER_OPEN", True, True)
    alone.far.close_cover()
    assert alone.send("").success
    alone.far.open_drawer()
    assert alone.send("").says(0x4)
    alone.far.unplug()
    said = alone.send("")
    assert (said.success, said.code, said.status) == (False, "EX_BADPORT", 0x1)


def test_paper_that_ends_within_a_receipt_is_no_success(alone: EpsonTill) -> None:
    alone.far.paper_out(after_lines=3)
    said = alone.send("<text>" + "Tea&#10;" * 20 + "</text><cut/>")
    assert (said.success, said.code, said.says(0x2), said.says(0x80000)) == (False, "EPTR_REC_EMPTY", False, True)


def test_the_drawer_opens_without_paper(alone: EpsonTill) -> None:
    alone.far.paper_out()
    assert alone.send("").says(0x80000)
    assert alone.send('<pulse drawer="drawer_1" time="pulse_200"/>').success
    assert alone.far.wait_until(lambda: alone.far.drawer_kicks == 1)


def test_another_device_is_not_found(shared: EpsonTill) -> None:
    before = shared.far.printed_total
    for devid in ("local_display", "", "LOCAL_PRINTER", "%00<x>"):
        said = shared.send("<text>x</text><cut/>", devid=devid)
        assert (said.success, said.code) == (False, "DeviceNotFound")
    assert shared.far.printed_total == before


def test_a_till_without_a_printer_has_no_such_device(tmp_path: Path) -> None:
    with SimulatedPrinter() as far:
        till = EpsonTill(tmp_path / "till", far, printer={"address": ""})
        assert till.send("<text>x</text>").code == "DeviceNotFound"
        till.close()


def test_a_printer_that_can_never_answer_has_printed_once_it_took_all(tmp_path: Path) -> None:
    with SimulatedPrinter() as far:
        till = EpsonTill(tmp_path / "till", far, printer={"answers": False})
        assert till.send("").success
        assert till.send("<text>x</text><cut/>").success
        assert far.wait_until(lambda: far.printed_total == 1)
        till.close()


def test_a_job_that_was_named_is_asked_for_by_its_name(shared: EpsonTill) -> None:
    said = shared.send("<text>x</text><cut/>", job="ABC-1.2_3")
    assert (said.success, said.printjobid) == (True, "ABC-1.2_3")
    before = shared.far.printed_total
    assert shared.send("", job="ABC-1.2_3") == said
    assert shared.send("", job="ABC-2").code == "JobNotFound"
    assert shared.far.printed_total == before


def test_the_header_may_name_device_and_timeout(shared: EpsonTill) -> None:
    body = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>'
        f'<parameter xmlns="{NS}"><devid>local_printer</devid><timeout>60000</timeout><printjobid>a&lt;b</printjobid></parameter>'
        f'</s:Header><s:Body><epos-print xmlns="{NS}"><text>x</text><cut/></epos-print></s:Body></s:Envelope>'
    )
    assert shared.post(body, "") == shared.post(body, "")._replace(printjobid="a<b")


# -- time, and many at once


def test_a_job_that_has_not_begun_in_its_senders_time_is_never_printed(alone: EpsonTill) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def busy() -> None:
        begun.set()
        go_on.wait(LONG_S)

    with ThreadPoolExecutor(1) as others:
        other = others.submit(alone.terminal.printer.errands.ask, busy, begins_within_s=LONG_S)
        assert begun.wait(LONG_S)
        said = alone.send("<text>late</text><cut/>", timeout=1200)
        assert not other.done()  # it was not waited for
        assert (said.success, said.code, said.says(0x2)) == (False, "EX_TIMEOUT", False)
        go_on.set()
        other.result(LONG_S)
    assert alone.send("<text>in time</text><cut/>").success
    assert [paper.lines for paper in alone.far.receipts] == [["in time"]]


@pytest.mark.slow
def test_a_print_that_lasts_longer_than_its_sender_waits_goes_on_and_its_name_tells(alone: EpsonTill) -> None:
    assert alone.send("<feed/><cut/>").success
    alone.far.slow_down(bytes_per_s=100)
    said = alone.send("<text>" + "Tea&#10;" * 300 + "</text><cut/>", job="long", timeout=5000)
    assert (said.success, said.code, said.says(0x2)) == (False, "PrintSystemError", False)
    assert alone.send("", job="long").code == "Printing"
    alone.far.slow_down()
    until(lambda: alone.send("", job="long").success)
    assert alone.far.receipts[-1].lines == ["Tea"] * 300
    assert alone.far.printed_total == 2


def test_eight_tills_at_once_get_their_papers_whole_and_in_order(alone: EpsonTill) -> None:
    def sells(till: int) -> list[bool]:
        return [
            alone.send(
                f"<text>till {till}&#10;sale {sale}&#10;</text><feed/><text>end {till}/{sale}</text><cut/>"
            ).success
            for sale in range(4)
        ]

    with ThreadPoolExecutor(8) as tills:
        assert all(all(done) for done in tills.map(sells, range(8)))
    papers = [[line for line in paper.lines if line] for paper in alone.far.receipts]
    assert len(papers) == 32
    for till in range(8):
        mine = [paper for paper in papers if paper[0] == f"till {till}"]
        assert mine == [[f"till {till}", f"sale {sale}", f"end {till}/{sale}"] for sale in range(4)]
