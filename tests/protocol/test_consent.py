"""Consent, from the text that head office publishes to the till that asks, and back.

Fact 12: consent with text version, channel, time; withdrawal stops exports; a member's data copy holds only that member
(the last is in tests/central/test_data_copy.py).
"""

from __future__ import annotations

import pytest

from central_server.membership import consents, members
from central_server.membership.consents import ConsentText
from central_server.membership.desk import Who, merge
from ledger.entry import ConsentBody
from offline_store import consents as till_consents
from offline_store import journal
from offline_store.verify import verify
from pos_plugin.errors import Conflict, Unknown
from pos_plugin.members.joining import join, say_consent

CARD, OTHER_CARD = "2900000000018", "2900000000025"
FIRST = ConsentText("2026-11", {"en": "We may write to you.", "de": "Wir dürfen Ihnen schreiben."}, "")
SECOND = ConsentText("2027-01", {"en": "We may write to you and call you."}, "")


@pytest.fixture
def shop(open_shop):
    made = open_shop()
    consents.publish(made.office, FIRST)
    return made


def said(shop, member):
    with shop.office.database.reading() as connection:
        return consents.of(connection, member)


def agrees(shop, member):
    with shop.office.database.reading() as connection:
        given = consents.given(connection, member)
        assert (member in set(connection.scalars(consents.agreeing()))) == given, "one rule, asked in two ways"
    return given


def names(shop):
    return [one.name for one in consents.contacts(shop.office)]


def test_fact_12_consent_has_the_texts_version_the_channel_and_the_time_and_withdrawal_stops_exports(shop):
    till = shop.till()
    joined = join(
        till.checkout, CARD, name="Ada Berg", phone="030 12", consent="2026-11", channel="page", operator="Kim"
    )
    quiet = join(till.checkout, OTHER_CARD, name="Bo Chan")
    with till.store.read() as db:
        entry = journal.read(db, journal.head(db)[0] - 1)
        assert verify(db).problems == []
    assert entry.body == ConsentBody("2026-11", True, "page", "Kim")
    assert (entry.member, entry.envelope.occurred_at) == (joined.member, "2026-11-21T18:05:00")
    till.settle()
    assert said(shop, joined.member) == [
        consents.Consent("2026-11", True, "page", "2026-11-21T17:05:00.000+00:00", till.terminal, "Kim")
    ]
    assert (agrees(shop, joined.member), agrees(shop, quiet.member)) == (True, False)
    assert names(shop) == ["Ada Berg"]

    shop.pass_by(days=3)
    assert say_consent(till.checkout, joined.member, "", given=False, operator="Lou").given is False
    till.settle()
    assert [one.is_given for one in said(shop, joined.member)] == [False, True], "all that was ever said is kept"
    assert not agrees(shop, joined.member)
    assert names(shop) == []


def test_taken_back_at_head_office_stops_exports_at_once_and_stands_in_its_journal(shop):
    till = shop.till()
    member = join(till.checkout, CARD, name="Ada Berg", consent="2026-11").member
    till.settle()
    assert consents.say(shop.office, member, is_given=False, operator="Ann") is True
    assert consents.say(shop.office, member, is_given=False, operator="Ann") is False, "nothing is left to take back"
    assert names(shop) == []
    (latest, _) = said(shop, member)
    assert (latest.text, latest.channel, latest.terminal, latest.operator) == ("2026-11", "office", "", "Ann")
    # They may think better of it.
    shop.pass_by(hours=1)
    assert consents.say(shop.office, member, is_given=True, channel="paper", operator="Ann") is True
    assert names(shop) == ["Ada Berg"]


def test_a_till_that_was_away_does_not_bring_back_what_was_taken_back_since(shop):
    till, away = shop.till(), shop.till()
    member = join(till.checkout, CARD, name="Ada Berg", consent="2026-11").member
    till.settle()
    away.settle()
    away.cut()
    say_consent(away.checkout, member, "2026-11", given=True)
    shop.pass_by(days=1)
    consents.say(shop.office, member, is_given=False)
    shop.pass_by(days=1)
    away.mend()
    away.settle()
    assert len(said(shop, member)) == 3
    assert not agrees(shop, member)


@pytest.mark.slow
def test_a_till_whose_clock_is_ahead_agrees_to_nothing_that_cannot_be_taken_back(shop):
    till = shop.till()
    with_clock_ahead = shop.clock
    till.checkout.clock = lambda: with_clock_ahead().replace(year=2031)
    member = join(till.checkout, CARD, name="Ada Berg", consent="2026-11").member
    till.settle()
    assert agrees(shop, member)
    shop.pass_by(minutes=1)
    consents.say(shop.office, member, is_given=False)
    assert not agrees(shop, member)


def test_a_till_asks_for_the_latest_text_and_for_no_other(shop):
    till = shop.till()
    with till.store.read() as db:
        assert till_consents.text(db) == till_consents.ConsentText("2026-11", dict(FIRST.texts))
    shop.pass_by(days=1)
    consents.publish(shop.office, SECOND)
    till.settle()
    with till.store.read() as db:
        asked = till_consents.text(db)
    assert asked is not None
    assert (asked.version, asked.text_in("de")) == ("2027-01", "We may write to you and call you.")
    before = till.kinds()
    with pytest.raises(Conflict, match="2026-11 is not the one that is asked for now") as refused:
        join(till.checkout, CARD, consent="2026-11")
    assert refused.value.code == "CONSENT_TEXT_OUTDATED"
    assert till.kinds() == before
    join(till.checkout, CARD, consent="2027-01")


@pytest.mark.slow
def test_where_nothing_was_published_nobody_agrees_to_anything(open_shop):
    till = open_shop().till()
    with pytest.raises(Conflict, match="no text to agree to"):
        join(till.checkout, CARD, consent="2026-11")
    with pytest.raises(Unknown):
        say_consent(till.checkout, "nobody", "", given=False)


def test_consent_goes_with_the_person_when_they_are_forgotten(shop):
    till = shop.till()
    member = join(till.checkout, CARD, name="Ada Berg", consent="2026-11").member
    till.settle()
    say_consent(till.checkout, member, "2026-11", given=True)  # on its way while they are forgotten
    members.erase(shop.office, member)
    till.settle()
    assert said(shop, member) == []
    assert not agrees(shop, member)


@pytest.mark.slow
def test_who_turns_out_to_be_one_person_has_said_all_that_both_said(shop):
    till = shop.till()
    one = join(till.checkout, CARD, name="Ada Berg", consent="2026-11").member
    shop.pass_by(hours=1)
    two = join(till.checkout, OTHER_CARD, name="Ada Berg").member
    till.settle()
    merge(shop.office, one, two, Who("same person", "Ann", "Bob"))
    shop.pass_by(hours=1)
    say_consent(till.checkout, one, "", given=False)  # the till has not heard yet who is who
    till.settle()
    assert [each.is_given for each in said(shop, two)] == [False, True]
    assert said(shop, one) == []
