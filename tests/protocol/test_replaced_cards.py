"""A lost or worn card, exchanged at a till: carried out at head office, proposed by whoever may not, refused offline."""

from __future__ import annotations

import pytest

from central_server.errors import OfficeError
from central_server.membership import members
from central_server.people import proposals
from central_server.people.staff import Staff
from central_server.shops import card_stock
from pos_plugin.config import Config
from pos_plugin.errors import BadRequest, Conflict, Unknown
from pos_plugin.head_office.contact import HeadOffice
from pos_plugin.members.replacing import Replaced, replace_card
from pos_plugin.sales.quotes import Connection
from pos_plugin.terminal import Terminal

CARD, NEW, THIRD = "2900000000018", "2900000000025", "2900000000032"
SUPPORT = Staff("sue", "Sue", "support", "")


class OnTheWire(HeadOffice):
    """Head office over the till's wire, which the test holds."""

    def __init__(self, till):
        super().__init__(
            till.store, "", clock=till.shop.clock, random_bytes=till.random.randbytes, changed=lambda: None
        )
        self.till, self.sync = till, till.sync

    def connection(self):
        is_online = not self.till.wire.is_cut
        return Connection(is_online, is_online)


@pytest.fixture
def shop(open_shop):
    return open_shop()


@pytest.fixture
def till(shop):
    return shop.till()


@pytest.fixture
def counter(till):
    """The terminal of a till; nothing of it is started."""
    office = OnTheWire(till)
    return Terminal(till.store, Config(), clock=till.shop.clock, random_bytes=till.random.randbytes, head_office=office)


def replaced(counter, member, role="supervisor", **more):
    return replace_card(counter, member, NEW, reason="lost on the beach", operator="Kim", role=role, **more)


def test_a_supervisor_has_a_lost_card_replaced_while_the_customer_waits(shop, till, counter):
    member = till.join(CARD)  # head office does not even know them yet
    assert replaced(counter, member, old="****0018") == Replaced(member, "****0025", "replaced")
    assert till.scan(NEW) == member
    assert till.checkout.identify(CARD).kind == "blocked card"
    assert members.of_card(shop.office, NEW) == member
    assert replaced(counter, member) == Replaced(member, "****0025", "replaced"), "asked again, it is done once"


@pytest.mark.slow
def test_an_answer_that_was_lost_does_no_harm(shop, till, counter):
    member = till.join(CARD)
    till.settle()
    whole = till.wire.replace_card

    def loses_the_answer(asked):
        whole(asked)
        till.wire.replace_card = whole
        raise TimeoutError

    till.wire.replace_card = loses_the_answer
    with pytest.raises(Conflict, match="may be replaced or not") as refused:
        replaced(counter, member)
    assert refused.value.code == "HEAD_OFFICE_SILENT"
    assert replaced(counter, member).outcome == "replaced"
    assert till.scan(NEW) == member


def test_a_cashier_only_proposes_and_the_old_card_counts_until_it_is_allowed(shop, till, counter):
    member = till.join(CARD)
    for _ in range(2):  # twice is one proposal
        assert replaced(counter, member, role="cashier").outcome == "proposed"
    assert till.scan(CARD) == member
    (waiting,) = proposals.waiting(shop.office)
    assert (waiting.reason, waiting.shop) == ("lost on the beach", "Harbour")
    assert "Kim" in waiting.proposed_by
    assert proposals.decide(shop.office, waiting.proposal, SUPPORT, is_allowed=True).outcome == "done"
    till.settle()
    assert till.scan(NEW) == member


@pytest.mark.slow
def test_whoever_may_not_replace_cards_replaces_none(shop, till, counter):
    member = till.join(CARD)
    for role in ("", "cashier", "auditor", "nonsense"):
        assert replaced(counter, member, role=role).outcome == "proposed"
    with pytest.raises(OfficeError):
        members.of_card(shop.office, NEW)


def test_offline_nothing_is_promised(till, counter):
    member = till.join(CARD)
    till.settle()
    till.cut()
    before = till.kinds()
    with pytest.raises(Conflict, match="cannot be asked now") as refused:
        replaced(counter, member)
    assert refused.value.code == "REPLACE_OFFLINE"
    assert till.kinds() == before


@pytest.mark.slow
def test_a_new_card_that_cannot_be_theirs_is_refused_before_head_office_is_asked(shop, till, counter):
    member = till.join(CARD)
    till.join(THIRD)
    till.settle()
    till.wire.asked.clear()
    wrong = {THIRD: ("CARD_TAKEN", Conflict), "4006381333931": ("NO_MEMBER_CARD", BadRequest)}
    for new, (code, kind) in wrong.items():
        with pytest.raises(kind) as refused:
            replace_card(counter, member, new, reason="lost", role="manager")
        assert refused.value.code == code
    with pytest.raises(Unknown):
        replaced(counter, member, old=THIRD)  # somebody else's card cannot be taken from them
    with pytest.raises(Unknown):
        replaced(counter, "nobody")
    with pytest.raises(BadRequest):
        replace_card(counter, member, NEW, reason=" ", role="manager")
    assert till.wire.asked == []


@pytest.mark.slow
def test_in_a_shop_with_card_stock_the_new_card_is_of_it_too(shop, till, counter):
    member = till.join(CARD)
    card_stock.make(shop.office, "b", 2, "", lambda count: f"{till.random.randrange(10**count):0{count}}")
    card_stock.send(shop.office, "b", "Harbour")
    till.settle()
    with pytest.raises(Conflict, match="not one of those"):
        replaced(counter, member)
    (one, _) = card_stock.numbers_of(shop.office, "b")
    assert replace_card(counter, member, one, reason="worn", role="manager").outcome == "replaced"
    assert card_stock.one(shop.office, "b").issued == 1


@pytest.mark.slow
def test_head_office_does_not_take_a_card_from_a_member_on_a_tills_word_about_another(shop, till, counter):
    from ledger.wire import CardReplacement
    from offline_store.sync import Refused

    theirs, other = till.join(CARD), till.join(THIRD)
    till.settle()
    with pytest.raises(Refused, match="not this member's"):
        till.wire.replace_card(CardReplacement(other, CARD, NEW, "lost", "Kim", "manager"))
    assert members.of_card(shop.office, CARD) == theirs
