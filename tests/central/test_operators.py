"""Operators at head office: the command, the page, and what the tills of a shop hear."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from central_server import schema
from central_server.cli import app
from central_server.errors import OfficeError
from central_server.membership import members
from central_server.shops import operators
from central_server.tills import channels, feed
from ledger.pins import is_pin
from ledger.wire import FeedRequest, MemberDetails, OperatorItem

PIN = "2580"
"""Told twice, as it is typed."""


def heard(till: Any, after: int = 0) -> list[OperatorItem]:
    """What a till of the shop hears of operators after that position."""
    channel = channels.shop_of(till.shop)
    reply = feed.read(till.office, till.name, till.shop, FeedRequest({channel: after}))
    return [item for item in reply.channels[channel].items if isinstance(item, OperatorItem)]


def test_the_tills_of_a_shop_hear_of_its_operators_and_of_no_others(office, till):
    one = till()
    operators.add(office, "Harbour", "kim", "Kim", "cashier", PIN, by="root")
    operators.add(office, "Mill", "kim", "Kimberley", "manager", PIN, by="root")  # somebody else, by the same name
    (kim,) = heard(one)
    assert (kim.operator, kim.name, kim.role) == ("kim", "Kim", "cashier")
    assert is_pin(PIN, kim.pin)
    operators.close(office, "Harbour", "kim", by="root")
    assert heard(one) == [OperatorItem("kim", "Kim", "cashier")]


def test_a_new_pin_is_another_hash_and_a_closed_operator_gets_none(office):
    operators.add(office, "Harbour", "kim", "Kim", "cashier", PIN, by="root")

    def kept() -> str:
        with office.database.reading() as connection:
            return connection.scalar(select(schema.shops.operator.c.pin))

    before = kept()
    operators.set_pin(office, "Harbour", "kim", "1470", by="root")
    assert kept() != before
    assert is_pin("1470", kept())
    assert operators.close(office, "Harbour", "kim", by="root")
    assert not operators.close(office, "Harbour", "kim", by="root")
    with pytest.raises(OfficeError, match="may not sign on any more"):
        operators.set_pin(office, "Harbour", "kim", "1470", by="root")
    operators.add(office, "Harbour", "kim", "Kim", "supervisor", PIN, by="root")  # who comes back
    assert [(one.role, one.is_open) for one in operators.of_shop(office)] == [("supervisor", True)]


NO_OPERATORS = [
    ({"shop": "Nowhere"}, "SHOP_UNKNOWN"),
    ({"operator": ""}, "OPERATOR_UNFIT"),
    ({"operator": "a/b"}, "OPERATOR_UNFIT"),
    ({"operator": "x" * 65}, "OPERATOR_UNFIT"),
    ({"name": " "}, "OPERATOR_UNFIT"),
    ({"name": "Ki\nm"}, "OPERATOR_UNFIT"),
    ({"role": "finance"}, "ROLE_UNKNOWN"),  # of head office, and not of a till
    ({"pin": "123"}, "PIN_UNFIT"),
    ({"pin": "1234"}, "PIN_UNFIT"),
    ({"operator": "lee"}, "OPERATOR_EXISTS"),
    ({"card": "2900000009999"}, "CARD_UNKNOWN"),
]


def test_what_cannot_be_an_operator_is_told_and_nothing_is_kept(office):
    operators.add(office, "Harbour", "lee", "Lee", "cashier", PIN, by="root")
    before = operators.of_shop(office)
    for what, code in NO_OPERATORS:
        asked = {"shop": "Harbour", "operator": "kim", "name": "Kim", "role": "cashier", "pin": PIN, **what}
        with pytest.raises(OfficeError) as refused:
            operators.add(office, **asked, by="root")
        assert (what, refused.value.code) == (what, code)
    assert operators.of_shop(office) == before


def test_an_operators_own_membership_goes_to_the_tills_and_is_forgotten_with_it(office, till):
    one = till()
    one.join("m1")
    one.send()
    members.take_details(office, one.row(), MemberDetails("m1", ["2900000000018"], office.time(), ""))
    operators.add(office, "Harbour", "kim", "Kim", "cashier", PIN, card="2900000000018", by="root")
    assert heard(one)[0].member == "m1"
    members.erase(office, "m1")
    assert operators.of_shop(office)[0].member == ""


# -- the command


def run(folder, *words: str, typed: str = "") -> str:
    done = CliRunner().invoke(app, ["operator", *words, "--dir", str(folder)], input=typed)
    return f"{done.exit_code} {done.output}"


def test_the_command_asks_for_the_pin_twice_and_never_shows_it(folder, office):
    office.close()
    said = run(folder, "add", "Harbour", "kim", "--name", "Kim", typed=f"{PIN}\n{PIN}\n")
    assert said.startswith("0 Kim can sign on at the tills of Harbour as kim (cashier)")
    assert PIN not in said
    assert run(folder, "add", "Harbour", "lee", "--name", "Lee", typed="2580\n2581\n").startswith("2 ")
    said = run(folder, "pin", "Harbour", "kim", "--made")
    made = said.strip().rpartition(" ")[2]
    assert made.isdigit()
    assert len(made) == 6
    assert "argon2" not in run(folder, "list", "--json")
    assert "kim may not sign on any more" in run(folder, "close", "Harbour", "kim")
    assert run(folder, "close", "Harbour", "nobody").startswith("2 ")
    assert "closed" in run(folder, "list", "--shop", "Harbour")


# -- the page


class Page:
    """Somebody who is signed in at head office's page of operators."""

    def __init__(self, visitor: Any, shop: str) -> None:
        self.visitor, self.shop = visitor, shop

    def text(self, shop: str = "") -> str:
        return self.visitor.get(f"/operators?shop={shop}").text

    def post(self, what: str, **form: str) -> int:
        return self.visitor.post(f"/operators/{what}", **{"shop": self.shop, **form}).status_code

    def add(self, operator: str, role: str = "cashier", again: str = PIN, **form: str) -> int:
        name = operator.title()
        return self.post(
            "add", **{"operator": operator, "name": name, "role": role, "pin": PIN, "again": again, **form}
        )


