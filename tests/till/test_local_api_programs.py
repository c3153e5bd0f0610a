"""A whole programme over HTTP: rewards, tiers, members' prices, joins and activities, as hosts and the page see them."""

from __future__ import annotations

import pytest

from loyalty.program import read_program
from offline_store import settings

CARD, THIRD = "2900000000018", "2900000000032"
CLUB = """\
name = "club"
currency = "EUR"
time_zone = "Europe/Berlin"

[[tier]]
name = "gold"
title = "Gold"
from = 2000
benefits = ["Free coffee"]

[[accrual]]
name = "organic"
title = "Organic"
goods = { tags = ["organic"], except = { marked_down = true } }
points = 7

[[accrual]]
name = "survey"
title = "Survey"
on = "activity"
activity = "survey"
points = 20

[[reward]]
name = "one-off"
title = "1.00 off"
points = 10
kind = "money"
value_minor = 100

[giving]
percent = 1
charities = [{ name = "trees", title = "Trees" }]
"""


@pytest.fixture
def club(served):
    served.terminal.store.write(lambda db: settings.use_program(db, read_program(CLUB), "2026-01-01T00:00:00+00:00"))
    return served


def lines(**more) -> list[dict]:
    return [{"line_id": "1", "amount_minor": 1250, "name": "Bread", **more}]


def test_tags_and_markdowns_of_lines_reach_the_rules(club) -> None:
    member = club.member()
    assert club.quote("1", lines=lines(tags=["organic"]), member=member)["earn_points"] == 12 + 7
    marked_down = lines(tags=["organic"], discount_minor=100)
    assert club.quote("2", lines=marked_down, member=member)["earn_points"] == 12


def test_a_quote_tells_tier_offers_and_what_is_missing(club) -> None:
    member = club.member()
    club.sell("1", member=member)
    quote = club.quote("2", member=member)
    assert quote["tier"] == {
        "tier": "",
        "title": "Member",
        "ends": "",
        "next": "gold",
        "next_title": "Gold",
        "missing": 750,
        "text": "€7.50 to Gold",
    }
    assert [(one["reward"], one["points"], one["worth_minor"]) for one in quote["offers"]] == [
        ("", 12, 12),
        ("one-off", 10, 100),
    ]
    assert quote["donated_minor"] == 12


def test_a_reward_is_asked_for_by_name_and_stands_in_sale_and_answer(club) -> None:
    member = club.member()
    club.sell("1", member=member)
    asked = [{"kind": "reward", "name": "one-off"}]
    done = club.sell("2", member=member, redeem=asked)
    assert (done["reward"], done["redeem_points"], done["due_minor"], done["taken"]) == (
        "one-off",
        10,
        1150,
        {"1": 100},
    )
    assert club.sell("2", member=member, redeem=asked) == done
    sale = club.client.get("/v1/sales/front/2").json()
    assert (sale["reward"], sale["taken"], sale["due_minor"]) == ("one-off", {"1": 100}, 1150)


@pytest.mark.parametrize(
    ("redeem", "words"),
    [
        ([{"kind": "reward"}], "name goes with kind reward"),
        ([{"kind": "reward", "name": "a"}, {"kind": "reward", "name": "b"}], "more than one reward"),
        ([{"kind": "points", "name": "a"}], "name goes with kind reward"),
    ],
)
def test_a_redemption_that_makes_no_sense_is_refused_in_words(club, redeem, words) -> None:
    answer = club.client.post("/v1/quotes", json=club.sale(redeem=redeem))
    club.refused(answer, 422, "INVALID", words)


def test_a_member_is_shown_with_tier_and_benefits(club) -> None:
    member = club.member()
    club.sell("1", 2500, member=member)
    told = club.client.get(f"/v1/members/{member}").json()
    assert (told["tier"]["title"], told["benefits"], told["vesting"]) == ("Gold", ["Free coffee"], 0)


def test_joins_take_birthday_charity_and_referrer(club) -> None:
    asked = {"card": THIRD, "birthday": "03-31", "charity": "trees", "referrer": CARD}
    joined = club.client.post("/v1/members", json=asked)
    assert joined.status_code == 200, joined.text
    assert joined.json()["points"] == 0
    club.refused(club.client.post("/v1/members", json={"birthday": "02-30"}), 422, "INVALID", "month and a day")
    club.refused(club.client.post("/v1/members", json={"charity": "moon"}), 422, "CHARITY_UNKNOWN")


def test_activities_are_recorded_once(club) -> None:
    asked = {"till": "front", "ref": "A1", "member": club.member(), "activity": "survey"}
    first = club.client.post("/v1/activities", json=asked)
    assert (first.status_code, first.json()["points"]) == (200, 20)
    assert club.client.post("/v1/activities", json=asked).json() == first.json()
    club.refused(
        club.client.post("/v1/activities", json={**asked, "ref": "A2", "activity": "dance"}), 404, "ACTIVITY_UNKNOWN"
    )
    both = {**asked, "ref": "A3", "reload_minor": 100}
    club.refused(club.client.post("/v1/activities", json=both), 422, "INVALID", "an activity is named by")
