"""Batches: packed and unpacked unchanged, and whatever else arrives is refused before it costs anything."""

from __future__ import annotations

import random
import tracemalloc
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.passes import PassKey
from ledger.wire import (
    MAX_BATCH_BYTES,
    MAX_BATCH_ENTRIES,
    Batch,
    BatchReply,
    BlockItem,
    FeedChannel,
    FeedReply,
    MemberItem,
    RecallItem,
    RevokeItem,
    WireError,
    enrolment_message,
    pack,
    read_feed,
    unpack,
)

BATCH = Batch("7K3M2P", "e1", [b'{"number":1}', b"\x00\xff" * 40, b""], "ab" * 64)
PACKED = pack(BATCH)


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=30), st.text(max_size=20))
def test_a_batch_arrives_as_it_was_packed(entries: list[bytes], name: str) -> None:
    batch = Batch(name, "e1", entries, "00")
    assert unpack(pack(batch)) == batch


def test_a_batch_cut_off_anywhere_is_refused() -> None:
    for length in range(len(PACKED)):
        with pytest.raises(WireError):
            unpack(PACKED[:length])


def test_a_batch_with_any_bit_flipped_is_refused_or_the_same() -> None:
    """The same, because deflate leaves a few bits without a meaning before its checksum."""
    refused = 0
    for bit in range(len(PACKED) * 8):
        changed = bytearray(PACKED)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            assert unpack(bytes(changed)) == BATCH
        except WireError:
            refused += 1
    assert refused > len(PACKED) * 8 - 16


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x78",
        b"{}",
        zlib.compress(b""),
        zlib.compress(b"{}"),
        zlib.compress(msgspec.msgpack.encode([1, 2])),
        zlib.compress(msgspec.msgpack.encode({"terminal": "T", "epoch": "e", "entries": []})),
        zlib.compress(msgspec.msgpack.encode({"terminal": "T", "epoch": "e", "entries": ["x"], "signature": 7})),
        zlib.compress(b"\x81\xa1x" + b"\x91" * 1_000_000),  # nested deeper than any stack
        zlib.compress(b"\x81\xa8terminal\xdb\xff\xff\xff\xff"),  # a text of four gigabytes, it says
        pack(Batch("T", "e", [], "")),
        pack(Batch("T", "e", [b""] * (MAX_BATCH_ENTRIES + 1), "")),
        pack(Batch("T", "e", [bytes(MAX_BATCH_BYTES)], "")),
    ],
    ids=range(13),
)
def test_what_is_no_batch_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        unpack(data)


def test_a_zip_bomb_is_refused_without_being_unpacked() -> None:
    squeezer = zlib.compressobj(9)
    bomb = b"".join(squeezer.compress(bytes(1 << 20)) for _ in range(256)) + squeezer.flush()
    assert len(bomb) < 300_000  # of 256 MB
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="at most"):
            unpack(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MAX_BATCH_BYTES


def test_two_megabytes_of_noise_are_refused() -> None:
    noise = random.Random(1).randbytes(2 << 20)
    for data in (noise, zlib.compress(noise), b"\x78\x9c" + noise):
        with pytest.raises(WireError):
            unpack(data)


@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        unpack(data)
    with pytest.raises(WireError):
        unpack(zlib.compress(data))


def test_fields_of_a_later_version_are_ignored() -> None:
    answer = b'{"server_epoch":1,"server_time":"t","head":"","head_number":0,"results":[],"mood":"good"}'
    assert msgspec.json.decode(answer, type=BatchReply) == BatchReply(1, "t", "", 0, [])
    page = b'{"server_epoch":1,"server_time":"t","channels":{"x":{"position":1,"items":[],"colour":"red"}}}'
    assert msgspec.json.decode(page, type=FeedReply).channels["x"].position == 1


def test_what_is_told_of_codes_is_read_as_it_was_written() -> None:
    items = [BlockItem("ab" * 32, "2026-11-21T09:00:00+00:00", "lost"), RevokeItem("4K7QF2M9XA", "2027-01-01")]
    member = MemberItem("m1", ["1"], "2026-11-21T09:00:00+00:00", 3, passes=[PassKey("1", "ab" * 20)])
    reply = FeedReply(1, "2026-11-21T09:00:00+00:00", {"revocations": FeedChannel(2, [*items, member])})
    assert read_feed(msgspec.json.encode(reply)) == reply
    assert "passes" not in msgspec.to_builtins(msgspec.structs.replace(member, passes=[]))
    assert msgspec.to_builtins(member)["passes"] == [{"card": "1", "key": "ab" * 20}]


def test_a_feed_of_a_newer_server_is_read_without_what_this_version_does_not_know() -> None:
    known = b'{"type":"recall","member":"m1"}'
    newer = b'{"type":"weather","member":"m1","rain":[1,2]}'

    def feed(*items: bytes) -> bytes:
        channel = b'{"position":9,"items":[' + b",".join(items) + b'],"more":true}'
        return b'{"server_epoch":3,"server_time":"t","channels":{"members":' + channel + b"}}"

    plain = read_feed(feed(known))
    assert (plain.server_epoch, plain.server_time) == (3, "t")
    assert plain.channels == {"members": FeedChannel(9, [RecallItem("m1")], more=True)}
    assert read_feed(feed(newer, known, newer)) == plain
    for broken in (b"", b"{}", b"\xff", feed(b'{"member":"m1"}'), feed(newer, b'{"type":"recall"}'), feed(known)[:-1]):
        with pytest.raises(WireError, match="not a feed"):
            read_feed(broken)


def test_an_introduction_is_signed_in_the_bytes_that_it_always_had() -> None:
    assert enrolment_message("code", "T", "key") == b'["enrol","code","T","key"]'
