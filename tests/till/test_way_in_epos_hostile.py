"""Requests that nobody should send: each is refused whole and answered in Epson's words, and nothing of it is printed."""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from xml.sax.saxutils import quoteattr

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from drivers.escpos import Profile, profile
from drivers.escpos.parser import Incomplete, Oversized, Parser, Unknown
from drivers.escpos.raster import begins_real_time
from drivers.status import PrinterStatus
from drivers.verdict import PRINTED, Verdict
from pos_plugin.config import Config, DoorSettings
from pos_plugin.serving.server import WebServer
from pos_plugin.ways_in.door import Door
from pos_plugin.ways_in.epos import elements
from pos_plugin.ways_in.epos.app import PATH, app
from pos_plugin.ways_in.epos.elements import SchemaError
from pos_plugin.ways_in.epos.encoding import encoded
from pos_plugin.ways_in.epos.request import read_request

NS = "http://www.epson-pos.com/schemas/2011/03/epos-print"
ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%s</s:Body></s:Envelope>'
PRINTERS = [
    profile("default"),
    profile("TM-T88V"),
    Profile("letters only", 32, {}, has_cutter=False, has_qr_code=False, has_barcode=False),
    Profile("bands", 42, {"cp437": 0}, has_qr_code=False, has_barcode=False, has_column_image=True),
]


class Spooler:
    status = PrinterStatus(True, "ok", False, "")


class FakePrinter:
    """It takes everything; what it took is in `printed`."""

    def __init__(self) -> None:
        self.spooler = Spooler()
        self.printed: list[bytes] = []

    def print_for_host(self, data: bytes, *, begins_within_s: float) -> Verdict:
        self.printed.append(data)
        return PRINTED

    def look(self) -> PrinterStatus:
        return self.spooler.status


class FakeTerminal:
    def __init__(self) -> None:
        self.config = Config()
        self.printer = FakePrinter()
        self.store = SimpleNamespace(folder=Path("a folder that is not there"))

    def clock(self) -> datetime:
        return datetime(2026, 11, 21, 17, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def terminal() -> FakeTerminal:
    return FakeTerminal()


@pytest.fixture(scope="module")
def client(terminal: FakeTerminal) -> Iterator[httpx.Client]:
    """Behind no door: what a door lets through is what is asked here."""
    with (
        WebServer(app(terminal), 0, "127.0.0.1") as server,  # type: ignore[arg-type]
        httpx.Client(base_url=server.url, timeout=10, trust_env=False) as one,
    ):
        yield one


def posted(client: httpx.Client, body: bytes | str) -> dict[str, str]:
    """The attributes of a response that is well-formed, whatever was asked."""
    import xml.etree.ElementTree as ET

    answer = client.post(f"{PATH}?devid=local_printer&timeout=10000", content=body)
    assert answer.status_code == 200
    (found,) = [one for one in ET.fromstring(answer.content).iter() if one.tag.endswith("}response")]
    assert set(found.attrib) == {"success", "code", "status", "battery"}
    assert ".py" not in answer.text
    return dict(found.attrib)


def job(inside: str) -> str:
    return ENVELOPE % f'<epos-print xmlns="{NS}"><text>Tea</text>{inside}</epos-print>'


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
)

