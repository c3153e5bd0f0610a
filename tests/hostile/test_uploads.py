"""Batches that were changed, forged, replayed or blown up on their way: each refused in words, nothing of it stored."""

import os
import random
import zlib
from time import monotonic

import msgspec
import pytest

from central_server.tills import enrolment
from ledger.entry import GENESIS, MAX_ENTRY_BYTES, entry_hash
from ledger.keys import SigningKey, batch_message
from ledger.wire import MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Batch, BatchReply, WireError, pack, unpack

UNREADABLE = (400, "MESSAGE_UNREADABLE")
WRONG = (401, "SIGNATURE_WRONG")
BROKEN = (422, "CHAIN_BROKEN")


@pytest.fixture
def thief(central):
    """An enrolled till with a journal of five entries that nobody has sent yet."""
    one = central.till(f"T{central.rows()['terminal']:05d}")
    for ref in range(4):
        one.sale(str(ref), 1000 + ref, "anna")
    return one


def pick(till, *indices):
    return [till.journal[index].data for index in indices]


def test_a_batch_that_is_replayed_is_answered_already_recorded_and_stored_once(central):
    one = central.till("REPLAY")
    body = pack(one.batch())
    first = central.upload(body)
    with central.unmoved():
        for _ in range(20):
            reply = msgspec.json.decode(central.upload(body).content, type=BatchReply)
            assert [result.outcome for result in reply.results] == ["already recorded"]
            assert reply.head == msgspec.json.decode(first.content, type=BatchReply).head
        # Whoever recorded it on its way has no use for it elsewhere, but to say the same again.
        assert central.upload(body).json()["is_fork"] is False


def test_a_batch_cut_off_anywhere_is_refused(central, tell, thief):
    body = pack(thief.batch())
    with central.unmoved():
        for length in {*range(0, len(body), 7), *range(len(body) - 12, len(body))}:
            assert tell.refusal(central.upload(body[:length])) == UNREADABLE


def says_the_same(body, honest):
    """Whether a changed message means what the honest one does: unused bits of deflate, or a hex digit in upper case."""
    try:
        batch = unpack(body)
    except WireError:
        return False
    return (batch.terminal, batch.epoch, batch.entries, batch.signature.lower()) == (
        honest.terminal,
        honest.epoch,
        honest.entries,
        honest.signature,
    )


def flipped(data, chance):
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def flips(honest, chance):
    """One bit at one place of each kind: on the wire, in the message, in an entry, and where it says whose it is."""
    packed, plain = pack(honest), msgspec.msgpack.encode(honest)
    yield "wire", flipped(packed, chance)
    yield "message", zlib.compress(flipped(plain, chance))
    entries = list(honest.entries)
    index = chance.randrange(len(entries))
    entries[index] = flipped(entries[index], chance)
    yield "entry", pack(msgspec.structs.replace(honest, entries=entries))
    signature = flipped(bytes.fromhex(honest.signature), chance).hex()
    yield "signature", pack(msgspec.structs.replace(honest, signature=signature))


def flip_many(central, tell, thief, seeds):
    honest = thief.batch()
    seen = set()
    with central.unmoved():
        for seed in seeds:
            for kind, body in flips(honest, random.Random(seed)):
                if not says_the_same(body, honest):
                    answer = tell.refusal(central.upload(body))
                    assert answer in (UNREADABLE, WRONG, BROKEN, (401, "TERMINAL_UNKNOWN")), (kind, seed)
                    seen.add((kind, answer[1]))
    return seen


def test_one_flipped_bit_anywhere_is_refused(central, tell, thief):
    seen = flip_many(central, tell, thief, range(40))
    # The flips reach every check there is.
    assert {code for _, code in seen} >= {"MESSAGE_UNREADABLE", "SIGNATURE_WRONG", "CHAIN_BROKEN"}


@pytest.mark.long
def test_one_flipped_bit_at_any_of_thousands_of_places_is_refused(central, tell, thief):
    flip_many(central, tell, thief, range(1000, 1600))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((0, 2, 1, 3, 4), BROKEN),  # two in the other order
        ((4, 3, 2, 1, 0), BROKEN),
        ((0, 1, 3, 4), BROKEN),  # one left out
        ((0, 1, 1, 2, 3, 4), BROKEN),  # one twice
        ((0, 1, 2, 3, 4, 4), BROKEN),
        ((1, 0), BROKEN),
    ],
)
def test_entries_in_another_order_left_out_or_doubled_are_refused(central, tell, thief, signed_batch, order, expected):
    with central.unmoved():
        assert tell.refusal(central.upload(signed_batch(thief, pick(thief, *order)))) == expected


