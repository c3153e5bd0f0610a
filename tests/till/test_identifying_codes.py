"""Codes that a shop checks by itself, offline: tokens, passes, blocked cards. Till and head office are the real ones."""

from __future__ import annotations

import importlib.util
import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from central_server.membership import cards, desk, passes, tokens
from central_server.membership import members as office_members
from ledger.keys import SigningKey, card_hash
from ledger.passes import PassKey, totp
from ledger.tokens import Token, sign_token
from ledger.wire import BlockItem, ExpiringPoints, FeedChannel, MemberItem, RevokeItem
from offline_store import codes, journal, settings
from offline_store import members as till_members
from offline_store.errors import StoreFull
from offline_store.sync import Nonsense
from pos_plugin.errors import Conflict
from pos_plugin.members.joining import join

_spec = importlib.util.spec_from_file_location("chain", Path(__file__).parents[1] / "recovery" / "conftest.py")
chain = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(chain)
world = chain.world  # a head office and tills in this process

CARD, OTHER_CARD, THIRD_CARD = "2900000000018", "2900000000025", "2900000000032"


@pytest.fixture
def harbour(world):
    return world.till("Harbour")


@pytest.fixture
def mill(world):
    return world.till("Mill")


@pytest.fixture
def anna(world, harbour):
    """A member of the harbour's shop with 50 points, of whom the mill knows nothing."""
    harbour.sell(50, CARD)
    harbour.step()
    return harbour.member(CARD)


def offline(*tills):
    for one in tills:
        one.link.is_cut = True


def online(*tills):
    for one in tills:
        one.link.is_cut = False


def sell(till, member, euros, redeem=0):
    """A sale to whoever was identified."""
    at = till.clock().replace(tzinfo=None)
    number = str(next(chain._numbers))
    sold = chain.Sale(till.name, number, at.isoformat(timespec="seconds"), at.date().isoformat(), "EUR", euros * 100)
    return till.checkout.commit(till.checkout.quote(sold, member, redeem).quote_id)


def quote(till, member, redeem=0):
    at = till.clock().replace(tzinfo=None)
    number = str(next(chain._numbers))
    sold = chain.Sale(till.name, number, at.isoformat(timespec="seconds"), at.date().isoformat(), "EUR", 10000)
    return till.checkout.quote(sold, member, redeem)


# -- tokens --------------------------------------------------------------------------------------------------------------


def test_a_till_that_never_saw_the_member_takes_a_token_offline_and_the_sale_is_theirs(world, mill, anna):
    token = tokens.issue(world.office, anna)
    world.pass_by(hours=2)
    offline(mill)
    found = mill.checkout.identify(token.text)
    assert (found.kind, found.member, found.can_redeem, found.balance) == ("member", anna, True, 0)
    assert found.card == f"****{token.serial[-4:]}"
    assert "token" not in repr(found)
    done = sell(mill, found.member, 20)
    assert (done.earned_points, done.member) == (20, anna)
    assert f"****{token.serial[-4:]}" in done.receipt_text
    # What it holds can be spent in the same outage, as anybody's.
    assert sell(mill, found.member, 20, redeem=15).redeem_points == 15
    online(mill)
    world.check()
    assert world.balances()[anna] == 50 + 20 - 15 + 19  # 19.85 were left to pay
    with mill.store.read() as db:
        assert till_members.balance(db, anna, mill.checkout.today(db)).points == 74


def test_online_a_token_brings_the_members_balance_along(world, mill, anna):
    token = tokens.issue(world.office, anna)
    mill.checkout._cards._look_up_member = lambda member: mill.sync.look_up(chain.MemberLookup(member=member))
    assert mill.checkout.identify(token.text.lower()).balance == 50


