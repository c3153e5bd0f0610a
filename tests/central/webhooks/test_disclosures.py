"""To whom a member's data went."""

from __future__ import annotations

from sqlalchemy import select

from central_server import schema
from central_server.membership import consents, members
from central_server.membership.consents import ConsentText
from central_server.segments import saved
from central_server.webhooks import disclosures, endpoints
from tests.central.far_end import OK, shut
from tests.central.webhooks.sent import hook, one_database, send


def went_to(office, member):
    with office.database.reading() as connection:
        return [(one.endpoint, one.first_at, one.last_at) for one in disclosures.of(connection, member)]


def test_it_is_kept_to_which_endpoints_a_members_data_went_also_where_it_was_not_answered(
    office, people, receiver, clock
):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    receiver.answers = [shut, OK]
    first = office.time()
    send(office)
    assert went_to(office, "anna") == [("crm", first, first)], "nobody knows what it has heard"
    assert went_to(office, "dora") == [], "she does not agree"
    consents.publish(office, ConsentText("1", {"en": "We may write to you."}, ""))
    consents.say(office, "ben", is_given=False, operator="ada")
    clock.pass_by(minutes=1)
    send(office)
    assert went_to(office, "anna") == [("crm", first, office.time())]
    assert went_to(office, "ben") == [("crm", first, first)], "he was left out of what was sent then"


@one_database
def test_who_could_not_be_reached_heard_of_nobody(office, people):
    endpoints.add(office, "crm", "http://127.0.0.1:9/", is_private=True)
    saved.send(office, "all", "crm", "ada")
    send(office)
    assert went_to(office, "anna") == []


@one_database
def test_it_stands_before_the_first_byte_leaves(office, people, receiver):
    """A server that dies while it sends cannot write it down afterwards."""
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    seen = []
    receiver.answers = [lambda far: [seen.append(went_to(office, "anna")), far.sendall(OK)]]
    send(office)
    assert [len(one) for one in seen] == [1]


@one_database
def test_who_was_merged_has_what_went_out_under_both_and_who_was_erased_nothing(office, people, receiver, till):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    send(office)
    table = schema.member
    with office.database.writing() as connection:
        connection.execute(table.update().where(table.c.member == "ben").values(merged_into="anna"))
        connection.execute(table.delete().where(table.c.member == "dora"))
    assert len(went_to(office, "anna")) == 1
    members.erase(office, "anna")
    kept = schema.segments.disclosure
    with office.database.reading() as connection:
        assert connection.scalars(select(kept.c.member)).all() == ["cleo"]
