"""An endpoint's secret, and another one in its place without a loss."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, text
from standardwebhooks.webhooks import WebhookVerificationError

from central_server import schema
from central_server.database import Database, sqlite_url
from central_server.errors import OfficeError
from central_server.migrations import migrate
from central_server.webhooks import deliveries, endpoints, secrets
from tests.central.webhooks.sent import hook, one_database, send, verified


def taken_with(secret, received, clock, monkeypatch):
    try:
        verified(secret, received, clock, monkeypatch)
    except WebhookVerificationError:
        return False
    return True


def test_for_a_day_a_new_secret_signs_beside_the_old_one_and_then_alone(office, people, receiver, clock, monkeypatch):
    old = hook(office, receiver)
    clock.pass_by(days=10)
    new = endpoints.new_secret(office, "crm", "ian")
    taken = []
    for pause in ({}, {"hours": 23, "minutes": 59}, {"minutes": 1}):
        clock.pass_by(**pause)
        deliveries.put_up_test(office, "crm", "ada")
        send(office)
        taken.append([taken_with(one, receiver.received[-1], clock, monkeypatch) for one in (old, new)])
    assert taken == [[True, True], [True, True], [False, True]]
    assert [len(one.headers["webhook-signature"].split(" ")) for one in receiver.received] == [2, 2, 1]


@one_database
def test_a_secret_that_was_lost_at_once_does_not_cut_off_who_has_the_one_before(office, receiver, clock, monkeypatch):
    first = hook(office, receiver)
    later = [endpoints.new_secret(office, "crm", "ian") for _ in range(3)]
    deliveries.put_up_test(office, "crm", "ada")
    send(office)
    assert all(taken_with(one, receiver.received[0], clock, monkeypatch) for one in (first, *later))
    with pytest.raises(OfficeError, match="3 new secrets within a day") as refused:
        endpoints.new_secret(office, "crm", "ian")
    assert refused.value.code == "WEBHOOK_SECRETS"
    clock.pass_by(days=1)
    endpoints.new_secret(office, "crm", "ian")


@one_database
def test_a_secret_that_has_ended_lies_in_the_database_no_more_and_who_made_it_does(office, receiver, clock):
    made = [hook(office, receiver), endpoints.new_secret(office, "crm", "ian")]
    clock.pass_by(days=1)
    deliveries.put_up_test(office, "crm", "ada")

    def kept():
        with office.database.reading() as connection:
            table = schema.segments.webhook_secret.c
            rows = connection.execute(select(table.secret, table.made_by).order_by(table.number)).all()
        return [tuple(row) for row in rows]

    assert kept() == [("", ""), (made[1], "ian")]
    endpoints.remove(office, "crm")
    assert kept() == [("", ""), ("", "ian")]


@one_database
def test_the_page_makes_a_secret_for_who_hands_out_keys_shows_it_once_and_the_audit_says_who(office, receiver, visitor):
    hook(office, receiver)
    integrator = visitor("integrator")
    answer = integrator.post("/segments/endpoints/crm/secret")
    [secret] = re.findall(r"whsec_[\w+/=]+", answer.text)
    assert answer.headers["cache-control"] == "no-store"
    with office.database.reading() as connection:
        assert secrets.signing(connection, "crm", office.time())[0] == secret
    page = integrator.get("/segments/endpoints").text
    assert "whsec_" not in page
    assert "Until <time>2026-03-03 10:00</time> the one before signs as well." in page
    for role in ("marketing", "auditor", "finance", "manager"):
        assert visitor(role).post("/segments/endpoints/crm/secret").status_code == 403
        assert "/crm/secret" not in visitor(role).get("/segments/endpoints").text
    audit = visitor("auditor").get("/audit").text
    assert "<td>crm</td><td>integrator</td>" in audit
    assert "whsec_" not in audit
    assert "Secrets of endpoints" not in visitor("manager", "Mill").get("/audit").text


def test_an_upgrade_leaves_an_endpoint_the_secret_that_its_receiver_knows(tmp_path):
    database = Database(sqlite_url(tmp_path / "old.db"))
    row = "'crm', 'https://crm.example/', 'whsec_b2xk', false, '2026-03-02', '', ''"
    columns = "webhook, url, secret, is_private, made_at, off_at, off_why"
    with database.writing() as connection:
        migrate(connection, "0014")
        connection.execute(text(f"INSERT INTO webhook ({columns}) VALUES ({row})"))
        migrate(connection)
        assert secrets.signing(connection, "crm", "2026-03-03") == ["whsec_b2xk"]
    database.close()
