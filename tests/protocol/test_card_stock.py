"""Card stock, from head office to the tills of a shop and back: who may join with which card, and who is told when it went wrong.

Fact 9: a batch of 1,000 for shop 7; an unissued number is refused; activated once; stock shown.
"""

from __future__ import annotations

import random

import pytest

from central_server import schema
from central_server.membership import desk, members
from central_server.shops import card_stock
from loyalty.card import LOW_STOCK, masked
from offline_store import card_stock as till_stock
from pos_plugin.errors import Conflict
from pos_plugin.members.joining import join


def digits(seed):
    chance = random.Random(seed)
    return lambda count: "".join(str(chance.randrange(10)) for _ in range(count))


def made(shop, batch, count, seed=1):
    return card_stock.make(shop.office, batch, count, "", digits(seed))


def left(till):
    with till.store.read() as db:
        return till_stock.stock(db)


def reasons(shop):
    with shop.office.database.reading() as connection:
        return sorted(connection.scalars(schema.note.select().with_only_columns(schema.note.c.reason)))


@pytest.fixture
def shop(open_shop):
    return open_shop()


def test_fact_9_a_batch_of_1000_for_a_shop_is_what_its_tills_take_and_each_card_once(shop):
    numbers = made(shop, "spring", 1000)
    here, elsewhere = shop.till("Harbour"), shop.till("Mill")
    other = made(shop, "mill 1", 10, seed=2)
    assert len({*numbers, *other}) == 1010
    card_stock.send(shop.office, "spring", "Harbour")
    card_stock.send(shop.office, "mill 1", "Mill")
    here.step()
    elsewhere.step()
    assert (left(here), left(elsewhere)) == (till_stock.Stock(True, 1000), till_stock.Stock(True, 10))

    before = here.kinds()
    for unissued in ("2900000000018", other[0]):  # one of no batch, and one of another shop's
        with pytest.raises(Conflict, match="not one of those that were sent to this shop") as refused:
            join(here.checkout, unissued)
        assert refused.value.code == "CARD_NOT_IN_STOCK"
    assert here.kinds() == before

    here.join(numbers[0])
    with pytest.raises(Conflict, match="joined with this card already"):
        here.join(numbers[0])
    here.settle()
    assert left(here) == till_stock.Stock(True, 999)
    found = card_stock.one(shop.office, "spring")
    assert (found.state, found.shop, found.cards, found.issued, found.left) == ("sent", "Harbour", 1000, 1, 999)
    assert card_stock.by_shop(shop.office) == [
        card_stock.ShopStock("Harbour", 1000, 1, 0, 999, is_low=False),
        card_stock.ShopStock("Mill", 10, 0, 0, 10, is_low=True),
    ]
    assert shop.notes() == []


@pytest.mark.slow
def test_a_shop_without_a_batch_takes_any_card_and_a_number_made_at_the_till_is_always_taken(shop):
    plain, kept = shop.till("Harbour"), shop.till("Mill")
    plain.join("2900000000018")
    made(shop, "mill", 5)
    card_stock.send(shop.office, "mill", "Mill")
    kept.step()
    assert join(kept.checkout).card
    kept.settle()
    assert card_stock.one(shop.office, "mill").issued == 0
    assert shop.notes() == []


def test_two_tills_that_give_out_the_same_card_offline_are_shown_to_a_person_once(shop):
    (card, *_) = made(shop, "b", 3)
    card_stock.send(shop.office, "b", "Harbour")
    one, two = shop.till(), shop.till()
    one.cut()
    two.cut()
    first, second = one.join(card), two.join(card)
    two.mend()
    two.settle()
    assert shop.notes() == []
    one.mend()
    for _ in range(2):
        one.settle()
        two.settle()
    assert shop.notes() == ["conflict"]
    (reason,) = reasons(shop)
    assert f"activated before, at till {two.terminal} of Harbour" in reason
    assert card not in reason
    assert card_stock.one(shop.office, "b").issued == 1
    assert members.of_card(shop.office, card) == second
    assert one.scan(card) == second != first  # one member from now on, as with any card


