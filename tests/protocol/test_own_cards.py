"""A cashier's own card after two members turned out to be one person: refused on sales that they ring, online and offline."""

from __future__ import annotations

import msgspec
import pytest

from central_server.membership import desk
from central_server.membership.desk import Who
from central_server.shops import operators
from pos_plugin.errors import Conflict
from pos_plugin.sales.claims import claim

CARD, OTHER_CARD = "2900000000018", "2900000000025"
WHO = Who("one person", "sue", "sam")


@pytest.fixture
def shop(open_shop):
    return open_shop()


def keeps_kim(shop, card=CARD):
    operators.add(shop.office, "Harbour", "kim", "Kim", "cashier", "2580", card=card, by="root")


def rings(till, ref, member, operator="kim"):
    sale = msgspec.structs.replace(till.sale(ref, 1000), operator=operator)
    return till.checkout.commit(till.checkout.quote(sale, member).quote_id)


def refuses(till, ref, member):
    with pytest.raises(Conflict) as refused:
        rings(till, ref, member)
    return refused.value.code == "OWN_CARD"


@pytest.mark.parametrize("merged", ["their own into the other", "the other into their own"])
def test_both_cards_of_one_cashier_are_refused_at_a_till_that_knows_both(shop, merged):
    till = shop.till()
    own, other = till.join(CARD), till.join(OTHER_CARD)
    till.settle()
    keeps_kim(shop)
    till.settle()
    assert refuses(till, "1", own)
    rings(till, "2", other)  # nobody knows yet that it is the same person
    till.settle()
    old, into = (own, other) if merged.startswith("their own") else (other, own)
    desk.merge(shop.office, old, into, WHO)
    till.settle()
    till.cut()
    for number, card in enumerate((CARD, OTHER_CARD)):
        assert refuses(till, f"3{number}", till.scan(card))
        rings(till, f"4{number}", till.scan(card), "lee")  # a colleague may
    sold = rings(till, "5", "", "lee").reference
    with pytest.raises(Conflict) as refused:
        claim(till.checkout, sold, till.scan(OTHER_CARD), operator="kim")
    assert refused.value.code == "OWN_CARD"


def test_a_till_that_never_saw_the_cashiers_first_card_refuses_the_one_that_it_became_also_offline(shop):
    elsewhere, till = shop.till("Mill"), shop.till("Harbour")
    own, other = elsewhere.join(CARD), elsewhere.join(OTHER_CARD)
    elsewhere.settle()
    keeps_kim(shop)
    till.settle()
    desk.merge(shop.office, own, other, WHO)
    till.settle()
    assert refuses(till, "1", till.scan(OTHER_CARD))  # head office says whose it is
    till.cut()
    till.reboot()
    assert refuses(till, "2", till.scan(OTHER_CARD))
    till.mend()
    assert refuses(till, "3", till.scan(CARD))


def test_a_cashier_who_is_merged_twice_is_refused_all_the_same(shop):
    till, third_card = shop.till(), "2900000000032"
    own, other, third = (till.join(card) for card in (CARD, OTHER_CARD, third_card))
    till.settle()
    keeps_kim(shop)
    till.settle()
    till.cut()
    desk.merge(shop.office, own, other, WHO)
    desk.merge(shop.office, other, third, WHO)
    assert [one.member for one in operators.of_shop(shop.office)] == [third]
    till.mend()
    till.settle()
    till.cut()
    assert all(refuses(till, card, till.scan(card)) for card in (CARD, OTHER_CARD, third_card))
