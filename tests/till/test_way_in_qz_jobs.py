"""A print call of QZ Tray's as bytes: what pages send, in every way in which they may send it, and what is refused in words."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image, ImageDraw

from pos_plugin.config import Config, PrinterSettings
from pos_plugin.papers.host_prints import LARGEST_JOB
from pos_plugin.ways_in.qz.jobs import Refused, job_of

CONFIG = Config(printer=PrinterSettings(address="tcp://192.168.1.50:9100", width_columns=48, width_dots=576))
OURS = {"name": "Loyalty till printer"}


def job(*data: Any, printer: Any = OURS, options: Any = None, config: Config = CONFIG) -> bytes:
    asked = {"printer": printer, "data": list(data), "options": options or {}}
    data, copies = job_of(asked, config, lambda name: name == "Loyalty till printer")
    return data * copies


def refused(*data: Any, **how: Any) -> str:
    with pytest.raises(Refused) as why:
        job(*data, **how)
    return str(why.value)


def raw(data: str, flavor: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "raw", "format": "command", "flavor": flavor, "data": data, **more}


def picture(width: int = 100, height: int = 40, form: str = "PNG") -> str:
    drawn = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(drawn).rectangle((0, 0, width // 2, height - 1), fill="black")
    out = io.BytesIO()
    drawn.save(out, form)
    return base64.b64encode(out.getvalue()).decode()


# -- raw commands


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("\x1b@Tea\n", b"\x1b@Tea\n"),
        (raw("\x1b@Tea\n"), b"\x1b@Tea\n"),
        (raw("\x1b@Tea\n", "plain"), b"\x1b@Tea\n"),
        ({"data": "Tea\n"}, b"Tea\n"),  # everything else is what it usually is
        (raw("G0BUZWEK", "base64"), b"\x1b@Tea\n"),
        (raw("G0BU\nZWEK", "BASE64"), b"\x1b@Tea\n"),
        (raw("1b405465610a", "hex"), b"\x1b@Tea\n"),
        (raw("1B 40 54 65 61 0A", "hex"), b"\x1b@Tea\n"),
        (raw("x1Bx40x54x65x61x0A", "hex"), b"\x1b@Tea\n"),
        (raw("0x1B 0x40", "hex"), b"\x1b@"),
        ({"type": "raw", "format": "base64", "data": "G0BUZWEK"}, b"\x1b@Tea\n"),  # as QZ Tray 2.0 had it
        ({"format": "plain", "data": "Tea"}, b"Tea"),
        (raw("Café 3,50 €", "plain"), "Café 3,50 €".encode()),  # today's Java has UTF-8 where nothing is said
    ],
)
def test_a_raw_item_is_its_bytes(item: Any, expected: bytes) -> None:
    assert job(item) == expected


def test_several_items_are_one_job_in_their_order() -> None:
    assert job("\x1b@", raw("54", "hex"), raw("ZWE=", "base64"), "\n") == b"\x1b@Tea\n"


@pytest.mark.parametrize(
    ("encoding", "text", "expected"),
    [
        ("Cp857", "Şeker ğ", "Şeker ğ".encode("cp857")),
        ("IBM857", "Şeker", "Şeker".encode("cp857")),
        ("IBM00858", "5 €", "5 €".encode("cp858")),  # Java's own name of it
        ("windows-1254", "İade", "İade".encode("cp1254")),
        ("ISO-8859-1", "\x1bt\x10\xe9\x80", b"\x1bt\x10\xe9\x80"),  # bytes as letters, as many pages have them
        ("GB18030", "茶", "茶".encode("gb18030")),
        ("x-windows-949", "차", "차".encode("cp949")),
        ("US-ASCII", "Tée", b"T?e"),  # Java has "?" for what is not there
        ({"to": "Cp857"}, "Ş", "Ş".encode("cp857")),
        (None, "Ş", "Ş".encode()),
    ],
)
def test_plain_text_is_in_the_encoding_that_the_page_names(encoding: Any, text: str, expected: bytes) -> None:
    assert job(text, options={"encoding": encoding}) == expected


def test_bytes_of_one_encoding_are_printed_in_another_where_the_page_wants_it() -> None:
    text = base64.b64encode("\x1b@Şeker".encode()).decode()
    between = {"encoding": {"from": "UTF-8", "to": "Cp857"}}
    assert job(raw(text, "base64"), options=between) == "\x1b@Şeker".encode("cp857")
    assert job(raw(text, "base64"), options={"encoding": "Cp857"}) == "\x1b@Şeker".encode()


@pytest.mark.parametrize(
    "name", ["klingon", "hex", "punycode", "UTF-16", "unicode_escape", "idna", "a" * 1000, "cp037"]
)
def test_an_encoding_that_no_printer_has_is_refused(name: str) -> None:
    assert "encoding" in refused("Tea", options={"encoding": name})


def test_copies_are_the_tills_choice() -> None:
    assert job("Tea\n", options={"copies": 3}) == b"Tea\nTea\nTea\n"
    assert job("Tea\n", options={"copies": 1, "jobName": "Receipt", "spool": {"end": "\n"}, "margins": 0}) == b"Tea\n"


@pytest.mark.parametrize("copies", [None, 0, -5, "two", float("nan")])
def test_copies_that_are_no_number_are_one(copies: Any) -> None:
    assert job("Tea\n", options={"copies": copies}) == b"Tea\n"


def test_more_copies_than_anybody_wants_are_refused() -> None:
    assert "Nothing was printed" in refused("Tea", options={"copies": 11})
    assert "Nothing was printed" in refused("x" * (LARGEST_JOB // 2 + 1), options={"copies": 2})
    assert "Nothing was printed" in refused("Tea", options={"copies": 10**400})


# -- pictures


def test_a_picture_among_raw_commands_stands_where_they_put_it_and_does_not_reset_them() -> None:
    data = job("\x1ba\x01", {"type": "raw", "format": "image", "flavor": "base64", "data": picture()}, "\n\x1dVB\x00")
    assert data.startswith(
        b"\x1ba\x01\x1dv0\x00\x0d\x00\x28\x00" + b"\xff" * 6
    )  # 13 bytes a row, 40 rows, black on the left
    assert data.endswith(b"\n\x1dVB\x00")
    assert b"\x1b@" not in data


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_page_of_pixels_is_a_paper_of_its_own(form: str) -> None:
    data = job({"type": "pixel", "format": "image", "flavor": "base64", "data": picture(form=form)})
    assert data.startswith(b"\x1b@")
    assert b"\x1dv0" in data
    assert data.endswith(b"\x1dVB\x00")


def test_a_wide_picture_is_made_as_wide_as_the_paper() -> None:
    data = job({"type": "pixel", "format": "image", "flavor": "base64", "data": picture(2000, 100)})
    at = data.index(b"\x1dv0")
    assert data[at + 4] <= 72  # 576 dots


def test_a_picture_as_a_data_address_is_the_picture() -> None:
    inline = {"type": "raw", "format": "image", "flavor": "base64", "data": "data:image/png;base64," + picture()}
    assert b"\x1dv0" in job(inline)


@pytest.mark.parametrize(
    "data", ["", "bm8gcGljdHVyZQ==", base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 50).decode(), "?"]
)
def test_what_is_no_picture_is_refused(data: str) -> None:
    assert "Nothing was printed" in refused({"type": "pixel", "format": "image", "flavor": "base64", "data": data})


def test_a_small_file_that_claims_to_be_a_huge_picture_is_refused() -> None:
    out = io.BytesIO()
    Image.new("1", (5_000, 5_000)).save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    assert "dots" in refused({"type": "pixel", "format": "image", "flavor": "base64", "data": data})


# -- refused in words


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"type": "pixel", "format": "html", "flavor": "plain", "data": "<b>Tea</b>"}, "HTML"),
        ({"type": "pixel", "format": "pdf", "flavor": "base64", "data": "JVBERi0="}, "PDF"),
        ({"type": "html", "format": "plain", "data": "<b>Tea</b>"}, "HTML"),  # as QZ Tray 2.0 had it
        ({"type": "raw", "format": "html", "flavor": "plain", "data": "<b>"}, "HTML"),
        ({"type": "raw", "format": "pdf", "data": "JVBERi0="}, "PDF"),
        (raw("/etc/passwd", "file"), "fetches nothing"),
        (raw("http://192.168.1.1/", "file"), "fetches nothing"),
        (raw("http://192.168.1.1/", "xml"), "fetches nothing"),
        ({"type": "pixel", "format": "image", "data": "http://192.168.1.1/a.png"}, "fetches nothing"),
        ({"type": "image", "data": "http://192.168.1.1/a.png"}, "fetches nothing"),
        (raw("G0BUZWE!", "base64"), "base64"),
        (raw("1b4", "hex"), "hexadecimal"),
        (raw("zz", "hex"), "hexadecimal"),
        (raw("Tea", "morse"), "no kind"),
        ({"type": "smoke", "data": "Tea"}, "no kind"),
        ({"type": "raw", "format": "smoke", "data": "Tea"}, "no kind"),
        ({"data": 5}, "look at its data[1].data."),
        ({}, "look at its data[1]."),
        (5, "look at its data[1]."),
    ],
)
def test_what_cannot_be_printed_is_refused_with_what_to_do(item: Any, words: str) -> None:
    said = refused("Tea", item)
    assert words in said
    assert "Nothing was printed" in said


def test_nothing_is_nothing_to_print() -> None:
    assert refused() == refused("") == "There was nothing to print."


# -- the printer is ours, or nobody's


@pytest.mark.parametrize(
    ("printer", "words"),
    [
        ({"name": "Office"}, "could not be found"),
        ({"name": ""}, "could not be found"),
        ({}, "could not be found"),
        (None, "must be specified"),
        ({"file": "/tmp/out"}, "writes no file"),
        ({"host": "192.168.1.51", "port": 9100}, "not the one of this till's printer"),
        ({"host": "192.168.1.50", "port": 80}, "not the one of this till's printer"),
        ({"host": "localhost"}, "not the one of this till's printer"),
        ({"name": "Loyalty till printer", "host": "10.0.0.1"}, "not the one of this till's printer"),
        ("Loyalty till printer", "look at its printer."),
    ],
)
def test_no_other_printer_or_machine_is_reached(printer: Any, words: str) -> None:
    assert words in refused("Tea", printer=printer)


@pytest.mark.parametrize("port", [9100, "9100", None])
def test_the_printers_own_address_is_the_printer(port: object) -> None:
    assert job("Tea", printer={"host": "192.168.1.50", "port": port}) == b"Tea"


def test_a_printer_without_an_address_on_the_network_has_none_for_a_page() -> None:
    usb = Config(printer=PrinterSettings(address="usb://04b8:0202"))
    assert "not the one" in refused("Tea", printer={"host": "04b8", "port": 202}, config=usb)