def test_a_batch_that_leaves_out_the_beginning_records_nothing_and_names_the_head(central, thief, signed_batch):
    with central.unmoved():
        answer = msgspec.json.decode(central.upload(signed_batch(thief, pick(thief, 2, 3, 4))).content, type=BatchReply)
        assert (answer.head_number, answer.results) == (0, [])


def test_a_batch_that_another_key_signed_is_refused(central, tell, thief, signed_batch):
    entries, other = pick(thief, 0, 1, 2, 3, 4), central.till(f"O{thief.name}")
    forged = SigningKey(bytes(32))
    head = thief.journal[4].hash
    with central.unmoved():
        for key in (forged, other.key):
            assert tell.refusal(central.upload(signed_batch(thief, entries, key=key))) == WRONG
        # An own signature over something else: another head, number, epoch or name.
        for changed in (
            {"head": thief.journal[3].hash},
            {"number": 4},
            {"number": 6},
            {"head": head.upper()},
        ):
            assert tell.refusal(central.upload(signed_batch(thief, entries, **changed))) == WRONG
        for terminal, epoch in ((other.name, thief.epoch), (thief.name, other.epoch), (thief.name, "")):
            signature = thief.key.sign(batch_message(terminal, epoch, 5, head))
            answer = central.upload(pack(Batch(thief.name, thief.epoch, entries, signature)))
            assert tell.refusal(answer) == WRONG
        for signature in ("", "00", "zz" * 64, "00" * 64, "é", "0" * 10**6):
            answer = central.upload(pack(Batch(thief.name, thief.epoch, entries, signature)))
            assert tell.refusal(answer) == WRONG


def test_a_batch_that_names_another_terminal_is_refused(central, tell, thief, signed_batch):
    entries, other = pick(thief, 0, 1), central.till(f"P{thief.name}")
    with central.unmoved():
        # Under its own name with another's entries; under another's name with its own key; with another's key too.
        assert tell.refusal(central.upload(signed_batch(other, entries))) == BROKEN
        assert tell.refusal(central.upload(signed_batch(thief, entries, name=other.name))) == BROKEN
        assert tell.refusal(central.upload(signed_batch(thief, entries, name=other.name, key=other.key))) == BROKEN
        foreign = pick(other, 0)
        assert tell.refusal(central.upload(signed_batch(thief, foreign, name=other.name))) == WRONG
        # Bytes that are no entry say nothing of whose they are: the signature does.
        assert tell.refusal(central.upload(signed_batch(thief, [b"{}"], name=other.name, number=1))) == WRONG


def test_a_revoked_terminal_and_an_unknown_one_are_refused(central, tell, thief, signed_batch):
    entries = pick(thief, 0, 1)
    enrolment.revoke(central.office, thief.name)
    with central.unmoved():
        assert tell.refusal(central.upload(signed_batch(thief, entries))) == (403, "TERMINAL_REVOKED")
        for name in ("NOBODY", "", "x" * 10**6, "HHHHHH\x00", "' OR 1=1 --", "é", "\U0010ffff"):
            answer = tell.refusal(central.upload(signed_batch(thief, entries, name=name)))
            assert answer == (401, "TERMINAL_UNKNOWN")


# -- sizes and bombs -----------------------------------------------------------------------------------------------------


def zeros(mebibytes):
    """So many MiB of zeros, compressed: one block that stands for itself, again and again, and the checksum of it all."""
    squeezer = zlib.compressobj(9)
    head = squeezer.compress(b"") + squeezer.flush(zlib.Z_FULL_FLUSH)
    block = squeezer.compress(bytes(1024 * 1024)) + squeezer.flush(zlib.Z_FULL_FLUSH)
    checksum = (mebibytes * 1024 * 1024 % 65521 << 16 | 1).to_bytes(4, "big")
    return head + block * mebibytes + b"\x03\x00" + checksum


def test_the_bomb_is_a_bomb():
    assert zlib.decompress(zeros(3)) == bytes(3 * 1024 * 1024)


