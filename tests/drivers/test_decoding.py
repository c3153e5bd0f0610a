"""What is read in a picture, and that nothing wrong ever is. Every picture is drawn here, from a seed."""

from __future__ import annotations

import sys
import time
from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp

from bench.drawn_codes import DAMAGES, Damage, Drawn, cards, draw, jittered, nothing
from drivers.scanners.camera.agreement import Agreement
from drivers.scanners.camera.codes import CARDS, KINDS, Code, Wanted, retail, sight, wanted_codes
from drivers.scanners.camera.decoding import Decoder
from drivers.scanners.camera.tally import Tally
from drivers.scanners.camera.zbar_child import MISSING, Zbar

cv2.setNumThreads(1)  # as the driver does: the other processors run other tests

SMALL = (640, 480)
EVERY_KIND = Wanted(tuple(KINDS))


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    """Without zbar: what must be read is read on a machine that has none. It has all the time, however busy this one is."""
    return Decoder(clock=lambda: 0.0)


def texts(codes: Any) -> list[str]:
    return [code.text for code in codes]


NOT_READ = {("under a lamp", "qr")}  # the glare covers more of it than its correction can mend
BEFORE_A_CAMERA = {*NOT_READ, ("out of focus", "qr")}  # which takes two ways at once


@pytest.mark.parametrize("card", list(cards()), ids=lambda card: f"{card.name}, {card.kind}")
def test_a_still_card_is_read_under_every_damage(card: Drawn, decoder: Decoder) -> None:
    read = texts(decoder.still(card.picture(SMALL)))
    assert read == ([] if (card.name, card.kind) in NOT_READ else [card.text])


@pytest.mark.parametrize("name", ["as printed", "turned a little", "dim", "tilted", "noisy", "light on dark"])
def test_a_card_before_the_camera_is_scanned_once(name: str) -> None:
    for card in cards(seed=2):
        if card.name == name:
            frames = 30 if card.damage.is_inverted else 6  # it is the last way that is tried
            assert scanned(card.picture(SMALL), frames) == [card.text]


def scanned(picture: Any, frames: int) -> list[str]:
    decoder, agreement, read = Decoder(), Agreement(), []
    for number, frame in enumerate(jittered(picture, frames, seed=3)):
        read += texts(agreement.take(decoder.look(frame), number / 15))
    return read


def test_what_one_way_read_is_read_that_way_in_the_next_frame_too() -> None:
    card = Drawn("turned", "ean13", "2900000000018", Damage(angle=45))
    decoder = Decoder()
    shown = [bool(decoder.look(frame).codes) for frame in jittered(card.picture(SMALL), 20, 1)]
    first = shown.index(True)
    assert all(shown[first : first + 3])


@pytest.mark.parametrize("seed", range(4))
def test_a_table_without_a_card_has_no_code(seed: int, decoder: Decoder) -> None:
    assert decoder.still(nothing(seed, SMALL)) == ()
    assert scanned(nothing(seed + 10, SMALL), 12) == []


@pytest.mark.parametrize(
    "picture", [np.zeros((480, 640), np.uint8), np.full((1, 1), 255, np.uint8), np.eye(9, dtype=np.uint8)]
)
def test_pictures_of_nothing_at_all_have_no_code(picture: Any, decoder: Decoder) -> None:
    assert decoder.still(picture) == ()
    assert decoder.look(picture).codes == ()


@pytest.mark.parametrize("text", ["Grüße 7", "Üye-İŞĞ-0042", "会員-0042", "☺ 9", "a" * 200])
def test_utf8_in_a_qr_code_is_itself(text: str, decoder: Decoder) -> None:
    picture = draw([("qr", text)], Damage(module=3), 1, SMALL)
    assert [(code.text, code.kind) for code in decoder.look(picture).codes] == [(text, "qr")]


