"""Bytes that nobody meant: parser, print head, printer and status reader neither fall, nor hang, nor grow, nor change
their mind when the bytes arrive in other pieces.

Every stream comes from a seed: `pytest -k 'SEED'` does the same again.
"""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from drivers.escpos.parser import (
    COMMAND_BYTES,
    OPCODES,
    Incomplete,
    Item,
    Oversized,
    Parser,
    Text,
)
from drivers.simulated.listing import entries
from drivers.simulated.paper import Paper
from drivers.simulated.pieces import BarCode, Feed, Frame, Line, Page, Pdf417, Picture, Qr
from drivers.simulated.printer import LONGEST_PIECE, SimulatedPrinter
from drivers.status import StatusReader

QUICK_BYTES = 200_000
SLOW_BYTES = 10_000_000
STREAM_BYTES = 1500  # a command that claims to be long swallows no more than the rest of its stream
SECONDS_A_BYTE = 200e-6  # of processor time: ten times what the slowest stream takes
MEMORY_BYTES = 64 * 1024 * 1024  # the largest command is 2 MB, and passes through a handful of hands

# In the manner of real clients: what mutation starts from.
SEEDS = [
    b"\x1b@\x1bt\x13\x1ba\x01\x1bE\x01CORNER SHOP\n\x1bE\x00\x1ba\x00Caf\x82 cr\x8ame   3,50 \xd5\n\x1bd\x04\x1dVB\x00",
    b"\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C\x06\x1d(k\x03\x001E1\x1d(k\x0b\x001P0T1-42ABC\x1d(k\x03\x001Q0\x1d(k\x03\x001R0",
    b"\x1d(k\x03\x000A\x04\x1d(k\x04\x000E11\x1d(k\x0a\x000P0PDF-417\x1d(k\x03\x000Q0\x1d(k\x03\x000R0",
    b"\x1dh\x50\x1dw\x02\x1dH\x02\x1dkI\x07{BT1-42\x1dk\x02400638133393\x00\x1dkE\x05ABC-1\x1dkH\x03abc\x1dkB\x0b04210000526",
    b"\x1dv0\x00\x04\x00\x03\x00\xff\x00\xff\x00\xaa\x55\xaa\x55\x01\x02\x03\x04\x1b*\x21\x03\x00abcdefghi\n",
    b"\x1d(L\x12\x000p0\x01\x011\x10\x00\x04\x00abcdefgh\x1d(L\x02\x0002\x1d(L\x04\x000@KC\x1d8L\x12\x00\x00\x000p0\x02\x021\x10\x00\x04\x00abcdefgh",
    b"\x1d(L\x13\x000C0AB\x01\x10\x00\x04\x001abcdefgh\x1d(L\x06\x000EAB\x01\x02\x1d(L\x05\x000ACLR\x1d(L\x02\x0003",
    b"\x1cq\x01\x01\x00\x01\x00abcdefgh\x1cp\x01\x00\x1d*\x01\x01abcdefgh\x1d/\x03",
    b"\x1bL\x1bW\x10\x00\x10\x00\x00\x01\x80\x00\x1bT\x01one\ntwo\x1d$\x40\x00\x1dkI\x04{B12\x1b\x0c\x18\x0c",
    b"\x1b&\x03AB\x0c" + bytes(36) + b"\x08" + bytes(24) + b"\x1b%\x01ABAB\n\x1b?A\x1b%\x00",
    b"\x1c&\x1cC\x01\x93\xfa\x96{\x1c!\x0c\x1cS\x01\x02\x1c-\x01\x1c.\n\x1c(C\x02\x0002\xe6\x97\xa5\xe6\x9c\xac\n",
    b"\x1b{\x01upside\n\x1b{\x00\x1bV\x01turned\n\x1dL\x20\x00\x1dW\x40\x01\x1b$\x10\x00\x1b\\\xf0\xffx\tx\x1bD\x08\x10\x00\n",
    b"\x1d(H\x06\x0000A001\x1d(H\x03\x00102\x1da\xff\x1dr\x01\x1dIB\x1dI!\x10\x04\x01\x10\x05\x02\x1bp\x00\x19\xfa",
    b"\x1d*\xff\xff\x1d!\x77WIDE\n\x1bd\xff\x1b3\x00\n\n\n",
]
PRINTED = [Line, Picture, Feed, Qr, Pdf417, BarCode, Frame, Page]
TWO_BYTE = ["", "shift_jis", "gb18030", "big5", "euc-kr"]
BREAKS = [0x00, 0x0A, 0x0C, 0x10, 0x18, 0x1B, 0x1C, 0x1D, 0x28, 0x30, 0x31, 0x7F, 0x80, 0xFF]


