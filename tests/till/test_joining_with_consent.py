"""Joining with a text that was agreed to, and the slip that a new member takes home."""

from __future__ import annotations

import pytest

from drivers.document import decode_document
from ledger.wire import CardBatchItem, ConsentTextItem
from offline_store import card_stock, consents, receipts
from offline_store.verify import verify
from pos_plugin.members.joining import join
from pos_plugin.papers.layout import Layout

CARD, OTHER = "2900000000018", "2900000000025"
TEXT = ConsentTextItem("letters 3", {"en": "We may write to you about offers.", "de": "Wir dürfen Ihnen schreiben."})
WELCOME = """\
name = "shop"
currency = "EUR"
time_zone = "Europe/Berlin"
[[accrual]]
name = "sign-up"
title = "Welcome"
on = "join"
points = 25
[redeem]
points = 100
worth_minor = 100
"""


def ask_for(store, text=TEXT):
    store.write(lambda db: consents.use_text(db, text))


def slip(store, number):
    with store.read() as db:
        kept = receipts.document(db, number)
    return " ".join(decode_document(kept).text().split()) if kept else ""


@pytest.fixture
def german(till):
    till.use_program(WELCOME)
    till.new_checkout(layout=Layout(32, language="de"))
    ask_for(till.store)
    return till


def test_the_welcome_slip_is_in_the_shops_language_with_points_waiting_and_what_was_agreed_to(german):
    joined = join(german.checkout, CARD, consent="letters 3", prints=True)
    number = int(joined.reference.split("-")[1])
    told = slip(german.store, number)
    assert "WILLKOMMEN" in told
    assert "****0018" in told
    assert "25 Punkte" in told
    assert "letters 3" in told
    assert "Wir dürfen Ihnen schreiben." in told
    assert CARD not in told
    with german.store.read() as db:
        assert verify(db).problems == []
        assert [job.number for job in receipts.shown_jobs(db)] == [number]


def test_the_slip_says_nothing_of_consent_that_was_not_given(german):
    joined = join(german.checkout, CARD, prints=True)
    told = slip(german.store, int(joined.reference.split("-")[1]))
    assert "WILLKOMMEN" in told
    assert "letters 3" not in told
    assert "schreiben" not in told
    assert [german.entry(number).kind for number in range(1, german.head()[0] + 1)] == ["join", "give"]


def test_whether_a_slip_is_printed_is_the_templates_unless_it_is_said(german):
    assert join(german.checkout, CARD).reference == ""
    assert join(german.checkout, OTHER, prints=False).reference == ""


def test_a_program_joins_with_consent_and_takes_it_back_and_the_state_says_what_to_ask(served):
    store, client = served.terminal.store, served.client
    ask_for(store)
    state = client.get("/v1/state").json()
    assert state["consent"] == {
        "version": "letters 3",
        "text": "We may write to you about offers.",
        "texts": {"en": "We may write to you about offers.", "de": "Wir dürfen Ihnen schreiben."},
    }
    assert state["cards"] == {"kept": False, "left": 0, "low": False}
    joined = client.post("/v1/members", json={"consent": "letters 3", "channel": "web", "print": True}).json()
    assert (joined["consent"], bool(joined["reference"])) == ("letters 3", True)
    assert joined["card"] in slip(store, int(joined["reference"].split("-")[1])).replace(" ", ""), "theirs to keep"
    address = f"/v1/members/{joined['member']}/consent"
    back = client.post(address, json={"given": False, "operator": "Kim"}, headers={"Idempotency-Key": "k"})
    assert back.json() == {"member": joined["member"], "text": "", "given": False}
    head = served.head()
    assert (
        client.post(address, json={"given": False, "operator": "Kim"}, headers={"Idempotency-Key": "k"}).status_code
        == 200
    )
    assert served.head() == head, "the same again writes nothing"
    served.refused(client.post(address, json={"given": True, "text": "2020"}), 409, "CONSENT_TEXT_OUTDATED")
    assert client.post(address, json={"given": True}).status_code == 422
    served.refused(client.post("/v1/members/nobody/consent", json={"given": False}), 404, "ACCOUNT_INVALID")
    assert served.head() == head


def test_a_shop_with_card_stock_says_how_many_are_left_and_refuses_other_cards_and_lost_ones_offline(served):
    store, client = served.terminal.store, served.client
    cards = ["2900000000032", "2900000000049"]
    store.write(lambda db: card_stock.apply_items(db, [CardBatchItem("b", cards)]))
    assert client.get("/v1/state").json()["cards"] == {"kept": True, "left": 2, "low": True}
    head = served.head()
    served.refused(client.post("/v1/members", json={"card": "2900000000056"}), 409, "CARD_NOT_IN_STOCK")
    replace = f"/v1/members/{served.member()}/replace-card"
    served.refused(client.post(replace, json={"new": cards[0], "reason": "lost"}), 409, "REPLACE_OFFLINE")
    assert served.head() == head
    assert client.post("/v1/members", json={"card": cards[0]}).status_code == 200
    assert client.get("/v1/state").json()["cards"]["left"] == 1
    # Head office names all that are nobody's yet, instead of what it said before.
    store.write(lambda db: card_stock.apply_items(db, [CardBatchItem("b", [], "withdrawn")]))
    served.refused(client.post("/v1/members", json={"card": cards[1]}), 409, "CARD_NOT_IN_STOCK")