@pytest.mark.parametrize("is_asked_for", [False, True])
def test_a_sale_by_token_goes_to_whom_the_member_has_become_meanwhile(world, harbour, mill, anna, is_asked_for):
    token = tokens.issue(world.office, anna)
    offline(mill)
    sell(mill, mill.checkout.identify(token.text).member, 20)
    harbour.sell(5, OTHER_CARD)
    harbour.step()
    bert = harbour.member(OTHER_CARD)
    desk.merge(world.office, anna, bert, desk.Who("one person", "Ada", "Ben"))
    online(mill)
    if is_asked_for:
        assert mill.sync.look_up(chain.MemberLookup(member=anna)) == bert
    world.check()
    assert world.balances()[bert] == 75
    # The mill has heard of the merge by now: the token is good as before, and names who stays.
    found = mill.checkout.identify(token.text)
    assert (found.kind, found.member, found.balance) == ("member", bert, 75)


def test_a_till_without_a_head_office_cannot_check_a_token(till):
    text = sign_token(SigningKey(bytes(32)), Token("4K7QF2M9XA", "72tecmq49pkz57h6", "2026-01-01", "2027-01-01"))
    found = till.checkout.identify(text)
    assert (found.kind, found.code) == ("refused code", "")
    assert "before it has been connected to head office" in found.message


def refused(till, text, words, kind="refused code"):
    before = len(journal_of(till))
    found = till.checkout.identify(text)
    assert (found.kind, found.member, found.code, found.can_redeem) == (kind, "", "", False)
    assert words in found.message
    assert not found.is_of_use
    assert len(journal_of(till)) == before


def journal_of(till):
    with till.store.read() as db:
        return list(journal.every(db))


def test_a_forged_altered_or_damaged_token_is_refused_and_is_no_item(world, mill, anna):
    token = tokens.issue(world.office, anna)
    refused(mill, sign_token(SigningKey(bytes(32)), Token(*msgspec.structs.astuple(token)[:4])), "not made by our head")
    refused(mill, token.text[:50] + ("A" if token.text[50] != "A" else "B") + token.text[51:], "was read wrong")
    refused(mill, token.text[:-3], "not read whole", "damaged card")
    refused(mill, token.text[:30], "not read whole", "damaged card")
    with mill.store.read() as db:
        assert till_members.known_as(db, anna) == ""


def test_the_days_of_a_token_are_those_of_the_till_which_is_never_earlier_than_head_office(world, mill, anna):
    token = tokens.issue(world.office, anna, "2026-11-30")
    offline(mill)
    mill.clock_error = timedelta(days=-2)  # head office has said what day it is
    assert mill.checkout.identify(token.text).kind == "member"
    mill.clock_error = timedelta(days=9)
    assert mill.checkout.identify(token.text).kind == "member"
    mill.clock_error = timedelta(days=10)
    refused(mill, token.text, "good through 2026-11-30")
    mill.clock_error = timedelta()
    early = Token("4K7QF2M9XA", anna, "2026-11-22", "2026-11-30")
    refused(mill, sign_token(world.office.signing, early), "good from 2026-11-22 on")


def test_a_revoked_token_is_refused_offline_once_the_till_has_heard(world, mill, anna):
    token, other = tokens.issue(world.office, anna, "2026-11-30"), tokens.issue(world.office, anna)
    tokens.revoke(world.office, token.serial)
    assert mill.checkout.identify(token.text).kind == "member"  # it has not heard
    mill.step()
    offline(mill)
    refused(mill, token.text, "taken this member code back")
    assert mill.checkout.identify(other.text).kind == "member"


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_a_token_that_was_revoked_just_now_is_refused_by_the_head_office_that_is_asked(world, mill, anna, is_forgotten):
    mill.checkout._cards._look_up_member = lambda member: mill.sync.look_up(chain.MemberLookup(member=member))
    mill.step()
    token = tokens.issue(world.office, anna)
    if is_forgotten:
        office_members.erase(world.office, anna)
    else:
        tokens.revoke(world.office, token.serial)
    refused(mill, token.text, "taken this member code back")


