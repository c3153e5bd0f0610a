"""Sales on hold: let go at one till, gone on with at another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pos_plugin.errors import Unknown
from pos_plugin.sales.suspended import GOOD_FOR_S, Holding

KEY = "11" * 32


def hold(till: Any, redeem: int = 100, ref: str = "17") -> tuple[str, str]:
    """A member with 300 points of which a sale wants some; answers the token and the member."""
    member = till.member()
    till.sell("1", 30_000, member)
    quote = till.quote(ref, 1000, member, redeem)
    return Holding(till.checkout).hold(quote.quote_id)[0], member


def test_a_sale_on_hold_reserves_nothing(till: Any) -> None:
    token, member = hold(till, 300)
    assert token.startswith("H1.")
    assert till.quote("18", 1000, member, 300).redeem_points == 300, "at once, for another sale"


def test_fact_15_an_abandoned_one_costs_nothing(till: Any) -> None:
    head, held = None, 0
    _, member = hold(till)
    head, held = till.head(), till.held(member)
    till.pass_time(days=1)
    assert till.head() == head
    assert till.held(member) == held == 300


def test_a_sale_that_is_being_committed_is_not_put_on_hold_or_another_till_would_sell_it_again(till: Any) -> None:
    refused: list[str] = []

    def meanwhile(sale: object, quote: Any) -> tuple[str, ...]:
        with pytest.raises(Unknown) as ended:
            Holding(till.checkout).hold(quote.quote_id)
        refused.append(ended.value.code)
        return ()

    till.new_checkout(own_lines=meanwhile)
    member = till.member()
    quote = till.quote("17", 1000, member)
    assert till.checkout.commit(quote.quote_id).earned_points == 10
    assert refused == ["QUOTE_UNKNOWN"]


def test_a_sale_whose_commit_failed_can_still_be_put_on_hold(till: Any) -> None:
    def full(sale: object, quote: object) -> tuple[str, ...]:
        raise OSError

    till.new_checkout(own_lines=full)
    quote = till.quote("17", 1000, till.member())
    with pytest.raises(OSError):
        till.checkout.commit(quote.quote_id)
    assert Holding(till.checkout).hold(quote.quote_id)[3] == "17"


def test_the_same_till_goes_on_with_it_also_offline(till: Any) -> None:
    token, member = hold(till)
    going_on = Holding(till.checkout).go_on(token, "sale/1/17", member="", has_wish=False)
    assert (going_on.member, going_on.points, going_on.notes) == (member, 100, [])


def test_a_token_names_neither_card_nor_name(till: Any) -> None:
    from base64 import urlsafe_b64decode

    token, member = hold(till)
    said = urlsafe_b64decode(token.split(".")[1] + "==").decode()
    assert member in said
    assert "2900000000018" not in said


SPOILT: list[Callable[[str], str]] = [
    lambda token: token[:-2],
    lambda token: "H2" + token[2:],
    lambda token: token.replace(".", "", 1),
    lambda token: token[:5] + ("A" if token[5] != "A" else "B") + token[6:],
    lambda token: "H1.é.é",
    lambda token: "H1..",
    lambda token: "H1.AAAA.AAAAAAAAAAAAAAAA",
    lambda token: "x",
]


def test_a_token_that_no_till_made_is_dropped_with_a_word_and_the_sale_goes_on(till: Any) -> None:
    token, _ = hold(till)
    for spoil in SPOILT:
        going_on = Holding(till.checkout).go_on(spoil(token), "sale/1/17", member="", has_wish=False)
        assert (going_on.member, going_on.points) == ("", 0)
        assert going_on.notes == ["This code is of no sale on hold here. Scan the card to use points."]


def test_a_token_ends(till: Any) -> None:
    token, _member = hold(till)
    till.pass_time(seconds=GOOD_FOR_S - 1)
    assert Holding(till.checkout).go_on(token, "sale/1/17", member="", has_wish=False).points == 100
    till.pass_time(seconds=1)
    assert Holding(till.checkout).go_on(token, "sale/1/17", member="", has_wish=False).points == 0


def test_a_token_goes_with_one_sale_however_often_it_is_quoted(till: Any) -> None:
    token, member = hold(till)
    holding = Holding(till.checkout)
    for _ in range(2):
        assert holding.go_on(token, "sale/1/17", member="", has_wish=False).points == 100
    other = holding.go_on(token, "sale/1/99", member="", has_wish=False)
    assert (other.member, other.points, other.notes) == (member, 0, ["To use points, scan the card again."])


def test_who_was_looked_up_by_phone_can_use_no_points_at_the_other_till_either(till: Any) -> None:
    member = till.member()
    till.sell("1", 30_000, member)
    till.pass_time(hours=1)  # the card was read long ago
    quote = till.quote("17", 1000, member, 100)
    assert quote.redeem_points == 0
    token, held, *_ = Holding(till.checkout).hold(quote.quote_id)
    assert (held.member, held.points) == (member, 0)
    assert Holding(till.checkout).go_on(token, "sale/1/17", member="", has_wish=False).points == 0
    assert till.checkout.card_read(member) == ""


def test_neither_training_nor_a_sale_that_stands_already_carries_a_wish(till: Any) -> None:
    member = till.member()
    till.sell("1", 30_000, member)
    trained = till.checkout.quote(till.sale("17", 1000), member, 100, training=True)
    assert trained.redeem_points == 100
    assert Holding(till.checkout).hold(trained.quote_id)[1].points == 0
    sale = till.sale("18", 1000)
    till.checkout.commit(till.checkout.quote(sale, member, 100).quote_id)
    till.pass_time(hours=1)  # the card was read long ago
    stands = till.checkout.quote(sale, member, 100)
    assert stands.redeem_points == 100
    assert Holding(till.checkout).hold(stands.quote_id)[1].points == 0


def test_a_card_that_was_blocked_meanwhile_uses_no_points(till: Any) -> None:
    from ledger.keys import card_hash

    till.store.write(lambda db: db.execute("INSERT OR REPLACE INTO setting VALUES ('phone_key', ?)", (KEY,)))
    token, _member = hold(till)
    blocked = card_hash(KEY, "2900000000018")
    till.store.write(lambda db: db.execute("INSERT INTO blocked_card VALUES (?, 'lost', '')", (blocked,)))
    going_on = Holding(till.checkout).go_on(token, "sale/1/17", member="", has_wish=False)
    assert (going_on.points, going_on.notes) == (0, ["To use points, scan the card again."])


def test_a_quote_that_has_ended_cannot_be_put_on_hold(till: Any) -> None:
    with pytest.raises(Unknown, match="has ended"):
        Holding(till.checkout).hold("gone")


def test_on_hold_and_on_again_over_the_api(served: Any) -> None:
    member = served.member()
    served.sell("1", 30_000, member=member)
    quote = served.quote("17", member=member, redeem=[{"kind": "points", "points": 100}])
    held = served.client.post(f"/v1/quotes/{quote['quote_id']}/suspend", json={"print": True}).json()
    assert held["printed"]["outcome"] == "not printed", "there is no printer, and the token is told all the same"
    assert "SALE ON HOLD" in held["printed"]["text"]
    served.refused(
        served.client.post(f"/v1/quotes/{quote['quote_id']}/commit", headers={"Idempotency-Key": "x"}),
        404,
        "QUOTE_UNKNOWN",
    )
    again = served.quote("17", resumes=held["token"])
    assert (again["member"], again["redeem_points"], again["notes"]) == (member, 100, [])
    assert served.commit(again).status_code == 200
    other = served.quote("18", resumes=held["token"])
    assert other["notes"] == ["To use points, scan the card again."]


def test_the_hosts_own_wish_goes_before_the_tokens(served: Any) -> None:
    member = served.member()
    served.sell("1", 30_000, member=member)
    quote = served.quote("17", member=member, redeem=[{"kind": "points", "points": 100}])
    token = served.client.post(f"/v1/quotes/{quote['quote_id']}/suspend", json={}).json()["token"]
    again = served.quote("17", resumes=token, redeem=[{"kind": "points", "points": 200}])
    assert again["redeem_points"] == 200
    strange = served.member("2900000000025")
    other = served.quote("17", resumes=token, member=strange)
    assert (other["member"], other["redeem_points"]) == (strange, 0)
    assert other["notes"] == ["The sale on hold was another member's: what it was to use is dropped."]