def key(name):
    return bytes([0xA0 + len(name)]) + name


HEAD = b"\x84" + key(b"terminal") + key(b"HHHHHH") + key(b"epoch") + key(b"e") + key(b"entries")
BOMBS = {
    "two gigabytes of zeros": lambda: zeros(2048),
    "a bomb in a bomb": lambda: zlib.compress(zeros(512)),
    "4 billion entries": lambda: zlib.compress(HEAD + b"\xdd\xff\xff\xff\xff"),
    "an entry of 4 GiB": lambda: zlib.compress(HEAD + b"\x91\xc6\xff\xff\xff\xff"),
    "a name of 4 GiB": lambda: zlib.compress(b"\x84" + key(b"terminal") + b"\xdb\xff\xff\xff\xff"),
    "4 billion keys": lambda: zlib.compress(b"\xdf\xff\xff\xff\xff"),
    "an extension of 4 GiB": lambda: zlib.compress(b"\x81" + key(b"x") + b"\xc9\xff\xff\xff\xff\x01"),
    "4 million empty entries": lambda: zlib.compress(
        HEAD + b"\xdd" + (4 * 10**6).to_bytes(4, "big") + b"\xc4\x00" * (4 * 10**6) + key(b"signature") + b"\xa0"
    ),
    "8 million lists in each other": lambda: zlib.compress(b"\x81" + key(b"x") + b"\x91" * (8 * 10**6) + b"\xc0"),
    "maps in each other": lambda: zlib.compress(b"\x81" + key(b"x") + b"\x81\xa1a" * (2 * 10**6) + b"\xc0"),
    "a name that is no UTF-8": lambda: zlib.compress(b"\x84" + key(b"terminal") + key(b"\xed\xa0\x80")),
    "numbers for names": lambda: zlib.compress(msgspec.msgpack.encode({"terminal": 1, "epoch": 2, "entries": 3})),
    "text for entries": lambda: zlib.compress(
        msgspec.msgpack.encode({"terminal": "a", "epoch": "b", "entries": ["x"], "signature": ""})
    ),
    "no entries": lambda: pack(Batch("HHHHHH", "HHHHHHe1", [], "")),
    "one entry too many": lambda: pack(Batch("HHHHHH", "HHHHHHe1", [b"{}"] * (MAX_BATCH_ENTRIES + 1), "")),
    "one byte too many": lambda: pack(Batch("HHHHHH", "HHHHHHe1", [bytes(MAX_BATCH_BYTES)], "")),
    "gzip": lambda: zlib.compress(b"", wbits=31),
    "a preset dictionary": lambda: b"\x78\xbb\x00\x00\x00\x00",
    "plain MessagePack": lambda: msgspec.msgpack.encode(Batch("HHHHHH", "HHHHHHe1", [b"{}"], "")),
    "JSON": lambda: b'{"terminal":"HHHHHH","epoch":"HHHHHHe1","entries":[],"signature":""}',
    "noise": lambda: random.Random(1).randbytes(100_000),
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_message_that_is_no_batch_or_would_burst_is_refused_at_once(central, tell, what):
    body = BOMBS[what]()
    with central.unmoved():
        if len(body) > 4 * 1024 * 1024:
            pytest.fail("this one would be refused for its size alone")
        began = monotonic()
        assert tell.refusal(central.upload(body)) == UNREADABLE
        assert monotonic() - began < 5


@pytest.mark.parametrize(
    "changed",
    [
        {"number": 2**63 - 1},
        {"number": 2**63},
        {"number": 10**30},
        {"number": 10**4000},
        {"number": 0},
        {"number": -1},
        {"number": 7},
        {"prev": "0" * 63},
        {"prev": "f" * 64},
        {"prev": "x" * 100_000},
    ],
    ids=lambda changed: "-".join(f"{name} {str(value)[:12]}" for name, value in changed.items()),
)
def test_an_entry_at_a_place_that_cannot_be_is_not_recorded_whoever_signs_it(central, thief, signed_batch, changed):
    envelope = {**msgspec.json.decode(thief.journal[0].data), **changed}
    with central.unmoved():
        answer = central.upload(signed_batch(thief, [msgspec.json.encode(envelope)]))
        if answer.status_code == 200:  # "send from here": an entry before it is missing
            assert answer.json()["results"] == []
        else:
            assert answer.status_code == 422, answer.text


def next_entry(till, **changed):
    """The bytes of what a stolen till might write next: its own chain, whatever content."""
    envelope = {
        "format": 1,
        "terminal": till.name,
        "epoch": till.epoch,
        "number": len(till.journal) + 1,
        "prev": till.journal[-1].hash if till.journal else GENESIS,
        "kind": "join",
        "document": f"join/{till.name}",
        "member": "anna",
        "occurred_at": "2026-03-02T10:00:00",
        "recorded_at": "2026-03-02T09:00:00.000+00:00",
        "business_day": "2026-03-02",
        "esc": {},
        "body": {},
    }
    return msgspec.json.encode({**envelope, **changed})


ODD = {
    "an entry over 256 KiB": {"document": "x" * MAX_ENTRY_BYTES},
    "a document with NUL": {"document": "join/\x00"},
    "a member with NUL": {"member": "an\x00na"},
    "an epoch with NUL": {"epoch": "a\x00"},
    "a kind with NUL": {"kind": "\x00"},
    "a time with NUL": {"occurred_at": "\x00"},
    "a day with NUL": {"business_day": "\x00"},
    "a huge member": {"member": "m" * 200_000},
    "a huge epoch": {"epoch": "e" * 200_000},
    "a huge time": {"occurred_at": "1" * 200_000},
    "a lot with NUL": {"esc": {"\x00": 5}},
    "a huge lot": {"esc": {"l" * 200_000: 5}},
    "rights beyond 64 bits": {"esc": {"lot": 2**64}},
    "rights beyond anything": {"esc": {"lot": 10**4000}},
    "rights below anything": {"esc": {"lot": -(10**4000)}},
    "thousands of lots": {"esc": {f"lot{index}": 1 for index in range(5000)}},
    "a format beyond 64 bits": {"format": 2**70},
    "a kind of tomorrow": {"kind": "raffle", "body": {"prize": [10**30]}},
    "a server's kind": {"kind": "settle", "body": {"cause": "me", "changes": {"available": 10**6, "issued": -(10**6)}}},
    "no kind": {"kind": ""},
    "a sale of nothing": {"kind": "sale", "body": {}},
    "a day of no calendar": {"business_day": "9999-99-99", "esc": {"lot": 1}},
    "the last day of all": {"business_day": "9999-12-31", "esc": {"lot": 1}},
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_entry_that_is_rightly_signed_is_kept_as_it_is_and_stops_nothing(central, thief, signed_batch, what):
    """To an enrolled terminal head office refuses no fact: it keeps it, whatever it can make of it."""
    data = next_entry(thief, **ODD[what])
    before = central.rows()
    entries = [*pick(thief, 0, 1, 2, 3, 4), data]
    answer = central.upload(signed_batch(thief, entries, number=6))
    assert answer.status_code == 200, answer.text
    assert msgspec.json.decode(answer.content, type=BatchReply).head == entry_hash(data)
    after = central.rows()
    assert after["inbox"] == before["inbox"] + 6
    central.an_honest_till_is_served()
    # The till's own next entry is recorded behind it.
    thief.journal.append(thief.journal[0])
    thief.sent = 6
    more = next_entry(thief, number=7, prev=entry_hash(data), document=f"join/{thief.name}/7")
    assert central.upload(signed_batch(thief, [more])).status_code == 200


def test_bytes_that_are_no_entry_are_parked_in_their_place(central, thief, signed_batch):
    noise = [b"", b"{}", b"\xff" * 300, b"[" * 100_000, b"null", os.urandom(200), bytes(MAX_ENTRY_BYTES + 1)]
    answer = central.upload(signed_batch(thief, noise, number=len(noise)))
    assert [result["outcome"] for result in answer.json()["results"]] == ["parked"] * len(noise)
    central.an_honest_till_is_served()


def test_an_entry_that_names_another_before_it_is_refused_though_its_number_is_right(
    central, tell, thief, signed_batch
):
    for prev in (GENESIS, "f" * 64, thief.journal[3].hash, thief.journal[4].hash.upper()):
        stray = next_entry(thief, prev=prev)
        with central.unmoved():
            answer = central.upload(signed_batch(thief, [*pick(thief, 0, 1, 2, 3, 4), stray], number=6))
            assert tell.refusal(answer) == BROKEN