def test_a_token_that_was_revoked_after_it_was_read_redeems_nothing(world, mill, anna):
    mill.fetch(30)
    token = tokens.issue(world.office, anna)
    member = mill.checkout.identify(token.text).member
    before = quote(mill, member, redeem=10)
    assert before.redeem_points == 10
    mill.checkout.drop(before.quote_id)
    tokens.revoke(world.office, token.serial)
    mill.step()
    after = quote(mill, member, redeem=10)
    assert (after.redeem_points, [one.code for one in after.rejected]) == (0, ["CARD_NOT_READ"])


def test_revoked_tokens_that_are_over_drop_out_by_head_offices_time_alone(world, mill, anna):
    def known():
        with mill.store.read() as db:
            return [serial for (serial,) in db.execute("SELECT serial FROM revoked_token ORDER BY last_day")]

    short, long = tokens.issue(world.office, anna, "2026-11-22"), tokens.issue(world.office, anna)
    for one in (short, long):
        tokens.revoke(world.office, one.serial)
    mill.step()
    mill.clock_error = timedelta(days=400)
    cards.block(world.office, THIRD_CARD, "lost")  # something to hear
    mill.step()
    assert known() == [short.serial, long.serial]
    mill.clock_error = timedelta()
    world.pass_by(days=4)
    cards.unblock(world.office, THIRD_CARD)
    mill.step()
    assert known() == [long.serial]


# -- cards that are blocked ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("why", "words"), [("lost", "reported lost"), ("stolen", "reported stolen")])
def test_a_blocked_card_is_refused_offline_at_every_shop_from_the_last_feed_on(world, harbour, mill, anna, why, words):
    cards.block(world.office, CARD, why)
    world.quiet()
    offline(harbour, mill)
    for one in (harbour, mill):
        refused(one, CARD, words, "blocked card")
        refused(one, CARD, "Find the member by phone number, or sell without.", "blocked card")
    found = harbour.checkout.identify(CARD)
    assert found.card == "****0018"
    # The member still earns, found by phone, and does not redeem.
    harbour.checkout._cards._look_up_phone = lambda phone: anna
    assert harbour.checkout.identify("030 123", "phone").member == anna
    assert quote(harbour, anna, redeem=10).redeem_points == 0
    assert sell(harbour, anna, 7).earned_points == 7
    online(harbour, mill)
    cards.unblock(world.office, CARD)
    world.check()
    assert harbour.checkout.identify(CARD).can_redeem


def test_a_sale_that_was_quoted_before_the_block_is_committed_and_the_next_one_redeems_nothing(world, harbour, anna):
    harbour.fetch(30)
    before = quote(harbour, harbour.member(CARD), redeem=10)
    cards.block(world.office, CARD, "stolen")
    harbour.sync.step(harbour.checkout.needs_rights)
    assert harbour.checkout.commit(before.quote_id).redeem_points == 10
    after = quote(harbour, anna, redeem=10)
    assert (after.redeem_points, [one.code for one in after.rejected], after.earn_points) == (0, ["CARD_NOT_READ"], 100)
    assert after.offers == []
    harbour.checkout.drop(after.quote_id)
    world.check()


def test_a_card_that_was_blocked_just_now_is_refused_by_the_head_office_that_is_asked(world, mill, anna):
    mill.step()
    cards.block(world.office, CARD, "stolen")
    refused(mill, CARD, "reported stolen", "blocked card")
    offline(mill)
    refused(mill, CARD, "reported stolen", "blocked card")


def test_a_replaced_card_is_refused_and_nobody_joins_with_one_that_is_blocked(world, harbour, mill, anna):
    desk.replace_card(world.office, CARD, OTHER_CARD, desk.Who("worn", "Ada"))
    world.quiet()
    offline(harbour, mill)
    refused(harbour, CARD, "replaced by a new one", "blocked card")
    assert harbour.checkout.identify(OTHER_CARD).member == anna
    with pytest.raises(Conflict, match="replaced by a new one") as error:
        join(mill.checkout, CARD)
    assert error.value.code == "CARD_BLOCKED"


