"""Requests that are sent again, after a lost answer and after a restart: what was done is done once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.keys import new_sealing_key
from offline_store import answered, settings
from offline_store.answered import KEPT_DAYS
from offline_store.store import Store
from pos_plugin import api_keys
from pos_plugin.config import Config
from pos_plugin.local_api.server import Server
from pos_plugin.sales.quotes import Completed
from pos_plugin.terminal import Terminal

CARD = "2900000000018"


def under(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


@contextlib.contextmanager
def started_again(folder: Path, clock: Any) -> Iterator[httpx.Client]:
    """The same till after its program was ended and started anew."""
    key = api_keys.create(folder, "again")
    with Terminal(Store.open(folder), Config(), clock=clock) as terminal, Server(terminal, 0) as server:
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=10, trust_env=False) as client:
            yield client


def test_everything_that_records_gets_its_first_answer_after_a_restart(serve, tmp_path: Path) -> None:
    """One of each request, with its key; then all of them once more at a till that was started anew."""
    with serve() as served:
        member, clock = served.member(), served.terminal.clock
        forgotten = served.sell("0")["reference"]
        served.sell("1", member=member)
        quote = served.quote("2", 2000, member=member)
        requests = [
            (f"/v1/quotes/{quote['quote_id']}/commit", None),
            ("/v1/sales/front/2/refund", {"return_ref": "r1", "amount_minor": 500}),
            ("/v1/sales/front/1/void", {"operator": "1"}),
            ("/v1/claims", {"reference": forgotten, "member": member}),
            ("/v1/members", {}),  # a new number: without its key it would be another member each time
            ("/v1/members", {"card": "2900000000032", "birthday": "03-31"}),
            ("/v1/activities", {"till": "front", "ref": "a1", "member": member, "reload_minor": 500}),
        ]

        def all_of(client: httpx.Client) -> list[Any]:
            answers = [client.post(path, json=body, headers=under(f"k{n}")) for n, (path, body) in enumerate(requests)]
            assert [answer.status_code for answer in answers] == [200] * len(requests), [one.text for one in answers]
            return [answer.json() for answer in answers]

        first, after = all_of(served.client), served.head()
        served.sell("3", member=member)  # balances move on, and the stored answers do not
        assert all_of(served.client) == first
        folder = served.terminal.store.folder
    with started_again(folder, clock) as client:
        assert all_of(client) == first
    with Store.open_for_reading(folder) as store, store.read() as db:
        (entries,) = db.execute("SELECT count(*) FROM entry").fetchone()
    assert entries == after[0] + 1  # the one sale between


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/v1/members", {}, {"birthday": "03-31"}),
        ("/v1/sales/front/1/refund", {"return_ref": "r1", "amount_minor": 5}, {"return_ref": "r2", "amount_minor": 5}),
        ("/v1/sales/front/1/void", {}, {"operator": "2"}),
        ("/v1/activities", {"till": "f", "ref": "a", "reload_minor": 1}, {"till": "f", "ref": "b", "reload_minor": 1}),
    ],
)
def test_the_key_of_another_request_is_refused(served, path: str, body: dict, other: dict) -> None:
    served.sell("1")
    if path == "/v1/activities":
        body, other = ({**one, "member": served.member()} for one in (body, other))
    assert served.client.post(path, json=body, headers=under("k")).status_code == 200
    after = served.head()
    answer = served.client.post(path, json=other, headers=under("k"))
    served.refused(answer, 409, "IDEMPOTENCY_KEY_REUSED", "belongs to another request")
    answer = served.client.post("/v1/members", json={"card": "2900000000049"}, headers=under("k"))
    served.refused(answer, 409, "IDEMPOTENCY_KEY_REUSED")  # at another address, too
    served.refused(served.commit(served.quote("2"), "k"), 409, "IDEMPOTENCY_KEY_REUSED")
    assert served.head() == after


def test_a_commits_key_is_its_own_for_every_other_request(served) -> None:
    one, other = served.sell("1"), served.quote("2")
    after = served.head()
    answer = served.client.post("/v1/members", json={}, headers=under("sale 1"))
    served.refused(answer, 409, "IDEMPOTENCY_KEY_REUSED")
    served.refused(served.commit(other, "sale 1"), 409, "IDEMPOTENCY_KEY_REUSED")
    assert served.head() == after
    # Of a sale that stands already, too: the key says which answer is wanted, and it is not that one's.
    served.commit(served.quote("2"), "mine")
    served.refused(served.commit(served.quote("2"), "sale 1"), 409, "IDEMPOTENCY_KEY_REUSED")
    served.refused(
        served.commit(other | {"quote_id": served.quote("1")["quote_id"]}, "mine"), 409, "IDEMPOTENCY_KEY_REUSED"
    )
    assert served.commit({"quote_id": "gone", "sale_ref": ""}, "sale 1").json() == one


def test_the_order_of_fields_and_blanks_make_no_other_request(served) -> None:
    headers = {**under("k"), "Content-Type": "application/json"}
    first = served.client.post(
        "/v1/members", content=b'{"card": "2900000000032", "birthday": "03-31"}', headers=headers
    )
    again = served.client.post("/v1/members", content=b'{"birthday":"03-31","card":"2900000000032"}', headers=headers)
    assert (first.status_code, again.json()) == (200, first.json())


def test_a_ticket_whose_till_stopped_before_its_answer_was_kept_is_no_second_one_when_it_is_asked_again(
    served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.terminal.store.write(lambda db: settings.put(db, "sealing_key", new_sealing_key(bytes(32))))

    def kept() -> list[str]:
        with served.terminal.store.read() as db:
            return [ticket for (ticket,) in db.execute("SELECT ticket FROM ticket_outbox")]

    def stops(*_: Any) -> None:
        raise OSError("the power failed")

    body = {"topic": "other", "words": "Why?"}
    with monkeypatch.context() as power:
        power.setattr(answered, "keep", stops)
        assert served.client.post("/v1/tickets", json=body, headers=under("k")).status_code == 500
    first = served.client.post("/v1/tickets", json=body, headers=under("k")).json()
    assert served.client.post("/v1/tickets", json=body, headers=under("k")).json() == first
    assert kept() == [first["ticket"]]


def test_a_refused_request_leaves_its_key_free(served) -> None:
    url, body = "/v1/sales/front/1/void", {"operator": "1"}
    served.refused(served.client.post(url, json=body, headers=under("k")), 404, "TRANSACTION_DOES_NOT_EXIST")
    served.sell("1")
    assert served.client.post(url, json=body, headers=under("k")).status_code == 200
    taken = {"card": CARD}
    served.refused(served.client.post("/v1/members", json=taken, headers=under("m")), 409, "CARD_TAKEN")
    assert served.client.post("/v1/members", json={}, headers=under("m")).status_code == 200


@pytest.mark.parametrize("key", ["", "k" * 129, "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(refusing, key: str) -> None:
    answer = refusing.client.post("/v1/members", json={}, headers=under(key))
    refusing.refused(answer, 422, "IDEMPOTENCY_KEY", "1 to 128 printable characters")
    assert refusing.head() == refusing.recorded


def test_many_joins_of_one_key_at_once_make_one_member(served) -> None:
    before, said = served.head()[0], list[Any]()
    asks = [
        threading.Thread(
            target=lambda: said.append(served.client.post("/v1/members", json={}, headers=under("k")).json())
        )
        for _ in range(8)
    ]
    for one in asks:
        one.start()
    for one in asks:
        one.join()
    assert said == [said[0]] * 8
    assert served.head()[0] == before + 1


def test_keys_are_kept_for_thirty_days(served) -> None:
    terminal = served.terminal
    first = served.client.post("/v1/members", json={}, headers=under("k")).json()
    now = terminal.clock()
    terminal.clock = lambda: now + timedelta(days=KEPT_DAYS - 1)
    served.client.post("/v1/members", json={}, headers=under("another"))
    assert served.client.post("/v1/members", json={}, headers=under("k")).json() == first
    terminal.clock = lambda: now + timedelta(days=KEPT_DAYS + 1)
    served.client.post("/v1/members", json={}, headers=under("a third"))
    assert served.client.post("/v1/members", json={}, headers=under("k")).json() != first


def test_nothing_personal_of_a_request_is_kept_with_its_key(served) -> None:
    body = {"card": "2900000000032", "birthday": "03-31", "operator": "Kim Example"}
    assert served.client.post("/v1/members", json=body, headers=under("k")).status_code == 200
    with served.terminal.store.read() as db:
        rows = db.execute("SELECT * FROM answered").fetchall()
    assert len(rows) == 1
    assert "03-31" not in str(rows)
    assert "Kim" not in str(rows)


# -- reservations


def test_what_a_quote_reserves_is_free_again_when_it_has_expired(served) -> None:
    checkout, start = served.terminal.checkout, served.terminal.clock()
    member = served.member()
    served.sell("1", 10_000, member=member)
    first = served.quote("2", 5000, member=member, redeem=[{"kind": "points", "points": 50}])
    all_of_it = [{"kind": "points", "points": 100}]
    assert served.quote("3", 20_000, member=member, redeem=all_of_it)["redeem_points"] == 50
    served.client.delete(f"/v1/quotes/{served.quote('3', 20_000, member=member)['quote_id']}")
    assert first["expires_at"] == (start + timedelta(minutes=15)).isoformat(timespec="seconds")
    checkout.clock = lambda: start + timedelta(minutes=15)
    served.member()  # the card is held to the reader again
    assert served.quote("3", 20_000, member=member, redeem=all_of_it)["redeem_points"] == 100
    served.refused(served.commit(first), 404, "QUOTE_UNKNOWN", "This quote has ended")


def test_a_quote_commits_until_the_last_second_before_it_expires(served) -> None:
    checkout, start = served.terminal.checkout, served.terminal.clock()
    quote = served.quote("1")
    checkout.clock = lambda: start + timedelta(minutes=15) - timedelta(seconds=1)
    assert served.commit(quote).status_code == 200


@pytest.mark.parametrize("how", ["drop", "sign-off", "void"])
def test_what_a_quote_reserves_is_free_again_when_it_is_given_up(served, how: str) -> None:
    member = served.member()
    served.sell("1", 10_000, member=member)
    quote = served.quote("2", 5000, member=member, redeem=[{"kind": "points", "points": 50}])
    match how:
        case "drop":
            served.client.delete(f"/v1/quotes/{quote['quote_id']}")
        case "sign-off":
            served.client.post("/v1/sign-off", json={"operator": "1"})
        case _:
            assert served.commit(quote).status_code == 200
            served.client.post("/v1/sales/front/2/void", json={})
    assert served.quote("3", 20_000, member=member)["spendable_here"] == 100


def test_the_answer_of_a_commit_is_that_of_its_struct(served) -> None:
    assert set(served.sell("1")) == set(Completed.__struct_fields__)
