"""Each message once, however many servers there are and whenever one dies; each night the segment as it is then."""

from __future__ import annotations

import json
import random
import threading

import pytest
from sqlalchemy import select

from central_server import schema
from central_server.office import Office
from central_server.segments import saved
from central_server.segments.conditions import Conditions
from central_server.upkeep import restoring
from central_server.webhooks import deliveries, endpoints, sending
from tests.central.far_end import OK, status
from tests.central.webhooks.sent import hook, names_in, one_database, put_members, send, states


def test_a_server_that_died_in_between_leaves_it_to_the_next_one_under_the_same_id(office, people, receiver, clock):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    died = deliveries.take(office, "crm")
    assert deliveries.take(office, "crm") is None, "it is one server's"
    send(office)
    assert receiver.received == []
    clock.pass_by(seconds=deliveries.LEASE_S)
    send(office)
    assert [one.headers["webhook-id"] for one in receiver.received] == [died.delivery]
    deliveries.failed(office, died, "it answered 500")  # it lives after all, and is late
    assert states(office) == [("sent", "", 2)]


def test_a_server_that_is_late_does_not_undo_what_another_does(office, people, clock):
    endpoints.add(office, "crm", "https://crm.example/")
    saved.send(office, "all", "crm", "ada")
    late = deliveries.take(office, "crm")
    clock.pass_by(seconds=deliveries.LEASE_S)
    now = deliveries.take(office, "crm")
    deliveries.failed(office, late, "no answer")
    clock.pass_by(seconds=10)
    assert deliveries.take(office, "crm") is None, "the other one has it still"
    deliveries.sent(office, now)
    assert states(office) == [("sent", "", 2)]


def test_many_servers_send_each_message_once(office, people, folder, clock, receiver):
    put_members(office, [f"m{number:05}" for number in range(5000)])
    hook(office, receiver)
    saved.set_nightly(office, "all", "crm", is_on=True, by="ada")
    clock.pass_by(days=1)
    others = [Office.open(folder, clock, random.Random(seed).randbytes) for seed in (11, 12, 13)]
    threads = [threading.Thread(target=send, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in others:
        one.close()
    assert len(receiver.received) == 6
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 6


@one_database
@pytest.mark.slow  # a new database is made
def test_what_was_put_up_survives_a_restart_and_a_restore(office, people, folder, clock, receiver, tmp_path):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    restoring.backup(office, tmp_path / "backup")
    send(office)
    office.close()
    again = Office.open(folder, clock, random.Random(3).randbytes)
    send(again)
    assert len(receiver.received) == 1
    again.close()
    restored = restoring.restore(folder, tmp_path / "backup", clock, random.Random(4).randbytes)
    send(restored)
    restored.close()
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"], "a receiver knows that it has it"


# -- at night -----------------------------------------------------------------------------------------------------------


def test_each_night_it_is_sent_once_as_it_is_then(office, people, receiver, clock):
    hook(office, receiver)
    saved.set_nightly(office, "all", "crm", is_on=True, by="ada")
    send(office)
    assert receiver.received == [], "from the next night on"
    clock.pass_by(days=1)
    put_members(office, ("emil",))
    send(office)
    send(office)
    assert [names_in(one) for one in receiver.received] == [["anna", "ben", "cleo", "emil"]]
    clock.pass_by(days=3)
    send(office)
    assert len(receiver.received) == 2, "nights in which nothing ran are not made up for"
    saved.set_nightly(office, "all", "crm", is_on=False, by="ada")
    clock.pass_by(days=1)
    send(office)
    assert len(receiver.received) == 2


@one_database
def test_of_two_servers_that_both_see_the_night_begin_one_sends(office, people, clock):
    endpoints.add(office, "crm", "https://crm.example/")
    saved.set_nightly(office, "all", "crm", is_on=True, by="ada")
    clock.pass_by(days=1)
    seen = ("2026-03-03", "all", "crm", "ada")
    assert saved._send_one(office, *seen) == saved.Sending("all", "crm", 3, 1)
    assert saved._send_one(office, *seen) is None


def test_a_newer_list_takes_the_place_of_one_that_waits(office, people, receiver, clock):
    """An old list that arrives late would bring back who has left since."""
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    receiver.answers = [status(500), OK]
    send(office)
    clock.pass_by(minutes=1)
    saved.send(office, "all", "crm", "ada")
    deliveries.put_up_test(office, "crm", "ada")
    send(office)
    assert sorted(state for state, *_ in states(office)) == ["replaced", "sent", "sent"]
    assert len(receiver.received) == 3
    saved.send(office, "all", "crm", "ada")
    saved.remove(office, "all")
    send(office)
    assert len(receiver.received) == 3


@one_database
def test_a_segment_that_cannot_be_sent_tonight_stops_no_other(office, people, receiver, clock):
    saved.keep(office, "broken", Conditions(), "ada")
    hook(office, receiver)
    for name in ("all", "broken"):
        saved.set_nightly(office, name, "crm", is_on=True, by="ada")
    table = schema.segments.saved_segment
    with office.database.writing() as connection:
        connection.execute(table.delete().where(table.c.name == "broken"))
    clock.pass_by(days=1)
    send(office)
    assert [json.loads(one.body)["data"]["segment"] for one in receiver.received] == ["all"]
    assert saved.send_nightly(office) == []


@one_database
def test_what_was_sent_long_ago_is_forgotten_and_names_nobody_before(office, people, receiver, clock):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    send(office)
    table = schema.segments.delivery
    with office.database.reading() as connection:
        assert connection.scalars(select(table.c.members)).all() == ["[]"]
    clock.pass_by(days=31)
    deliveries.put_up_test(office, "crm", "ada")
    assert len(states(office)) == 1


@one_database
def test_the_thread_of_a_server_sends_and_ends_at_once_though_somebody_never_answers(office, people, receiver):
    hook(office, receiver)
    receiver.answers = [None]
    saved.send(office, "all", "crm", "ada")
    stopped = threading.Event()
    thread = threading.Thread(target=sending.send_until, args=(office, stopped))
    thread.start()
    assert receiver.heard.wait(60)
    stopped.set()
    thread.join(10)  # and not the quarter of a minute that a try may take
    assert not thread.is_alive()
    assert states(office) == [("waiting", "", 0)]