REFUSED = {
    "no XML": b"devid=local_printer",
    "nothing at all": b"",
    "an end that is missing": job("").removesuffix("</s:Envelope>"),
    "an entity of entities": BOMB + job("<text>&j;</text>"),
    "a file of this machine": '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + job("<text>&f;</text>"),
    "a document type that fetches": '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">' + job(""),
    "an entity that nobody declared": job("<text>&nbsp;</text>"),
    "bytes that are no UTF-8": job("<text>x</text>").encode().replace(b">x<", b">\xff\xfe<"),
    "an encoding that does not exist": '<?xml version="1.0" encoding="klingon"?>' + job(""),
    "an encoding of several bytes": b'<?xml version="1.0" encoding="shift_jis"?>' + job("").encode(),
    "a control character": job("<text>\x10\x05\x02</text>"),
    "a control character by number": job("<text>&#16;</text>"),
    "a hundred thousand elements": job('<text em="true"/>' * 100_000),
    "elements within elements": job("<text>" * 5_000 + "</text>" * 5_000),
    "another service's envelope": ENVELOPE % '<GetPrice xmlns="http://example.com"/>',
    "two requests in one": ENVELOPE % (f'<epos-print xmlns="{NS}"/>' * 2),
    "an empty body": ENVELOPE % "",
    "a request of another namespace": ENVELOPE % '<epos-print xmlns="http://example.com"><text>Tea</text></epos-print>',
    "an element of another namespace": job('<text xmlns="http://example.com">x</text>'),
    "words between elements": job("stray"),
    "an element in another": job("<text>a<feed/></text>"),
    "an element that does not exist": job("<blink>x</blink>"),
    "an attribute that does not exist": job('<text size="2">x</text>'),
    "an attribute of another namespace": job(f'<text xmlns:p="{NS}" p:em="true">x</text>'),
    "a width that no letter has": job('<text width="9">x</text>'),
    "a number that is none": job('<text width="two">x</text>'),
    "a truth that is none": job('<text em="maybe">x</text>'),
    "an alignment that is none": job('<text align="justify">x</text>'),
    "a font that is none": job('<text font="font_z">x</text>'),
    "a feed of 256 lines": job('<feed line="256"/>'),
    "a feed upwards": job('<feed unit="-1"/>'),
    "a feed with words": job("<feed>x</feed>"),
    "kilometres of paper": job('<feed line="255"/>' * 100),
    "a book": job(f"<text>{'x' * 30_001}</text>"),
    "more codes than a receipt has": job('<symbol type="qrcode_model_2">x</symbol>' * 101),
    "a cut of another kind": job('<cut type="partial"/>'),
    "a third drawer": job('<pulse drawer="drawer_3"/>'),
    "a pulse that burns the drawer's coil": job('<pulse time="pulse_5000"/>'),
    "a bar code without its type": job("<barcode>1</barcode>"),
    "a bar code of another type": job('<barcode type="msi">1</barcode>'),
    "a symbol of another type": job('<symbol type="hanxin">1</symbol>'),
    "a picture without its size": job("<image>AAAA</image>"),
    "a picture of no width": job('<image width="0" height="8"></image>'),
    "a picture that is not base64": job('<image width="8" height="1">*A==</image>'),
    "a picture with half its rows": job(f'<image width="8" height="8">{base64.b64encode(bytes(4)).decode()}</image>'),
    "a picture with a byte too many": job(f'<image width="8" height="8">{base64.b64encode(bytes(9)).decode()}</image>'),
    "a picture that is darker than black": job(
        '<image width="8" height="1" mode="gray16" brightness="nan">AAAAAA==</image>'
    ),
    "a command of no digits": job("<command>1b4</command>"),
    "page mode": job('<page><area x="0" y="0" width="100" height="100"/><text>x</text></page>'),
    "a place in page mode": job('<position x="1" y="1"/>'),
    "letters that are turned": job("<rotate-begin/>"),
    "a job's name without end": ENVELOPE.replace(
        "<s:Body>",
        f'<s:Header><parameter xmlns="{NS}"><printjobid>{"x" * 65}</printjobid></parameter></s:Header><s:Body>',
    )
    % f'<epos-print xmlns="{NS}"><text>Tea</text></epos-print>',
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_and_nothing_of_it_is_printed(client: httpx.Client, terminal: FakeTerminal, what: str) -> None:
    before = len(terminal.printer.printed)
    said = posted(client, REFUSED[what])
    assert (said["success"], said["code"]) == ("false", "SchemaError")
    assert len(terminal.printer.printed) == before


def test_what_was_to_be_printed_is_not_logged(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "pos_plugin")
    for what in REFUSED.values():
        posted(client, what)
    assert caplog.records
    assert "Tea" not in caplog.text
    assert "stray" not in caplog.text
    assert max(len(record.getMessage()) for record in caplog.records) < 400


def test_a_body_without_end_is_cut_off() -> None:
    """By the door, before the protocol is asked."""
    door = Door(app(FakeTerminal()), DoorSettings.model_validate({}), largest_body=100_000)  # type: ignore[arg-type]
    head = f"POST {PATH}?devid=local_printer HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    with (
        WebServer(door, 0, "127.0.0.1") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as one,
    ):
        one.sendall(head.encode() + piece * 30)
        assert one.recv(100).startswith(b"HTTP/1.1 413")


