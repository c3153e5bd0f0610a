"""Bytes become commands, however they arrive."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.escpos.parser import (
    COMMAND_BYTES,
    OPCODES,
    TEXT_RUN_BYTES,
    Command,
    Item,
    Oversized,
    Parser,
    RealTimeScanner,
    Text,
    Unknown,
)

LF = Command("LF")


def parsed(*pieces: bytes) -> list[Item]:
    parser = Parser()
    items: list[Item] = []
    for piece in pieces:
        parser.feed(piece)
        items += parser
    return items


def raw(item: Item) -> bytes:
    assert not isinstance(item, Oversized)
    return item.data if isinstance(item, Text) else item.raw


COMMANDS = [
    (b"\x1b@", Command("ESC @")),
    (b"\x1bE\r", Command("ESC E", b"\r")),  # a parameter may be CR
    (b"\x1bE\n", Command("ESC E", b"\n")),  # or LF
    (b"\x1b!\x30", Command("ESC !", b"0")),
    (b"\x1b$\x10\x01", Command("ESC $", b"\x10\x01")),
    (b"\x1b \x02", Command("ESC SP", b"\x02")),
    (b"\x1bp\x00\x19\xfa", Command("ESC p", b"\x00\x19\xfa")),
    (b"\x1bD\x08\x10\x00", Command("ESC D", b"\x08\x10\x00")),  # a list that ends with NUL
    (b"\x1b*\x00\x03\x00abc", Command("ESC *", b"\x00\x03\x00abc")),  # one byte a column
    (b"\x1b*\x21\x01\x00abc", Command("ESC *", b"\x21\x01\x00abc")),  # three bytes a column
    (b"\x1b&\x01AB\x02ab\x01c", Command("ESC &", b"\x01AB\x02ab\x01c")),  # each character tells its width
    (b"\x1dV\x00", Command("GS V", b"\x00")),
    (b"\x1dVB\x1b", Command("GS V", b"B\x1b")),  # with a feed, which may look like ESC
    (
        b"\x1dv0\x00\x02\x00\x01\x00\x1b@",
        Command("GS v 0", b"\x00\x02\x00\x01\x00\x1b@"),
    ),  # an image may look like ESC @
    (b"\x1d(L\x02\x0002", Command("GS ( L", b"\x02\x0002")),
    (b"\x1d(k\x04\x001P0A", Command("GS ( k", b"\x04\x001P0A")),
    (b"\x1d8L\x02\x00\x00\x00ab", Command("GS 8 L", b"\x02\x00\x00\x00ab")),
    (b"\x1dk\x02123\x00", Command("GS k", b"\x02123\x00")),  # ends with NUL
    (b"\x1dk\x49\x04{B\x00A", Command("GS k", b"\x49\x04{B\x00A")),  # has a length, and may hold NUL
    (b"\x1dk\x024006381333931\x00", Command("GS k", b"\x024006381333931\x00")),
    (b"\x1dk\x024006381333931", Command("GS k", b"\x024006381333931")),  # an EAN-13 is over without it
    (b"\x1dk\x0396385074", Command("GS k", b"\x0396385074")),
    (b"\x1dk\x00036000291452", Command("GS k", b"\x00036000291452")),
    (
        b"\x1dkQ\x02\n\x00\x01\x0c\x00http://a.bc/",
        Command("GS k", b"Q\x02\n\x00\x01\x0c\x00http://a.bc/"),
    ),  # Bematech's QR
    (b"\x1bZ\x01M\x06\x0c\x00http://a.bc/", Command("ESC Z", b"\x01M\x06\x0c\x00http://a.bc/")),  # a clone's
    (b"\x1bZ\x01x\x06\x01\x00", Unknown(b"\x1bZ")),  # no level of any code
    (b"\x1dx\x0c", Command("GS x", b"\x0c")),
    (b"\x1d*\x01\x01abcdefgh", Command("GS *", b"\x01\x01abcdefgh")),
    (b"\x1cq\x01\x01\x00\x01\x00abcdefgh", Command("FS q", b"\x01\x01\x00\x01\x00abcdefgh")),
    (b"\x1c(A\x02\x000\x00", Command("FS ( A", b"\x02\x000\x00")),
    (b"\x10\x04\x01", Command("DLE EOT", b"\x01")),
    (b"\x10\x14\x01\x00\x05", Command("DLE DC4", b"\x01\x00\x05")),
    (b"\r", Command("CR")),
    (b"\x07", Command("BEL")),
    (b"\x01", Unknown(b"\x01")),
    (b"\x1bw", Unknown(b"\x1bw")),
    (b"\x1dk\x50", Unknown(b"\x1dk")),  # no such bar code; its byte is text
    (b"\x1d(?\x02\x00ab", Unknown(b"\x1d(?\x02\x00ab")),  # an unknown letter of a known family still has a length
]


@pytest.mark.parametrize(("stream", "item"), COMMANDS, ids=[repr(stream) for stream, _ in COMMANDS])
def test_a_command_is_read_whole_and_what_follows_is_not_swallowed(stream: bytes, item: Item) -> None:
    items = parsed(stream + b"\n\x1b@")
    assert items[0] == item
    assert items[-2:] == [LF, Command("ESC @")]
    assert b"".join(map(raw, items)) == stream + b"\n\x1b@"


@pytest.mark.parametrize("stream", [stream for stream, _ in COMMANDS], ids=repr)
def test_a_stream_split_at_any_byte_gives_the_same_items(stream: bytes) -> None:
    stream = b"before" + stream + b"after\n" + stream + b"\n"
    whole = parsed(stream)
    for at in range(len(stream)):
        assert parsed(stream[:at], stream[at:]) == whole
    assert parsed(*(stream[at : at + 1] for at in range(len(stream)))) == whole


def test_text_waits_for_the_control_byte_that_ends_it_or_for_a_full_run() -> None:
    assert parsed(b"Hel", b"lo") == []
    assert parsed(b"Hel", b"lo\n") == [Text(b"Hello"), LF]
    assert parsed(b"x" * (TEXT_RUN_BYTES + 1) + b"\n") == [Text(b"x" * TEXT_RUN_BYTES), Text(b"x"), LF]


def test_a_control_byte_after_a_prefix_that_knows_it_not_begins_a_command_of_its_own() -> None:
    assert parsed(b"\x1b\x1b@") == [Unknown(b"\x1b"), Command("ESC @")]


def test_an_oversized_command_is_skipped_by_its_length_and_not_kept() -> None:
    length = COMMAND_BYTES + 5
    parser = Parser()
    parser.feed(b"\x1d8L" + length.to_bytes(4, "little"))
    assert list(parser) == [Oversized("GS 8 L", length + 4)]
    for done in range(length // 1000):
        assert parser.skipping == length - 1000 * done
        parser.feed(bytes(1000))
        assert list(parser) == []
        assert len(parser) == 0
    parser.feed(bytes(length % 1000) + b"\n")
    assert list(parser) == [LF]


@pytest.mark.parametrize(
    ("stream", "begun"),
    [
        (b"", None),
        (b"text", None),
        (b"text\n\x1b", ""),
        (b"\x1bd", "ESC d"),
        (b"\x1d(", ""),
        (b"\x1d(k\x04", "GS ( k"),
        (b"\x1dVA", "GS V"),
        (b"\x1d(?", None),  # of no known letter
    ],
)
def test_what_a_command_half_received_is_can_be_told(stream: bytes, begun: str | None) -> None:
    parser = Parser()
    parser.feed(stream)
    list(parser)
    assert parser.begun == begun


def test_leaving_the_loop_keeps_the_rest_for_the_next_time() -> None:
    parser = Parser()
    parser.feed(b"one\ntwo\n")
    assert next(iter(parser)) == Text(b"one")
    assert len(parser) == len(b"\ntwo\n")
    parser.feed(b"three\n")
    assert list(parser) == [LF, Text(b"two"), LF, Text(b"three"), LF]


def test_clearing_forgets_a_command_half_received() -> None:
    parser = Parser()
    parser.feed(b"\x1dv0\x00\x48\x00\x18\x00half")
    assert list(parser) == []
    parser.clear()
    parser.feed(b"text\n")
    assert list(parser) == [Text(b"text"), LF]


@given(st.lists(st.one_of(st.sampled_from(sorted(OPCODES.values())), st.binary(max_size=12)), max_size=40), st.data())
def test_any_bytes_come_out_as_they_went_in_however_they_are_split(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    whole = parsed(stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert parsed(*pieces) == whole
    if not any(isinstance(item, Oversized) for item in whole):
        kept = b"".join(map(raw, whole))
        assert stream.startswith(kept)


def test_a_million_random_bytes_neither_crash_nor_pile_up() -> None:
    noise = random.Random(5)
    opcodes = sorted(OPCODES.values())
    parser = Parser()
    fed = 0
    while fed < 1_000_000:
        chunk = noise.choice(opcodes) * noise.randrange(2) + noise.randbytes(noise.randrange(1, 2000))
        parser.feed(chunk)
        fed += len(chunk)
        for _ in parser:
            pass
        assert len(parser) < COMMAND_BYTES + 64


REAL_TIME = [
    (b"\x10\x04\x01", [Command("DLE EOT", b"\x01")]),
    (b"text\x10\x04\x04text", [Command("DLE EOT", b"\x04")]),
    (b"\x10\x05\x02\x10\x04\x02", [Command("DLE ENQ", b"\x02"), Command("DLE EOT", b"\x02")]),
    (b"\x10\x14\x01\x00\x05", [Command("DLE DC4", b"\x01\x00\x05")]),
    (b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08", [Command("DLE DC4", b"\x08\x01\x03\x14\x01\x06\x02\x08")]),
    (b"\x1dv0\x00\x04\x00\x01\x00\x00\x10\x04\x01", [Command("DLE EOT", b"\x01")]),  # inside an image as well
    (b"\x10\x10\x04\x01", [Command("DLE EOT", b"\x01")]),
    (b"\x10\x04\x09 \x10\x05\x07", []),  # no such functions
]


@pytest.mark.parametrize(("stream", "commands"), REAL_TIME, ids=[repr(stream) for stream, _ in REAL_TIME])
def test_real_time_commands_are_found_at_once_however_they_are_split(stream: bytes, commands: list[Command]) -> None:
    for at in range(len(stream) + 1):
        scanner = RealTimeScanner()
        pieces = [*scanner.split(stream[:at]), *scanner.split(stream[at:])]
        assert [command for _, command in pieces if command] == commands
        assert b"".join(piece for piece, _ in pieces) == stream
    scanner = RealTimeScanner()
    by_byte = [piece for at in range(len(stream)) for piece in scanner.split(stream[at : at + 1])]
    assert [command for _, command in by_byte if command] == commands


def test_the_piece_with_a_real_time_command_ends_with_it() -> None:
    assert list(RealTimeScanner().split(b"before\x10\x05\x02after")) == [
        (b"before\x10\x05\x02", Command("DLE ENQ", b"\x02")),
        (b"after", None),
    ]
