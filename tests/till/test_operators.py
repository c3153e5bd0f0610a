"""Who is at the till: PINs, shifts, what a cashier may not do alone, training. Point 1 and 14 of what a shop expects."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from typer.testing import CliRunner

from ledger.doings import Doings
from ledger.entry import ClaimBody, GiveBody, JoinBody, ReturnBody, SaleBody
from ledger.pins import hashed_pin, is_pin, problem_with
from ledger.wire import OperatorItem
from loyalty import roles
from offline_store import journal, operators, settings
from offline_store.operators import Operator, begin_try, was_right
from pos_plugin.cli import app
from pos_plugin.errors import Conflict, NotAllowed, TooOften
from pos_plugin.running import announced
from tests.waiting import until

OTHER_CARD = "2900000000025"
START = datetime(2026, 11, 21, 17, 5, tzinfo=UTC)  # 18:05 in Berlin
PINS = {"kim": "2580", "lee": "1470", "sam": "3690", "max": "9513"}
HASHES = {  # at no cost: what a till's real ones cost is not what is tested here
    who: Argon2id(salt=who.encode().ljust(16), length=32, iterations=1, lanes=1, memory_cost=8).derive_phc_encoded(
        pin.encode()
    )
    for who, pin in PINS.items()
}
ITEMS = [
    OperatorItem("kim", "Kim", "cashier", HASHES["kim"], member=OTHER_CARD),
    OperatorItem("lee", "Lee", "cashier", HASHES["lee"]),
    OperatorItem("sam", "Sam", "supervisor", HASHES["sam"]),
    OperatorItem("max", "Max", "manager", HASHES["max"]),
]
REASON = {"reason": "the customer was charged twice"}


class Counter:
    """A till whose shop keeps operators, seen from its page: what the page sends, with the page's cookie."""

    def __init__(self, served: Any) -> None:
        self.served, self.terminal = served, served.terminal
        self.now = START
        self.terminal.operators._clock = lambda: self.now
        self.page = httpx.Client(base_url=served.server.url, timeout=10, trust_env=False)
        self.page.get("/")
        self.tests = 0

    def begin(self) -> None:
        """For another test: nobody is on, no PIN was tried, and sale 17 is another one."""
        self.now = START
        self.tests += 1

        def anew(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM operator")
            db.execute("DELETE FROM tried_pin")
            settings.put(db, "training_day", "")
            operators.apply_items(db, ITEMS)

        self.terminal.store.write(anew)
        for who in PINS:
            self.terminal.checkout.sign_off(who)
        self.terminal.operators._on = None
        self.terminal.operators.word = ""

    def ref(self, ref: str) -> str:
        return f"{self.tests}-{ref}"

    def hear(self, *items: OperatorItem) -> None:
        self.terminal.store.write(lambda db: operators.apply_items(db, items))

    def sign_on(self, who: str, pin: str = "", **more: Any) -> httpx.Response:
        return self.page.post("/v1/sign-on", json={"operator": who, "pin": pin or PINS[who], **more})

    def on(self, who: str, **more: Any) -> dict[str, Any]:
        answer = self.sign_on(who, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def quote(self, ref: str, total: int = 1250, **more: Any) -> httpx.Response:
        sale = self.served.sale(self.ref(ref), total, **{"operator": "", "shift": "", **more})
        return self.page.post("/v1/quotes", json=sale)

    def commit(self, quote: dict[str, Any]) -> httpx.Response:
        return self.page.post(
            f"/v1/quotes/{quote['quote_id']}/commit", headers={"Idempotency-Key": f"sale {quote['sale_ref']}"}
        )

    def sell(self, ref: str, total: int = 1250, **more: Any) -> dict[str, Any]:
        answer = self.quote(ref, total, **more)
        assert answer.status_code == 200, answer.text
        return self.commit(answer.json()).json()

    def refund(self, ref: str, amount: int, return_ref: str = "R1", **more: Any) -> httpx.Response:
        body = {"return_ref": return_ref, "amount_minor": amount, **more}
        return self.page.post(f"/v1/sales/front/{self.ref(ref)}/refund", json=body)

    def state(self) -> dict[str, Any]:
        return self.page.get("/v1/state").json()["operators"]

    def body(self, kind: type) -> Any:
        """Of the newest entry of that kind."""
        with self.terminal.store.read() as db:
            for number in range(journal.head(db)[0], 0, -1):
                entry = journal.read(db, number)
                if entry is not None and isinstance(entry.body, kind):
                    return entry.body
        raise AssertionError(f"there is no {kind.__name__}")


@pytest.fixture(scope="module")
def one_counter(shared: Any) -> Iterator[Counter]:
    one = Counter(shared)
    yield one
    one.page.close()


@pytest.fixture
def counter(one_counter: Counter) -> Counter:
    one_counter.begin()
    return one_counter


@pytest.fixture
def own_counter(served: Any) -> Iterator[Counter]:
    """One that no test has used before."""
    one = Counter(served)
    one.begin()
    yield one
    one.page.close()


# -- PINs


@pytest.mark.parametrize(
    ("pin", "is_one"),
    [
        ("2580", True),
        ("25801470", True),
        ("258", False),
        ("258014703", False),
        ("25 80", False),
        ("٢٥٨٠", False),  # digits, and not those of a number pad
        ("0000", False),
        ("1234", False),
        ("9876", False),
        ("8901", False),  # counts through nought
    ],
)
def test_a_pin_has_four_to_eight_digits_and_is_not_the_first_guess(pin, is_one):
    assert (problem_with(pin) == "") is is_one


def test_a_pin_is_kept_as_argon2id_and_no_pin_fits_nothing():
    kept = hashed_pin("2580", bytes(16))
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert is_pin("2580", kept)
    assert not is_pin("2581", kept)
    assert not is_pin("2580", "")
    assert not is_pin("2580", "$argon2id$nonsense")


def tries(till, pins: int, operator: str = "kim") -> list[float | None]:
    """How long each of so many wrong PINs is refused for, in seconds; None for one that was looked at."""
    found = []
    for _ in range(pins):
        until = till.store.write(lambda db: begin_try(db, operator, till.now))
        found.append((until - till.now).total_seconds() if until else None)
    return found


def test_five_wrong_pins_lock_for_a_minute_and_each_more_for_twice_as_long_up_to_a_quarter_of_an_hour(till):
    assert tries(till, 6) == [None] * 5 + [60]
    for locked_s in (120, 240, 480, 900, 900):
        till.pass_time(minutes=15)
        assert tries(till, 2) == [None, locked_s]


def test_a_lock_out_outlives_a_restart_and_a_right_pin_ends_it(till):
    tries(till, 5)
    till.reopen()
    assert tries(till, 1) == [60]
    till.pass_time(seconds=60)
    assert tries(till, 1) == [None]
    till.store.write(lambda db: was_right(db, "kim"))
    assert tries(till, 5) == [None] * 5


def test_twenty_wrong_pins_of_all_let_nobody_try_for_a_minute(till):
    for who in "abcde":
        assert tries(till, 4, who) == [None] * 4
    assert tries(till, 1, "f") == [60]
    till.pass_time(seconds=61)
    assert tries(till, 2, "g") == [None, 60]
    till.pass_time(minutes=16)
    assert tries(till, 4, "h") == [None] * 4


def test_right_pins_in_between_do_not_hide_wrong_ones_of_others(till):
    for who in "abcde":
        assert tries(till, 1, "lee") == [None]
        till.store.write(lambda db: was_right(db, "lee"))
        assert tries(till, 4, who) == [None] * 4
    assert tries(till, 1, "lee") == [60]


def test_a_clock_that_is_set_back_locks_nobody_out_for_a_day(till):
    tries(till, 5)
    till.pass_time(days=-1)
    assert tries(till, 1) == [None]


def test_wrong_pins_at_the_page_are_refused_and_then_not_looked_at(counter):
    for _ in range(5):
        counter.served.refused(counter.sign_on("kim", "1357"), 403, "PIN_WRONG")
    counter.served.refused(counter.sign_on("kim"), 429, "PIN_LOCKED", "1 minute")
    assert counter.sign_on("lee").status_code == 200
    counter.now += timedelta(seconds=61)
    assert counter.sign_on("kim").status_code == 200


def test_nobodys_name_is_refused_as_a_wrong_pin_and_leaves_no_row(counter):
    for name in ("nobody", "x" * 60):
        counter.served.refused(counter.sign_on(name, "2580"), 403, "PIN_WRONG")
    with counter.terminal.store.read() as db:
        assert [row[0] for row in db.execute("SELECT operator FROM tried_pin")] == [""]


def test_a_flood_of_pins_neither_gets_through_nor_holds_up_a_sale(counter):
    counter.on("lee")
    answers: list[int] = []

    def flood() -> None:
        with httpx.Client(base_url=counter.served.server.url, timeout=20, trust_env=False) as page:
            page.get("/")
            for pin in range(10):
                answer = page.post("/v1/sign-on", json={"operator": "sam", "pin": f"{1300 + pin}"})
                answers.append(answer.status_code)

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert counter.sell("17")["number"]
    for thread in threads:
        thread.join()
    assert set(answers) <= {403, 429}
    assert answers.count(403) <= 5
    assert counter.state()["on"]["operator"] == "lee"


def test_a_pin_is_in_no_answer_log_or_stored_request(counter, caplog):
    counter.on("kim")
    counter.sell("17")
    body = {"return_ref": "R1", "amount_minor": 1250, "allowed_by": "sam", "pin": PINS["sam"], **REASON}
    answer = counter.page.post(
        f"/v1/sales/front/{counter.ref('17')}/refund", json=body, headers={"Idempotency-Key": counter.ref("refund")}
    )
    assert answer.status_code == 200
    again = counter.page.post(
        f"/v1/sales/front/{counter.ref('17')}/refund",
        json={**body, "pin": "0000"},
        headers={"Idempotency-Key": counter.ref("refund")},
    )
    assert again.json() == answer.json()  # another PIN is no other request: nothing is made of it
    assert PINS["sam"] not in answer.text + caplog.text


# -- who is on


def test_where_no_operators_are_kept_everything_works_as_before(served):
    page = httpx.Client(base_url=served.server.url, timeout=10, trust_env=False)
    page.get("/")
    quote = page.post("/v1/quotes", json=served.sale("17")).json()
    done = page.post(f"/v1/quotes/{quote['quote_id']}/commit", headers={"Idempotency-Key": "17"}).json()
    assert page.post("/v1/sales/front/17/void", json={"operator": "1"}).status_code == 200
    assert page.get("/v1/state").json()["operators"]["kept"] is False
    with served.terminal.store.read() as db:
        body = journal.read(db, done["number"]).body
    assert (body.sale.operator, body.sale.shift) == ("1", "early")
    page.close()


def test_the_page_sells_nothing_until_somebody_is_signed_on(counter):
    counter.served.refused(counter.quote("17"), 403, "SIGN_ON_FIRST")
    counter.served.refused(counter.page.post("/v1/members", json={}), 403, "SIGN_ON_FIRST")
    counter.on("kim")
    assert counter.quote("17").status_code == 200


def test_a_hosts_program_names_its_operator_and_is_asked_for_no_pin(counter):
    counter.served.sell(counter.ref("17"), operator="Ann", shift="7")
    answer = counter.served.client.post(
        f"/v1/sales/front/{counter.ref('17')}/void", json={"operator": "Ann", "shift": "7"}
    )
    assert answer.status_code == 200
    body = counter.body(ReturnBody)
    assert (body.operator, body.shift, body.approved_by) == ("Ann", "7", "")


@pytest.mark.parametrize(
    ("named", "minutes_ago", "stands"),
    [
        ("", 0, "sam"),
        ("Ann", 0, "Ann"),  # the paper knows better
        ("", 3, ""),  # it waited: whoever is on now need not have rung it
    ],
)
def test_a_sale_of_another_till_that_names_nobody_is_of_whoever_is_on(counter, named, minutes_ago, stands):
    shift = counter.on("sam")["on"]["shift"]
    ref = counter.ref("paper")
    body = {
        "till": "2",
        "seen": {"kind": "sale", "reference": ref, "total_minor": 500, "operator": named},
        "printed_at": (START - timedelta(minutes=minutes_ago)).isoformat(),
    }
    answer = counter.served.client.post("/v1/printed-sales", json=body)
    assert answer.json()["recorded"] is True, answer.text
    sale = counter.body(SaleBody).sale
    assert (sale.operator, sale.shift) == (stands, shift if stands == "sam" else "")


def test_what_a_hosts_program_says_that_somebody_allowed_is_looked_at(counter):
    counter.served.sell(counter.ref("17"), operator="sam", shift="7")
    path, word = f"/v1/sales/front/{counter.ref('17')}/void", {"operator": "sam", "allowed_by": "sam", **REASON}
    answer = counter.served.client.post(path, json={**word, "pin": PINS["sam"]})
    counter.served.refused(answer, 403, "SUPERVISOR_NEEDED", "themselves")
    answer = counter.served.client.post(path, json={**word, "allowed_by": "max", "pin": "1357"})
    counter.served.refused(answer, 403, "PIN_WRONG")
    answer = counter.served.client.post(path, json={**word, "allowed_by": "max", "pin": PINS["max"]})
    assert answer.status_code == 200
    body = counter.body(ReturnBody)
    assert (body.operator, body.approved_by, body.reason) == ("sam", "max", REASON["reason"])


def test_point_1_operator_and_shift_stand_on_every_entry_that_a_person_causes(counter):
    on = counter.on("sam")["on"]
    who = ("sam", on["shift"])
    sold = counter.sell("17", operator="somebody else", shift="9")
    assert (counter.body(SaleBody).sale.operator, counter.body(SaleBody).sale.shift) == who
    counter.page.post("/v1/claims", json={"reference": sold["reference"], "member": counter.served.member()})
    counter.page.post(f"/v1/sales/front/{counter.ref('17')}/void", json={})
    joined = counter.page.post("/v1/members", json={}).json()
    given = {"till": "front", "ref": "A1", "member": joined["member"], "reload_minor": 5}
    counter.served.client.post("/v1/activities", json={**given, "operator": who[0], "shift": who[1]})
    for kind in (ClaimBody, ReturnBody, JoinBody, GiveBody):
        body = counter.body(kind)
        assert (body.operator, body.shift) == who, kind


def test_point_1_two_cashiers_with_three_sales_each_come_out_three_and_three_in_the_audit(own_counter):
    for ref in range(6):
        own_counter.on(("kim", "lee")[ref % 2])
        own_counter.sell(str(ref))
    told = CliRunner().invoke(app, ["audit", "--store", str(own_counter.terminal.store.folder), "--json"])
    done = json.loads(told.stdout)["done"]
    assert {who: counts["sale"] for who, counts in done.items() if "sale" in counts} == {"kim": 3, "lee": 3}


def test_point_1_an_open_quote_ends_at_sign_off(counter):
    counter.on("kim")
    quote = counter.quote("17").json()
    assert counter.page.post("/v1/sign-off", json={"operator": "kim"}).json() == {"ended": 1}
    counter.served.refused(counter.commit(quote), 404, "QUOTE_UNKNOWN")
    assert counter.state()["on"] is None
    counter.served.refused(counter.quote("17"), 403, "SIGN_ON_FIRST")


def test_a_colleague_takes_over_and_the_open_sale_of_the_first_ends_with_a_word(counter):
    counter.on("kim")
    quote = counter.quote("17").json()
    assert counter.on("lee")["ended"] == 1
    assert counter.state()["word"] == "The open sale of Kim was ended. Nothing of it was recorded."
    counter.served.refused(counter.commit(quote), 404, "QUOTE_UNKNOWN")
    counter.sell("17")
    assert counter.body(SaleBody).sale.operator == "lee"


def test_whoever_signs_on_again_keeps_their_open_sale(counter):
    counter.on("kim")
    quote = counter.quote("17").json()
    assert counter.on("kim")["ended"] == 0
    assert counter.commit(quote).status_code == 200


def test_a_commit_that_has_begun_is_done_while_a_colleague_signs_on(counter, monkeypatch):
    """The colleague signs on in the middle of the transaction: the sale stays that of whoever rang it, and stands once."""
    counter.on("kim")
    quote = counter.quote("17").json()
    record, switched = journal.record, []

    def slowly(db: sqlite3.Connection, *rest: Any) -> Any:
        if not switched:
            switched.append(True)
            counter.terminal.checkout.sign_off("kim")
        return record(db, *rest)

    monkeypatch.setattr(journal, "record", slowly)
    done = counter.commit(quote)
    assert done.status_code == 200
    assert counter.commit(quote).json() == done.json()
    assert counter.body(SaleBody).sale.operator == "kim"


def test_a_shift_begins_with_the_first_sign_on_of_a_day_and_a_new_one_when_asked_for(own_counter):
    assert own_counter.on("kim")["on"]["shift"] == "2026-11-21-1"
    assert own_counter.on("lee")["on"]["shift"] == "2026-11-21-2"
    assert own_counter.on("kim")["on"]["shift"] == "2026-11-21-1"
    assert own_counter.on("kim", new_shift=True)["on"]["shift"] == "2026-11-21-3"
    assert own_counter.on("kim")["on"]["shift"] == "2026-11-21-3"
    own_counter.now += timedelta(days=1)
    assert own_counter.on("kim")["on"]["shift"] == "2026-11-22-1"


def test_whoever_head_office_closes_is_off_and_what_is_open_can_still_be_completed(counter):
    counter.on("kim")
    quote = counter.quote("17").json()
    counter.hear(OperatorItem("kim", "Kim", "cashier"))
    assert counter.state()["on"] is None
    assert counter.state()["word"].startswith("Kim may not sign on any more.")
    counter.served.refused(counter.quote("18"), 403, "SIGN_ON_FIRST")
    assert counter.commit(quote).status_code == 200
    counter.served.refused(counter.sign_on("kim"), 403, "PIN_WRONG")
    assert "kim" not in [one["operator"] for one in counter.state()["known"]]


def test_a_role_that_head_office_changes_counts_at_once(counter):
    counter.on("kim")
    counter.hear(OperatorItem("kim", "Kim", "supervisor", HASHES["kim"]))
    assert counter.state()["on"]["role"] == "supervisor"
    assert counter.page.post("/v1/training", json={"on": True}).status_code == 200


def test_two_windows_are_one_till(counter):
    counter.on("kim")
    other = httpx.Client(base_url=counter.served.server.url, timeout=10, trust_env=False)
    other.get("/")
    assert other.get("/v1/state").json()["operators"]["on"]["operator"] == "kim"
    other.post("/v1/sign-off", json={"operator": "kim"})
    counter.served.refused(counter.quote("17"), 403, "SIGN_ON_FIRST")
    # A window that shows somebody who is gone by now signs nobody else off.
    counter.on("lee")
    other.post("/v1/sign-off", json={"operator": "kim"})
    assert counter.state()["on"]["operator"] == "lee"
    other.close()


# -- what a cashier may not do alone


def test_a_cashier_gives_back_up_to_the_limit_and_a_supervisor_all(counter):
    counter.on("kim")
    counter.sell("17", 6000)
    counter.sell("18", 6000)
    assert counter.refund("17", 5000).status_code == 200
    refused = counter.served.refused(counter.refund("18", 5001), 403, "SUPERVISOR_NEEDED")
    assert refused["message"] == "This is more than a cashier may do alone. Nothing was recorded."
    counter.on("sam")
    assert counter.refund("18", 6000).status_code == 200


def test_many_small_returns_of_a_sale_are_one_large_one(counter):
    counter.on("kim")
    counter.sell("17", 6000)
    assert counter.refund("17", 3000, "R1").status_code == 200
    counter.served.refused(counter.refund("17", 2001, "R2"), 403, "SUPERVISOR_NEEDED")
    assert counter.refund("17", 2000, "R2").status_code == 200
    assert counter.refund("17", 3000, "R1").status_code == 200  # again: what stands is answered, and needs nobody


def test_a_sale_of_another_day_needs_a_supervisor(counter):
    counter.on("kim")
    counter.sell("17", 100, sold_at="2026-11-20T18:05:00", business_day="2026-11-20")
    counter.served.refused(counter.refund("17", 100), 403, "SUPERVISOR_NEEDED", "older")
    assert counter.refund("17", 100, allowed_by="sam", pin=PINS["sam"], **REASON).status_code == 200


def test_who_allowed_it_and_why_stand_in_the_entry_and_in_the_audit(own_counter):
    own_counter.on("kim")
    own_counter.sell("17", 6000)
    own_counter.page.post(
        f"/v1/sales/front/{own_counter.ref('17')}/void", json={"allowed_by": "sam", "pin": PINS["sam"], **REASON}
    )
    body = own_counter.body(ReturnBody)
    assert (body.operator, body.approved_by, body.reason) == ("kim", "sam", REASON["reason"])
    doings = Doings()
    with own_counter.terminal.store.read() as db:
        for number in range(1, journal.head(db)[0] + 1):
            doings.see(journal.read(db, number))
    assert doings.counted(lambda _, operator: operator)["kim"] == {"return": 1, "sale": 1}
    (allowed,) = doings.allowed
    assert allowed.text.endswith("return/front/1-17/void by kim, allowed by sam: the customer was charged twice")


def test_a_claim_within_a_week_and_the_limit_is_a_cashiers_and_the_rest_a_supervisors(counter):
    member = counter.served.member()
    counter.on("lee")
    rung = {
        "small": counter.sell("1", 10_000),
        "large": counter.sell("2", 10_001),
        "old": counter.sell("3", 100, sold_at="2026-11-13T10:00:00", business_day="2026-11-13"),
    }

    def claim(which: str, **more: Any) -> httpx.Response:
        body = {"reference": rung[which]["reference"], "member": member, **more}
        return counter.page.post("/v1/claims", json=body)

    assert claim("small").status_code == 200
    counter.served.refused(claim("large"), 403, "SUPERVISOR_NEEDED", "more than")
    assert claim("large", allowed_by="max", pin=PINS["max"], **REASON).status_code == 200
    assert (counter.body(ClaimBody).approved_by, counter.body(ClaimBody).reason) == ("max", REASON["reason"])


@pytest.mark.parametrize(
    ("override", "status", "code"),
    [
        ({"allowed_by": "sam", "pin": "1357", **REASON}, 403, "PIN_WRONG"),
        ({"allowed_by": "sam", "pin": PINS["sam"], "reason": "  "}, 422, "REASON_MISSING"),
        ({"allowed_by": "lee", "pin": PINS["lee"], **REASON}, 403, "SUPERVISOR_NEEDED"),  # a cashier, too
        ({"allowed_by": "kim", "pin": PINS["kim"], **REASON}, 403, "SUPERVISOR_NEEDED"),  # themselves
        ({"allowed_by": "nobody", "pin": "2580", **REASON}, 403, "PIN_WRONG"),
        ({"allowed_by": "sam", "pin": "123456789", **REASON}, 422, "INVALID"),
    ],
)
def test_a_word_that_does_not_count_changes_nothing(counter, override, status, code):
    counter.on("kim")
    counter.sell("17", 6000)
    before = counter.served.head()
    counter.served.refused(counter.refund("17", 6000, **override), status, code)
    assert counter.served.head() == before


def test_what_each_role_may_do_alone_is_what_the_table_says(counter):
    for who, role in (("kim", "cashier"), ("sam", "supervisor"), ("max", "manager")):
        counter.on(who)
        for action in roles.LEAVES:
            letters = roles.leave(role, action)
            if "Y" in letters or (action in ("sell", "refund", "claim") and "L" in letters):
                by = counter.terminal.operators.by(action)
                assert (by.operator, by.approved_by, by.alone is None) == (who, "", "Y" in letters or action == "sell")
            else:
                with pytest.raises(NotAllowed) as refused:
                    counter.terminal.operators.by(action)
                assert refused.value.code == "SUPERVISOR_NEEDED", (role, action)


# -- own cards


def test_point_14_a_cashiers_own_card_that_head_office_names_is_refused_on_sales_that_they_ring(counter):
    own = counter.served.member(OTHER_CARD)
    counter.on("kim")
    counter.served.refused(counter.quote("17", member=own), 409, "OWN_CARD")
    counter.on("lee")
    sold = counter.sell("17", member=own)
    assert sold["earned_points"]


def test_point_14_a_cashier_adds_no_sale_of_a_colleague_to_their_own_card(counter):
    own = counter.served.member(OTHER_CARD)
    counter.on("lee")
    sold = counter.sell("17")
    counter.on("kim")
    answer = counter.page.post("/v1/claims", json={"reference": sold["reference"], "member": own})
    counter.served.refused(answer, 409, "OWN_CARD")


def test_point_14_the_fifth_use_of_one_card_in_a_shift_tells_the_cashier(own_counter):
    member = own_counter.served.member()
    own_counter.on("lee")
    for ref in range(4):
        assert own_counter.quote(str(ref), member=member).json()["notes"] == []
        own_counter.sell(str(ref), member=member)
    (note,) = own_counter.quote("5", member=member).json()["notes"]
    assert note == "This member has bought 5 times or more in this shift. See that it is their own card."
    own_counter.on("lee", new_shift=True)
    assert own_counter.quote("6", member=member).json()["notes"] == []


# -- training


def test_in_training_the_page_records_nothing_and_a_receipt_says_so(counter):
    counter.on("sam")
    member = counter.served.member()
    sold = counter.sell("16")
    assert counter.page.post("/v1/training", json={"on": True}).json() == {"on": True}
    before = counter.served.head()
    done = counter.sell("17", member=member)
    assert done["training"] is True
    assert "TRAINING" in done["receipt_text"].upper()
    for path, body in (
        (f"/v1/sales/front/{counter.ref('16')}/void", {}),
        ("/v1/claims", {"reference": sold["reference"], "member": member}),
        ("/v1/members", {}),
    ):
        counter.served.refused(counter.page.post(path, json=body), 409, "TRAINING")
    assert counter.served.head() == before
    counter.served.sell(counter.ref("18"))  # another till's sale is no part of it
    assert counter.served.head() != before
    assert counter.page.post("/v1/training", json={"on": False}).json() == {"on": False}
    assert counter.sell("19")["number"]


def test_training_needs_a_supervisor_and_outlives_a_colleague_but_not_the_business_day(counter):
    counter.on("kim")
    counter.served.refused(counter.page.post("/v1/training", json={"on": True}), 403, "SUPERVISOR_NEEDED")
    word = {"on": True, "allowed_by": "sam", "pin": PINS["sam"], **REASON}
    assert counter.page.post("/v1/training", json=word).json() == {"on": True}
    counter.on("lee")
    assert counter.state()["training"] is True
    counter.now += timedelta(days=1)
    assert counter.state()["training"] is False


# -- a till without a head office


def command(folder: Path, *words: str, typed: str = "") -> str:
    done = CliRunner().invoke(app, ["operator", *words, "--store", str(folder)], input=typed)
    return f"{done.exit_code} {done.output}{getattr(done.exception, 'code', '')}"


def test_the_command_keeps_the_operators_of_a_till_that_stands_still(till):
    till.store.close()
    assert command(till.folder, "list").startswith("0 No operators are kept")
    said = command(till.folder, "add", "ann", "--name", "Ann", "--role", "manager", typed="2580\n2580\n")
    assert said == "0 Ann can sign on as ann (manager).\n"
    assert command(till.folder, "add", "ann", "--name", "Ann", typed="2580\n2580\n").endswith("OPERATOR_EXISTS")
    assert command(till.folder, "add", "bob", "--name", "Bob", typed="2580\n2581\n").endswith("PIN_UNFIT")
    assert command(till.folder, "add", "bob", "--name", "Bob", typed="1111\n1111\n").endswith("PIN_UNFIT")
    assert command(till.folder, "add", "b/b", "--name", "Bob", typed="2580\n2580\n").endswith("OPERATOR_UNFIT")
    assert command(till.folder, "pin", "bob", "--made").endswith("OPERATOR_UNKNOWN")
    made = command(till.folder, "pin", "ann", "--made").split()[-5]
    assert command(till.folder, "close", "ann") == "0 ann may not sign on any more.\n"
    assert command(till.folder, "close", "ann") == "0 ann was closed already.\n"
    assert command(till.folder, "close", "bob").endswith("OPERATOR_UNKNOWN")
    (one,) = json.loads(command(till.folder, "list", "--json")[2:])
    assert one == {"operator": "ann", "name": "Ann", "role": "manager", "open": False, "here": True}
    till.reopen()
    assert made.isdigit()


def test_the_command_asks_a_running_till_and_whoever_it_closes_is_off_at_once(own_counter):
    folder, terminal = own_counter.terminal.store.folder, own_counter.terminal
    terminal.store.write(lambda db: db.execute("DELETE FROM operator"))
    with announced(folder, own_counter.served.server.url):
        command(folder, "add", "ann", "--name", "Ann", typed="2580\n2580\n")
        assert own_counter.sign_on("ann", "2580").status_code == 200
        command(folder, "pin", "ann", typed="1470\n1470\n")
        own_counter.served.refused(own_counter.sign_on("ann", "2580"), 403, "PIN_WRONG")
        assert own_counter.sign_on("ann", "1470").status_code == 200
        assert command(folder, "close", "ann") == "0 ann may not sign on any more.\n"
    assert own_counter.state()["on"] is None


def test_operators_of_the_till_alone_are_kept_until_head_office_tells_of_its_first(counter):
    here = Operator("ann", "Ann", "manager", HASHES["max"], is_of_here=True)
    counter.terminal.store.write(lambda db: operators.put(db, here))
    counter.page.post("/v1/sign-on", json={"operator": "ann", "pin": PINS["max"]})
    assert counter.state()["on"]["operator"] == "ann"
    counter.hear(ITEMS[0])
    assert counter.state()["on"] is None
    with counter.terminal.store.read() as db:
        assert operators.find(db, "ann") is None


def test_the_page_makes_nobody_a_manager(counter):
    counter.on("kim")
    body = {"operator": "kim", "name": "Kim", "role": "manager", "pin": "2580"}
    counter.served.refused(counter.page.post("/v1/operators", json=body), 403, "NOT_AT_THE_PAGE")
    counter.served.refused(counter.page.post("/v1/operators/max/close"), 403, "NOT_AT_THE_PAGE")
    assert counter.state()["on"]["role"] == "cashier"


def test_the_page_voids_nothing_by_saying_that_another_till_did(counter):
    counter.served.sell(counter.ref("17"), 90_000)
    counter.on("kim")
    seen = {"kind": "void", "reference": counter.ref("17"), "total_minor": 90_000}
    paper = {"till": "front", "seen": seen, "printed_at": START.isoformat()}
    counter.served.refused(counter.page.post("/v1/printed-sales", json=paper), 403, "NOT_AT_THE_PAGE")
    reverse = {"reverseTransactionInformation": {"transactionId": "1"}}
    headers = {"Toast-Transaction-Type": "LOYALTY_REVERSE", "Toast-Transaction-GUID": "2"}
    answer = counter.page.post("/v1/toast", json=reverse, headers=headers)
    assert (answer.status_code, answer.json()["transactionStatus"]) == (400, "ERROR_INVALID_TOKEN")
    assert "key of its own" in answer.json()["message"]
    shown = counter.served.client.get(f"/v1/sales/front/{counter.ref('17')}").json()
    assert shown["returns"] == []


@pytest.mark.parametrize("who", ["", "kim", "sam", "max"])
def test_the_page_gives_no_points_for_what_only_a_program_can_have_seen(counter, who):
    if who:
        counter.on(who)
    head = counter.served.head()
    for what in ({"activity": "survey"}, {"reload_minor": 90_000}):
        asked = {"till": "front", "ref": "A1", "member": counter.served.member(), **what}
        counter.served.refused(
            counter.page.post("/v1/activities", json=asked), 403, "NOT_AT_THE_PAGE", "a key of its own"
        )
    assert counter.served.head() == head


def test_a_sale_of_a_day_to_come_is_not_younger_than_one_of_today(counter):
    counter.on("kim")
    counter.sell("17", sold_at="2026-11-23T10:00:00", business_day="2026-11-23")
    counter.served.refused(counter.refund("17", 100), 403, "SUPERVISOR_NEEDED")
    word = {"allowed_by": "sam", "pin": PINS["sam"], **REASON}
    assert counter.refund("17", 100, **word).status_code == 200


def test_a_quote_that_is_made_while_its_operator_signs_off_ends_with_theirs(counter, monkeypatch):
    checkout = counter.terminal.checkout
    quoted = checkout.quote

    def meanwhile(*asked: Any, **more: Any) -> Any:
        counter.page.post("/v1/sign-off", json={"operator": "kim"})
        return quoted(*asked, **more)

    counter.on("kim")
    with monkeypatch.context() as slow:
        slow.setattr(checkout, "quote", meanwhile)
        counter.served.refused(counter.quote("17"), 404, "QUOTE_UNKNOWN")
    assert checkout.sign_off("kim") == 0


def test_where_no_operators_are_kept_training_records_no_sale_that_was_quoted_before(served):
    with httpx.Client(base_url=served.server.url, timeout=10, trust_env=False) as page:
        page.get("/")
        quote = page.post("/v1/quotes", json=served.sale("17")).json()
        assert page.post("/v1/training", json={"on": True}).status_code == 200
        path, headers = f"/v1/quotes/{quote['quote_id']}/commit", {"Idempotency-Key": "17"}
        served.refused(page.post(path, headers=headers), 409, "TRAINING")
        page.post("/v1/training", json={"on": False})
        done = page.post(path, headers=headers).json()
        page.post("/v1/training", json={"on": True})
        assert page.post(path, headers=headers).json() == done  # it stands, and is only looked up


def test_a_pin_waits_for_others_only_so_long_and_no_more_than_a_few_do(own_counter):
    here = own_counter.terminal.operators
    here._pin_wait_s = 0.01
    with here._one_pin:
        own_counter.served.refused(own_counter.sign_on("kim"), 429, "PIN_BUSY")
    waiting = []

    def wait() -> None:
        try:
            here.sign_on("kim", PINS["kim"])
        except TooOften as busy:
            waiting.append(busy.code)

    here._pin_wait_s = 20.0  # whoever is turned away at once has not waited for it
    threads = [threading.Thread(target=wait) for _ in range(12)]
    with here._one_pin:
        for thread in threads:
            thread.start()
        until(lambda: sum(thread.is_alive() for thread in threads) <= 4)
        assert waiting == ["PIN_BUSY"] * 8
        own_counter.served.refused(own_counter.quote("17"), 403, "SIGN_ON_FIRST")  # other requests are answered
    for thread in threads:
        thread.join()
    assert here.on().operator == "kim"


def test_an_enrolled_till_leaves_its_operators_to_head_office(counter):
    counter.terminal.store.write(lambda db: settings.put(db, "shop", "Harbour"))
    with pytest.raises(Conflict, match="Harbour"):
        counter.terminal.operators.put("ann", "Ann", "cashier", "2580")
    with pytest.raises(Conflict, match="Harbour"):
        counter.terminal.operators.close("kim")
    counter.terminal.store.write(lambda db: settings.put(db, "shop", ""))
