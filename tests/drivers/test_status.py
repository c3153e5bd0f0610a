"""What a printer sends back, as tables of bytes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.status import (
    AutomaticStatus,
    Block,
    FlowControl,
    PrinterStatus,
    ProcessId,
    RealTime,
    StatusChange,
    StatusReader,
    Transmitted,
    WentOffline,
    changes,
)

STREAMS = {
    "a real-time status": ("12", [RealTime(0x12)]),
    "a real-time status with every bit set": ("7e", [RealTime(0x7E)]),
    "an automatic status": ("14 00 00 0f", [AutomaticStatus(bytes.fromhex("1400000f"))]),
    "the paper sensor, GS r 1": ("00 0c", [Transmitted(0x00), Transmitted(0x0C)]),
    "a process id": ("37 22 31 32 33 34 00", [ProcessId(b"1234")]),
    "a process id made of headers": ("37 22 37 22 5f 37 00", [ProcessId(b'7"_7')]),
    "an offline report, GS ( H fn 49": ("37 23 40 00", [WentOffline()]),
    "maker and model, GS I 66 and 67": ("5f 45 50 00 5f 54 4d 00", [Block(0x5F, b"EP"), Block(0x5F, b"TM")]),
    "flow control": ("13 11", [FlowControl(False), FlowControl(True)]),
    "flow control within a process id": (
        "37 22 13 31 32 11 33 34 00",
        [FlowControl(False), FlowControl(True), ProcessId(b"1234")],
    ),
    "a real-time status within an automatic one": (
        "10 00 1a 00 00",
        [RealTime(0x1A), AutomaticStatus(bytes.fromhex("10000000"))],
    ),
    "an automatic status between two answers": (
        "12 10 00 00 00 00",
        [RealTime(0x12), AutomaticStatus(bytes.fromhex("10000000")), Transmitted(0)],
    ),
    "an automatic status cut short by the next": ("10 00 18 20 00 00", [AutomaticStatus(bytes.fromhex("18200000"))]),
    "a stray header before a process id": ("5f 37 22 31 32 33 34 00", [ProcessId(b"1234")]),
    "a process id cut short by a real-time status": ("37 22 31 32 16", [RealTime(0x16)]),
    "a process id that is too short": ("37 22 31 32 33 00", [Block(0x37, b'"123')]),
    "bytes that mean nothing": ("ff 80 9a b1 f0", []),
}


@pytest.mark.parametrize(("sent", "events"), STREAMS.values(), ids=STREAMS.keys())
def test_replies_are_told_apart(sent: str, events: list[object]) -> None:
    assert StatusReader().feed(bytes.fromhex(sent)) == events


@given(st.binary(max_size=600), st.lists(st.integers(0, 600)))
@example(bytes.fromhex("37 22 31 32 33 34 00 10 00 00 00 12"), [1, 6, 8])
def test_where_the_bytes_are_split_changes_nothing(data: bytes, splits: list[int]) -> None:
    reader = StatusReader()
    edges = [0, *sorted(min(split, len(data)) for split in splits), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
    assert [event for piece in pieces for event in reader.feed(piece)] == StatusReader().feed(data)


@given(st.binary(max_size=600))
def test_garbage_spoils_at_most_the_four_bytes_after_it(garbage: bytes) -> None:
    reader = StatusReader()
    reader.feed(garbage + b"\x00" * 4)  # the most that garbage can swallow
    assert reader.feed(b'7"abcd\x00') == [ProcessId(b"abcd")]


def test_an_endless_block_does_not_grow_and_does_not_last() -> None:
    reader = StatusReader()
    reader.feed(b"\x5f" + b"a" * 100_000)
    assert len(reader._open) <= 256
    assert RealTime(0x12) in reader.feed(b"\x12")


# n=1, n=2, n=3, n=4 → what is known and what is said
ANSWERS = [
    ("12 12 12 12", PrinterStatus(True, "ok", False, "", "low"), ""),
    ("12 12 12 1e", PrinterStatus(True, "near end", False, "", "low"), ""),
    ("1a 32 12 7e", PrinterStatus(False, "out", False, "", "low"), "paper_out"),
    ("1a 32 12 12", PrinterStatus(False, "out", False, "", "low"), "paper_out"),  # only the stop says so
    ("1a 16 12 12", PrinterStatus(False, "ok", True, "", "low"), "cover_open"),
    ("1a 36 12 7e", PrinterStatus(False, "out", True, "", "low"), "cover_open"),  # an open cover hides the paper
    ("1a 52 1a 12", PrinterStatus(False, "ok", False, "cutter", "low"), "cutter"),
    ("1a 52 16 12", PrinterStatus(False, "ok", False, "recoverable", "low"), "error"),
    ("1a 52 52 12", PrinterStatus(False, "ok", False, "recoverable", "low"), "error"),  # a hot print head
    ("1a 52 3a 12", PrinterStatus(False, "ok", False, "unrecoverable", "low"), "error"),
    ("1a 12 12 12", PrinterStatus(False, "ok", False, "", "low"), "offline"),
]


@pytest.mark.parametrize(("answers", "status", "trouble"), ANSWERS)
def test_the_four_answers_make_one_status(answers: str, status: PrinterStatus, trouble: str) -> None:
    read = PrinterStatus.from_answers(dict(enumerate(bytes.fromhex(answers), 1)))
    assert read == status
    assert read.trouble == trouble
    assert read.ready == (trouble == "")


AUTOMATIC = [
    ("14 00 00 00", PrinterStatus(True, "ok", False, "", "high")),
    ("10 00 00 00", PrinterStatus(True, "ok", False, "", "low")),
    ("10 00 03 00", PrinterStatus(True, "near end", False, "", "low")),
    ("18 00 0f 00", PrinterStatus(False, "out", False, "", "low")),
    ("38 00 00 00", PrinterStatus(False, "ok", True, "", "low")),
    ("18 08 00 00", PrinterStatus(False, "ok", False, "cutter", "low")),
]


@pytest.mark.parametrize(("data", "status"), AUTOMATIC)
def test_an_automatic_status_says_the_same_as_the_answers(data: str, status: PrinterStatus) -> None:
    assert PrinterStatus.from_automatic(bytes.fromhex(data)) == status


def test_the_paper_sensor_alone_says_little() -> None:
    assert PrinterStatus.from_paper_sensor(0x00) == PrinterStatus(True, "ok")
    assert PrinterStatus.from_paper_sensor(0x03).paper == "near end"
    assert PrinterStatus.from_paper_sensor(0x0F).trouble == "paper_out"
    assert not PrinterStatus.from_paper_sensor(0x00).ready


WELL = PrinterStatus(True, "ok", False, "", "low")
CHANGES = [
    (WELL, WELL, []),
    (WELL, PrinterStatus(True, "near end", False, "", "low"), ["paper_near_end"]),
    (
        WELL,
        PrinterStatus(False, "out", False, "", "low"),
        ["paper_out"],
    ),  # offline is its effect and not told beside it
    (PrinterStatus(False, "out", False, "", "low"), WELL, ["paper_loaded"]),
    (WELL, PrinterStatus(False, "ok", True, "", "low"), ["cover_open"]),
    (PrinterStatus(False, "ok", True, "", "low"), WELL, ["cover_closed"]),
    (WELL, PrinterStatus(False, "ok", False, "cutter", "low"), ["cutter"]),
    (WELL, PrinterStatus(False, "ok", False, "recoverable", "low"), ["error"]),
    (WELL, PrinterStatus(False, "ok", False, "unrecoverable", "low"), ["failed"]),
    (PrinterStatus(False, "ok", False, "recoverable", "low"), WELL, ["error_gone"]),
    (WELL, PrinterStatus(False, "ok", False, "", "low"), ["offline"]),
    (PrinterStatus(False, "ok", False, "", "low"), WELL, ["online"]),
    (WELL, PrinterStatus(True, "ok", False, "", "high"), ["drawer_opened"]),
    (PrinterStatus(True, "ok", False, "", "high"), WELL, ["drawer_closed"]),
    (WELL, PrinterStatus(False, "out", True, "", "high"), ["paper_out", "cover_open", "drawer_opened"]),
    (PrinterStatus(), WELL, []),  # what was not known before has not changed
    (WELL, PrinterStatus(), []),
]


@pytest.mark.parametrize(("before", "after", "codes"), CHANGES)
def test_what_has_changed_is_told_with_what_to_do(
    before: PrinterStatus, after: PrinterStatus, codes: list[str]
) -> None:
    told = changes(before, after, drawer_opens="high")
    assert [change.code for change in told] == codes
    assert all(change.sentence.endswith(".") for change in told)


def test_without_a_sensor_the_drawer_is_never_spoken_of() -> None:
    assert changes(WELL, PrinterStatus(True, "ok", False, "", "high")) == []
    opens_low = changes(WELL, PrinterStatus(True, "ok", False, "", "high"), drawer_opens="low")
    assert opens_low == [StatusChange("drawer_closed", "The cash drawer is closed.")]


def test_silence_is_unknown_and_neither_offline_nor_ready() -> None:
    nothing = PrinterStatus.from_answers({})
    assert nothing == PrinterStatus(None, "unknown", None, None)
    assert nothing.trouble == ""
    assert not nothing.ready
    assert not PrinterStatus.from_answers({1: 0x12}).ready  # online, and the rest was not said


SENTENCES = [
    ("12 12 12 12", "The printer is ready."),
    ("12 12 12 1e", "The paper is nearly used up. Have a new roll ready."),
    ("1a 32 12 7e", "The paper is out. Put in a new roll."),
    ("1a 16 12 12", "The printer's cover is open. Close it."),
    ("1a 36 12 7e", "The printer's cover is open and the paper is out. Put in a new roll and close the cover."),
    ("1a 52 3a 12", "The printer has failed. Switch it off and on; if that does not help, have it repaired."),
    ("", "The printer does not answer. Check that it is switched on, that its cover is closed and its cable is in."),
]


@pytest.mark.parametrize(("answers", "sentence"), SENTENCES)
def test_a_status_is_a_sentence_for_the_cashier(answers: str, sentence: str) -> None:
    assert PrinterStatus.from_answers(dict(enumerate(bytes.fromhex(answers), 1))).sentence == sentence
