"""A share of each member's points stands at the till that saw them last, ready for a day without a network."""

from collections import Counter

import pytest

from central_server.applying import apply
from central_server.tills import channels, feed, forfeits, inbox
from ledger.wire import FeedRequest, GrantItem, RecallItem
from loyalty.program import preset, read_program


def sharing(office, percent=25, most=500):
    """Puts a programme in force under which a share stands at tills."""
    text = preset("points").replace("share_percent = 0", f"share_percent = {percent}")
    text = text.replace("share_points = 500", f"share_points = {most}")
    with office.database.writing() as connection:
        office.put_program(connection, read_program(text))


def told(office, till, after=0):
    channel = channels.grants_of(till.name)
    page = feed.read(office, till.name, till.shop, FeedRequest({channel: after})).channels[channel]
    return page.items


class Keeper:
    """What a till does with what stands there: takes it, keeps it, gives back all else and what is called back."""

    def __init__(self, office, till):
        self.office, self.till = office, till
        self.standing, self.read_to, self.taken = Counter(), 0, set()

    def step(self):
        channel = channels.grants_of(self.till.name)
        page = feed.read(self.office, self.till.name, self.till.shop, FeedRequest({channel: self.read_to})).channels[
            channel
        ]
        for item in page.items:
            if isinstance(item, GrantItem):
                if item.standing:
                    self.standing[item.member] = item.standing
                self.till.take(item)
                self.taken.add(item.grant)
            elif isinstance(item, RecallItem):
                del self.standing[item.member]
        self.read_to = page.position
        for member, lots in list(self.till.held.items()):
            over = sum(lots.values()) - self.standing[member]
            if over > 0:
                from ledger.entry import ReleaseBody

                esc = self.till_esc(lots, over)
                self.till.write(ReleaseBody(), "", member, esc)
        if self.till.sent < len(self.till.journal):
            self.till.send()

    @staticmethod
    def till_esc(lots, over):
        esc = {}
        for lot in sorted(lots):
            use = min(over, lots[lot])
            if use > 0:
                esc[lot], over = -use, over - use
        return esc


@pytest.mark.parametrize(
    ("has", "percent", "most", "stands"),
    [
        (400, 25, 500, 100),
        (403, 25, 500, 100),  # rounded down
        (3, 25, 500, 0),  # nothing of nearly nothing
        (4, 25, 500, 1),
        (5000, 25, 500, 500),  # no more than the cap
        (400, 100, 500, 400),
        (400, 0, 500, 0),
    ],
)
def test_the_share_of_what_a_member_has_stands_at_the_till_that_saw_them(
    office, till, tell, has, percent, most, stands
):
    sharing(office, percent, most)
    one = till()
    one.sale("1", has * 100, "anna")
    one.send()
    assert tell.figures(office, "anna").get("granted", 0) == stands
    assert [(item.standing, sum(part.points for part in item.slices)) for item in told(office, one)] == (
        [(stands, stands)] if stands else []
    )


def test_a_hundred_visits_move_points_a_few_times_only(office, till, tell):
    """What stands is filled up when half of it is gone: the balance doubles seven times from the first visit to the last."""
    sharing(office)
    one = till()
    keeper = Keeper(office, one)
    for number in range(100):
        one.sale(str(number), 4000, "anna")
        one.send()
        keeper.step()
    figures = tell.figures(office, "anna")
    assert sum(figures.values()) == 4000
    assert figures["escrow"] <= 500
    assert len(keeper.taken) <= 8
    assert not [entry for entry in one.journal if entry.kind == "release"]


def test_the_share_follows_the_member_and_is_never_at_two_tills_together(office, till, tell):
    sharing(office)
    tills = [till(), till("BBBBBB"), till("CCCCCC", "Mill")]
    keepers = [Keeper(office, one) for one in tills]
    tills[0].sale("first", 40000, "anna")
    tills[0].send()
    for number in range(30):
        here = number % 3
        tills[here].sale(str(number), 50, "anna")  # too little for a point, but a visit
        tills[here].send()
        for keeper in keepers:
            keeper.step()
        assert sum(keeper.standing["anna"] for keeper in keepers) <= 100
        assert sum(sum(one.rights("anna").values()) for one in tills) <= 100
    for _ in range(2):  # the second visit in a row finds it called back, and has it
        tills[1].sale(f"stay{_}", 50, "anna")
        tills[1].send()
        for keeper in keepers:
            keeper.step()
    assert sum(tills[1].rights("anna").values()) == 100


