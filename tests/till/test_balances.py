"""A balance enquiry without a sale: what is printed, and that nothing moves."""

from __future__ import annotations

from typing import Any

from loyalty.program import read_program
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.slips import balance_slip

PROGRAM = read_program('name = "p"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n')


def test_fact_11_the_balance_and_the_last_five_movements_are_printed_and_nothing_moves(served: Any) -> None:
    member = served.member()
    for number in range(1, 8):
        served.sell(str(number), number * 1000, member=member)
    served.client.post("/v1/sales/front/7/refund", json={"return_ref": "R1", "amount_minor": 2000})
    before = served.head()
    said = served.client.post(f"/v1/members/{member}/enquiry")
    assert said.status_code == 200, said.text
    lines = said.json()["text"].splitlines()
    assert [line.split()[-1] for line in lines if line.startswith(("Balance", "21 Nov"))] == [
        "260",
        *("-20", "+70", "+60", "+50", "+40"),
    ]
    assert "****0018" in said.json()["text"]
    assert "2900000000018" not in said.json()["text"]
    assert said.json()["outcome"] == "not printed", "there is no printer here, and it says so"
    assert served.head() == before


def test_a_member_whom_nobody_knows_has_no_balance(refusing: Any) -> None:
    refusing.refused(refusing.client.post("/v1/members/nobody/enquiry"), 404, "ACCOUNT_INVALID")


def test_a_figure_that_is_not_of_now_says_of_when_it_is_and_what_can_be_used() -> None:
    slip = balance_slip(
        PROGRAM,
        Layout(32),
        at="2026-11-21T18:05:00",
        card="2900000000018",
        points=240,
        as_of="2026-11-20T09:15:00",
        usable_here=100,
        expiring=(40, "2026-12-31"),
    )
    assert slip.text().splitlines()[1:] == [
        "YOUR POINTS",
        "Card                    ****0018",
        "Balance                      240",
        "As of 20 Nov 2026, 09:15, with",
        "what happened here since.",
        "You can use 100 points here",
        "today.",
        "40 points to use by 31 Dec 2026.",
    ]