@pytest.fixture
def page(visitor):
    return lambda role, shop="Harbour": Page(visitor(role, shop), shop)


def test_a_manager_keeps_the_operators_of_their_own_shop_and_of_no_other(office, page):
    operators.add(office, "Mill", "lee", "Lee", "cashier", PIN, by="root")
    manager = page("manager")
    assert manager.add("kim") == 303
    assert manager.add("kim") == 422  # there is one
    assert manager.post("pin", operator="kim", pin="1470", again="1470") == 303
    assert "Kim" in manager.text()
    assert PIN not in manager.text()
    for what in ("add", "pin", "close"):
        assert manager.post(what, operator="lee", name="Lee", role="cashier", pin=PIN, again=PIN, shop="Mill") == 403
    assert "Lee" not in manager.text(shop="Mill")
    assert manager.post("close", operator="kim") == 303
    assert [(one.operator, one.is_open) for one in operators.of_shop(office)] == [("kim", False), ("lee", True)]
    assert operators.of_shop(office, "Harbour")[0].changed_by == "managerharbour"


def test_a_supervisor_keeps_cashiers_alone_and_a_cashier_nobody(office, page):
    supervisor, cashier = page("supervisor"), page("cashier")
    assert supervisor.add("kim") == 303
    for role in ("supervisor", "manager", "finance", ""):
        assert supervisor.add("max", role) == 403
    operators.add(office, "Harbour", "sam", "Sam", "supervisor", PIN, by="root")
    assert supervisor.post("pin", operator="sam", pin="1470", again="1470") == 403
    assert supervisor.post("close", operator="sam") == 403
    assert cashier.add("ann") == 403
    assert cashier.post("close", operator="kim") == 403
    assert "Add an operator" not in cashier.text()
    assert [one.operator for one in operators.of_shop(office) if one.is_open] == ["kim", "sam"]


def test_two_pins_that_differ_are_nobodys(office, page):
    assert page("manager").add("kim", again="1470") == 422
    assert operators.of_shop(office) == []


def test_who_works_for_all_shops_chooses_one(office, page):
    operators.add(office, "Mill", "lee", "Lee", "cashier", PIN, by="root")
    everywhere = page("manager", "")
    assert "Lee" not in everywhere.text()
    assert "Lee" in everywhere.text(shop="Mill")
    assert everywhere.add("kim", shop="Mill") == 303
    assert everywhere.add("kim", shop="Nowhere") == 422
    assert msgspec.json.encode(operators.of_shop(office, "Mill")).count(b'"kim"') == 1
