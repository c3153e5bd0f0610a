"""What is recorded, and what is not."""

import zlib

import msgspec
import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from central_server import schema
from central_server.applying import apply
from central_server.errors import Refused
from central_server.tills import enrolment, inbox
from ledger.entry import GENESIS, SaleBody, entry_hash
from ledger.keys import batch_message
from ledger.wire import MAX_BATCH_BYTES, Batch, WireError, pack, unpack


def signed(till, entries, number, epoch=None):
    epoch = epoch or till.epoch
    signature = till.key.sign(batch_message(till.name, epoch, number, entry_hash(entries[-1])))
    return Batch(till.name, epoch, entries, signature)


def test_a_batch_sent_again_is_already_recorded_and_changes_nothing(office, till, tell):
    one = till()
    one.join("anna")
    one.sale("1", 1000, "anna")
    assert tell.outcomes(inbox.record(office, one.batch())) == ["recorded"] * 3
    apply.apply_pending(office)
    again = inbox.record(office, one.batch())
    assert apply.apply_pending(office) == 0
    assert tell.outcomes(again) == ["already recorded"] * 3
    assert (again.head, again.head_number) == (one.journal[-1].hash, 3)
    assert tell.figures(office, "anna") == {"available": 10}


def test_a_longer_batch_records_only_what_is_new(office, till, tell):
    one = till()
    one.join("anna")
    one.send()
    one.sale("1", 1000, "anna")
    assert tell.outcomes(inbox.record(office, one.batch())) == ["already recorded", "already recorded", "recorded"]


def test_a_gap_records_nothing_and_names_the_head_to_send_from(office, till, tell):
    one = till()
    one.send()
    for number in range(4):
        one.sale(str(number), 1000)
    reply = inbox.record(office, one.batch(3))
    assert (reply.results, reply.head, reply.head_number) == ([], one.journal[0].hash, 1)
    assert tell.outcomes(inbox.record(office, one.batch(reply.head_number))) == ["recorded"] * 4


def test_a_terminal_never_heard_of_before_is_told_to_begin_at_the_beginning(office, till):
    one = till()
    one.sale("1", 1000)
    reply = inbox.record(office, one.batch(1))
    assert (reply.results, reply.head, reply.head_number) == ([], "", 0)


def test_a_fork_is_kept_with_an_escrow_of_its_own_that_begins_empty(office, till, tell):
    one = till()
    one.join("anna")
    one.sale("1", 10000, "anna", keep=True)
    one.send()
    clone = one.copy()
    one.sale("2", 100, "")
    clone.sale("3", 100, "anna", redeem=60)
    assert not one.send().is_fork
    forked = clone.send()
    assert forked.is_fork
    assert tell.outcomes(forked) == ["recorded"]
    # What the clone spent is not the first till's to lose: it had no cover, and is debt.
    assert tell.figures(office, "anna") == {"escrow": 100, "debt": 60}
    # The till that hears of it opens a new epoch, gives up rights that it never had, and is no fork from there on.
    clone.reopen("second")
    assert not clone.send().is_fork
    one.sale("4", 100, "anna", redeem=100)
    assert not one.send().is_fork
    assert tell.figures(office, "anna") == {"debt": 60}
    clone.sale("5", 2000, "anna", keep=True)
    assert not clone.send().is_fork
    assert tell.figures(office, "anna") == {"escrow": 20, "debt": 60}


def test_a_copy_that_begins_a_new_epoch_at_once_is_no_fork(office, till, tell):
    one = till()
    one.sale("1", 10000, "anna", keep=True)
    one.send()
    clone = one.copy()
    one.sale("2", 100, "")
    clone.reopen("second")
    assert not one.send().is_fork
    assert not clone.send().is_fork
    # The copy gave up what the first till still holds: nothing moves.
    assert tell.figures(office, "anna") == {"escrow": 100}


