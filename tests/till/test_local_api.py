"""The local API as another maker's till meets it: a real server on a real port, a real till in a folder."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from drivers.simulated.printer import SimulatedPrinter
from loyalty.program import preset, read_program
from offline_store import journal, settings
from offline_store.errors import StoreFull
from offline_store.store import Store
from pos_plugin import api_keys
from pos_plugin.config import Config
from pos_plugin.errors import Conflict, PortInUse
from pos_plugin.joining import join
from pos_plugin.local_api.guard import FAILURES
from pos_plugin.serve import Server
from pos_plugin.terminal import Terminal

CARD = "2900000000018"
OTHER_CARD = "2900000000025"


def new_terminal(folder: Path, **config: Any) -> Terminal:
    store = Store.create(folder)
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    return Terminal(store, Config.model_validate(config))


class Till:
    """A running till, a client with a key, and what its tests say again and again."""

    def __init__(self, terminal: Terminal, server: Server, key: str) -> None:
        self.terminal, self.server = terminal, server
        self.client = httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=10, trust_env=False, verify=False
        )
        self.stranger = httpx.Client(base_url=server.url, timeout=10, trust_env=False, verify=False)

    recorded: tuple[int, str]

    def head(self) -> tuple[int, str]:
        with self.terminal.store.read() as db:
            return journal.head(db)

    def quote(self, sale_ref: str = "17", total: int = 1250, **more: Any) -> dict[str, Any]:
        answer = self.client.post("/v1/quotes", json=sale(sale_ref, total, **more))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def commit(self, quote: dict[str, Any], key: str = "") -> httpx.Response:
        return self.client.post(
            f"/v1/quotes/{quote['quote_id']}/commit", headers={"Idempotency-Key": key or f"sale {quote['sale_ref']}"}
        )

    def sell(self, sale_ref: str = "17", total: int = 1250, **more: Any) -> dict[str, Any]:
        answer = self.commit(self.quote(sale_ref, total, **more))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def member(self, card: str = CARD) -> str:
        answer = self.client.post("/v1/identify", json={"scan": card})
        return answer.json()["member"]

    def refused(self, answer: httpx.Response, status: int, code: str, words: str = "") -> dict[str, str]:
        """A refusal: its status and code, one clear message, and nothing that betrays the inside."""
        assert answer.status_code == status, answer.text
        said = answer.json()
        assert set(said) == {"code", "message", "hint"}
        assert said["code"] == code
        assert words in said["message"], said["message"]
        assert "Traceback" not in answer.text
        assert ".py" not in answer.text
        return said


def sale(sale_ref: str = "17", total: int = 1250, **more: Any) -> dict[str, Any]:
    line = {"line_id": "1", "sku": "4012345000382", "name": "Bread", "category": "Bakery", "quantity": 1}
    return {
        "till": "front",
        "sale_ref": sale_ref,
        "currency": "EUR",
        "total_minor": total,
        "lines": [{**line, "amount_minor": total, "tax_minor": total * 7 // 107}],
        "operator": "1",
        "shift": "early",
        "sold_at": "2026-11-21T18:05:00",
        **more,
    }


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Till]:
    terminal = new_terminal(folder)
    join(terminal.checkout, CARD)
    join(terminal.checkout, OTHER_CARD)
    key = api_keys.create(folder, "test")
    with terminal, Server(terminal, 0) as server:
        one = Till(terminal, server, key)
        yield one
        one.client.close()
        one.stranger.close()


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    with running(tmp_path / "till") as one:
        yield one


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    """A till for what must change nothing: one sale is recorded there, and nothing after it."""
    with running(tmp_path_factory.mktemp("refusing")) as one:
        one.sell("1")
        one.recorded = one.head()
        yield one
        assert one.head() == one.recorded


# -- the way of a sale


def test_identify_says_member_item_damaged_or_unknown(till: Till) -> None:
    def kind(scan: str, entry_mode: str = "scanned") -> str:
        return till.client.post("/v1/identify", json={"scan": scan, "entry_mode": entry_mode}).json()["kind"]

    assert kind(CARD) == "member"
    assert kind("4006381333931") == "item"
    assert kind("2900000000019") == "damaged card"
    assert kind("2900000000032") == "unknown card"
    assert kind("0301234567", "phone") == "unknown card"
    till.refused(till.client.post("/v1/identify", json={"scan": ""}), 422, "INVALID", "scan must not be empty")


def test_a_quote_says_what_a_sale_earns_and_records_nothing(till: Till) -> None:
    before = till.head()
    quote = till.quote(member=till.member())
    assert (quote["earn_points"], quote["due_minor"], quote["online"]) == (12, 1250, False)
    assert quote["receipt_lines"] == ["1 point per 1.00 on 12.50: +12"]
    assert till.head() == before


def test_a_committed_sale_earns_and_its_points_pay_the_next(till: Till) -> None:
    member = till.member()
    done = till.sell("1", 30_000, member=member)
    assert (done["earned_points"], done["due_minor"]) == (300, 30_000)
    assert done["reference"] in done["receipt_text"]
    quote = till.quote("2", 1000, member=member, redeem=[{"kind": "points", "points": 100}])
    assert (quote["redeem_points"], quote["redeemed_minor"], quote["due_minor"]) == (100, 100, 900)
    assert till.commit(quote).json()["redeem_points"] == 100
    enquiry = till.client.get(f"/v1/members/{member}").json()
    assert (enquiry["balance"], enquiry["spendable_here"]) == (209, 209)
    assert [move["points"] for move in enquiry["movements"]] == [-91, 300]
    assert enquiry["cards"] == ["****0018"]


def test_points_beyond_what_is_here_are_rejected_in_words(till: Till) -> None:
    member = till.member()
    till.sell("1", 5000, member=member)
    quote = till.quote("2", 10_000, member=member, redeem=[{"kind": "points", "points": 70}])
    assert quote["redeem_points"] == 50
    assert quote["rejected"] == [{"code": "NOT_SPENDABLE_HERE", "text": "50 of your 50 points can be used here today."}]


@pytest.mark.parametrize(
    ("quantity", "milli"), [(3, 3000), ("1.250", 1250), ("0.5", 500), ("2", 2000), ("9999999.999", 9_999_999_999)]
)
def test_a_quantity_is_a_whole_number_or_text_with_three_decimals(till: Till, quantity: object, milli: int) -> None:
    asked = sale("1")
    asked["lines"][0]["quantity"] = quantity
    assert till.client.post("/v1/quotes", json=asked).status_code == 200
    till.commit(till.client.post("/v1/quotes", json=asked).json())
    known = till.client.get("/v1/sales/front/1").json()
    assert known["sale"]["lines"][0].get("quantity_milli", 1000) == milli


def test_a_dropped_quote_cannot_be_committed(till: Till) -> None:
    quote, before = till.quote(), till.head()
    assert till.client.delete(f"/v1/quotes/{quote['quote_id']}").json()["open"] is False
    till.refused(till.commit(quote), 404, "QUOTE_UNKNOWN", "This quote has ended")
    assert till.head() == before


def test_signing_off_ends_the_operators_quotes(till: Till) -> None:
    quote = till.quote()
    assert till.client.post("/v1/sign-off", json={"operator": "2"}).json() == {"ended": 0}
    assert till.client.post("/v1/sign-off", json={"operator": "1"}).json() == {"ended": 1}
    till.refused(till.commit(quote), 404, "QUOTE_UNKNOWN")


def test_a_training_sale_records_nothing(till: Till) -> None:
    before = till.head()
    done = till.sell(member=till.member(), training=True)
    assert (done["reference"], done["number"], done["training"]) == ("", 0, True)
    assert "TRAINING" in done["receipt_text"]
    assert till.head() == before


# -- once, whatever is sent again


def test_the_same_key_again_gets_the_first_answer(till: Till) -> None:
    quote = till.quote(member=till.member())
    first = till.commit(quote, "k")
    after = till.head()
    assert till.commit(quote, "k").json() == first.json()
    assert till.commit({"quote_id": "gone", "sale_ref": "17"}, "k").json() == first.json()
    assert till.head() == after


def test_the_key_of_another_sale_is_refused(till: Till) -> None:
    till.commit(till.quote("1"), "k")
    after = till.head()
    till.refused(till.commit(till.quote("2"), "k"), 409, "IDEMPOTENCY_KEY_REUSED", "another sale")
    assert till.head() == after


@pytest.mark.parametrize("key", ["", "k" * 129, "a\tb"])
def test_a_commit_needs_a_sensible_key(till: Till, key: str) -> None:
    quote, before = till.quote(), till.head()
    answer = till.client.post(f"/v1/quotes/{quote['quote_id']}/commit", headers={"Idempotency-Key": key})
    till.refused(answer, 422, "IDEMPOTENCY_KEY", "1 to 128 printable characters")
    assert till.head() == before


def test_a_sale_reference_with_other_content_is_refused(till: Till) -> None:
    till.sell("17", 1250)
    after = till.head()
    till.refused(till.client.post("/v1/quotes", json=sale("17", 1300)), 409, "SALE_DIFFERS", "It stays as it was")
    assert till.sell("17", 1250)["number"] == after[0]
    assert till.head() == after


def test_a_host_that_leaves_the_time_out_can_ask_again(till: Till) -> None:
    asked = sale("17")
    del asked["sold_at"]
    first = till.commit(till.client.post("/v1/quotes", json=asked).json(), "a").json()
    till.terminal.checkout.clock = till.terminal.clock = _later(till.terminal.clock())
    again = till.client.post("/v1/quotes", json=asked)
    assert again.status_code == 200, again.text
    assert till.commit(again.json(), "b").json() == first


def _later(now: Any) -> Any:
    from datetime import timedelta

    return lambda: now + timedelta(days=2)


def test_many_commits_of_one_sale_at_once_record_it_once(till: Till) -> None:
    quote, before = till.quote(member=till.member()), till.head()[0]
    answers: list[int] = []

    def press() -> None:
        answers.append(till.commit(quote, "k").json()["number"])

    presses = [threading.Thread(target=press) for _ in range(8)]
    for one in presses:
        one.start()
    for one in presses:
        one.join()
    assert answers == [before + 1] * 8
    assert till.head()[0] == before + 1


# -- what comes back


def test_refunds_by_line_amount_and_rest_add_up(till: Till) -> None:
    lines = [
        {"line_id": "a", "amount_minor": 600, "quantity": 3, "name": "Milk"},
        {"line_id": "b", "amount_minor": 400, "quantity": "0.800", "name": "Cheese"},
    ]
    done = till.sell("1", 1000, member=till.member(), lines=lines)
    assert done["earned_points"] == 10

    def refund(return_ref: str, **what: Any) -> dict[str, Any]:
        answer = till.client.post("/v1/sales/front/1/refund", json={"return_ref": return_ref, "operator": "1", **what})
        assert answer.status_code == 200, answer.text
        return answer.json()

    one = refund("r1", lines=[{"line_id": "a", "quantity": 1}])
    assert (one["refund_minor"], one["taken_points"]) == (200, 2)
    assert refund("r1", lines=[{"line_id": "a", "quantity": 1}]) == one
    assert refund("r2", amount_minor=300)["refund_minor"] == 300
    known = till.client.get("/v1/sales/front/1").json()
    assert known["left"]["total_minor"] == 500
    assert refund("r3")["refund_minor"] == 500
    known = till.client.get("/v1/sales/front/1").json()
    assert known["left"] == {"total_minor": 0, "lines": []}
    assert [one["return_ref"] for one in known["returns"]] == ["r1", "r2", "r3"]
    assert sum(one["taken_points"] for one in known["returns"]) == 10
    after = till.head()
    answer = till.client.post("/v1/sales/front/1/refund", json={"return_ref": "r4"})
    till.refused(answer, 409, "CANNOT_BE_REVERSED", "come back already")
    assert till.head() == after


def test_a_void_gives_everything_back_once(till: Till) -> None:
    member = till.member()
    till.sell("1", 10_000, member=member)
    till.sell("2", 1000, member=member, redeem=[{"kind": "points", "points": 50}])
    done = till.client.post("/v1/sales/front/2/void", json={"operator": "1", "shift": "early"}).json()
    assert (done["refund_minor"], done["restored_points"]) == (950, 50)
    after = till.head()
    assert till.client.post("/v1/sales/front/2/void", json={}).json() == done
    assert till.head() == after
    assert till.client.get(f"/v1/members/{member}").json()["balance"] == 100


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"return_ref": "r", "amount_minor": -5}, "amount_minor must be 1 or more, not -5"),
        ({"return_ref": "r", "amount_minor": 2.5}, "amount_minor must be a whole number of minor units, not 2.5"),
        ({"return_ref": "r", "lines": []}, "lines must not be empty"),  # would otherwise mean the whole sale
        ({"return_ref": "r", "lines": [{"line_id": "1", "quantity": -1}]}, "quantity must be above 0"),
        ({"return_ref": "r", "lines": [{"line_id": "1"}], "amount_minor": 5}, "lines or amount_minor, not both"),
        ({"return_ref": "void"}, 'return_ref "void" belongs to voids'),
        ({"lines": [{"line_id": "1"}]}, "return_ref is missing"),
        ({"return_ref": "a/b"}, 'return_ref must be 1 to 64 printable characters without "/"'),
    ],
)
def test_a_refund_that_makes_no_sense_is_refused(refusing: Till, body: dict[str, Any], words: str) -> None:
    refusing.refused(refusing.client.post("/v1/sales/front/1/refund", json=body), 422, "INVALID", words)
    assert refusing.head() == refusing.recorded


def test_a_refund_takes_no_more_than_is_left(till: Till) -> None:
    till.sell("1", 1000)
    after = till.head()
    url = "/v1/sales/front/1/refund"
    till.refused(till.client.post(url, json={"return_ref": "r", "amount_minor": 1001}), 409, "CANNOT_BE_REVERSED")
    lines = [{"line_id": "nine"}]
    till.refused(till.client.post(url, json={"return_ref": "r", "lines": lines}), 409, "CANNOT_BE_REVERSED", "nine")
    assert till.head() == after
    nowhere = "/v1/sales/front/none"
    till.refused(till.client.post(f"{nowhere}/void", json={}), 404, "TRANSACTION_DOES_NOT_EXIST")
    till.refused(till.client.get(nowhere), 404, "TRANSACTION_DOES_NOT_EXIST")


def test_a_forgotten_card_is_added_once(till: Till) -> None:
    done = till.sell("1", 2000, sold_at=None)
    body = {"reference": done["reference"], "member": till.member(), "operator": "1"}
    claimed = till.client.post("/v1/claims", json=body).json()
    assert claimed["earned_points"] == 20
    after = till.head()
    assert till.client.post("/v1/claims", json=body).json() == claimed
    till.refused(till.client.post("/v1/claims", json={**body, "member": till.member(OTHER_CARD)}), 409, "CLAIMED")
    till.refused(till.client.post("/v1/claims", json={**body, "reference": "nonsense"}), 404, "REFERENCE_MISTYPED")
    assert till.head() == after
    known = till.client.get("/v1/sales/front/1").json()
    assert (known["member"], known["was_claimed"], known["earned_points"]) == (body["member"], True, 20)


# -- members


def test_joining_with_a_card_or_a_new_number(till: Till) -> None:
    joined = till.client.post("/v1/members", json={"card": "2900000000032"}).json()
    assert joined["card"] == "2900000000032"
    assert till.member("2900000000032") == joined["member"]
    made = till.client.post("/v1/members", json={}).json()
    assert till.member(made["card"]) == made["member"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"card": CARD}, 409, "CARD_TAKEN"),
        ({"card": "4006381333931"}, 422, "NO_MEMBER_CARD"),
        ({"name": "Ada"}, 422, "NOT_CONNECTED_YET"),  # nowhere to seal it to
        ({"email": "a@b.example"}, 422, "INVALID"),
    ],
)
def test_joining_that_cannot_be_done_is_refused(refusing: Till, body: dict[str, str], status: int, code: str) -> None:
    refusing.refused(refusing.client.post("/v1/members", json=body), status, code)
    assert refusing.head() == refusing.recorded


def test_an_unknown_member_is_refused(till: Till) -> None:
    before = till.head()
    till.refused(till.client.get("/v1/members/nobody"), 404, "ACCOUNT_INVALID", "not known here")
    till.refused(till.client.post("/v1/quotes", json=sale(member="nobody")), 404, "ACCOUNT_INVALID")
    assert till.head() == before


# -- receipts and printing


def test_a_receipt_can_be_read_seen_and_printed_again(till: Till) -> None:
    done = till.sell(member=till.member())
    receipt = till.client.get(f"/v1/receipts/{done['reference']}").json()
    assert (receipt["text"], receipt["sale_ref"], receipt["kind"]) == (done["receipt_text"], "17", "sale")
    assert [job["state"] for job in receipt["jobs"]] == ["waiting"]
    picture = till.client.get(f"/v1/receipts/{done['reference']}.png")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    after = till.head()
    again = till.client.post(f"/v1/receipts/{done['reference']}/reprint").json()
    assert again["copy"] is True
    jobs = till.client.get(f"/v1/receipts/{done['reference']}").json()["jobs"]
    assert [job["copy"] for job in jobs] == [False, True]
    assert till.head() == after
    for path in ("/v1/receipts/NOPE-1-X", "/v1/receipts/NOPE-1-X.png"):
        till.refused(till.client.get(path), 404, "RECEIPT_UNKNOWN", "no such receipt")
    till.refused(till.client.post("/v1/receipts/NOPE-1-X/reprint"), 404, "RECEIPT_UNKNOWN")


def test_a_person_settles_a_doubtful_print(till: Till) -> None:
    done = till.sell()
    job = till.client.get(f"/v1/receipts/{done['reference']}").json()["jobs"][0]["job"]
    till.refused(till.client.post(f"/v1/print-jobs/{job}", json={"came_out": True}), 404, "PRINT_NOT_OPEN")
    till.terminal.store.write(lambda db: db.execute("UPDATE print_job SET state = 'unknown'") and None)
    assert till.client.post(f"/v1/print-jobs/{job}", json={"came_out": False}).status_code == 200
    jobs = till.client.get(f"/v1/receipts/{done['reference']}").json()["jobs"]
    assert [(one["state"], one["copy"]) for one in jobs] == [("dropped", False), ("waiting", True)]
    wrong = till.client.post(f"/v1/print-jobs/{job}", json={"came_out": "yes"})
    till.refused(wrong, 422, "INVALID", 'came_out must be true or false, not "yes"')


def test_a_sale_is_printed_and_the_state_says_so(tmp_path: Path) -> None:
    with SimulatedPrinter() as printer:
        address = f"tcp://127.0.0.1:{printer.serve_tcp()}"
        terminal = new_terminal(tmp_path / "till", printer={"address": address})
        terminal.start()
        with terminal, Server(terminal, 0) as server:
            one = Till(terminal, server, api_keys.create(terminal.store.folder, "test"))
            number = terminal.events.number
            done = one.sell()
            assert printer.wait_until(lambda: printer.printed_total == 1)
            for _ in range(50):
                jobs = one.client.get("/v1/state").json()["printer"]["jobs"]
                if jobs[0]["state"] == "printed":
                    break
                number = max([number, *(event.number for event in terminal.events.after(number, 1.0))])
            assert (jobs[0]["reference"], jobs[0]["state"]) == (done["reference"], "printed")
            assert printer.receipts[0].lines[-2].strip() == f"Receipt {done['reference']}" or any(
                done["reference"] in line for line in printer.receipts[0].lines
            )
            one.client.close()
            one.stranger.close()


# -- the till itself


def test_state_health_and_sync(till: Till) -> None:
    state = till.client.get("/v1/state").json()
    assert state["network"]["configured"] is False
    assert state["program"]["currency"] == "EUR"
    assert till.stranger.get("/v1/health").json() == {"status": "ok"}
    till.refused(till.client.post("/v1/sync"), 409, "NOT_ENROLLED", "not connected to a head office")


def test_events_say_hello_then_what_happens_and_end_with_the_till(till: Till) -> None:
    def read(lines: Iterator[str]) -> tuple[int, dict[str, Any]]:
        number = -1
        for line in lines:
            if line.startswith("id: "):
                number = int(line[4:])
            if line.startswith("data: "):
                return number, json.loads(line[6:])
        raise AssertionError("the stream ended")

    with till.client.stream("GET", "/v1/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        start, hello = read(lines)
        assert hello["about"] == "hello"
        till.terminal.scanned(CARD)
        number, event = read(lines)
        assert (number, event["about"]) == (start + 1, "scan")
        till.terminal.scanned(OTHER_CARD)
    with till.client.stream("GET", "/v1/events", headers={"Last-Event-ID": str(number)}) as stream:
        lines = stream.iter_lines()
        assert read(lines)[1]["about"] == "hello"
        assert read(lines)[0] == number + 1
        till.server.stop()
        assert [line for line in lines if line.startswith("data")] == []


def test_a_full_disk_is_said_and_the_sale_goes_on_without_points(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    quote, before = till.quote(member=till.member()), till.head()

    def full(work: Any) -> Any:
        raise StoreFull("The disk is full; nothing was recorded.", hint="Free some space.")

    with monkeypatch.context() as patched:
        patched.setattr(till.terminal.store, "write", full)
        said = till.refused(till.commit(quote, "k"), 503, "STORE_FULL", "The sale goes on without points.")
        assert "Free some space" in said["hint"]
    assert till.head() == before
    assert till.commit(quote, "k").status_code == 200


def test_a_bug_is_answered_without_its_trace_and_logged_without_data(
    till: Till, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> Any:
        raise RuntimeError(f"secret {CARD}")

    monkeypatch.setattr(till.terminal.checkout, "identify", broken)
    answer = till.client.post("/v1/identify", json={"scan": CARD})
    till.refused(answer, 500, "INTERNAL", "error in itself")
    assert CARD not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text


# -- what is not understood


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"total_minor": 1.5}, "total_minor must be a whole number of minor units, not 1.5"),
        ({"total_minor": 1250.0}, "total_minor must be a whole number of minor units, not 1250.0"),
        ({"total_minor": "1250"}, 'total_minor must be a whole number of minor units, not "1250"'),
        ({"total_minor": True}, "total_minor must be a whole number of minor units, not true"),
        ({"total_minor": 10**13}, "total_minor must be 1000000000000 or less"),
        ({"total_minor": 10**40}, "total_minor must be"),
        ({"currency": "eur"}, "currency must be three capital letters, like EUR"),
        ({"till": ""}, "till must be 1 to 64 printable characters"),
        ({"till": "a/b"}, 'till must be 1 to 64 printable characters without "/"'),
        ({"sale_ref": "x" * 65}, "sale_ref must be 1 to 64"),
        ({"sale_ref": "a\nb"}, "sale_ref must be 1 to 64"),
        ({"sale_ref": ".."}, "sale_ref must be 1 to 64"),
        ({"sale_ref": "\ud800"}, "sale_ref"),
        ({"sold_at": "2026-11-21T18:05:00+01:00"}, "sold_at must be the shop's local time without an offset"),
        ({"sold_at": "2026-02-30T18:05:00"}, "sold_at must be the shop's local time"),
        ({"sold_at": "9999-12-31T18:05:00"}, "sold_at must be in a year from 2000 to 2199"),
        ({"business_day": "21.11.2026"}, "business_day must be a day like 2026-11-21"),
        ({"redeem": [{"kind": "points", "points": 1.5}]}, "redeem[0].points must be a whole number of points"),
        ({"redeem": [{"kind": "points", "points": -1}]}, "redeem[0].points must be 0 or more"),
        ({"redeem": [{"kind": "stamps", "points": 1}]}, "redeem[0].kind must be 'points', not \"stamps\""),
        ({"redeem": {}}, "redeem must be a list, not {}"),
        ({"training": 1}, "training must be true or false, not 1"),
        ({"totl_minor": 5}, "there is no field totl_minor; did you mean total_minor?"),
        ({"lines": [{"line_id": "1", "amount_minor": 0.1}]}, "lines[0].amount_minor must be a whole number of minor"),
        (
            {"lines": [{"line_id": "1", "amount_minor": 1, "quantity": 1.25}]},
            "lines[0].quantity must be a whole number",
        ),
        ({"lines": [{"line_id": "1", "amount_minor": 1, "quantity": "1.2345"}]}, "up to 3 decimals"),
        ({"lines": [{"line_id": "1", "amount_minor": 1, "quantity": "١"}]}, "lines[0].quantity"),
        ({"lines": [{"line_id": "1", "amount_minor": 1, "tax_minor": -1}]}, "lines[0].tax_minor must be 0 or more"),
        ({"lines": [{"line_id": str(n), "amount_minor": 0} for n in range(501)]}, "lines must have at most 500"),
        ({"lines": [{"line_id": "1", "amount_minor": 1, "name": "a\x1b@"}]}, "must not contain control characters"),
    ],
)
def test_a_sale_that_is_not_understood_is_refused_by_name(refusing: Till, change: dict[str, Any], words: str) -> None:
    answer = refusing.client.post(
        "/v1/quotes", content=json.dumps({**sale(), **change}), headers={"Content-Type": "application/json"}
    )
    said = refusing.refused(answer, 422, "INVALID", words)
    assert said["hint"] == "Nothing was recorded. Correct the request."
    assert refusing.head() == refusing.recorded


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"currency": "USD"}, "CURRENCY", "This sale is in USD; the programme counts in EUR."),
        ({"total_minor": -1}, "NEGATIVE", "the total is below zero"),
        ({"lines": [{"line_id": "7", "amount_minor": -1}]}, "NEGATIVE", "line 7 is below zero"),
        ({"lines": [{"line_id": "7", "amount_minor": 1, "quantity": "-0.5"}]}, "NEGATIVE", "line 7 is below zero"),
        ({"lines": [{"line_id": "7", "amount_minor": 1}] * 2}, "LINE_TWICE", "the same line_id"),
    ],
)
def test_a_sale_that_makes_no_sense_is_refused(refusing: Till, change: dict[str, Any], code: str, words: str) -> None:
    refusing.refused(refusing.client.post("/v1/quotes", json={**sale(), **change}), 422, code, words)
    assert refusing.head() == refusing.recorded


def test_every_problem_is_named_in_one_message(refusing: Till) -> None:
    said = refusing.refused(
        refusing.client.post("/v1/quotes", json={**sale(), "total_minor": 1.5, "till": 5}), 422, "INVALID"
    )
    assert said["message"] == "till must be text, not 5; total_minor must be a whole number of minor units, not 1.5"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b'"text"',
        b"",
        b"\xff\xfe",
        b"\xff\xfe\xfd",
        b"[" * 100_000,
        b'{"scan": ' + b"9" * 10_000 + b"}",
        b'{"scan": NaN}',
    ],
)
def test_nonsense_is_refused(refusing: Till, body: bytes) -> None:
    answer = refusing.client.post("/v1/identify", content=body, headers={"Content-Type": "application/json"})
    refusing.refused(answer, 422, "INVALID")
    assert refusing.head() == refusing.recorded


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "text/json"])
def test_a_body_that_a_foreign_form_could_send_is_refused(refusing: Till, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = refusing.client.post("/v1/members", content=b"{}", headers=headers)
    refusing.refused(answer, 415, "CONTENT_TYPE", "application/json")
    assert refusing.head() == refusing.recorded


def _in_pieces(size: int) -> Iterator[bytes]:
    for _ in range(size // 65_536):
        yield b" " * 65_536


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_beyond_a_mebibyte_is_refused(refusing: Till, is_announced: bool) -> None:
    content = b" " * (1024 * 1024 + 1) if is_announced else _in_pieces(2 * 1024 * 1024)
    answer = refusing.client.post("/v1/quotes", content=content, headers={"Content-Type": "application/json"})
    refusing.refused(answer, 413, "BODY_TOO_LARGE", "1048576 bytes")
    assert refusing.head() == refusing.recorded
    assert refusing.client.get("/v1/state").status_code == 200


def test_unknown_paths_and_methods_are_refused(refusing: Till) -> None:
    refusing.refused(refusing.client.get("/v1/nothing"), 404, "NOT_FOUND", "/v1/nothing")
    refusing.refused(refusing.client.get("/page/..%2f..%2fapi"), 404, "NOT_FOUND")
    refusing.refused(refusing.client.get("/page/nothing.js"), 404, "NOT_FOUND")
    refusing.refused(refusing.client.put("/v1/quotes", json={}), 405, "METHOD", "does not take PUT")
    refusing.refused(refusing.client.get("/v1/sales/front/a%2fb"), 404, "NOT_FOUND")


# -- who may ask


EVERY_ENDPOINT = [
    ("POST", "/v1/identify"),
    ("POST", "/v1/quotes"),
    ("POST", "/v1/quotes/q/commit"),
    ("DELETE", "/v1/quotes/q"),
    ("POST", "/v1/sales/front/1/void"),
    ("POST", "/v1/sales/front/1/refund"),
    ("GET", "/v1/sales/front/1"),
    ("POST", "/v1/claims"),
    ("POST", "/v1/members"),
    ("GET", "/v1/members/m"),
    ("POST", "/v1/receipts/r/reprint"),
    ("GET", "/v1/receipts/r"),
    ("GET", "/v1/receipts/r.png"),
    ("POST", "/v1/print-jobs/1"),
    ("POST", "/v1/sign-off"),
    ("POST", "/v1/sync"),
    ("GET", "/v1/state"),
    ("GET", "/v1/events"),
    ("GET", "/v1/openapi.json"),
]


def test_every_endpoint_is_listed_here(refusing: Till) -> None:
    paths = refusing.client.get("/v1/openapi.json").json()["paths"]
    served = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    health, description = 1, 1
    assert len(served) - health == len(EVERY_ENDPOINT) - description


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "NOT_SIGNED_IN"),
        ({"Authorization": "Bearer pos_wrong"}, 401, "KEY_UNKNOWN"),
        ({"Authorization": "Basic {key}"}, 401, "KEY_UNKNOWN"),
        ({"Authorization": "Bearer {key}", "Origin": "https://evil.example"}, 403, "ORIGIN"),
        ({"Authorization": "Bearer {key}", "Host": "evil.example:{port}"}, 403, "HOST"),  # a name that leads here
    ],
)
def test_no_endpoint_answers_a_stranger(till: Till, headers: dict[str, str], status: int, code: str) -> None:
    before = till.head()
    key = till.client.headers["Authorization"].removeprefix("Bearer ")
    sent = {name: value.format(key=key, port=till.server.port) for name, value in headers.items()}
    for method, path in EVERY_ENDPOINT:
        till.refused(till.stranger.request(method, path, headers=sent), status, code)
    assert till.head() == before


@pytest.mark.parametrize("origin", ["null", "http://127.0.0.1", "http://127.0.0.1:1", "https://127.0.0.1:{port}", ""])
def test_only_the_pages_own_origin_is_let_in(till: Till, origin: str) -> None:
    headers = {"Origin": origin.format(port=till.server.port)}
    till.refused(till.client.get("/v1/state", headers=headers), 403, "ORIGIN")
    assert till.client.get("/v1/state", headers={"Origin": till.server.url}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("[::1]:{port}", 200),
        ("LOCALHOST:{port}", 200),
        ("127.0.0.1", 403),
        ("127.0.0.1:1", 403),
        ("127.0.0.1.evil.example:{port}", 403),
        ("0.0.0.0:{port}", 403),
    ],
)
def test_the_till_answers_under_its_own_address_only(refusing: Till, host: str, status: int) -> None:
    answer = refusing.client.get("/v1/state", headers={"Host": host.format(port=refusing.server.port)})
    assert answer.status_code == status


def test_the_page_brings_its_cookie_and_its_protection(till: Till) -> None:
    page = till.stranger.get("/")
    assert page.status_code == 200
    cookie = page.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    state = till.stranger.get("/v1/state")
    assert state.status_code == 200
    assert state.headers["cache-control"] == "no-store"
    till.stranger.cookies.clear()
    name = cookie.partition("=")[0]
    till.refused(till.stranger.get("/v1/state", headers={"Cookie": f"{name}=guess"}), 401, "NOT_SIGNED_IN")


def test_the_page_names_no_other_host_and_has_no_inline_script(refusing: Till) -> None:
    page = refusing.stranger.get("/").text
    assert "<script>" not in page
    assert "style=" not in page
    for name in ["app.js", "page.css", "items.json", "icon.svg"]:
        part = refusing.stranger.get(f"/page/{name}")
        assert part.status_code == 200
        assert "https://" not in part.text


def test_many_failures_are_held_up_and_right_keys_are_not(till: Till) -> None:
    codes = [till.stranger.get("/v1/state").status_code for _ in range(FAILURES + 5)]
    assert codes == [401] * FAILURES + [429] * 5
    assert till.client.get("/v1/state").status_code == 200


# -- keys


def test_a_key_is_shown_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    key = api_keys.create(tmp_path, "kiosk")
    file = tmp_path / api_keys.FILE
    assert key not in file.read_text()
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert api_keys.check(tmp_path, key) == "kiosk"
    assert api_keys.check(tmp_path, key + "x") is None
    assert api_keys.check(tmp_path, "") is None
    other = api_keys.create(tmp_path, "other")
    assert (api_keys.check(tmp_path, key), api_keys.check(tmp_path, other)) == ("kiosk", "other")
    with pytest.raises(Conflict, match="There is a key named kiosk already"):
        api_keys.create(tmp_path, "kiosk")
    file.write_text("damaged")
    assert api_keys.check(tmp_path, key) is None


# -- the server


def test_a_port_in_use_is_said_before_anything_starts(till: Till) -> None:
    with pytest.raises(PortInUse, match=f"Port {till.server.port} of 127.0.0.1 cannot be used") as refused:
        Server(till.terminal, till.server.port)
    assert "till.toml" in refused.value.hint


def test_a_stopped_server_lets_go_of_its_port(till: Till) -> None:
    till.server.stop()
    till.server.stop()
    with Server(till.terminal, till.server.port) as again:
        assert httpx.get(f"{again.url}/v1/health", trust_env=False).status_code == 200


PROGRAM = """
import sys
from pathlib import Path
from offline_store.store import Store
from pos_plugin.config import Config
from pos_plugin.serve import Server
from pos_plugin.terminal import Terminal

with Terminal(Store.open(Path(sys.argv[1])), Config()) as terminal:
    server = Server(terminal, 0)
    print(server.port, flush=True)
    server.run()
print("closed in order")
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_in_order_also_while_somebody_listens(tmp_path: Path, number: signal.Signals) -> None:
    new_terminal(tmp_path / "till").close()
    key = api_keys.create(tmp_path / "till", "test")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "till")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = f"http://127.0.0.1:{process.stdout.readline().strip()}"
    with (
        httpx.Client(trust_env=False, timeout=10) as client,
        client.stream("GET", f"{url}/v1/events", headers={"Authorization": f"Bearer {key}"}) as stream,
    ):
        lines = stream.iter_lines()
        next(lines)
        process.send_signal(number)
        with contextlib.suppress(httpx.HTTPError):
            list(lines)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out.strip(), err) == (0, "closed in order", "")


def test_a_free_port_is_taken_where_none_is_named(till: Till) -> None:
    with socket.create_connection(("127.0.0.1", till.server.port)):
        assert till.server.port > 0
