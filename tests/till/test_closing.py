"""The end of the day at a till: X and Z, from the journal alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from typer.testing import CliRunner

from ledger.closing import MOST_NAMES
from ledger.entry import ClosingBody, Tally
from ledger.identifiers import read_receipt_reference
from ledger.wire import OperatorItem
from loyalty.sale import Return
from offline_store import closings, operators, receipts
from pos_plugin import backing_up
from pos_plugin.cli import app
from pos_plugin.errors import Conflict
from pos_plugin.running import announced
from pos_plugin.sales.authority import By
from pos_plugin.sales.returns import take_back
from pos_plugin.shop_day import closing
from pos_plugin.terminal import Terminal

PROGRAM_FROM_FOUR = """\
name = "shop"
currency = "EUR"
time_zone = "Europe/Berlin"
day_starts_at = 4
[earn]
points = 1
per_minor = 100
"""


def told(counted: closing.Counted) -> Tally:
    return Tally(**{name: getattr(counted, name) for name in Tally.__struct_fields__})


def sold(till: Any, ref: str, total: int = 1000, member: str = "", redeem: int = 0, **more: str) -> None:
    till.checkout.commit(till.checkout.quote(till.sale(ref, total, **more), member, redeem).quote_id)


def test_fact_1_two_cashiers_with_three_sales_each_come_out_three_and_three(till: Any) -> None:
    for number in range(6):
        sold(
            till,
            str(number),
            100 * (number + 1),
            operator="kim" if number % 2 else "lee",
            shift="1" if number < 3 else "2",
        )
    found = closing.look(till.checkout)
    assert {name: one.sales for name, one in found.operators.items()} == {"kim": 3, "lee": 3}
    assert {name: one.sales_minor for name, one in found.operators.items()} == {"kim": 1200, "lee": 900}
    assert {name: one.sales for name, one in found.shifts.items()} == {"1": 3, "2": 3}
    assert "kim                     3  12.00" in found.text


def test_a_shift_bears_who_was_in_it_and_from_when_to_when_and_a_hosts_own_its_name(till: Any) -> None:
    till.store.write(lambda db: operators.put(db, operators.Operator("k", "Kim", "cashier", "")))
    for ref, shift in (("1", "2026-06-01-1"), ("2", "2026-06-01-1"), ("3", "early")):
        sold(till, ref, operator="k", shift=shift)
        till.now += timedelta(minutes=7)
    names = ["Kim 18:05–18:12", "early, Kim 18:19–18:19"]  # the shop's time
    assert list(closing.look(till.checkout).shift_names.values()) == names
    paper = closing.close(till.checkout).text
    assert [line.split("  ")[0] for line in paper.splitlines() if "–" in line] == names


def test_fact_2_a_closing_says_what_was_issued_redeemed_and_reversed_and_what_is_unsent(till: Any) -> None:
    till.store.write(lambda db: db.execute("INSERT INTO setting VALUES ('shop', 'Mill')"))
    member = till.member()
    sold(till, "1", 30_000, member)  # 300 points
    till.acknowledge(till.head()[0])
    sold(till, "2", 1000, member, 200)  # 2.00 off: 8 points
    take_back(
        till.checkout, Return("1", "2", "R1", amount_minor=500)
    )  # half of it: 4 points, and 100 of those that paid
    found = closing.close(till.checkout)
    assert told(found.total) == Tally(
        sales=2,
        sales_minor=31_000,
        member_sales=2,
        member_minor=31_000,
        returns=1,
        returns_minor=500,
        issued=308,
        redeemed=200,
        redeemed_minor=100,
        reversed=4,
        restored=100,
    )
    assert found.unsent == 2
    assert found.number == 1
    entry = till.entry(till.head()[0])
    assert isinstance(entry.body, ClosingBody)
    assert (entry.kind, entry.envelope.document) == ("closing", f"closing/{found.terminal}/1")
    assert (entry.body.first, entry.body.last) == (1, entry.number - 1)
    assert entry.body.total == told(found.total)


def test_fact_2_a_sale_at_half_past_midnight_is_in_yesterdays_closing(till: Any) -> None:
    till.use_program(PROGRAM_FROM_FOUR)
    sold(till, "1", day="2026-11-21")
    till.now = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)  # 00:30 of the 22nd in Berlin
    sold(till, "2", day="2026-11-21")
    found = closing.close(till.checkout)
    assert (found.business_day, found.total.sales, found.late) == ("2026-11-21", 2, {})
    till.now = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)  # 04:30: a new day
    sold(till, "3", day="2026-11-22")
    found = closing.look(till.checkout)
    assert (found.business_day, found.total.sales, found.late) == ("2026-11-22", 1, {})


def test_fact_3_of_a_hundred_sales_sixty_with_a_card_the_attach_rate_is_sixty_per_cent(till: Any) -> None:
    member = till.member()
    for number in range(100):
        sold(till, str(number), 500 if number < 60 else 1000, member if number < 60 else "", operator="kim")
    found = closing.look(till.checkout)
    assert (found.total.sales, found.total.share_tenths) == (100, 600)
    assert found.total.value_share_tenths == 429  # 300 of 700
    assert found.operators["kim"].share_tenths == 600
    assert "Sales with a member  60 (60.0 %)" in found.text
    assert "  their value    300.00 (42.9 %)" in found.text


def test_a_cashier_beyond_the_hundred_that_are_told_apart_sees_their_own_figures(till: Any) -> None:
    for number in range(MOST_NAMES + 5):
        sold(till, str(number), 100 + number, operator=f"c{number:03d}")
    last = f"c{MOST_NAMES + 4:03d}"
    assert last not in closing.look(till.checkout).operators
    mine = closing.look(till.checkout, only=last)
    assert (list(mine.operators), mine.total.sales, mine.total.sales_minor) == ([last], 1, 104 + MOST_NAMES)
    closing.close(till.checkout)
    sold(till, "next", 900, operator=last)
    (written,) = closing.earlier(till.checkout, only=last)
    assert (written.total.sales, written.total.sales_minor) == (1, 104 + MOST_NAMES)


def test_fact_3_a_gap_in_the_tills_own_numbers_is_listed_at_the_closing(till: Any) -> None:
    for ref in ("17", "18", "20"):
        sold(till, ref)
    found = closing.close(till.checkout)
    assert [(gap.till, gap.first, gap.count) for gap in found.missing] == [("1", "19", 1)]
    assert "No sale has these receipt" in found.text
    assert "  Till 1                      19" in found.text


def test_a_look_changes_nothing_and_a_closing_ends_what_it_covers(till: Any) -> None:
    sold(till, "1")
    before = till.head()
    assert closing.look(till.checkout).kind == "X"
    assert till.head() == before
    first = closing.close(till.checkout, by=By("kim"))
    assert (first.kind, first.number, first.operator) == ("Z", 1, "kim")
    sold(till, "2")
    till.pass_time(days=1)
    sold(till, "3")
    second = closing.close(till.checkout)
    assert (second.number, second.total.sales, second.first) == (2, 2, first.last + 2)


def test_the_second_z_is_refused_with_one_message_unless_something_has_happened_since(till: Any) -> None:
    sold(till, "1")
    closing.close(till.checkout)
    head = till.head()
    with pytest.raises(Conflict, match=r"2026-11-21 is closed already, by Z 1, and nothing has happened since"):
        closing.close(till.checkout)
    assert till.head() == head
    sold(till, "2")
    again = closing.close(till.checkout)
    assert (again.number, again.total.sales, again.late) == (2, 1, {"2026-11-21": 1})
    assert "  21 Nov 2026          Sales (1)" in again.text


def test_a_day_without_a_sale_can_be_closed_once(till: Any) -> None:
    assert told(closing.close(till.checkout).total) == Tally()
    with pytest.raises(Conflict, match="closed already"):
        closing.close(till.checkout)
    till.pass_time(days=1)
    assert closing.close(till.checkout).number == 2


def test_a_sale_that_comes_after_its_days_closing_is_in_the_next_which_says_so(till: Any) -> None:
    sold(till, "1")
    closing.close(till.checkout)
    till.pass_time(days=1)
    sold(till, "2")
    sold(till, "3", day="2026-11-21")  # the host was offline
    found = closing.close(till.checkout)
    assert (found.business_day, found.total.sales, found.late) == ("2026-11-22", 2, {"2026-11-21": 1})


def test_whoever_closes_the_next_morning_closes_the_day_before(till: Any) -> None:
    sold(till, "1")
    till.now = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
    assert closing.look(till.checkout).business_day == "2026-11-21"
    sold(till, "2")
    found = closing.close(till.checkout, "2026-11-21")
    assert (found.business_day, found.total.sales, found.ahead) == ("2026-11-21", 1, {"2026-11-22": 1})
    assert closing.close(till.checkout).total.sales == 1


@pytest.mark.parametrize(
    ("day", "code", "words"),
    [
        ("2026-11-23", "DAY_AHEAD", "2026-11-23 has not begun"),
        ("2026-11-20", "DAY_CLOSED", "2026-11-21 is closed, and 2026-11-20 with it"),
    ],
)
def test_a_day_that_cannot_be_closed_is_refused_and_nothing_is_recorded(
    till: Any, day: str, code: str, words: str
) -> None:
    sold(till, "1")
    closing.close(till.checkout)
    sold(till, "2")
    head = till.head()
    for act in (closing.close, closing.look):
        with pytest.raises(Conflict, match=words) as refused:
            act(till.checkout, day)
        assert refused.value.code == code
    assert till.head() == head


def test_a_till_whose_clock_was_years_ahead_closes_its_days_again_once_the_clock_is_right(till: Any) -> None:
    sold(till, "1")
    right, till.now = till.now, datetime(2099, 1, 1, 12, 0, tzinfo=UTC)
    sold(till, "2")
    assert closing.close(till.checkout).business_day == "2099-01-01"
    sold(till, "3")
    till.now = right
    sold(till, "4")
    found = closing.close(till.checkout)
    assert (found.business_day, found.total.sales, found.late) == ("2026-11-21", 2, {"2099-01-01": 1})
    assert "2099" in found.text.partition("later than")[2]
    sold(till, "5")
    with till.store.read() as db:
        assert [one.envelope.document for one in closings.open_entries(db)] == ["sale/1/5"]


def test_a_training_sale_counts_in_nothing(till: Any) -> None:
    sold(till, "1")
    till.checkout.commit(till.checkout.quote(till.sale("2", 1000), training=True).quote_id)
    assert closing.look(till.checkout).total.sales == 1


def test_what_is_sold_while_a_long_day_is_counted_is_in_its_closing(till: Any) -> None:
    sold(till, "1")

    def write(work: Any) -> Any:
        sold(till, "2")
        return till.store.write(work)

    assert closing.close(till.checkout, write=write).total.sales == 2
    with pytest.raises(Conflict, match="nothing has happened since"):
        closing.close(till.checkout)


def test_of_two_who_close_at_once_one_is_refused(till: Any) -> None:
    sold(till, "1")

    def write(work: Any) -> Any:
        closing.close(till.checkout)
        return till.store.write(work)

    with pytest.raises(Conflict, match="by Z 1"):
        closing.close(till.checkout, write=write)


def test_the_paper_of_a_z_waits_for_the_printer_and_can_be_printed_again(till: Any) -> None:
    sold(till, "1")
    found = closing.close(till.checkout)
    read = read_receipt_reference(found.reference)
    assert read is not None
    with till.store.read() as db:
        assert [job.state for job in receipts.jobs_of(db, read[1])] == ["waiting"]
        assert receipts.document(db, read[1]) is not None
    assert found.text.splitlines()[-1] == f"Receipt {found.reference}"
    assert "Z REPORT 1" in found.text
    assert [one.text for one in closing.earlier(till.checkout)] == [found.text]


def test_a_closing_keeps_who_allowed_it_and_why(till: Any) -> None:
    closing.close(till.checkout, by=By("kim", "early", "ada", "kim went home"))
    body = till.entry(till.head()[0]).body
    assert isinstance(body, ClosingBody)
    assert (body.operator, body.shift, body.approved_by, body.reason) == ("kim", "early", "ada", "kim went home")


def test_after_another_epoch_closings_count_on(till: Any) -> None:
    sold(till, "1")
    closing.close(till.checkout)
    till.reopen()
    till.pass_time(days=1)
    assert closing.close(till.checkout).number == 2


# Over the local API.


def test_a_look_a_z_and_what_was_closed_over_the_api(served: Any) -> None:
    served.sell("17")
    served.sell("19", member=served.member())
    look = served.client.get("/v1/closing").json()
    assert (look["kind"], look["total"]["sales"], look["total"]["share_tenths"]) == ("X", 2, 500)
    assert [gap["first"] for gap in look["missing"]] == ["18"]
    assert look["operators"] == {"1": look["total"]}
    done = served.client.post("/v1/closing", json={"operator": "1"}, headers={"Idempotency-Key": "z 1"})
    assert done.status_code == 200, done.text
    assert (done.json()["kind"], done.json()["number"]) == ("Z", 1)
    again = served.client.post("/v1/closing", json={"operator": "1"}, headers={"Idempotency-Key": "z 1"})
    assert again.json() == done.json(), "the same request again is the same Z"
    served.refused(served.client.post("/v1/closing", json={}), 409, "DAY_CLOSED", "nothing has happened since")
    assert served.client.get("/v1/closings").json()["closings"] == [{**done.json(), "ahead": {}}]
    served.sell("20")
    assert served.client.post("/v1/closing", json={"print": False}).json()["number"] == 2


@pytest.mark.parametrize("day", ["yesterday", "2026-11-31", "1999-01-01", "2026-11-21T00:00"])
def test_a_day_that_is_none_is_refused(refusing: Any, day: str) -> None:
    refusing.refused(refusing.client.get("/v1/closing", params={"day": day}), 422, "INVALID")
    refusing.refused(refusing.client.post("/v1/closing", json={"day": day}), 422, "INVALID")


def test_an_x_prints_nothing_where_there_is_no_printer_and_says_so(refusing: Any) -> None:
    said = refusing.client.post("/v1/closing/look", json={}).json()
    assert said["outcome"] == "not printed"
    assert "X REPORT" in said["text"]


# The command.


def ran(till: Any, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["closing", "--store", str(till.folder), *arguments])


def test_the_command_looks_beside_a_running_till_and_ends_the_day_of_one_that_rests(till: Any) -> None:
    for ref in ("1", "2"):
        sold(till, ref, operator="kim")
    look = ran(till, "--json", "--day", "2026-11-21")
    assert look.exit_code == 0, look.output
    assert (json.loads(look.output)["kind"], json.loads(look.output)["total"]["sales"]) == ("X", 2)
    assert "A look only: the day goes on." in ran(till).output
    till.store.close()
    done = ran(till, "--z", "--operator", "kim", "--day", "2026-11-21")
    assert done.exit_code == 0, done.output
    assert "Z REPORT 1" in done.output
    till.reopen()
    assert till.entry(till.head()[0]).kind == "closing"


def test_the_command_asks_the_running_till_to_end_the_day(served: Any) -> None:
    served.sell("17")
    with announced(served.terminal.store.folder, served.server.url):
        done = CliRunner().invoke(app, ["closing", "--store", str(served.terminal.store.folder), "--z", "--json"])
    assert done.exit_code == 0, done.output
    assert (json.loads(done.output)["kind"], json.loads(done.output)["number"]) == ("Z", 1)


@pytest.mark.parametrize("day", ["yesterday", "2026-2-1", "2026-02-30"])
def test_a_day_that_is_none_is_wrong_use(till: Any, day: str) -> None:
    assert ran(till, "--day", day).exit_code == 2


# Who may.

PINS = {"kim": ("cashier", "2580"), "sam": ("supervisor", "3690"), "max": ("manager", "9513")}


@pytest.fixture
def staffed(served: Any) -> Any:
    """A till whose shop keeps operators; `page` sends what its page sends."""
    items = [
        OperatorItem(
            who,
            who.title(),
            role,
            Argon2id(salt=who.encode().ljust(16), length=32, iterations=1, lanes=1, memory_cost=8).derive_phc_encoded(
                pin.encode()
            ),
        )
        for who, (role, pin) in PINS.items()
    ]
    served.terminal.store.write(lambda db: operators.apply_items(db, items))
    served.sell("17")
    served.stranger.get("/")
    served.page = served.stranger
    return served


def sign_on(till: Any, who: str) -> None:
    assert till.page.post("/v1/sign-on", json={"operator": who, "pin": PINS[who][1]}).status_code == 200


def test_a_cashier_prepares_the_closing_and_a_supervisors_word_ends_the_day(staffed: Any) -> None:
    staffed.refused(staffed.page.post("/v1/closing", json={}), 403, "SIGN_ON_FIRST")
    sign_on(staffed, "kim")
    staffed.refused(staffed.page.post("/v1/closing", json={}), 403, "SUPERVISOR_NEEDED")
    word = {"allowed_by": "sam", "pin": PINS["sam"][1], "reason": "kim closes tonight"}
    done = staffed.page.post("/v1/closing", json=word).json()
    assert (done["operator"], done["approved_by"], done["number"]) == ("kim", "sam", 1)
    with staffed.terminal.store.read() as db:
        body = closings.body_of(closings.recent(db, 1)[0])
    assert (body.approved_by, body.reason, body.shift) == ("sam", "kim closes tonight", "2026-11-21-1")


def test_a_cashiers_figures_are_their_own_and_a_supervisors_everybodys(staffed: Any) -> None:
    staffed.sell("18", 2000, operator="kim", member=staffed.member())
    staffed.sell("20", 3000, operator="lee")
    paper = staffed.client.post("/v1/closing", json={}).json()["reference"]
    staffed.sell("21", 700, operator="kim")
    staffed.refused(staffed.page.get("/v1/closing"), 403, "SIGN_ON_FIRST")
    staffed.refused(staffed.page.get("/v1/closings"), 403, "SIGN_ON_FIRST")
    sign_on(staffed, "kim")
    now = staffed.page.get("/v1/closing").json()
    assert (now["only"], list(now["operators"]), now["total"]["sales_minor"]) == ("kim", ["kim"], 700)
    assert (now["shifts"], now["late"], now["names"]) == ({}, {}, {"kim": "Kim"})
    before = staffed.page.get("/v1/closings").json()["closings"][0]
    assert (before["total"]["sales"], before["total"]["share_tenths"], before["missing"]) == (1, 1000, [])
    assert (list(before["operators"]), before["text"]) == (["kim"], "")
    said = staffed.page.post("/v1/closing/look", json={"operator": "lee"})
    assert "These figures are Kim's alone." in said.json()["text"]
    for end in ("", ".txt", ".html", ".png", ".pdf"):
        staffed.refused(staffed.page.get(f"/v1/receipts/{paper}{end}"), 403, "FIGURES_OF_ALL")
    staffed.refused(staffed.page.post(f"/v1/receipts/{paper}/reprint"), 403, "FIGURES_OF_ALL")
    sign_on(staffed, "sam")
    last = staffed.page.get("/v1/closings").json()["closings"][0]
    assert (last["only"], set(last["operators"]), len(last["missing"])) == ("", {"1", "kim", "lee"}, 1)
    assert staffed.page.get(f"/v1/receipts/{paper}").json()["kind"] == "closing"
    assert staffed.client.get("/v1/closings").json()["closings"][0]["only"] == ""  # a program with a key


def test_the_paper_of_a_cashiers_look_is_theirs_alone(staffed: Any) -> None:
    staffed.sell("18", 2000, operator="kim")
    said = closing.look(staffed.terminal.checkout, operator="kim", only="kim").text
    assert "These figures are Kim's alone." in said
    assert "BY CASHIER" not in said
    assert "32.50" not in said  # with the sale of somebody else


def test_cashiers_are_called_by_their_names_and_two_of_one_name_apart(staffed: Any) -> None:
    staffed.sell("18", operator="kim")
    assert "\nKim  " in closing.look(staffed.terminal.checkout).text
    other = OperatorItem("kim2", "Kim", "cashier", "")
    staffed.terminal.store.write(lambda db: operators.apply_items(db, [other]))
    staffed.sell("19", operator="kim2")
    said = closing.look(staffed.terminal.checkout)
    assert said.names == {"kim": "Kim", "kim2": "Kim"}
    assert "Kim (kim)  " in said.text
    assert "Kim (kim2)  " in said.text


def test_a_host_that_named_a_cashier_as_an_operator_is_called_is_told_apart_from_that_operator(staffed: Any) -> None:
    staffed.sell("18", operator="kim")
    staffed.sell("19", operator="Kim")
    said = closing.look(staffed.terminal.checkout).text
    assert "\nKim (kim)  " in said
    assert "\nKim  " in said


def test_sales_of_no_shift_are_said_to_be_without_one(till: Any) -> None:
    sold(till, "1", operator="kim", shift="early")
    sold(till, "2", operator="kim")
    said = closing.look(till.checkout).text
    assert "without a shift" in said
    assert "nobody named" not in said


def test_a_z_asked_for_again_after_its_operator_has_signed_off_is_the_same_z(staffed: Any) -> None:
    sign_on(staffed, "sam")
    done = staffed.page.post("/v1/closing", json={}, headers={"Idempotency-Key": "z"})
    staffed.page.post("/v1/sign-off", json={"operator": "sam"})
    again = staffed.page.post("/v1/closing", json={}, headers={"Idempotency-Key": "z"})
    assert again.json() == done.json()
    staffed.refused(
        staffed.page.post("/v1/closing", json={"day": "2026-11-21"}, headers={"Idempotency-Key": "z"}),
        409,
        "IDEMPOTENCY_KEY_REUSED",
    )
    staffed.refused(staffed.page.post("/v1/closing", json={}, headers={"Idempotency-Key": "y"}), 403, "SIGN_ON_FIRST")


def test_a_look_says_that_a_day_is_empty_or_closed_and_an_empty_z_says_so_on_paper(till: Any) -> None:
    found = closing.look(till.checkout)
    assert (found.is_empty, found.is_closed) == (True, False)
    done = closing.close(till.checkout)
    assert "Nothing was sold, given or" in done.text
    found = closing.look(till.checkout)
    assert (found.is_empty, found.is_closed, found.number) == (True, True, 2)
    sold(till, "1")
    found = closing.look(till.checkout)
    assert (found.is_empty, found.is_closed) == (False, False)
    assert "Nothing was sold" not in found.text


def test_a_till_that_was_put_back_says_on_its_next_z_that_numbers_may_be_used(tmp_path: Any, till: Any) -> None:
    sold(till, "1")
    closing.close(till.checkout)
    till.close()
    backing_up.backup(till.folder, tmp_path / "one.backup")
    till.reopen()
    sold(till, "2")
    assert closing.close(till.checkout).number == 2
    till.close()
    backing_up.restore(till.folder, tmp_path / "one.backup", till.now, till.random.randbytes)
    till.reopen()
    sold(till, "3")
    assert closing.look(till.checkout).restored_on == "2026-11-21"
    done = closing.close(till.checkout)
    assert (done.number, done.restored_on) == (2, "2026-11-21")
    assert "On 21 Nov 2026 this till was put" in done.text
    till.pass_time(days=1)
    assert closing.close(till.checkout).restored_on == ""


def test_numbers_that_head_office_knows_are_not_used_again(till: Any) -> None:
    sold(till, "1")
    closing.close(till.checkout)
    till.store.write(lambda db: closings.used(db, 7))
    till.store.write(lambda db: closings.used(db, 5))
    sold(till, "2")
    assert closing.close(till.checkout).number == 8
    till.pass_time(days=1)
    assert closing.close(till.checkout).number == 9


@pytest.mark.parametrize("who", ["sam", "max"])
def test_a_supervisor_or_manager_ends_the_day_alone(staffed: Any, who: str) -> None:
    sign_on(staffed, who)
    assert staffed.page.post("/v1/closing", json={}).json()["operator"] == who


def test_a_hosts_program_is_asked_for_no_pin(staffed: Any) -> None:
    assert staffed.client.post("/v1/closing", json={"operator": "kim"}).json()["operator"] == "kim"


def test_the_first_closing_of_the_demo_misses_no_receipt(tmp_path):
    from pos_plugin.demo.shop import _make_till

    _make_till(tmp_path / "till")
    with Terminal.open(tmp_path / "till", start=False) as terminal:
        assert closing.look(terminal.checkout).missing == []