def test_blocks_and_revocations_stand_through_a_restore_of_head_office(world, mill, anna):
    kept, token = tokens.issue(world.office, anna), tokens.issue(world.office, anna)
    mill.step()
    file = world.backup()
    cards.block(world.office, CARD, "stolen")
    tokens.revoke(world.office, token.serial)
    world.restore(file)
    world.check()
    offline(mill)
    refused(mill, CARD, "reported stolen", "blocked card")
    refused(mill, token.text, "taken this member code back")
    assert mill.checkout.identify(kept.text).member == anna


def test_a_page_of_revocations_and_its_place_are_taken_over_together_or_not_at_all(world, mill, monkeypatch):
    cards.block(world.office, CARD, "stolen")
    tokens.revoke(world.office, "4K7QF2M9XA")

    def fail(db, items):
        codes_apply(db, items)
        raise RuntimeError("the power went")

    codes_apply = codes.apply_items
    with monkeypatch.context() as patched:
        patched.setattr(codes, "apply_items", fail)
        with pytest.raises(RuntimeError):
            mill.step()
    with mill.store.read() as db:
        assert codes.why_blocked(db, CARD) == ("", "")
        assert db.execute("SELECT position FROM feed_position WHERE channel = 'revocations'").fetchone() is None
    mill.step()
    with mill.store.read() as db:
        assert codes.why_blocked(db, CARD)[0] == "stolen"
        assert codes.is_revoked(db, "4K7QF2M9XA")


HASH = "ab" * 32


@pytest.mark.parametrize(
    "item",
    [
        BlockItem("CARD", "2026-11-21T09:00:00+00:00", "lost"),
        BlockItem(HASH, "today", "lost"),
        RevokeItem("4k7q", "2027-01-01"),
        RevokeItem("4K7QF2M9XA", "for ever"),
        MemberItem("m", [], "2026-11-21T09:00:00+00:00", 0, passes=[PassKey("1", "xy")]),
        MemberItem("m", [], "2026-11-21T09:00:00+00:00", 0, passes=[PassKey("1", "ab", period_s=0)]),
    ],
)
def test_nonsense_about_codes_is_not_taken_over(world, mill, monkeypatch, item):
    answered = mill.link.feed

    def feed(request):
        reply = answered(request)
        place = request.positions["revocations"]
        channels = {**reply.channels, "revocations": FeedChannel(place + 1, [item])}
        return msgspec.structs.replace(reply, channels=channels)

    monkeypatch.setattr(mill.link, "feed", feed)
    with pytest.raises(Nonsense):
        mill.step()
    with mill.store.read() as db:
        assert db.execute("SELECT position FROM feed_position WHERE channel = 'revocations'").fetchone() is None


# -- passes --------------------------------------------------------------------------------------------------------------


def shown(key, at, code=""):
    """What a phone shows at a moment."""
    at_s = int(at.timestamp())
    return f"{key.card}-{at_s}-{code or totp(bytes.fromhex(key.key), at_s // key.period_s, key.algorithm)}"


@pytest.fixture
def key(world, harbour, anna):
    """The key of anna's pass, which the harbour's till has; the clock stands 10 s into a period."""
    made = passes.make(world.office, CARD)
    harbour.step()
    offline(harbour)
    world.pass_by(seconds=10)
    return made


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_pass_is_taken_offline_like_the_card(world, harbour, anna, algorithm):
    key = passes.make(world.office, CARD, algorithm=algorithm, period_s=60)
    harbour.step()
    offline(harbour)
    found = harbour.checkout.identify(shown(key, harbour.clock()))
    assert (found.kind, found.member, found.can_redeem, found.card) == ("member", anna, True, "****0018")
    assert sell(harbour, anna, 5).earned_points == 5