def streams(seed: int, total: int) -> Iterator[bytes]:
    """Streams of `total` bytes altogether: noise, opcodes with noise behind them, and real jobs with faults in them."""
    noise = random.Random(seed)
    opcodes = sorted(OPCODES.values())
    made = 0
    while made < total:
        stream = bytearray()
        while len(stream) < STREAM_BYTES:
            match noise.randrange(4):
                case 0:
                    stream += noise.randbytes(noise.randrange(200))
                case 1:
                    stream += noise.choice(opcodes) + bytes(noise.choices(BREAKS, k=noise.randrange(12)))
                case _:
                    stream += mutated(noise, noise.choice(SEEDS))
        if noise.random() < 0.01:
            stream += b"\x1d8L" + noise.randbytes(4)
        made += len(stream)
        yield bytes(stream)


def mutated(noise: random.Random, job: bytes) -> bytes:
    changed = bytearray(job)
    for _ in range(noise.randrange(4)):
        at = noise.randrange(len(changed))
        match noise.randrange(4):
            case 0:
                changed[at] = noise.choice(BREAKS)
            case 1:
                changed[at] ^= 1 << noise.randrange(8)
            case 2:
                del changed[at : at + noise.randrange(1, 6)]
            case 3:
                changed[at:at] = changed[at : at + noise.randrange(1, 20)]
        if not changed:
            break
    return bytes(changed)


def pieces(noise: random.Random, stream: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(stream):
        size = noise.choice([1, 1, 2, 3, 7, 64, 500, 4096])
        yield stream[at : at + size]
        at += size


def items_of(parts: Iterator[bytes]) -> list[Item]:
    parser = Parser()
    items: list[Item] = []
    for part in parts:
        parser.feed(part)
        items += parser
        assert len(parser) < COMMAND_BYTES + STREAM_BYTES
    return items + list(parser.end())


def raw(item: Item) -> bytes:
    assert not isinstance(item, Oversized)
    return item.data if isinstance(item, Text) else item.raw


def fuzz(seed: int, total: int, *, watches_memory: bool = False) -> None:
    if watches_memory:  # that makes everything slower
        tracemalloc.start()
    started_s = time.process_time()
    noise = random.Random(seed)
    papers = [Paper(noise.choice([384, 576]), two_byte=script) for script in TWO_BYTE]  # type: ignore[arg-type]
    reader, byte_reader = StatusReader(), StatusReader()
    printed: set[type] = set()
    for number, stream in enumerate(streams(seed, total)):
        items = items_of(iter([stream]))
        assert items_of(pieces(noise, stream)) == items
        if not any(isinstance(item, Oversized) for item in items):
            assert b"".join(map(raw, items)) == stream
        assert not any(isinstance(item, Incomplete) for item in items[:-1])
        paper = papers[number % len(papers)]
        for item in items:
            paper.execute(item)
        assert len(paper.printed) < LONGEST_PIECE
        printed.update(map(type, paper.tear()))
        paper.answers.clear()
        events = reader.feed(stream)
        assert [event for part in pieces(noise, stream) for event in byte_reader.feed(part)] == events
    _, peak = tracemalloc.get_traced_memory()  # 0 where nobody watches
    tracemalloc.stop()
    assert printed == set(PRINTED), "it went deep enough to print everything there is"
    assert peak < MEMORY_BYTES
    assert (time.process_time() - started_s) / total < SECONDS_A_BYTE


@pytest.mark.parametrize("seed", range(2))
def test_parser_print_head_and_status_reader_stand_two_hundred_thousand_bytes(seed: int) -> None:
    fuzz(seed, QUICK_BYTES // 2, watches_memory=True)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(1000, 1010))
def test_parser_print_head_and_status_reader_stand_ten_million_bytes(seed: int) -> None:
    fuzz(seed, SLOW_BYTES // 10, watches_memory=seed == 1000)


@pytest.mark.parametrize("seed", range(50, 52))
def test_a_whole_printer_stands_it_and_prints_the_next_receipt(seed: int) -> None:
    noise = random.Random(seed)
    with SimulatedPrinter(two_byte="gb18030") as printer:
        for stream in streams(seed, QUICK_BYTES // 4):
            wire = printer.attach()
            for piece in pieces(noise, stream):
                assert wire.write(piece) == len(piece)
            wire.read()
            wire.close()
            printer.power_cycle()
        wire = printer.attach()
        wire.write(b"\x1b@well again\n\x1dVB\x00")
        assert printer.receipts[-1].lines[-1] == "well again"


@pytest.mark.parametrize("seed", range(70, 72))
def test_whatever_was_printed_can_be_drawn_and_listed(seed: int) -> None:
    for stream in streams(seed, STREAM_BYTES):
        listed = list(entries(stream))
        assert b"".join(entry.raw for entry in listed) == stream
        assert all(str(entry) for entry in listed)
        with SimulatedPrinter() as printer:
            printer.attach().write(stream)
            for receipt in (*printer.receipts[:5], printer.current):
                assert receipt.png().startswith(b"\x89PNG")