def test_it_answers_posts_only(client: httpx.Client) -> None:
    assert client.get(PATH).status_code == 405
    assert client.post("/cgi-bin/other.cgi").status_code == 404


# -- made up


KINDS = sorted(elements.ELEMENTS)
NAMES = sorted({name for kind in elements.ELEMENTS.values() for name in kind.__struct_encode_fields__})
VALUES = [
    "",
    "0",
    "1",
    "2",
    "8",
    "255",
    "256",
    "-1",
    "true",
    "left",
    "center",
    "color_1",
    "none",
    "font_b",
    "feed",
    "no_feed",
]
VALUES += [
    "code128",
    "ean13",
    "qrcode_model_2",
    "pdf417_truncated",
    "level_h",
    "level_3",
    "below",
    "gray16",
    "drawer_2",
    "thin",
]
CONTENTS = [
    "",
    "Tea 2,50 €",
    "\n",
    "a\tb\r\nc",
    "ΩЖאب泰☕",
    "290000000001",
    "{A\\x10\\x04\\x01",
    "AAAAAAAA",
    "1b40",
    "\\\\",
    "x" * 300,
]


@st.composite
def made_up_elements(draw: st.DrawFn) -> str:
    """Most have attributes that they may have, with values that they may not."""
    kind = draw(st.sampled_from(KINDS))
    own = elements.ELEMENTS[kind].__struct_encode_fields__
    names = draw(
        st.sets(st.sampled_from(own) if own and draw(st.integers(0, 9)) else st.sampled_from(NAMES), max_size=4)
    )
    given_ = "".join(f" {name}={quoteattr(draw(st.sampled_from(VALUES)))}" for name in sorted(names))
    content = draw(st.sampled_from(CONTENTS)).replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")
    return f"<{kind}{given_}>{content}</{kind}>"


def good(inside: str) -> tuple[elements.Item, ...]:
    try:
        return read_request(job(inside).encode()).items
    except SchemaError:
        return ()


@example(['<text x="1040">\u00b7</text>'], PRINTERS[0])  # as two bytes 10h 04h, which ask a printer how it is
@example(['<barcode type="code128">{A\\x10\\x04\\x01</barcode>'], PRINTERS[0])
@example(['<symbol type="qrcode_model_2">\\x10\\x05\\x02</symbol>'], PRINTERS[0])
@example(['<symbol type="pdf417_standard">\\x10\\x14\\x01</symbol>'], PRINTERS[0])
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(made_up_elements(), max_size=12), st.sampled_from(PRINTERS))
def test_what_is_accepted_is_whole_commands_and_no_real_time_ones(inside: list[str], printer: Profile) -> None:
    items = [item for one in inside for item in good(one) if not isinstance(item.element, elements.Command)]
    try:
        data = encoded(items, printer, 42)
    except SchemaError:
        return
    assert not begins_real_time(data)
    parser = Parser()
    parser.feed(data)
    assert not [item for item in parser.end() if isinstance(item, Incomplete | Oversized | Unknown)]


SEEDS = [
    job('<text em="true">x&#10;</text><feed line="2"/><cut type="feed"/>').encode(),
    job('<image width="8" height="2" align="center">//8=</image><pulse/>').encode(),
    job('<symbol type="qrcode_model_2" level="level_m">x</symbol><barcode type="code39">1</barcode>').encode(),
]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(SEEDS),
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 8), st.one_of(st.binary(max_size=6), st.sampled_from(SEEDS))),
        max_size=4,
    ),
)
def test_broken_requests_are_answered_all_the_same(
    client: httpx.Client, body: bytes, harm: list[tuple[int, int, bytes]]
) -> None:
    for at, gone, put in harm:
        body = body[:at] + put + body[at + gone :]
    said = posted(client, body)
    assert re.fullmatch(r"\d+", said["status"])
    assert (said["success"] == "true") == (said["code"] == "")
