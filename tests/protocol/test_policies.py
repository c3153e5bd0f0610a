"""Every redemption policy from the quote to the settled books of head office, with real tills and a real head office."""

from __future__ import annotations

import pytest

from pos_plugin.errors import Conflict

CARD, OTHER_CARD = "2900000000018", "2900000000025"
BARRED = "Points can be used only while head office can be reached. They are safe there."
ELSEWHERE = "The others are with head office, which cannot be reached just now."


def earned(till, points, ref="first"):
    """A member with so many points at head office."""
    member = till.join()
    till.scan()
    till.sell(ref, points * 100, member)
    till.settle()
    till.settle()
    return member


# -- online: the same under every policy ----------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["escrow", "floor_limit", "online_only"])
def test_online_a_quote_fetches_what_it_needs_and_nothing_is_at_risk(open_shop, policy):
    shop = open_shop(policy)
    till = shop.till()
    member = earned(till, 100)
    quote = till.quote("2", 8000, member, 60)
    assert (quote.redeem_points, quote.due_minor, quote.rejected) == (60, 7940, [])
    assert shop.figures(member) == {"available": 40, "escrow": 60}
    assert till.checkout.commit(quote.quote_id).redeem_points == 60
    till.settle()
    assert shop.figures(member) == {"available": 40 + 79}
    assert till.balance(member) == 119


@pytest.mark.parametrize(
    ("policy", "spendable", "text"),
    [
        ("escrow", 0, f"0 of your 100 points can be used here today. {ELSEWHERE}"),
        ("floor_limit", 40, f"40 of your 100 points can be used here today. {ELSEWHERE}"),
        ("online_only", 0, BARRED),
        ("standing", 25, f"25 of your 100 points can be used here today. {ELSEWHERE}"),
    ],
)
def test_offline_the_quote_says_what_can_be_used_and_why_no_more(open_shop, policy, spendable, text):
    shop = open_shop(policy)
    till = shop.till()
    member = earned(till, 100)
    till.cut()
    quote = till.quote("2", 8000, member, 100)
    assert (quote.spendable_here, quote.redeem_points, quote.spendable_text) == (spendable, spendable, text)
    assert [(one.code, one.text) for one in quote.rejected] == [("NOT_SPENDABLE_HERE", text)]
    done = till.checkout.commit(quote.quote_id)
    assert done.redeem_points == spendable
    till.mend()
    till.settle()
    assert sum(shop.figures(member).values()) == 100 - spendable + (8000 - spendable) // 100


@pytest.mark.parametrize(("policy", "kept"), [("escrow", 80), ("floor_limit", 80), ("online_only", 0)])
def test_an_award_made_offline_stays_at_the_till_unless_nothing_can_be_used_there(open_shop, policy, kept):
    shop = open_shop(policy)
    till = shop.till()
    member = till.join()
    till.scan()
    till.settle()
    till.cut()
    till.sell("1", 8000, member)
    assert till.held(member) == kept
    till.mend()
    till.step()
    till.settle()
    assert (till.held(member), shop.figures(member)) == (0, {"available": 80})


def test_the_receipt_says_what_can_be_used_here_under_the_floor_limit(open_shop):
    shop = open_shop("floor_limit")
    till = shop.till()
    member = earned(till, 100)
    till.cut()
    done = till.sell("2", 50, member, 10)
    said = {
        line.rsplit(None, 1)[0].strip(): line.rsplit(None, 1)[1]
        for line in done.receipt_text.splitlines()
        if " " in line
    }
    assert said["Can use here today"] == "30"


# -- floor limit ----------------------------------------------------------------------------------------------------------


def test_a_floor_sale_comes_to_the_same_as_one_paid_from_rights_and_the_limit_is_renewed(open_shop):
    shop = open_shop("floor_limit")
    till = shop.till()
    member = earned(till, 100)
    till.cut()
    till.sell("2", 40, member, 40)
    assert till.quote("3", 5000, member, 10).redeem_points == 0  # the limit is used up
    till.mend()
    till.settle()
    assert shop.figures(member) == {"available": 60}
    till.cut()
    assert till.quote("4", 5000, member, 99).redeem_points == 40


