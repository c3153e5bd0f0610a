"""Webhooks on Home, on their page and by commands: what became of each message, and nothing secret."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from central_server.cli import app
from central_server.segments import saved
from central_server.webhooks import deliveries, endpoints, secrets
from tests.central.far_end import OK, status
from tests.central.webhooks.sent import hook, one_database, send, states


def on_home(visitor, role="marketing"):
    return re.findall(r'<a href="/office/segments/endpoints">(.*?)</a>', visitor(role).get("").text)


@one_database
def test_an_endpoint_that_has_failed_for_an_hour_stands_on_home_of_those_who_send_and_of_nobody_else(
    office, people, receiver, clock, visitor
):
    hook(office, receiver)
    receiver.answers = [status(503), status(503), status(503), OK]
    saved.send(office, "all", "crm", "ada")
    for minutes in (0, 6, 53):  # 0:59 after it was put up
        clock.pass_by(minutes=minutes)
        send(office)
    assert on_home(visitor) == []
    clock.pass_by(minutes=1)
    said = "The endpoint crm has not taken what waits since 2026-03-02 10:00: it answered 503"
    assert on_home(visitor) == [said]
    assert said in visitor("marketing").get("/segments").text
    for role in ("auditor", "integrator", "finance", "support", "manager"):
        assert on_home(visitor, role) == [], "they cannot send it again"
    clock.pass_by(hours=3)
    send(office)
    assert on_home(visitor) == [], "it was taken"


@one_database
def test_what_waits_for_a_server_that_has_not_run_is_no_endpoints_fault(office, people, receiver, clock, visitor):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    clock.pass_by(hours=2)
    assert on_home(visitor) == []


@one_database
def test_messages_that_were_given_up_stand_on_home_until_somebody_sends_them_again(
    office, people, receiver, clock, visitor
):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    for _ in range(len(deliveries.PAUSES_S) + 1):
        receiver.answers = [status(503)]
        send(office)
        receiver.answers = [OK]  # something else is taken, so the endpoint stays on
        deliveries.put_up_test(office, "crm", "ada")
        send(office)
        clock.pass_by(hours=30)
    assert on_home(visitor) == ["1 message to the endpoint crm was given up: it answered 503"]
    deliveries.again(office, webhook="crm")
    assert on_home(visitor) == [], "it is tried anew"


@one_database
def test_an_endpoint_that_is_switched_off_stands_on_home_until_it_is_on(office, people, receiver, visitor):
    hook(office, receiver)
    receiver.answers = [status(410)]
    deliveries.put_up_test(office, "crm", "ada")
    send(office)
    why = "it answered 410: it wants nothing any more"
    assert on_home(visitor) == [f"The endpoint crm is switched off since 2026-03-02 10:00: {why}"]
    endpoints.switch_on(office, "crm", "ada")
    assert on_home(visitor) == [f"1 message to the endpoint crm was given up: {why}"]


@one_database
def test_the_audit_keeps_why_an_endpoint_was_switched_off_and_who_switched_it_on(office, people, receiver, visitor):
    hook(office, receiver)
    receiver.answers = [status(410)]
    deliveries.put_up_test(office, "crm", "ada")
    send(office)
    marketing = visitor("marketing")
    for _ in range(2):  # the second press, of a page that stood open, says nothing new
        marketing.said("/segments/endpoints/crm/on")
    rows = re.findall(
        r"<tr><td>.*?<td>crm</td><td>(.*?)</td><td>(.*?)</td></tr>", visitor("auditor").get("/audit").text
    )
    why = "off: it answered 410: it wants nothing any more"
    assert rows == [("on", marketing.staff.login), (why, "head office by itself")]


def run(office, *arguments, code=0):
    done = CliRunner().invoke(app, [*map(str, arguments), "--dir", str(office.folder)])
    assert done.exit_code == code, done.output
    return done.output


@one_database
@pytest.mark.slow  # a dozen commands
def test_the_commands_add_test_send_and_remove_and_show_a_secret_once(office, people, receiver):
    office.now.at = datetime.now(UTC) + timedelta(hours=1)  # commands have the machine's clock
    said = run(office, "webhook", "add", "crm", receiver.url, "--private")
    [secret] = re.findall(r"whsec_\S+", said)
    assert 24 <= len(secrets.key_of(secret)) <= 64
    run(office, "webhook", "test", "crm", "--by", "Ada")
    assert "is sent within seconds" in run(office, "webhook", "list")
    send(office)
    assert re.search(r"crm +http://127.0.0.1:\d+ +sent \d{4}-\d\d-\d\d \d\d:\d\d\n", run(office, "webhook", "list"))
    assert "3 members in 1 message to crm" in run(office, "saved-segment", "send", "all", "crm", "--by", "Ada")
    receiver.answers = [status(410)]
    send(office)
    listed = run(office, "webhook", "list") + run(office, "webhook", "list", "--json")
    assert "switched off: it answered 410" in listed
    assert secret not in listed
    assert "key=k" not in listed, "of an address, scheme and host"
    assert "1 message that failed" in run(office, "webhook", "retry", "crm", "--by", "Ada")
    receiver.answers = [OK]
    send(office)
    assert states(office)[0][0] == "sent"
    assert "Nothing was added" in run(office, "webhook", "add", "crm", "http://10.0.0.1/", code=2)
    assert "no endpoint mail" in run(office, "webhook", "test", "mail", "--by", "Ada", code=2)
    [newer] = re.findall(r"whsec_\S+", run(office, "webhook", "new-secret", "crm", "--by", "Ada"))
    assert newer != secret
    assert newer not in run(office, "webhook", "list", "--json")
    run(office, "webhook", "remove", "crm", "--yes")
    assert "There is no endpoint" in run(office, "webhook", "list")


@one_database
def test_the_pages_send_say_what_became_of_it_and_show_nothing_secret(office, people, receiver, visitor):
    secret = hook(office, receiver)
    marketing = visitor("marketing")
    assert "goes to crm within seconds" in marketing.said("/segments/endpoints/crm/test")
    receiver.answers = [status(500), status(410), OK]
    send(office)
    page = marketing.get("/segments/endpoints").text
    assert "Waiting until 2026-03-02 10:00: it answered 500; tried once." in page
    assert marketing.said("/segments/named/all/send", webhook="crm").startswith("3 members go to crm")
    send(office)
    page = marketing.get("/segments/endpoints").text
    assert "Switched off since <time>2026-03-02 10:00</time>: it answered 410: it wants nothing any more" in page
    assert "Send again" not in page
    assert "is switched off since 2026-03-02 10:00: it answered 410" in marketing.get("/segments").text
    marketing.said("/segments/endpoints/crm/on")
    page = marketing.get("/segments/endpoints").text
    [failed] = re.findall(r'name="delivery" value="(\w+)"', page)
    marketing.said("/segments/endpoints/again", delivery=failed)
    send(office)
    page = marketing.get("/segments/endpoints").text
    assert "Sent 2026-03-02 10:00." in page
    assert secret not in page
    assert "key=k" not in page
    assert marketing.post("/segments/endpoints/again", delivery=failed).status_code == 422
    assert "each night, from the next one on" in marketing.said(
        "/segments/named/all/nightly", webhook="crm", is_on="yes"
    )
    assert "<td>crm</td>" in marketing.get("/segments").text
    assert "at night no more" in marketing.said("/segments/named/all/nightly", webhook="crm", is_on="no")
    for role in ("auditor", "integrator"):
        looks = visitor(role)
        assert looks.get("/segments/endpoints").status_code == 200
        assert looks.post("/segments/endpoints/crm/test").status_code == 403
    assert visitor("finance").get("/segments/endpoints").status_code == 403
