"""What reading a till's stream costs its receipt: at each piece as it passes, and at the cut, where the block goes in.

`python -m bench stream` measures; `python -m bench.stream DIR` checks that streams of other programs (files in a folder) come out
byte for byte where nothing is put in, at every split of small ones and at many splits of large ones.

A piece may be delayed by 2 ms. At the cut 20 ms are allowed, of which the ledger has 5.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from pathlib import Path
from typing import Any

from bench.beside import at_most, percentile, timed
from drivers.document import Document, Qr, Text
from drivers.escpos import profile
from pos_plugin.intercept.papers import Block, Paper
from pos_plugin.intercept.stream import Stream

MODEL = "TM-T88V"
RECEIPTS = 200
PIECE_BYTES = 512
PIECE_US, CUT_US = 2_000, 15_000
SMALL_BYTES = 1_600
SPLITS = 40

BLOCK = Document(
    42,
    (
        Text("PUANLARIM                    Kart ****1234", bold=True),
        Text("Yeni bakiye 340              (değeri 3,40)"),
        Text("Bu alışveriş                           +27"),
        Qr("https://example.org/claim/T1-42-A7"),
    ),
)


def receipt() -> bytes:
    """A receipt of twenty-five lines, with a code, in the manner of most programs."""
    lines = [b"Item number %-3d                      %7.2f\n" % (number, number * 1.1) for number in range(25)]
    head = b"\x1b@\x1bt\x0d\x1ba\x01\x1b!\x30CORNER SHOP\n\x1b!\x00Main Street 1\n\x1ba\x00" + b"-" * 42 + b"\n"
    total = b"-" * 42 + b"\n\x1bE\x01TOTAL                               330.00\n\x1bE\x00"
    code = b"\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C\x06\x1d(k\x03\x001E1\x1d(k\x10\x001P0T1-42ABC12345\x1d(k\x03\x001Q0"
    return head + b"".join(lines) + total + code + b"Thank you\n\x1bp\x00\x19\xfa\x1bd\x04\x1dVB\x00"


def measure() -> list[dict[str, Any]]:
    pieces, cuts = _times(PIECE_BYTES, RECEIPTS)
    single, _ = _times(1, RECEIPTS // 10)
    median = statistics.median
    return [
        at_most(
            "a piece of 512 bytes, median / its share", median(pieces), PIECE_US, 1.0, "µs", p99=percentile(pieces, 99)
        ),
        at_most("a single byte, median / its share", median(single), PIECE_US, 1.0, "µs", p99=percentile(single, 99)),
        at_most("at the cut, median / its share", median(cuts), CUT_US, 1.0, "µs", p99=percentile(cuts, 99)),
    ]


def _times(size: int, receipts: int) -> tuple[list[float], list[float]]:
    """Microseconds of the pieces, and of those with a cut in them."""
    stream = Stream(lambda paper: Block(recorded=True, document=BLOCK), profile(MODEL))
    data, pieces, cuts = receipt(), list[float](), list[float]()
    for _ in range(receipts):
        for at in range(0, len(data), size):
            (cuts if at + size >= len(data) else pieces).append(timed(stream.feed, data[at : at + size]))
    assert not stream.fault
    return pieces, cuts


def check(data: bytes) -> tuple[int, list[Paper]]:
    """How many splits were tried, and the papers in it. Raises AssertionError where a byte was changed, held for good or lost."""
    papers = _through([data])
    splits = [[at] for at in range(1, len(data))]
    if len(data) > SMALL_BYTES:
        noise = random.Random(1)
        splits = [sorted(noise.sample(range(len(data)), 30)) for _ in range(SPLITS)]
    for places in splits:
        pieces = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
        assert _through(pieces) == papers, f"other papers when split at {places}"
    assert _through([data[at : at + 1] for at in range(len(data))]) == papers, "other papers byte by byte"
    return len(splits) + 1, papers


def _through(pieces: list[bytes]) -> list[Paper]:
    papers: list[Paper] = []
    stream = Stream(papers.append, profile(MODEL))  # append answers None: nothing is put in
    out = b"".join(map(stream.feed, pieces))
    assert not stream.fault, stream.fault
    assert out + stream.close() == b"".join(pieces), "the output is not the input"
    return papers


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.stream", description="Streams of other programs, unchanged.")
    parser.add_argument("folder", type=Path, help="Holds streams, one a file (*.bin).")
    files = sorted(parser.parse_args().folder.glob("*.bin"))
    failed = 0
    for file in files:
        try:
            splits, papers = check(file.read_bytes())
        except AssertionError as error:
            failed += 1
            print(f"{file.name}: {error}")
            continue
        told = ", ".join(f"{len(paper.rows)} rows, {len(paper.codes)} codes" for paper in papers[:3])
        print(f"{file.name}: {splits} splits, papers: {len(papers)} ({told})")
    print(f"{len(files) - failed} of {len(files)} come out as they went in")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