def test_the_floor_limit_is_not_renewed_by_switching_the_till_off_and_on(open_shop):
    shop = open_shop("floor_limit")
    till = shop.till()
    member = earned(till, 100)
    till.cut()
    till.sell("2", 30, member, 30)
    till.reboot()
    till.scan()
    assert till.quote("3", 5000, member, 99).redeem_points == 10


def test_several_tills_risk_the_limit_each_and_what_is_missing_is_owed_until_awards_repay_it(open_shop):
    shop = open_shop("floor_limit")
    one, two, three = shop.till(), shop.till(), shop.till()
    member = earned(one, 50)
    for till in (two, three):
        till.settle()
        till.scan()
    for till in (one, two, three):
        till.cut()
        assert till.sell("f", 40, member, 40).redeem_points == 40
    for till in (one, two, three):
        till.mend()
        till.settle()
    assert shop.figures(member) == {"debt": 70}  # 120 spent of 50: twice at most, 40 at each of the others
    for till in (two, three):
        till.settle()
        till.cut()
        assert till.quote("g", 5000, member, 99).redeem_points == 0
        till.mend()
    one.settle()
    one.sell("more", 6900, member)
    one.settle()
    assert shop.figures(member) == {"debt": 1}
    two.settle()
    two.cut()
    assert two.quote("h", 5000, member, 99).redeem_points == 0
    two.mend()
    one.sell("yet more", 10000, member)
    one.settle()
    assert shop.figures(member) == {"available": 99}
    for till in (one, two, three):
        till.settle()
        till.cut()
        assert till.quote("i", 5000, member, 99).redeem_points == 40


@pytest.mark.parametrize(("has", "can"), [(0, 0), (7, 7), (39, 39), (40, 40), (500, 40)])
def test_under_the_floor_limit_nobody_spends_more_than_they_are_known_to_have(open_shop, has, can):
    shop = open_shop("floor_limit")
    till = shop.till()
    member = earned(till, has) if has else till.join()
    till.scan()
    till.cut()
    assert till.quote("2", 8000, member, 999).redeem_points == can


def test_rights_held_here_are_spent_before_the_floor_limit(open_shop):
    shop = open_shop("floor_limit")
    till = shop.till()
    member = earned(till, 100)
    till.cut()
    till.sell("2", 2500, member)  # 25 stay here
    till.sell("3", 30, member, 30)
    assert till.quote("4", 5000, member, 999).redeem_points == 35  # 5 of the limit are used
    till.mend()
    till.settle()
    till.settle()
    assert shop.figures(member) == {"available": 95}


def test_an_online_quote_never_becomes_a_sale_on_the_floor_limit(open_shop):
    """Its rights were given up meanwhile (a clone was heard): the commit says so instead of risking anything."""
    shop = open_shop("floor_limit")
    till = shop.till()
    member = earned(till, 100)
    quote = till.quote("2", 8000, member, 30)
    shop.forfeit(till)
    till.sync.step()
    with pytest.raises(Conflict, match="no longer at this till"):
        till.checkout.commit(quote.quote_id)
    till.settle()
    assert shop.figures(member) == {"available": 100}


def test_a_void_of_a_floor_sale_gives_the_member_everything_back(open_shop):
    shop = open_shop("floor_limit")
    till = shop.till()
    member = earned(till, 100)
    till.cut()
    till.sell("2", 30, member, 30)
    till.void("2")
    till.mend()
    till.settle()
    till.settle()
    assert shop.figures(member) == {"available": 100}


# -- standing grants ------------------------------------------------------------------------------------------------------


def test_a_share_stands_at_the_till_after_the_visit_and_stays_there_while_online(open_shop):
    shop = open_shop("standing")
    till = shop.till()
    member = earned(till, 400)
    for _ in range(3):
        till.settle()
        assert (till.held(member), shop.figures(member)) == (100, {"available": 300, "escrow": 100})
    till.reboot()
    till.settle()
    assert till.held(member) == 100


def test_the_share_is_called_back_by_an_online_till_that_needs_it_and_given_up_at_the_next_step(open_shop):
    shop = open_shop("standing")
    one, two = shop.till(), shop.till()
    member = earned(one, 400)
    two.settle()
    two.scan()
    quote = two.quote("2", 50000, member, 400)
    assert quote.redeem_points == 300
    assert shop.figures(member) == {
        "escrow": 400
    }  # 100 at the one, 300 at the other: it was called back, and not yet given
    one.step()
    assert one.held(member) == 100
    one.step()
    assert (one.held(member), shop.figures(member)) == (0, {"available": 100, "escrow": 300})
    assert two.quote("2", 50000, member, 400).redeem_points == 400