@pytest.mark.slow
def test_the_same_join_heard_again_is_no_second_activation(shop):
    (card, *_) = made(shop, "b", 3)
    card_stock.send(shop.office, "b", "Harbour")
    till = shop.till()
    member = till.join(card)
    with till.store.read() as db:
        from offline_store.members import waiting_details

        (details,) = waiting_details(db)
    till.settle()
    for _ in range(2):
        till.wire.details(details)
    assert shop.notes() == []
    assert members.of_card(shop.office, card) == member


def test_a_withdrawn_batch_is_taken_no_more_and_what_is_given_out_offline_is_shown(shop):
    numbers = made(shop, "b", 5)
    card_stock.send(shop.office, "b", "Harbour")
    till, away = shop.till(), shop.till()
    member = till.join(numbers[0])
    till.settle()
    away.cut()
    assert card_stock.withdraw(shop.office, "b").state == "withdrawn"
    till.settle()
    with pytest.raises(Conflict, match="not one of those"):
        till.join(numbers[1])
    assert till.scan(numbers[0]) == member  # a card that is somebody's stays good
    away.join(numbers[2])
    away.mend()
    away.settle()
    assert [reason.partition(";")[0] for reason in reasons(shop)] == [
        "a member joined with a card of batch b, which was withdrawn"
    ]
    assert card_stock.by_shop(shop.office) == [card_stock.ShopStock("Harbour", 5, 2, 3, 0, is_low=True)]


@pytest.mark.slow
def test_a_batch_that_moves_to_another_shop_is_withdrawn_at_the_first(shop):
    numbers = made(shop, "b", 5)
    harbour, mill = shop.till("Harbour"), shop.till("Mill")
    card_stock.send(shop.office, "b", "Harbour")
    harbour.settle()
    card_stock.withdraw(shop.office, "b")
    card_stock.send(shop.office, "b", "Mill")
    # One till has heard of it twice, the other begins now: both end at the same.
    newcomer = shop.till("Harbour")
    for till in (harbour, mill):
        till.settle()
    assert (left(harbour), left(newcomer), left(mill)) == (
        till_stock.Stock(True, 0),
        till_stock.Stock(True, 0),
        till_stock.Stock(True, 5),
    )
    mill.join(numbers[0])


def test_the_card_of_a_member_who_was_forgotten_is_nobody_elses(shop):
    numbers = made(shop, "b", 3)
    card_stock.send(shop.office, "b", "Harbour")
    till, other = shop.till(), shop.till()
    member = till.join(numbers[0])
    till.settle()
    other.settle()
    members.erase(shop.office, member)
    till.settle()
    other.settle()
    for one in (till, other):
        with pytest.raises(Conflict, match="not one of those"):
            one.join(numbers[0])
    assert card_stock.one(shop.office, "b").left == 2


@pytest.mark.slow
def test_a_card_given_in_exchange_is_activated_and_the_old_one_is_good_for_nobody(shop):
    numbers = made(shop, "b", 4)
    card_stock.send(shop.office, "b", "Harbour")
    till = shop.till()
    member = till.join(numbers[0])
    till.settle()
    desk.replace_card(shop.office, numbers[0], numbers[1], desk.Who("lost", "Ada"))
    till.settle()
    assert card_stock.one(shop.office, "b").issued == 2
    assert till.scan(numbers[1]) == member
    with pytest.raises(Conflict, match="replaced"):
        till.join(numbers[0])


def test_low_stock_is_said_from_the_last_fifty_cards_on(shop):
    for batch, count, is_low in (("enough", LOW_STOCK + 1, False), ("few", LOW_STOCK, True)):
        made(shop, batch, count, seed=count)
        card_stock.send(shop.office, batch, "Harbour")
        assert card_stock.by_shop(shop.office)[0].is_low == is_low
        card_stock.withdraw(shop.office, batch)


def test_a_new_batch_has_no_number_that_is_somebodys_or_of_another_batch(shop):
    tight = digits(3)
    first = card_stock.make(shop.office, "a", 20, "", tight)
    second = card_stock.make(shop.office, "b", 20, "", digits(3))  # the same chance: all twenty come again first
    assert not {*first} & {*second}
    assert masked(first[0])
