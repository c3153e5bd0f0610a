"""Examples for the description of the interface: one sale from the card to the refund. A test sends each of them to a till."""

from __future__ import annotations

from typing import Any

from pos_plugin.codes.identifying import Identified
from pos_plugin.local_api.shapes import HostPrinted
from pos_plugin.papers.drawer import Opened
from pos_plugin.sales.quotes import Completed, Explained, Offer, Quote
from pos_plugin.sales.returns import Returned

MEMBER = "72tecmq49pkz57h6"
LINES = [
    {"line_id": "1", "name": "Olive oil", "quantity": 2, "amount_minor": 1196},
    {"line_id": "2", "name": "Pears", "quantity": "1.250", "amount_minor": 449},
]

ASKED: dict[str, dict[str, Any]] = {
    "POST /v1/identify": {"scan": "2900000000018"},
    "POST /v1/quotes": {
        "till": "1",
        "sale_ref": "1017",
        "currency": "EUR",
        "total_minor": 1645,
        "lines": LINES,
        "member": MEMBER,
        "redeem": [{"kind": "points", "points": 100}],
        "operator": "Kim",
        "columns": 42,
    },
    "POST /v1/operators": {"operator": "kim", "name": "Kim", "role": "cashier", "pin": "2580"},
    "POST /v1/sign-on": {"operator": "kim", "pin": "2580"},
    "POST /v1/sign-off": {"operator": "Kim"},
    "POST /v1/training": {"on": True},
    "POST /v1/sales/{till}/{sale_ref}/void": {"operator": "Kim"},
    "POST /v1/sales/{till}/{sale_ref}/refund": {
        "return_ref": "R1",
        "lines": [{"line_id": "1", "quantity": 1}],
        "operator": "Kim",
    },
    "POST /v1/claims": {"reference": "26GHGT-2-4", "member": MEMBER},
    "POST /v1/members": {"card": "2900000000032", "birthday": "03-31"},
    "POST /v1/members/search": {"name": "berg an"},
    "POST /v1/tickets": {"topic": "points", "words": "The points of Friday are not on my card.", "member": MEMBER},
    "POST /v1/tickets/{ticket}/told": {"answer": 2, "operator": "Kim"},
    "POST /v1/activities": {"till": "1", "ref": "A1", "member": MEMBER, "activity": "survey"},
    "POST /v1/print-jobs/{job}": {"came_out": True},
    "POST /v1/display": {"upper": "Table 7", "lower": "Enjoy your meal", "seconds": 20},
    "POST /v1/print": {
        "lines": [
            {"kind": "text", "text": "KITCHEN", "align": "center", "double": True},
            {"kind": "text", "text": "2 x Soup of the day", "right": "Table 7"},
            {"kind": "rule"},
            {"kind": "barcode", "data": "TABLE-7"},
            {"kind": "cut"},
        ]
    },
    "POST /v1/test-print": {"drawer": False, "buzzer": False},
}

_LINES = [
    "POINTS                       Card ****0018",
    "Earned at this till before            +232",
    "This sale                              +15",
    "Used                                  -100",
    "Can use here today                     147",
]

ANSWERED: dict[str, Any] = {
    "POST /v1/identify": Identified("member", member=MEMBER, card="****0018", can_redeem=True, balance=232),
    "POST /v1/quotes": Quote(
        quote_id="b9kg6vwvag6pqrgh",
        till="1",
        sale_ref="1017",
        member=MEMBER,
        total_minor=1645,
        redeem_points=100,
        redeemed_minor=100,
        due_minor=1545,
        earn_points=15,
        earn=[Explained(15, "1 point per 1.00 on 15.45")],
        offers=[Offer(232, 232, "2.32 off for 232 points")],
        rejected=[],
        balance=232,
        as_of="",
        online=False,
        spendable_here=232,
        spendable_text="232 of your 232 points can be used here today.",
        receipt_lines=_LINES,
        expires_at="2026-11-21T17:35:00+00:00",
        training=False,
        taken={"1": 73, "2": 27},
    ),
    "POST /v1/quotes/{quote_id}/commit": Completed(
        till="1",
        sale_ref="1017",
        number=5,
        reference="26GHGT-5-A",
        member=MEMBER,
        total_minor=1645,
        redeem_points=100,
        redeemed_minor=100,
        due_minor=1545,
        earned_points=15,
        receipt_text="Corner Shop\n...",
        taken={"1": 73, "2": 27},
        receipt_lines=_LINES,
    ),
    "POST /v1/sales/{till}/{sale_ref}/refund": Returned(
        till="1",
        sale_ref="1017",
        return_ref="R1",
        number=6,
        reference="26GHGT-6-C",
        taken_points=6,
        restored_points=37,
        returned_minor=598,
        restored_minor=37,
        refund_minor=561,
        receipt_text="Corner Shop\n...",
    ),
    "POST /v1/drawer": Opened("sent", "", "The drawer was told to open.", "If it did not, open it with its key."),
    "POST /v1/print": HostPrinted("printed", "", "", ""),
}