def test_a_till_that_is_offline_keeps_its_share_when_called_and_can_spend_it(open_shop):
    shop = open_shop("standing")
    one, two = shop.till(), shop.till()
    member = earned(one, 400)
    two.settle()
    two.scan()
    one.cut()
    assert two.sell("2", 50000, member, 400).redeem_points == 300
    assert one.sell("3", 100, member, 400).redeem_points == 100
    for till in (one, two):
        till.mend()
        till.settle()
    figures = shop.figures(member)
    assert ("debt" in figures, sum(figures.values())) == (False, 497)  # 400 - 300 - 100, and 497 earned at two


def test_two_tills_together_never_hold_more_than_the_share_after_wishes_that_came_to_nothing(open_shop):
    """Rights that were fetched and not spent go back, also where something stands."""
    shop = open_shop("standing")
    one, two = shop.till(), shop.till()
    member = earned(one, 400)
    two.settle()
    two.scan()
    for number in range(6):
        for till in (one, two):
            quote = till.quote(f"{number}", 20000, member, 150)
            till.checkout.drop(quote.quote_id)
            till.sell(f"v{number}", 99, member, 0)
            for other in (one, two, one, two):
                other.settle()
            assert one.held(member) + two.held(member) <= 100


# -- forfeits -------------------------------------------------------------------------------------------------------------


def test_a_till_given_up_for_lost_that_comes_back_surrenders_and_can_be_granted_again(open_shop):
    shop = open_shop("standing")
    one, two = shop.till(), shop.till()
    member = earned(one, 400)
    epoch = one.epoch()
    one.cut()
    assert shop.forfeit(one) == 100
    assert shop.figures(member) == {"available": 400}
    one.mend()
    one.settle()
    assert (one.epoch() != epoch, one.held(member), shop.figures(member)) == (True, 0, {"available": 400})
    assert one.quote("2", 50000, member, 130).redeem_points == 130
    assert (shop.figures(member), shop.notes()) == ({"available": 270, "escrow": 130}, [])
    two.settle()


def test_what_the_lost_till_spent_all_the_same_is_the_shops_loss_and_no_more(open_shop):
    shop = open_shop("standing")
    one, two = shop.till(), shop.till()
    member = earned(one, 400)
    two.settle()
    two.scan()
    one.cut()
    one.sell("2", 70, member, 70)
    assert shop.forfeit(one) == 100
    assert two.sell("3", 400, member, 400).redeem_points == 400
    two.settle()
    one.mend()
    one.settle()
    assert shop.figures(member) == {"loss": 70}
    assert shop.notes() == ["loss"]


def test_what_the_lost_till_spent_is_no_loss_where_the_member_still_has_it(open_shop):
    shop = open_shop("standing")
    one = shop.till()
    member = earned(one, 400)
    one.cut()
    one.sell("2", 70, member, 70)
    shop.forfeit(one)
    one.mend()
    one.settle()
    assert (shop.figures(member), shop.notes()) == ({"available": 330}, [])


def test_a_grant_taken_and_not_yet_heard_of_is_given_up_without_a_loss(open_shop):
    """The till had written the take when its cable was cut: nothing was spent of it, so nobody pays."""
    shop = open_shop("escrow")
    one, two = shop.till(), shop.till()
    member = earned(one, 400)
    two.settle()
    two.scan()
    grant = one.wire.grant

    def grant_and_cut_before_the_take_is_sent(request):
        reply = grant(request)
        one.wire.send = None  # what the till writes now stays with it
        return reply

    send, one.wire.grant = one.wire.send, grant_and_cut_before_the_take_is_sent
    with pytest.raises(TypeError):
        one.sync.fetch_rights(member, 100, lambda: False)
    assert one.kinds()[-1] == "take"
    one.wire.grant = grant
    shop.forfeit(one)
    assert two.sell("3", 400, member, 400).redeem_points == 400
    two.settle()
    one.wire.send = send
    one.settle()
    assert (one.kinds()[-1], one.held(member), shop.figures(member)) == ("open", 0, {})