@pytest.mark.parametrize(
    ("tampered", "code"),
    [
        pytest.param(lambda batch, other: batch, None, id="as it was signed"),
        pytest.param(lambda batch, other: msgspec.structs.replace(batch, signature="00" * 64), "SIGNATURE_WRONG", id="forged"),
        pytest.param(lambda batch, other: msgspec.structs.replace(batch, signature=""), "SIGNATURE_WRONG", id="unsigned"),
        pytest.param(lambda batch, other: msgspec.structs.replace(batch, epoch="x"), "SIGNATURE_WRONG", id="another epoch"),
        pytest.param(
            lambda batch, other: msgspec.structs.replace(batch, entries=batch.entries[:-1]), "SIGNATURE_WRONG", id="cut short"
        ),
        pytest.param(
            lambda batch, other: msgspec.structs.replace(
                batch, entries=[batch.entries[0].replace(b"test", b"evil"), *batch.entries[1:]]
            ),
            "CHAIN_BROKEN",
            id="an entry changed",
        ),
        pytest.param(
            lambda batch, other: msgspec.structs.replace(batch, entries=[batch.entries[0], *batch.entries[2:]]),
            "CHAIN_BROKEN",
            id="an entry left out",
        ),
        pytest.param(lambda batch, other: msgspec.structs.replace(batch, terminal=other.name), "CHAIN_BROKEN", id="another name"),
        pytest.param(lambda batch, other: msgspec.structs.replace(batch, terminal="ZZZZZZ"), "TERMINAL_UNKNOWN", id="nobody"),
    ],
)  # fmt: skip
def test_what_a_terminal_did_not_sign_is_refused_and_nothing_recorded(office, till, tell, tampered, code):
    one, other = till(), till("BBBBBB")
    one.sale("1", 1000)
    one.sale("2", 1000)
    batch = tampered(one.batch(), other)
    if code is None:
        assert tell.outcomes(inbox.record(office, batch)) == ["recorded"] * 3
        return
    with pytest.raises(Refused) as refused:
        inbox.record(office, batch)
    assert refused.value.code == code
    assert tell.outcomes(one.send()) == ["recorded"] * 3


def test_a_batch_signed_with_another_tills_key_is_refused(office, till):
    one, other = till(), till("BBBBBB")
    one.key = other.key
    with pytest.raises(Refused, match="not signed by the terminal"):
        inbox.record(office, one.batch())


def test_a_revoked_terminal_is_told_so(office, till):
    one = till()
    one.send()
    enrolment.revoke(office, one.name)
    one.sale("1", 1000)
    with pytest.raises(Refused, match="revoked on 2026-03-02") as refused:
        one.send()
    assert (refused.value.code, refused.value.status) == ("TERMINAL_REVOKED", 403)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"not a batch", id="not compressed"),
        pytest.param(zlib.compress(b"\xc1"), id="not msgpack"),
        pytest.param(pack(Batch("A", "e", [b"{}"], "00"))[:-4], id="truncated"),
        pytest.param(zlib.compress(bytes(MAX_BATCH_BYTES + 1)), id="a bomb"),
        pytest.param(pack(Batch("A", "e", [], "00")), id="no entries"),
    ],
)
def test_what_is_no_batch_is_unpacked_no_further(data):
    with pytest.raises(WireError):
        unpack(data)


def test_an_entry_of_a_kind_not_known_is_parked_and_its_effect_on_the_escrow_posted_at_once(office, till, tell):
    one = till()
    one.join("anna")
    one.sale("1", 5000, "anna", keep=True)
    spent = one.sale("2", 100, "anna", redeem=20)
    unknown = spent.data.replace(b'"kind":"sale"', b'"kind":"gift"')
    reply = inbox.record(office, signed(one, [*(kept.data for kept in one.journal[:-1]), unknown], 4))
    apply.apply_pending(office)
    assert tell.outcomes(reply)[-1] == "parked"
    assert tell.figures(office, "anna") == {"available": 20, "escrow": 30}
    assert tell.notes(office) == [(one.name, 4, "parked")]