def test_two_linear_cards_in_a_frame_contradict_one_another(decoder: Decoder) -> None:
    frame = draw([("ean13", "2900000000018"), ("ean13", "2900000000025")], Damage(), 1)
    shown = decoder.look(frame)
    assert shown.is_contradictory
    assert sorted(texts(shown.codes)) == ["2900000000018", "2900000000025"]
    assert scanned(frame, 8) == []


def test_a_card_with_a_bar_code_and_a_qr_code_is_no_contradiction(decoder: Decoder) -> None:
    frame = draw([("ean13", "2900000000018"), ("qr", "https://shop.example/m/7")], Damage(module=2.5), 1)
    assert not decoder.look(frame).is_contradictory
    assert sorted(scanned(frame, 5)) == ["2900000000018", "https://shop.example/m/7"]


KIND_TEXTS = {
    "ean13": ("2900000000018", "2900000000018"),
    "upca": ("036000291452", "036000291452"),  # not as an EAN-13 that begins with 0
    "ean8": ("96385074", "96385074"),
    "upce": ("01234565", "012345000065"),  # the UPC-A that it stands for
    "code128": ("M0042", "M0042"),
    "code39": ("M0042", "M0042"),
    "code93": ("M0042", "M0042"),
    "codabar": ("A0042B", "A0042B"),
    "itf": ("0042004200", "0042004200"),
    "qr": ("M0042", "M0042"),
    "datamatrix": ("M0042", "M0042"),
    "aztec": ("M0042", "M0042"),
    "pdf417": ("M0042", "M0042"),
}


@pytest.mark.parametrize(("kind", "text", "read"), [(kind, *pair) for kind, pair in KIND_TEXTS.items()])
def test_each_kind_is_read_where_it_is_wanted_and_nowhere_else(kind: str, text: str, read: str) -> None:
    frame = draw([(kind, text)], Damage(module=2.5), 1, SMALL)
    wanted = Wanted((kind,), itf_digits=len(read) if kind == "itf" else 0)
    assert [(code.text, code.kind) for code in Decoder(wanted).look(frame).codes] == [(read, kind)]
    others = tuple(other for other in KINDS if other != kind)
    assert not [code for code in Decoder(Wanted(others)).look(frame).codes if code.kind == kind or code.text == read]


def test_the_elements_of_a_gs1_code_come_without_brackets() -> None:
    made = zxingcpp.create_barcode("(01)00012345678905(10)A7", zxingcpp.BarcodeFormat.DataBarExp)
    (code,) = Decoder(Wanted(("databar",))).look(np.array(made.to_image(scale=3))).codes
    assert (code.text, code.identifier) == ("010001234567890510A7", "]e0")


def test_an_itf_counts_at_its_own_length_only() -> None:
    frame = draw([("itf", "0042004200")], Damage(module=2.5), 1, SMALL)
    assert texts(Decoder(wanted_codes(["itf10"])).look(frame).codes) == ["0042004200"]
    assert Decoder(wanted_codes(["itf14", "qr"])).look(frame).codes == ()


