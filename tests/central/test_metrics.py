"""Head office in figures: for whoever shows the token, true, and without anybody in them."""

import re

import msgspec
import pytest

from central_server.app import create_app
from central_server.errors import OfficeError
from central_server.membership import members
from central_server.upkeep.metrics import read_token
from central_server.webhooks import deliveries, endpoints
from ledger.keys import seal
from ledger.wire import MemberDetails

TOKEN = "a-secret-of-the-shop"
PERSON = {"card": "2900000000018", "name": "Anna Bell", "phone": "+49 170 1234567"}


@pytest.fixture
def ask(office):
    import asyncio

    import httpx

    app = create_app(office, metrics_token=TOKEN)

    def get(path="/metrics", token=TOKEN):
        async def asked():
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://central") as client:
                return await client.get(path, headers={"Authorization": f"Bearer {token}"} if token else {})

        return asyncio.run(asked())

    return get


def figures(answer):
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {name: float(value) for name, value in re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", answer.text, re.MULTILINE)}


def test_the_figures_are_those_of_the_database_and_nobody_is_in_them(office, till, ask, clock):
    one = till()
    till("BBBBBB", "Mill")
    one.sale("1", 50000, "anna")
    one.send()
    sealed = seal(office.sealing_key, msgspec.json.encode({"name": PERSON["name"], "phone": PERSON["phone"]}))
    members.take_details(office, one.row(), MemberDetails("anna", [PERSON["card"]], "2026-03-02", sealed))
    found = figures(ask())
    assert found["pos_central_entries_recorded"] == len(one.journal)
    assert found["pos_central_entries_waiting"] == 0
    assert found["pos_central_members"] == 1
    assert found['pos_central_till_heard_seconds{shop="Harbour",terminal="AAAAAA"}'] == clock().timestamp()
    assert found['pos_central_till_sent_seconds{shop="Harbour",terminal="AAAAAA"}'] == clock().timestamp()
    assert found['pos_central_till_heard_seconds{shop="Mill",terminal="BBBBBB"}'] == clock().timestamp(), "it enrolled"
    assert found['pos_central_till_sent_seconds{shop="Mill",terminal="BBBBBB"}'] == 0
    assert found["pos_central_database_bytes"] > 4096
    said = ask().text
    assert not [word for word in (*PERSON.values(), "Anna", "anna", "1234567") if word in said]


def test_entries_that_are_not_applied_are_counted(office, till, ask):
    from central_server.tills import inbox

    one = till()
    one.sale("1", 100)
    inbox.record(office, one.batch())
    assert figures(ask())["pos_central_entries_waiting"] == len(one.journal)


def test_an_endpoint_that_fails_is_in_the_figures_by_its_name_and_with_nothing_of_its_address(office, ask, clock):
    secret = endpoints.add(office, "crm", "https://crm.example/hooks?key=4711")
    deliveries.put_up_test(office, "crm", "ada")

    def of_crm():
        return [
            figures(ask())[f'pos_central_webhook_{name}{{endpoint="crm"}}']
            for name in ("off", "failed", "late_seconds")
        ]

    clock.pass_by(minutes=5)
    assert of_crm() == [0, 0, 0], "nobody has tried yet"
    deliveries.failed(office, deliveries.take(office, "crm"), "it answered 500")
    clock.pass_by(hours=2)
    assert of_crm() == [0, 0, 7500]
    deliveries.failed(office, deliveries.take(office, "crm"), "it answered 410", is_gone=True)
    assert of_crm() == [1, 1, 0]
    said = ask().text
    assert not [word for word in (secret, "crm.example", "4711", "ada") if word in said]


def test_requests_are_timed_under_the_names_of_addresses_that_exist(ask):
    ask("/v1/health")
    for number in range(3):
        ask(f"/nobody/{number}/2900000000018")
    found = figures(ask())
    assert found['pos_central_request_seconds_count{address="/v1/health",status="200"}'] == 1
    assert found['pos_central_request_seconds_count{address="other",status="404"}'] == 3


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], f"{TOKEN}x"])
def test_without_the_token_nothing_is_told(ask, token):
    answer = ask(token=token)
    assert answer.status_code == 401
    assert "pos_central" not in answer.text


def test_without_a_token_file_there_is_no_such_address(office):
    assert "/metrics" not in {getattr(route, "path", "") for route in create_app(office).routes}


def test_a_token_that_is_no_secret_is_refused(tmp_path):
    file = tmp_path / "token"
    for text in ("short", "ß" * 30):
        file.write_text(text)
        with pytest.raises(OfficeError):
            read_token(file)
    file.write_text(f"{TOKEN}\n")
    assert read_token(file) == TOKEN