def test_an_entry_that_was_parked_is_posted_in_full_once_it_is_understood(office, till, tell):
    from ledger import entry as entries

    one = till()
    one.join("anna")
    one.sale("1", 5000, "anna", keep=True)
    one.sale("2", 1000, "anna", redeem=20)
    known = entries._bodies.pop("sale")  # an older program, which has not heard of sales yet
    try:
        one.send()
        assert apply.understand(office) == 0
    finally:
        entries._bodies["sale"] = known
    assert tell.figures(office, "anna") == {"escrow": 30, "debt": 30}
    assert apply.understand(office) == 2
    assert apply.understand(office) == 0
    # 50 and 9 awarded, 20 redeemed, as if it had been understood at once.
    assert tell.figures(office, "anna") == {"escrow": 30, "available": 9}
    assert tell.notes(office) == []


@pytest.mark.parametrize("at", [1, 2, 3])
def test_bytes_that_are_no_entry_at_all_are_kept_in_their_place(office, till, tell, at):
    one = till()
    one.send()
    data = [b"\x00 not an entry", b"", b"{}"][at - 1]
    prev = entry_hash(data)
    # The till goes on after the damaged entry, which only its hash places.
    one.sale("1", 1000)
    following = msgspec.json.decode(one.journal[-1].data)
    after = msgspec.json.encode({**following, "number": 3, "prev": prev})
    batch = signed(one, [data, after], 3) if at < 3 else signed(one, [data], 2)
    reply = inbox.record(office, batch)
    assert tell.outcomes(reply) == (["parked", "recorded"] if at < 3 else ["parked"])
    assert apply.apply_pending(office) == len(batch.entries)


def test_the_database_refuses_to_change_or_delete_what_was_written(office, till):
    one = till()
    one.join("anna")
    sold = one.sale("1", 1000, "anna", keep=True)
    one.give_back(sold, "r1")
    one.give_back(sold, "r2")
    one.send()
    late = till("BBBBBB")
    late.give_back(sold, "r3")
    late.sale("x", 100, "anna", redeem=50)  # without cover: head office books it
    late.send()
    changes = [
        update(schema.inbox).values(data=b"x"),
        update(schema.inbox).values(hash="x"),
        delete(schema.inbox),
        update(schema.journal).values(data=b"x"),
        delete(schema.journal),
        update(schema.posting).values(amount=1),
        delete(schema.posting),
    ]
    if office.database.dialect == "postgresql":
        changes.append(text("TRUNCATE journal"))
    for change in changes:
        with (
            pytest.raises((IntegrityError, DatabaseError), match="append-only"),
            office.database.writing() as connection,
        ):
            connection.execute(change)


def test_the_same_document_with_other_content_is_a_conflict_posted_and_shown(office, till, tell):
    one, two = till(), till("BBBBBB")
    one.join("anna")
    one.sale("7", 1000, "anna", till="T1")
    two.sale("7", 3000, "anna", till="T1")
    one.send()
    assert tell.outcomes(two.send()) == ["recorded", "conflict"]
    assert tell.figures(office, "anna") == {"available": 40}
    assert tell.notes(office) == [("BBBBBB", 2, "conflict")]


def test_the_same_sale_at_two_tills_is_awarded_once(office, till, tell):
    one, two = till(), till("BBBBBB")
    one.join("anna")
    one.sale("7", 1000, "anna", till="T1")
    two.sale("7", 1000, "anna", till="T1", keep=True)
    one.send()
    assert tell.outcomes(two.send()) == ["recorded", "recorded"]
    # The second till holds ten points by its own word; they are the first till's award.
    assert tell.figures(office, "anna") == {"escrow": 10}
    two.release("anna")
    two.send()
    assert tell.figures(office, "anna") == {"available": 10}


def test_a_document_is_a_shops_own(office, till, tell):
    one, mill = till(), till("BBBBBB", "Mill")
    one.sale("7", 1000, "anna", till="T1")
    mill.sale("7", 3000, "anna", till="T1")
    one.send()
    assert tell.outcomes(mill.send()) == ["recorded", "recorded"]
    assert tell.figures(office, "anna") == {"available": 40}


def test_the_first_entry_need_not_be_an_opening(office, till, tell):
    one = till()
    one.journal.clear()
    one.sale("1", 1000, "anna")
    assert one.journal[0].envelope.prev == GENESIS
    assert isinstance(one.journal[0].body, SaleBody)
    assert tell.outcomes(one.send()) == ["recorded"]
    assert tell.figures(office, "anna") == {"available": 10}
