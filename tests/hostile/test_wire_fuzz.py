"""Any bytes at all, given to what reads messages and entries: a value or its one refusal, soon, and within little memory."""

import contextlib
import random
import tracemalloc
import zlib
from time import monotonic

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import wire
from ledger.entry import GENESIS, Draft, EntryUnreadable, JoinBody, entry, read_entry, read_envelope
from ledger.keys import SigningKey, batch_message, is_signed
from ledger.wire import Batch, WireError, pack, unpack

MESSAGES = [
    kind
    for kind in vars(wire).values()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == wire.__name__
]
KEY = SigningKey(bytes(32))
FAST = settings(max_examples=50)
LONG = settings(max_examples=2500)

text = st.text(st.characters(codec="utf-8"), max_size=20)
whole = st.integers() | st.sampled_from([2**31, 2**53, 2**63, -(2**63), 2**64, 10**100])
json = st.recursive(
    st.none() | st.booleans() | whole | st.floats() | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
envelopes = st.fixed_dictionaries(
    {
        "format": st.sampled_from([1, 1, 1, 2]) | whole,
        "terminal": text,
        "epoch": text,
        "number": whole,
        "prev": text,
        "kind": st.sampled_from(
            ["open", "join", "sale", "return", "claim", "take", "release", "grant", "settle", "new"]
        ),
        "document": text,
        "member": text,
        "occurred_at": text,
        "recorded_at": text,
        "business_day": text,
        "esc": st.dictionaries(text, whole, max_size=4) | json,
        "body": json,
    }
)


def valid_batch():
    journal = []
    for number in range(1, 6):
        journal.append(
            entry(
                Draft(JoinBody(), f"join/{number}", "2026-03-02T10:00:00", "2026-03-02", f"m{number}", {"lot": number}),
                terminal="AAAAAA",
                epoch="e",
                number=number,
                prev=journal[-1].hash if journal else GENESIS,
                recorded_at="2026-03-02T09:00:00.000+00:00",
            )
        )
    last = journal[-1]
    signature = KEY.sign(batch_message("AAAAAA", "e", 5, last.hash))
    return Batch("AAAAAA", "e", [one.data for one in journal], signature)


HONEST = valid_batch()


def looked_at(data):
    """Reads `data` in every way there is: only the one refusal of each may come."""
    for read, refusal in (
        (unpack, WireError),
        (lambda raw: unpack(zlib.compress(raw)), WireError),
        (read_envelope, EntryUnreadable),
        (read_entry, EntryUnreadable),
    ):
        with contextlib.suppress(refusal):
            read(data)
    for kind in MESSAGES:
        # What head office and tills catch of the decoder, wherever they decode.
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            msgspec.json.decode(data, type=kind)


def changed(data, chance):
    """A valid message after an accident: bits flipped, a piece cut out, doubled, moved, or put in from elsewhere."""
    data = bytearray(data)
    for _ in range(chance.randrange(1, 4)):
        start, length = chance.randrange(len(data) + 1), chance.choice((1, 2, 8, 100))
        piece = data[start : start + length]
        match chance.randrange(6):
            case 0 if data:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case 1:
                del data[start : start + length]
            case 2:
                data[start:start] = piece
            case 3:
                del data[start : start + length]
                data[chance.randrange(len(data) + 1) :][:0] = piece
            case 4:
                data[start:start] = chance.randbytes(length)
            case _:
                data[start : start + 5] = chance.choice((b"\xdd", b"\xc6", b"\xdb", b"\xdf", b"\xc9")) + b"\xff" * 4
    return bytes(data)


def read_or_refused(data):
    """A changed batch is read as some batch that the signature then judges, or refused."""
    try:
        batch = unpack(data)
    except WireError:
        return
    for one in batch.entries:
        with contextlib.suppress(EntryUnreadable):
            read_entry(one)
    message = batch_message(batch.terminal, batch.epoch, 5, "")
    assert not is_signed(KEY.public, message, batch.signature)


@FAST
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    looked_at(data)


@FAST
@given(json)
def test_any_json_and_any_msgpack_is_read_or_refused(value):
    looked_at(repr(value).encode())
    with_big = msgspec.json.encode(value)
    looked_at(with_big)
    try:
        packed = msgspec.msgpack.encode(value)
    except OverflowError:
        return  # MessagePack has no number beyond 64 bits
    looked_at(packed)


@FAST
@given(envelopes)
def test_anything_in_the_shape_of_an_entry_is_read_or_refused(envelope):
    data = msgspec.json.encode(envelope)
    looked_at(data)
    try:
        found = read_entry(data)
    except EntryUnreadable:
        return
    assert found.data == data
    assert found.number == envelope["number"]


@FAST
@given(text, text, st.lists(st.binary(max_size=200), min_size=1, max_size=20), text)
def test_a_batch_is_what_it_was_after_the_wire(terminal, epoch, entries, signature):
    batch = Batch(terminal, epoch, entries, signature)
    assert unpack(pack(batch)) == batch


@FAST
@given(text, text, text, st.dictionaries(text, st.integers(-(2**63), 2**63), max_size=5), st.integers(1, 2**53))
def test_an_entry_is_what_it_was_after_it_is_read_again(document, member, terminal, esc, number):
    made = entry(
        Draft(JoinBody(), document, "", "", member, esc),
        terminal=terminal,
        epoch="e",
        number=number,
        prev=GENESIS,
        recorded_at="",
    )
    found = read_entry(made.data)
    assert (found.envelope, found.body, found.hash) == (made.envelope, made.body, made.hash)


@FAST
@given(st.integers(0, 2**32))
def test_a_changed_batch_is_read_or_refused(seed):
    chance = random.Random(seed)
    read_or_refused(changed(pack(HONEST), chance))
    read_or_refused(zlib.compress(changed(msgspec.msgpack.encode(HONEST), chance)))
    entries = [changed(one, chance) for one in HONEST.entries]
    read_or_refused(pack(msgspec.structs.replace(HONEST, entries=entries)))


@pytest.mark.long
@LONG
@given(st.integers(0, 2**62))
def test_thousands_of_changed_batches_are_read_or_refused(seed):
    chance = random.Random(seed)
    read_or_refused(zlib.compress(changed(msgspec.msgpack.encode(HONEST), chance)))
    looked_at(changed(chance.choice(HONEST.entries), chance))


@pytest.mark.long
@LONG
@given(envelopes)
def test_thousands_of_odd_entries_are_read_or_refused(envelope):
    looked_at(msgspec.json.encode(envelope))


def array(count, item, times):
    return b"\x81\xa7entries\xdd" + count.to_bytes(4, "big") + item * times


@pytest.mark.parametrize(
    "plain",
    [
        array(2**32 - 1, b"", 0),
        array(2**27, b"\xc4\x00", 10),
        array(2**20, b"\xc4\x00", 2**20),
        array(2**20, b"\xc0", 2**20),
        b"\x81\xa1x" + b"\x91" * 2**22,
        b"\x81\xa1x\xdf" + b"\xff" * 4 + b"\xa0\xc0" * 2**20,
        b"\x81\xa7entries\x91\xc6" + (2**31).to_bytes(4, "big"),
        bytes(64 * 2**20),
    ],
    ids=["announced", "cut off", "a million", "of nothing", "nested", "keys", "one entry", "zeros"],
)
def test_what_would_burst_is_refused_within_a_second_and_a_hundred_megabytes(plain):
    packed = zlib.compress(plain, 1)
    tracemalloc.start()
    began = monotonic()
    try:
        with pytest.raises(WireError):
            unpack(packed)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert monotonic() - began < 5
    assert most < 100 * 2**20