@pytest.mark.parametrize(
    ("begins", "is_taken"),
    [(-2, False), (-1, True), (0, True), (1, True), (2, False)],
)
def test_a_code_is_good_in_its_period_and_in_one_before_and_after(harbour, key, begins, is_taken):
    since = harbour.clock() - timedelta(seconds=10)
    for second in (0, key.period_s - 1):
        moment = since + timedelta(seconds=begins * key.period_s + second)
        found = harbour.checkout.identify(shown(key, moment))
        if is_taken:
            assert (found.kind == "member") == (second == 0), "one code a period"
        else:
            assert found.message == "This pass was shown too late or copied: open the pass again."


def test_the_edges_of_the_tolerance_are_sharp(world, harbour, key):
    text = shown(key, harbour.clock() - timedelta(seconds=10))  # the first second of a period
    world.pass_by(seconds=2 * key.period_s - 10)  # the first second of the next but one
    refused(harbour, text, "too late or copied")
    world.pass_by(seconds=-1)
    assert harbour.checkout.identify(text).kind == "member"


def test_a_wrong_code_is_refused_and_uses_nothing_up(harbour, key):
    right = shown(key, harbour.clock())
    wrong = right[:-1] + str((int(right[-1]) + 1) % 10)
    refused(harbour, wrong, "too late or copied")
    # A right code under another moment of another period is none, either.
    refused(harbour, shown(key, harbour.clock() + timedelta(seconds=key.period_s), right[-8:]), "too late or copied")
    assert harbour.checkout.identify(right).kind == "member"


def test_a_code_is_taken_once_also_after_a_restart_and_so_is_none_before_it(world, harbour, key):
    before, first = shown(key, harbour.clock() - timedelta(seconds=key.period_s)), shown(key, harbour.clock())
    again = shown(key, harbour.clock() + timedelta(seconds=1))  # the same period
    assert harbour.checkout.identify(first).kind == "member"
    for text in (first, again, before):
        refused(harbour, text, "used here before")
    harbour.reopen()
    for text in (first, again, before):
        refused(harbour, text, "used here before")
    world.pass_by(seconds=key.period_s)
    assert harbour.checkout.identify(shown(key, harbour.clock())).kind == "member"


def test_the_feed_tells_anew_of_a_pass_and_what_was_used_stays_used(world, harbour, key):
    first = shown(key, harbour.clock())
    assert harbour.checkout.identify(first).kind == "member"
    online(harbour)
    harbour.sell(5)
    with harbour.store.read() as db:
        known = codes.pass_key(db, CARD)
    harbour.store.write(lambda db: db.execute("DELETE FROM feed_position"))
    harbour.step()
    with harbour.store.read() as db:
        assert codes.pass_key(db, CARD) == known == key
    refused(harbour, first, "used here before")


def test_a_new_key_ends_the_pass_before(world, harbour, key):
    made = passes.make(world.office, CARD, anew=True)
    online(harbour)
    harbour.step()
    offline(harbour)
    refused(harbour, shown(key, harbour.clock()), "too late or copied")
    assert harbour.checkout.identify(shown(made, harbour.clock())).kind == "member"


def test_a_blocked_card_blocks_its_pass(world, harbour, key):
    cards.block(world.office, CARD, "stolen")
    online(harbour)
    harbour.step()
    offline(harbour)
    refused(harbour, shown(key, harbour.clock()), "reported stolen", "blocked card")


def test_a_till_without_the_key_asks_head_office(world, mill, key):
    assert mill.checkout.identify(shown(key, mill.clock())).can_redeem
    offline(mill)
    refused(mill, shown(key, mill.clock()), "used here before")


def test_offline_a_till_without_the_key_believes_a_pass_as_much_as_a_phone_number(world, harbour, anna):
    made = passes.make(world.office, CARD)  # of which the harbour has not heard
    offline(harbour)
    harbour.reopen()  # nobody was identified here
    offline(harbour)
    found = harbour.checkout.identify(shown(made, harbour.clock()))
    assert (found.kind, found.member, found.can_redeem) == ("member", anna, False)
    asked = quote(harbour, anna, redeem=10)
    assert [one.code for one in asked.rejected] == ["CARD_NOT_READ"]


