"""The local API as another maker's till meets it: what each endpoint does, answers and refuses."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from drivers.simulated.printer import SimulatedPrinter
from pos_plugin.papers import till_printer
from tests.waiting import until

CARD = "2900000000018"
OTHER_CARD = "2900000000025"


# -- the way of a sale


def test_identify_says_member_item_damaged_or_unknown(served) -> None:
    def kind(scan: str, entry_mode: str = "scanned") -> str:
        return served.client.post("/v1/identify", json={"scan": scan, "entry_mode": entry_mode}).json()["kind"]

    assert kind(CARD) == "member"
    assert kind("4006381333931") == "item"
    assert kind("2900000000019") == "damaged card"
    assert kind("2900000000032") == "unknown card"
    assert kind("0301234567", "phone") == "unknown card"
    served.refused(served.client.post("/v1/identify", json={"scan": ""}), 422, "INVALID", "scan must not be empty")


def test_the_identifier_that_a_typing_scanner_sends_is_taken_off(served) -> None:
    def kind(scan: str, entry_mode: str = "scanned") -> str:
        return served.client.post("/v1/identify", json={"scan": scan, "entry_mode": entry_mode}).json()["kind"]

    assert kind(f"]E0{CARD}") == "member"
    assert kind(f"]E0{CARD}", "typed") == "item"  # nobody types that


def test_names_are_asked_of_head_office_alone(served) -> None:
    answer = served.client.post("/v1/members/search", json={"name": "Ada"})
    served.refused(answer, 409, "NAMES_OFFLINE", "Names are known at head office alone")


def test_a_quote_says_what_a_sale_earns_and_records_nothing(served) -> None:
    before = served.head()
    quote = served.quote(member=served.member())
    assert (quote["earn_points"], quote["due_minor"], quote["online"]) == (12, 1250, False)
    assert quote["earn"] == [{"points": 12, "text": "1 point per €1.00 on €12.50"}]
    assert served.head() == before


def test_a_committed_sale_earns_and_its_points_pay_the_next(served) -> None:
    member = served.member()
    done = served.sell("1", 30_000, member=member)
    assert (done["earned_points"], done["due_minor"]) == (300, 30_000)
    assert done["reference"] in done["receipt_text"]
    quote = served.quote("2", 1000, member=member, redeem=[{"kind": "points", "points": 100}])
    assert (quote["redeem_points"], quote["redeemed_minor"], quote["due_minor"]) == (100, 100, 900)
    assert served.commit(quote).json()["redeem_points"] == 100
    enquiry = served.client.get(f"/v1/members/{member}").json()
    assert (enquiry["balance"], enquiry["spendable_here"]) == (209, 209)
    assert [move["points"] for move in enquiry["movements"]] == [-91, 300]
    assert enquiry["cards"] == ["****0018"]


def test_points_beyond_what_is_here_are_rejected_in_words(served) -> None:
    member = served.member()
    served.sell("1", 5000, member=member)
    quote = served.quote("2", 10_000, member=member, redeem=[{"kind": "points", "points": 70}])
    assert quote["redeem_points"] == 50
    assert quote["rejected"] == [{"code": "NOT_SPENDABLE_HERE", "text": "50 of your 50 points can be used here today."}]


@pytest.mark.parametrize(
    ("quantity", "milli"), [(3, 3000), ("1.250", 1250), ("0.5", 500), ("2", 2000), ("9999999.999", 9_999_999_999)]
)
def test_a_quantity_is_a_whole_number_or_text_with_three_decimals(served, quantity: object, milli: int) -> None:
    asked = served.sale("1")
    asked["lines"][0]["quantity"] = quantity
    assert served.client.post("/v1/quotes", json=asked).status_code == 200
    served.commit(served.client.post("/v1/quotes", json=asked).json())
    known = served.client.get("/v1/sales/front/1").json()
    assert known["sale"]["lines"][0].get("quantity_milli", 1000) == milli


def test_a_dropped_quote_cannot_be_committed(served) -> None:
    quote, before = served.quote(), served.head()
    assert served.client.delete(f"/v1/quotes/{quote['quote_id']}").json()["open"] is False
    served.refused(served.commit(quote), 404, "QUOTE_UNKNOWN", "This quote has ended")
    assert served.head() == before


def test_signing_off_ends_the_operators_quotes(served) -> None:
    quote = served.quote()
    assert served.client.post("/v1/sign-off", json={"operator": "2"}).json() == {"ended": 0}
    assert served.client.post("/v1/sign-off", json={"operator": "1"}).json() == {"ended": 1}
    served.refused(served.commit(quote), 404, "QUOTE_UNKNOWN")


def test_a_training_sale_records_nothing(served) -> None:
    before = served.head()
    done = served.sell(member=served.member(), training=True)
    assert (done["reference"], done["number"], done["training"]) == ("", 0, True)
    assert "TRAINING" in done["receipt_text"]
    assert served.head() == before


# -- once, whatever is sent again


def test_the_same_key_again_gets_the_first_answer(served) -> None:
    quote = served.quote(member=served.member())
    first = served.commit(quote, "k")
    after = served.head()
    assert served.commit(quote, "k").json() == first.json()
    assert served.commit({"quote_id": "gone", "sale_ref": "17"}, "k").json() == first.json()
    assert served.head() == after


def test_the_key_of_another_sale_is_refused(served) -> None:
    served.commit(served.quote("1"), "k")
    after = served.head()
    served.refused(served.commit(served.quote("2"), "k"), 409, "IDEMPOTENCY_KEY_REUSED", "another sale")
    assert served.head() == after


@pytest.mark.parametrize("key", ["", "k" * 129, "a\tb"])
def test_a_commit_needs_a_sensible_key(served, key: str) -> None:
    quote, before = served.quote(), served.head()
    answer = served.client.post(f"/v1/quotes/{quote['quote_id']}/commit", headers={"Idempotency-Key": key})
    served.refused(answer, 422, "IDEMPOTENCY_KEY", "1 to 128 printable characters")
    assert served.head() == before


def test_a_sale_reference_with_other_content_is_refused(served) -> None:
    served.sell("17", 1250)
    after = served.head()
    served.refused(
        served.client.post("/v1/quotes", json=served.sale("17", 1300)), 409, "SALE_DIFFERS", "It stays as it was"
    )
    assert served.sell("17", 1250)["number"] == after[0]
    assert served.head() == after


def test_a_host_that_leaves_the_time_out_can_ask_again(served) -> None:
    asked = served.sale("17")
    del asked["sold_at"]
    first = served.commit(served.client.post("/v1/quotes", json=asked).json(), "a").json()
    served.terminal.checkout.clock = served.terminal.clock = _later(served.terminal.clock())
    again = served.client.post("/v1/quotes", json=asked)
    assert again.status_code == 200, again.text
    assert served.commit(again.json(), "b").json() == first


def _later(now: Any) -> Any:
    from datetime import timedelta

    return lambda: now + timedelta(days=2)


def test_many_commits_of_one_sale_at_once_record_it_once(served) -> None:
    quote, before = served.quote(member=served.member()), served.head()[0]
    answers: list[int] = []

    def press() -> None:
        answers.append(served.commit(quote, "k").json()["number"])

    presses = [threading.Thread(target=press) for _ in range(8)]
    for one in presses:
        one.start()
    for one in presses:
        one.join()
    assert answers == [before + 1] * 8
    assert served.head()[0] == before + 1


# -- what comes back


def test_refunds_by_line_amount_and_rest_add_up(served) -> None:
    lines = [
        {"line_id": "a", "amount_minor": 600, "quantity": 3, "name": "Milk"},
        {"line_id": "b", "amount_minor": 400, "quantity": "0.800", "name": "Cheese"},
    ]
    done = served.sell("1", 1000, member=served.member(), lines=lines)
    assert done["earned_points"] == 10

    def refund(return_ref: str, **what: Any) -> dict[str, Any]:
        answer = served.client.post(
            "/v1/sales/front/1/refund", json={"return_ref": return_ref, "operator": "1", **what}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    one = refund("r1", lines=[{"line_id": "a", "quantity": 1}])
    assert (one["refund_minor"], one["taken_points"]) == (200, 2)
    assert refund("r1", lines=[{"line_id": "a", "quantity": 1}]) == one
    assert refund("r2", amount_minor=300)["refund_minor"] == 300
    known = served.client.get("/v1/sales/front/1").json()
    assert known["left"]["total_minor"] == 500
    assert refund("r3")["refund_minor"] == 500
    known = served.client.get("/v1/sales/front/1").json()
    assert known["left"] == {"total_minor": 0, "lines": []}
    assert [one["return_ref"] for one in known["returns"]] == ["r1", "r2", "r3"]
    assert sum(one["taken_points"] for one in known["returns"]) == 10
    after = served.head()
    answer = served.client.post("/v1/sales/front/1/refund", json={"return_ref": "r4"})
    served.refused(answer, 409, "CANNOT_BE_REVERSED", "come back already")
    assert served.head() == after


def test_a_void_gives_everything_back_once(served) -> None:
    member = served.member()
    served.sell("1", 10_000, member=member)
    served.sell("2", 1000, member=member, redeem=[{"kind": "points", "points": 50}])
    done = served.client.post("/v1/sales/front/2/void", json={"operator": "1", "shift": "early"}).json()
    assert (done["refund_minor"], done["restored_points"]) == (950, 50)
    after = served.head()
    assert served.client.post("/v1/sales/front/2/void", json={}).json() == done
    assert served.head() == after
    assert served.client.get(f"/v1/members/{member}").json()["balance"] == 100


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
def test_a_refund_that_makes_no_sense_is_refused(refusing, body: dict[str, Any], words: str) -> None:
    refusing.refused(refusing.client.post("/v1/sales/front/1/refund", json=body), 422, "INVALID", words)
    assert refusing.head() == refusing.recorded


def test_a_refund_takes_no_more_than_is_left(served) -> None:
    served.sell("1", 1000)
    after = served.head()
    url = "/v1/sales/front/1/refund"
    served.refused(served.client.post(url, json={"return_ref": "r", "amount_minor": 1001}), 409, "CANNOT_BE_REVERSED")
    lines = [{"line_id": "nine"}]
    served.refused(served.client.post(url, json={"return_ref": "r", "lines": lines}), 409, "CANNOT_BE_REVERSED", "nine")
    assert served.head() == after
    nowhere = "/v1/sales/front/none"
    served.refused(served.client.post(f"{nowhere}/void", json={}), 404, "TRANSACTION_DOES_NOT_EXIST")
    served.refused(served.client.get(nowhere), 404, "TRANSACTION_DOES_NOT_EXIST")


def test_a_forgotten_card_is_added_once(served) -> None:
    done = served.sell("1", 2000, sold_at=None)
    body = {"reference": done["reference"], "member": served.member(), "operator": "1"}
    claimed = served.client.post("/v1/claims", json=body).json()
    assert claimed["earned_points"] == 20
    after = served.head()
    assert served.client.post("/v1/claims", json=body).json() == claimed
    served.refused(served.client.post("/v1/claims", json={**body, "member": served.member(OTHER_CARD)}), 409, "CLAIMED")
    served.refused(served.client.post("/v1/claims", json={**body, "reference": "nonsense"}), 404, "REFERENCE_MISTYPED")
    assert served.head() == after
    known = served.client.get("/v1/sales/front/1").json()
    assert (known["member"], known["was_claimed"], known["earned_points"]) == (body["member"], True, 20)


# -- members


def test_joining_with_a_card_or_a_new_number(served) -> None:
    joined = served.client.post("/v1/members", json={"card": "2900000000032"}).json()
    assert joined["card"] == "2900000000032"
    assert served.member("2900000000032") == joined["member"]
    made = served.client.post("/v1/members", json={}).json()
    assert served.member(made["card"]) == made["member"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"card": CARD}, 409, "CARD_TAKEN"),
        ({"card": "4006381333931"}, 422, "NO_MEMBER_CARD"),
        ({"name": "Ada"}, 422, "NOT_CONNECTED_YET"),  # nowhere to seal it to
        ({"email": "a@b.example"}, 422, "INVALID"),
    ],
)
def test_joining_that_cannot_be_done_is_refused(refusing, body: dict[str, str], status: int, code: str) -> None:
    refusing.refused(refusing.client.post("/v1/members", json=body), status, code)
    assert refusing.head() == refusing.recorded


def test_an_unknown_member_is_refused(served) -> None:
    before = served.head()
    served.refused(served.client.get("/v1/members/nobody"), 404, "ACCOUNT_INVALID", "not known here")
    served.refused(served.client.post("/v1/quotes", json=served.sale(member="nobody")), 404, "ACCOUNT_INVALID")
    assert served.head() == before


# -- receipts and printing


def test_a_receipt_can_be_read_seen_and_printed_again(served) -> None:
    done = served.sell(member=served.member())
    receipt = served.client.get(f"/v1/receipts/{done['reference']}").json()
    assert (receipt["text"], receipt["sale_ref"], receipt["kind"]) == (done["receipt_text"], "17", "sale")
    assert [job["state"] for job in receipt["jobs"]] == ["waiting"]
    picture = served.client.get(f"/v1/receipts/{done['reference']}.png")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    after = served.head()
    again = served.client.post(f"/v1/receipts/{done['reference']}/reprint").json()
    assert again["copy"] is True
    jobs = served.client.get(f"/v1/receipts/{done['reference']}").json()["jobs"]
    assert [job["copy"] for job in jobs] == [False, True]
    assert served.head() == after
    for path in ("/v1/receipts/NOPE-1-X", "/v1/receipts/NOPE-1-X.png"):
        served.refused(served.client.get(path), 404, "RECEIPT_UNKNOWN", "no such receipt")
    served.refused(served.client.post("/v1/receipts/NOPE-1-X/reprint"), 404, "RECEIPT_UNKNOWN")


def test_a_person_settles_a_doubtful_print(served) -> None:
    done = served.sell()
    job = served.client.get(f"/v1/receipts/{done['reference']}").json()["jobs"][0]["job"]
    served.refused(served.client.post(f"/v1/print-jobs/{job}", json={"came_out": True}), 404, "PRINT_NOT_OPEN")
    served.terminal.store.write(lambda db: db.execute("UPDATE print_job SET state = 'unknown'") and None)
    assert served.client.post(f"/v1/print-jobs/{job}", json={"came_out": False}).status_code == 200
    jobs = served.client.get(f"/v1/receipts/{done['reference']}").json()["jobs"]
    assert [(one["state"], one["copy"]) for one in jobs] == [("dropped", False), ("waiting", True)]
    wrong = served.client.post(f"/v1/print-jobs/{job}", json={"came_out": "yes"})
    served.refused(wrong, 422, "INVALID", 'came_out must be true or false, not "yes"')


def test_a_receipt_that_stopped_half_way_goes_on_when_the_printer_keeps_it(serve) -> None:
    with SimulatedPrinter() as printer, serve(printer={"address": f"tcp://127.0.0.1:{printer.serve_tcp()}"}) as served:
        served.refused(served.client.post("/v1/print-jobs/1/go-on"), 404, "PRINT_NOT_KEPT", "keeps nothing")
        printer.paper_out(after_lines=2)
        done = served.sell()
        served.terminal.start()

        def job() -> dict:
            return served.client.get("/v1/state").json()["printer"]["jobs"][0]

        until(lambda: job()["state"] == "unknown")
        assert job()["can_go_on"] is True
        assert served.client.post(f"/v1/print-jobs/{job()['job']}/go-on").json() == {"job": 1, "state": "unknown"}
        printer.load_paper()
        until(lambda: job()["state"] == "printed")  # by itself
        assert job()["can_go_on"] is False
        assert printer.printed_total == 1
        assert any(done["reference"] in line for line in printer.receipts[0].lines)


def test_a_sale_is_printed_and_the_state_says_so(serve) -> None:
    with SimulatedPrinter() as printer, serve(printer={"address": f"tcp://127.0.0.1:{printer.serve_tcp()}"}) as served:
        terminal = served.terminal
        terminal.start()
        number = terminal.events.number
        done = served.sell()
        assert printer.wait_until(lambda: printer.printed_total == 1)
        for _ in range(50):
            jobs = served.client.get("/v1/state").json()["printer"]["jobs"]
            if jobs[0]["state"] == "printed":
                break
            number = max([number, *(event.number for event in terminal.events.after(number, 1.0))])
        assert (jobs[0]["reference"], jobs[0]["state"]) == (done["reference"], "printed")
        assert printer.receipts[0].lines[-2].strip() == f"Receipt {done['reference']}" or any(
            done["reference"] in line for line in printer.receipts[0].lines
        )


@pytest.mark.slow
def test_who_listens_hears_that_a_trouble_is_over(serve, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(till_printer, "LOOK_EVERY_S", till_printer.LISTEN_EVERY_S)
    with serve(
        printer={"address": f"file://{tmp_path / 'paper.bin'}"}
    ) as served:  # says nothing: each print is unknown
        served.terminal.start()
        events, spooler = served.terminal.events, served.terminal.printer.spooler
        number, heard = events.number, list[str]()
        served.sell("1")
        while not any(heard) or heard[-1]:
            came = events.after(number, 10.0)
            assert came, f"the last that was to be heard of is still {heard[-1:]}"
            number = came[-1].number
            heard.append(spooler.trouble)


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
        ({"redeem": [{"kind": "stamps", "points": 1}]}, "redeem[0].kind must be 'points' or 'reward', not \"stamps\""),
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
def test_a_sale_that_is_not_understood_is_refused_by_name(refusing, change: dict[str, Any], words: str) -> None:
    answer = refusing.client.post(
        "/v1/quotes", content=json.dumps({**refusing.sale(), **change}), headers={"Content-Type": "application/json"}
    )
    said = refusing.refused(answer, 422, "INVALID", words)
    assert said["hint"] == "Nothing was recorded. Correct the request."
    assert refusing.head() == refusing.recorded


@pytest.mark.parametrize(
    ("twice", "words"),
    [
        ('"total_minor": 5', "total_minor stands there twice"),
        ('"lines": [{"sku": "1", "sku": "1"}]', "sku stands there twice"),
        ('"\\ud800": 1, "\\ud800": 2', "stands there twice"),
        (f'"{"x" * 5000}": 1, "{"x" * 5000}": 2', "x stands there twice"),
    ],
    ids=["a total", "within a line", "no name", "a long name"],
)
def test_a_field_that_stands_twice_is_refused_whichever_is_right(refusing, twice: str, words: str) -> None:
    body = f"{json.dumps(refusing.sale())[:-1]}, {twice}}}"
    answer = refusing.client.post("/v1/quotes", content=body, headers={"Content-Type": "application/json"})
    refusing.refused(answer, 422, "INVALID", words)
    assert len(answer.text) < 500
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
def test_a_sale_that_makes_no_sense_is_refused(refusing, change: dict[str, Any], code: str, words: str) -> None:
    refusing.refused(refusing.client.post("/v1/quotes", json={**refusing.sale(), **change}), 422, code, words)
    assert refusing.head() == refusing.recorded


def test_every_problem_is_named_in_one_message(refusing) -> None:
    said = refusing.refused(
        refusing.client.post("/v1/quotes", json={**refusing.sale(), "total_minor": 1.5, "till": 5}), 422, "INVALID"
    )
    assert said["message"] == "till must be text, not 5; total_minor must be a whole number of minor units, not 1.5"