def test_a_till_that_spent_its_share_has_none_left_once_it_stands_elsewhere(office, till, tell):
    """Else a wish that comes to nothing would stay there, beside the share that stands elsewhere."""
    sharing(office)
    one, two = till(), till("BBBBBB")
    here, there = Keeper(office, one), Keeper(office, two)
    one.sale("1", 40000, "anna")
    one.send()
    here.step()
    one.sale("2", 10000, "anna", redeem=100)
    two.sale("3", 50, "anna")
    for till_ in (one, two):  # applied together, and the last visit is at two
        inbox.record(office, till_.batch(till_.sent))
        till_.sent = len(till_.journal)
    apply.apply_pending(office)
    there.step()
    one.ask("anna", 80)
    here.step()
    here.step()
    assert sum(one.rights("anna").values()) + sum(two.rights("anna").values()) <= 99


def test_a_till_that_holds_twice_the_share_gives_it_back_and_is_given_the_share_again(office, till, tell):
    """The member spent the rest elsewhere; what stands here is all they have."""
    sharing(office)
    one, two = till(), till("BBBBBB")
    here = Keeper(office, one)
    one.sale("1", 40000, "anna")
    one.send()
    here.step()
    two.fetch("anna", 300)
    two.sale("2", 300, "anna", redeem=300)
    two.send()
    assert tell.figures(office, "anna") == {"escrow": 100}
    one.sale("3", 50, "anna")
    one.send()
    here.step()
    assert sum(one.rights("anna").values()) == 0
    one.sale("4", 50, "anna")
    one.send()
    here.step()
    assert (sum(one.rights("anna").values()), tell.figures(office, "anna")) == (25, {"available": 75, "escrow": 25})


def test_an_offline_till_keeps_what_is_called_back_and_only_then_is_it_granted_elsewhere(office, till, tell):
    sharing(office)
    one, two = till(), till("BBBBBB")
    here = Keeper(office, one)
    one.sale("1", 40000, "anna")
    one.send()
    here.step()
    assert two.ask("anna", 400) == 300
    assert two.ask("anna", 100, "again") == 0  # one has not been heard
    assert tell.figures(office, "anna") == {"escrow": 100, "granted": 300}
    here.step()
    assert tell.figures(office, "anna") == {"available": 100, "granted": 300}
    assert two.ask("anna", 100, "a third time") == 100


def test_a_recall_is_told_once_however_often_it_is_asked_for(office, till):
    sharing(office)
    one, two = till(), till("BBBBBB")
    one.sale("1", 40000, "anna")
    one.send()
    for number in range(5):
        two.ask("anna", 1000, f"wish {number}")
    assert [type(item) for item in told(office, one)] == [GrantItem, RecallItem]


@pytest.mark.parametrize("how", ["a fork's tail", "an epoch that was given up", "a forfeited epoch"])
def test_nothing_stands_at(office, till, tell, how):
    one = till()
    one.sale("1", 40000, "anna")
    one.send()
    if how == "a fork's tail":
        twin = one.copy()
        one.sale("2", 50, "bert")
        one.send()
        sharing(office)
        twin.sale("3", 50, "anna")
        twin.send()
    elif how == "an epoch that was given up":
        sharing(office)
        one.sale("3", 50, "anna")
        one.reopen("second")
        inbox.record(office, one.batch(one.sent))
        apply.apply_pending(office)
    else:
        forfeits.forfeit(office, one.name)
        sharing(office)
        one.sale("3", 50, "anna")
        one.send()
    assert tell.figures(office, "anna") == {"available": 400}


def test_what_stands_of_a_merged_member_counts_for_the_one_they_have_become(office, till, tell):
    from central_server.applying.books import Books, Origin

    sharing(office)
    one, two = till(), till("BBBBBB")
    keeper = Keeper(office, one)
    one.sale("1", 40000, "anna")
    two.sale("2", 40000, "bert")
    one.send()
    keeper.step()
    with office.database.writing() as connection:
        books = Books(connection, office)
        books.merge("anna", "bert", Origin(office.server, 0, "", office.time(), books.today), "m")
        books.flush()
    two.send()
    # 800 points: 200 may stand, 100 do so at one.
    assert tell.figures(office, "bert") == {"available": 600, "escrow": 100, "granted": 100}