@pytest.mark.parametrize("names", [["itf"], ["itf7"], ["itf2"], ["itf6", "itf8"], ["ean"], [""], ["QR"]])
def test_a_wrong_setting_is_told_in_a_sentence(names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^'.*'.*\.$"):
        wanted_codes(names)


@pytest.mark.parametrize(
    ("text", "kind", "read"),
    [
        ("0036000291452", "ean13", ("036000291452", "upca")),
        ("0036000291452", "upca", ("036000291452", "upca")),
        ("4006381333931", "ean13", ("4006381333931", "ean13")),
        ("4006381333931", "upca", ("4006381333931", "ean13")),  # zbar, which was asked for both by one name
        ("0049000006346", "upce", ("049000006346", "upce")),
        ("04963406", "upce", ("049000006346", "upce")),
        ("04252614", "upce", ("042100005264", "upce")),
        ("0036000291452", "code128", ("0036000291452", "code128")),
    ],
)
def test_retail_codes_have_one_form(text: str, kind: str, read: tuple[str, str]) -> None:
    assert retail(text, kind) == read


# Still pictures: several ways as witnesses.


def at(text: str, kind: str = "ean13", x: float = 0) -> Code:
    return Code(text, kind, corners=((x, 0), (x + 100, 0), (x + 100, 40), (x, 40)))


@pytest.mark.parametrize(
    ("ways", "believed"),
    [
        ([["A"], []], ["A"]),  # once, and nothing else anywhere
        ([["A"], ["A"]], ["A"]),
        ([["A", "B"]], []),
        ([["A"], ["B"]], []),
        ([["A", "B"], ["A"]], ["A"]),
        ([["A", "B"], ["A", "B"], ["A"]], []),
        ([["A", "B"], ["A", "B"], ["A"], ["A"]], ["A"]),
        ([["A", "A"]], ["A"]),  # twice by one way is once; here alone
        ([["A", "A"], ["B"]], []),
    ],
)
def test_a_linear_code_is_believed_by_its_witnesses(ways: list[list[str]], believed: list[str]) -> None:
    tally = Tally()
    for way in ways:
        tally.add(at(text) for text in way)
    assert texts(tally.codes) == believed


@pytest.mark.parametrize("kind", [kind for kind, one in KINDS.items() if one.is_weak])
def test_a_weak_kind_needs_two_witnesses_and_none_against_it(kind: str) -> None:
    tally = Tally()
    tally.add([at("04", kind)])
    assert tally.codes == ()
    tally.add([at("04", kind)])
    assert texts(tally.codes) == ["04"]
    tally.add([at("17", kind)])
    tally.add([at("04", kind)])
    assert tally.codes == ()


def test_a_part_of_an_itf_says_nothing_against_the_whole() -> None:
    tally = Tally()
    for way in (["1334", "2167361334"], ["2167361334", "216736"], ["1334"]):
        tally.add(at(text, "itf") for text in way)
    assert texts(tally.codes) == ["2167361334"]


def test_a_matrix_code_is_believed_at_once_and_codes_apart_do_not_meet() -> None:
    tally = Tally()
    tally.add([at("Q", "qr"), at("A", x=300), at("B", x=600)])
    assert not tally.is_settled
    assert texts(tally.codes) == ["Q"]
    tally.add([at("A", x=300)])
    assert sorted(texts(tally.codes)) == ["A", "Q"]


def test_codes_on_top_of_one_another_contradict_whatever_kind_they_are() -> None:
    assert sight([at("A"), at("Q", "qr")]).is_contradictory
    assert not sight([at("A"), at("Q", "qr", x=300)]).is_contradictory
    assert not sight([at("A"), at("A", "code128")]).is_contradictory


# zbar and its death.

ANSWERS = """
import sys, msgspec
while size := sys.stdin.buffer.read(4):
    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(int.from_bytes(size, "big")))
    {deed}
    said = msgspec.msgpack.encode({symbols})
    sys.stdout.buffer.write(len(said).to_bytes(4, "big") + said)
    sys.stdout.buffer.flush()
"""
BLANK = np.full((300, 400), 255, np.uint8)


def zbar_that(symbols: str = "[]", deed: str = "") -> Zbar:
    return Zbar([sys.executable, "-c", ANSWERS.format(symbols=symbols, deed=deed)])


def still_with(zbar: Zbar, wanted: Wanted = EVERY_KIND) -> list[tuple[str, str]]:
    decoder = Decoder(wanted, zbar=zbar)
    try:
        return [(code.text, code.kind) for code in decoder.still(BLANK, budget_s=60)]
    finally:
        decoder.close()


@pytest.mark.parametrize(
    ("symbol", "read"),
    [
        ('["EAN13", b"4006381333931", 8, []]', [("4006381333931", "ean13")]),
        ('["EAN13", b"4006381333931", 7, []]', []),  # too few lines agree
        ('["EAN13", b"0036000291452", 8, []]', [("036000291452", "upca")]),
        ('["CODE128", b"M0042", 2, []]', [("M0042", "code128")]),
        ('["CODE128", b"M0042", 1, []]', []),
        ('["QRCODE", b"M0042", 1, []]', [("M0042", "qr")]),
        ('["QRCODE", "Grüße".encode(), 1, []]', []),  # it garbles what is not ASCII
        ('["SQCODE", b"M0042", 9, []]', []),  # nobody asked
    ],
)
def test_of_zbar_only_what_is_sure_is_taken(symbol: str, read: list[tuple[str, str]]) -> None:
    assert still_with(zbar_that(f"[{symbol}]")) == read


def test_zbar_that_dies_over_each_picture_is_given_up() -> None:
    zbar = zbar_that(deed="import os; os.abort()")
    for _ in range(8):
        assert zbar.read(BLANK, ("EAN13",), 10) == []
    assert not zbar.is_available


def test_zbar_that_died_once_is_started_anew(tmp_path: Any) -> None:
    died = tmp_path / "died"
    deed = f"import os, pathlib; d = pathlib.Path({str(died)!r}); d.exists() or (d.touch(), os.abort())"
    zbar = zbar_that('[["EAN13", b"4006381333931", 8, []]]', deed)
    assert zbar.read(BLANK, ("EAN13",), 10) == []
    assert [one.data for one in zbar.read(BLANK, ("EAN13",), 10)] == [b"4006381333931"]
    zbar.close()


def test_nobody_waits_for_zbar_longer_than_told_and_one_that_hangs_is_replaced(tmp_path: Any) -> None:
    hung, times = tmp_path / "hung", [0.0]
    deed = f"import time, pathlib; d = pathlib.Path({str(hung)!r}); d.exists() or (d.touch(), time.sleep(60))"
    program = ANSWERS.format(symbols='[["EAN13", b"4006381333931", 8, []]]', deed=deed)
    zbar = Zbar([sys.executable, "-c", program], clock=lambda: times[0])
    assert zbar.read(BLANK, ("EAN13",), 0.05) == []
    while not hung.exists():
        assert zbar.read(BLANK, ("EAN13",), 60) == []  # at once: it is still busy with the first
    times[0] = 1000.0
    assert zbar.read(BLANK, ("EAN13",), 60) == []  # it hangs, and is ended
    assert [one.data for one in zbar.read(BLANK, ("EAN13",), 20)] == [b"4006381333931"]
    zbar.close()


def test_a_picture_that_zbar_does_not_take_blocks_nobody() -> None:
    """More than a pipe holds, and a child that is still loading its libraries."""
    zbar = Zbar([sys.executable, "-c", "import time; time.sleep(60)"])
    assert zbar.read(np.zeros((1000, 1000), np.uint8), ("EAN13",), 0.05) == []
    began_at = time.monotonic()
    assert zbar.read(BLANK, ("EAN13",), 60) == []
    assert time.monotonic() - began_at < 30
    zbar.close()


def test_where_there_is_no_zbar_nothing_is_tried_again() -> None:
    zbar = Zbar([sys.executable, "-c", f"raise SystemExit({MISSING})"])
    zbar.read(BLANK, ("EAN13",), 10)
    assert not zbar.is_available


def test_the_real_zbar_reads_where_it_is_installed_and_harms_nothing_where_not() -> None:
    zbar = Zbar()
    picture = draw([("ean13", "2900000000018")], Damage(), 1, SMALL)
    read = [one.data for one in zbar.read(picture, ("EAN13",), 20)]
    assert read == ([b"2900000000018"] if zbar.is_available else [])
    zbar.close()


def test_the_table_of_damages_is_tried_as_a_whole() -> None:
    assert {card.name for card in cards()} == set(DAMAGES)
    assert set(CARDS) <= set(KINDS)
