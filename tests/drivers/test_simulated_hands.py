"""Words for what happens to a printer, and every one does what it says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drivers.simulated.hands import HANDS, UnknownHand, help_text, obey
from drivers.simulated.printer import SimulatedPrinter

STATUS = [b"\x10\x04\x01", b"\x10\x04\x02", b"\x10\x04\x03", b"\x10\x04\x04"]


@pytest.fixture
def printer() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter(clock=lambda: 0.0) as printer:
        yield printer


def status(printer: SimulatedPrinter) -> bytes:
    wire = printer.attach()
    answers = b""
    for question in STATUS:
        wire.write(question)
        answers += wire.read()
    return answers


READY = b"\x12" * 4
SAID: list[tuple[list[str], bytes]] = [
    # what is said one after the other, and how the printer then answers DLE EOT 1 to 4
    (["paper out"], b"\x1a\x32\x12\x7e"),
    (["Paper  OUT", "new roll"], READY),
    (["paper low"], b"\x12\x12\x12\x1e"),
    (["cover open"], b"\x1a\x16\x12\x12"),
    (["cover open", "cover closed"], READY),
    (["cutter jam"], b"\x1a\x52\x1a\x12"),
    (["error"], b"\x1a\x52\x16\x12"),
    (["broken"], b"\x1a\x52\x32\x12"),
    (["hot"], b"\x1a\x52\x52\x12"),
    (["cutter jam", "hot", "all well"], READY),
    (["button down"], b"\x5a\x1a\x12\x12"),
    (["button down", "button up"], READY),
    (["drawer open"], b"\x16\x12\x12\x12"),
    (["drawer open", "drawer closed"], READY),
    (["silent"], b""),
    (["silent", "good answers"], READY),
    (["garbage"], b"\xed" * 4),
    (["garbage", "good answers"], READY),
    (["double answers"], READY * 2),
    (["double answers", "half answers", "good answers"], READY),
    (["late answers 2"], b""),
    (["late answers 2.5", "good answers"], READY),
    (["stall"], b""),
    (["stall", "go on"], READY),
    (["broken", "power cycle"], READY),
    (["broken", "power blink"], READY),
    (["power off"], b""),
    (["power off", "power on"], READY),
    (["reset"], READY),
    (["slow 20"], READY),
    (["slow bytes 100", "fast"], READY),
]


@pytest.mark.parametrize(("said", "answers"), SAID, ids=[", ".join(said) for said, _ in SAID])
def test_words_do_what_they_say(printer: SimulatedPrinter, said: list[str], answers: bytes) -> None:
    for words in said:
        obey(printer, words)
    assert status(printer) == answers


def test_every_hand_is_tried_here() -> None:
    tried = {words.lower().rstrip("0123456789. ") for said, _ in SAID for words in said}
    tried = {" ".join(words.split()) for words in tried}
    assert {hand.words for hand in HANDS} - tried == {"drawer locked", "drawer unlocked"}


def test_a_lock_keeps_the_drawer_closed(printer: SimulatedPrinter) -> None:
    pulse = b"\x1bp\x00\x19\xfa"
    obey(printer, "drawer locked")
    printer.attach().write(pulse)
    assert printer.state()["drawer"] == "closed"
    obey(printer, "drawer unlocked")
    printer.attach().write(pulse)
    assert printer.state()["drawer"] == "open"


def test_paper_may_last_so_many_lines(printer: SimulatedPrinter) -> None:
    obey(printer, "paper out 2")
    printer.attach().write(b"one\ntwo\nthree\n")
    assert printer.current.lines == ["one", "two"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("papr out", "Did you mean 'paper out'"),
        ("dance", "'help' lists what there is."),
        ("", "'help' lists what there is."),
        ("7", "'help' lists what there is."),
        ("slow", "needs a number of mm/s"),
        ("slow 0", "would never end"),
        ("cover open 3", "takes no number"),
    ],
)
def test_other_words_are_answered_with_help(printer: SimulatedPrinter, said: str, told: str) -> None:
    before = printer.state()
    with pytest.raises(UnknownHand, match=told):
        obey(printer, said)
    assert printer.state() == before


def test_help_has_a_line_for_each() -> None:
    lines = help_text().splitlines()
    assert len(lines) == len(HANDS)
    assert lines[0].startswith("  paper out [LINES]  ")