def test_offline_a_pass_of_a_stranger_is_an_unknown_card_and_what_is_no_members_is_an_item(world, mill, key):
    offline(mill)
    found = mill.checkout.identify(shown(key, mill.clock()))
    assert (found.kind, found.card, found.code) == ("unknown card", "****0018", "")
    for text in ("4006381333931-1795281660-00123456", "BOLT-1795281660-00123456"):
        assert mill.checkout.identify(text).kind == "item"


def test_a_pass_that_head_office_does_not_know_is_not_good_any_more(world, harbour, anna):
    made = PassKey(CARD, "00" * 20)
    refused(harbour, shown(made, harbour.clock()), "not good any more")
    cards.block(world.office, CARD, "stolen")
    refused(harbour, shown(made, harbour.clock()), "reported stolen", "blocked card")


def test_a_card_of_another_system_that_looks_like_a_pass_is_that_card(till):
    odd = "2900000000018-1795281660-00123456"
    till.apply_item(MemberItem("m1", [odd], till.now.isoformat(), 0))
    assert till.checkout.identify(odd).can_redeem


def test_a_pass_of_a_kind_that_this_till_does_not_know_earns(till):
    strange = PassKey(CARD, "ab" * 20, algorithm="sha3")
    item = MemberItem("m1", [CARD], till.now.isoformat(), 0, [ExpiringPoints("2027-06-01", 5)], passes=[strange])
    till.apply_item(item)
    at_s = int(till.now.timestamp())
    found = till.checkout.identify(f"{CARD}-{at_s}-00000000")
    assert (found.member, found.can_redeem) == ("m1", False)


def test_on_a_full_disk_a_pass_earns_and_a_strangers_token_is_refused_in_words(
    world, harbour, mill, anna, key, monkeypatch
):
    def full(work):
        raise StoreFull("The disk is full; nothing was recorded.")

    token = tokens.issue(world.office, anna)
    offline(mill)
    for one in (harbour, mill):
        monkeypatch.setattr(one.store, "write", full)
    assert harbour.checkout.identify(shown(key, harbour.clock())).can_redeem is False
    assert harbour.checkout.identify(token.text).can_redeem
    found = mill.checkout.identify(token.text)
    assert (found.kind, found.message.startswith("The disk is full")) == ("refused code", True)


def test_who_is_forgotten_leaves_no_key_at_the_tills(world, harbour, key):
    office_members.erase(world.office, office_members.of_card(world.office, CARD))
    online(harbour)
    harbour.step()
    with harbour.store.read() as db:
        assert codes.pass_key(db, CARD) is None


# -- over the local API --------------------------------------------------------------------------------------------------


def test_the_local_api_answers_blocked_cards_and_refused_codes_and_keeps_no_token(served):
    server = SigningKey(bytes(32))
    token = Token("4K7QF2M9XA", "72tecmq49pkz57h6", "2026-01-01", "2026-11-20")

    def know(db):
        for name, value in (("phone_key", "cd" * 32), ("server_key", server.public)):
            settings.put(db, name, value)
        codes.apply_items(db, [BlockItem(card_hash("cd" * 32, CARD), "2026-11-21T09:00:00+00:00", "lost")])

    served.terminal.store.write(know)
    said = served.client.post("/v1/identify", json={"scan": CARD}).json()
    assert (said["kind"], said["card"], set(said)) == ("blocked card", "****0018", {"kind", "card", "message"})
    text = sign_token(server, token)
    served.terminal.scanned(text)
    said = served.client.post("/v1/identify", json={"scan": text}).json()
    assert said["kind"] == "refused code"
    assert said["message"].startswith("This member code was good through 2026-11-20.")
    assert "LM1" not in json.dumps(served.client.get("/v1/state").json())
