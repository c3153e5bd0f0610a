"""A stolen till: enrolled, its key good, and it writes whatever it likes.

What it writes is kept and either applied within the rules or noted for a person. It can say of a member what any till can say
of any member, and of nobody else; it stops nothing, and the till beside it goes on.
"""

import random

import pytest
from sqlalchemy import select

from central_server import schema
from central_server.applying import apply
from central_server.membership import members
from central_server.reports import report
from central_server.tills import enrolment, feed, grants, inbox
from ledger.entry import (
    ClaimBody,
    GrantBody,
    JoinBody,
    OpenBody,
    ReleaseBody,
    ReturnBody,
    SaleBody,
    SettleBody,
    Slice,
    TakeBody,
)
from ledger.wire import FeedRequest, MemberItem, unpack
from loyalty.sale import LineItem, Return, ReturnedLine, Sale
from loyalty.standing import Standing
from offline_store import settings
from offline_store.store import Store
from offline_store.sync import Sync

DAY = "2026-03-02"
MOST = 10**12


class Direct:
    """`offline_store.sync.Link` without a network: a real till on one side, head office's rooms on the other."""

    def __init__(self, office):
        self.office, self.name = office, ""

    def enroll(self, request):
        self.name = request.terminal
        return enrolment.enroll(self.office, enrolment.WrongCodes(), request)

    def _row(self):
        with self.office.database.reading() as connection:
            return connection.execute(select(schema.terminal).where(schema.terminal.c.terminal == self.name)).one()

    def send(self, batch):
        reply = inbox.record(self.office, unpack(batch))
        apply.apply_pending(self.office)
        return reply

    def feed(self, request):
        return feed.read(self.office, self.name, "Harbour", request)

    def grant(self, request):
        return grants.grant(self.office, self._row(), request)

    def details(self, details):
        members.take_details(self.office, self._row(), details)

    def lookup(self, lookup):
        return members.look_up(self.office, self._row(), lookup)


class Shop:
    """A shop with an honest till, two members with points, and a till that was stolen.

    vic and bob have 500 points each, bob another 100 that the honest till holds. Nobody ever writes of bob.
    """

    def __init__(self, office, till, tell):
        self.office, self.tell = office, tell
        self.honest, self.stolen = till("HHHHHH"), till("SSSSSS")
        for member in ("vic", "bob"):
            self.honest.sale(f"first-{member}", 50_000, member, lot=f"lot-{member}")
        self.honest.sale("kept", 10_000, "bob", keep=True, lot="held-bob")
        self.honest.send()
        self.stolen.send()
        assert self.points("vic") == {"available": 500}
        assert self.points("bob") == {"available": 500, "escrow": 100}

    def points(self, member):
        return self.tell.figures(self.office, member)

    def net(self, member):
        found = self.points(member)
        return sum(found.values()) - 2 * found.get("debt", 0)

    def write(self, body, document="", member="vic", esc=None):
        return self.stolen.write(body, document, member, esc)

    def sends(self):
        """Uploads what the stolen till wrote; answers the codes that were noted of it."""
        before = set(self.tell.notes(self.office))
        if self.stolen.sent < len(self.stolen.journal):
            self.stolen.send()
        return sorted(code for terminal, _, code in set(self.tell.notes(self.office)) - before if terminal == "SSSSSS")

    def stands(self):
        """What must hold whatever was sent: all kept and applied, bob untouched, and the honest till goes on."""
        status = report.status(self.office)
        assert status.applied == status.recorded
        assert {one.terminal: one.recorded for one in status.terminals}["SSSSSS"] == len(self.stolen.journal)
        assert list(report.problems(self.office)) == []
        assert self.points("bob") == {"available": 500, "escrow": 100}
        before = self.net("eve")
        self.honest.sale(f"after-{len(self.honest.journal)}", 1000, "eve")
        assert [one.outcome for one in self.honest.send().results] == ["recorded"]
        assert self.net("eve") == before + 10


@pytest.fixture
def shop(office, tell):
    def till(name):
        new = tell.Till(office, name, "Harbour")
        new.enroll()
        return new

    one = Shop(office, till, tell)
    yield one
    one.stands()


def sale(
    awarded=0, lot="", redeemed=0, total=1000, ref="x", till="SSSSSS", expires_on="2027-03-02", lines=(), program=""
):
    sold = Sale(till, ref, f"{DAY}T10:00:00", DAY, "EUR", total, lines)
    return SaleBody(sold, program, awarded=awarded, lot=lot, expires_on=expires_on if lot else "", redeemed=redeemed)


def give_back(ref, till="HHHHHH", sale_ref="first-vic", taken=0, restored=0, lot="lot-vic", lines=(), amount=None):
    back = Return(till, sale_ref, ref, lines=lines, amount_minor=amount)
    return ReturnBody(back, back.sale_document, lot, taken, restored)


# what it writes, the notes of it, and what vic then has less
SAYS = {
    "an award below nothing": ((sale(-50, "n"), "sale/SSSSSS/x", "vic"), ["quarantine"], 0),
    "an award of 10^18": ((sale(10**18, "n"), "sale/SSSSSS/x", "vic"), ["quarantine"], 0),
    "an award beyond 64 bits": ((sale(2**64, "n"), "sale/SSSSSS/x", "vic"), ["quarantine"], 0),
    "an award just above the most": ((sale(MOST + 1, "n"), "sale/SSSSSS/x", "vic"), ["quarantine"], 0),
    "an award without a lot": ((sale(5), "sale/SSSSSS/x", "vic"), ["quarantine"], 0),
    "an award to nobody": ((sale(5, "n"), "sale/SSSSSS/x", ""), ["quarantine"], 0),
    "a redemption below nothing": ((sale(redeemed=-50), "sale/SSSSSS/x", "vic"), ["quarantine"], 0),
    "a redemption of 10^18": ((sale(redeemed=10**18), "sale/SSSSSS/x", "vic"), ["quarantine"], 0),
    "a sale of less than nothing": ((sale(total=-1), "sale/SSSSSS/x", "vic"), ["quarantine"], 0),
    "a sale beyond reason": ((sale(total=10**19), "sale/SSSSSS/x", "vic"), ["quarantine"], 0),
    "a sale under another document": ((sale(), "sale/HHHHHH/other", "vic"), ["quarantine"], 0),
    "rights of 10^18": ((sale(), "sale/SSSSSS/x", "vic", {"lot-vic": 10**18}), ["quarantine"], 0),
    "rights of minus 10^18": ((sale(), "sale/SSSSSS/x", "vic", {"lot-vic": -(10**18)}), ["quarantine"], 0),
    "5,000 lots out of nothing": ((sale(), "sale/SSSSSS/x", "vic", {f"l{n}": -1 for n in range(5000)}), [], 0),
    "a release of rights that it has not": ((ReleaseBody(), "", "vic", {"lot-vic": -400}), [], 0),
    "a release of bob's lot as vic's": ((ReleaseBody(), "", "vic", {"held-bob": -100}), [], 0),
    "a release that takes": ((ReleaseBody(), "", "vic", {"lot-vic": 400}), [], 0),
    "a take of no grant": ((TakeBody("1-x", ()), "take/1-x", "vic", {"lot-vic": 400}), ["unproved"], 0),
    "a take below nothing": ((TakeBody("1-x", ()), "take/1-x", "vic", {"lot-vic": -4}), ["quarantine"], 0),
    "a take of 10^18": ((TakeBody("1-x", ()), "take/1-x", "vic", {"lot-vic": 10**18}), ["quarantine"], 0),
    "an opening that gives up others' lots": (
        (OpenBody("t", {"held-bob": "bob", "lot-vic": "vic"}), "", "", {"held-bob": -100, "lot-vic": -500}),
        [],
        0,
    ),
    "an opening that says not whose": ((OpenBody("t"), "", "", {"lot-vic": -500}), ["quarantine"], 0),
    "a return of more than was sold": (
        (give_back("r", amount=10**14, taken=500), "return/HHHHHH/first-vic/r"),
        [],
        500,
    ),
    "a return beyond 64 bits": ((give_back("r", amount=10**40, taken=500), "return/HHHHHH/first-vic/r"), [], 500),
    "a return of points that never were": (
        (give_back("r", amount=1, restored=10**9), "return/HHHHHH/first-vic/r"),
        [],
        1,
    ),
    "a return below nothing": ((give_back("r", amount=-1), "return/HHHHHH/first-vic/r"), ["quarantine"], 0),
    "a return of lines that are not there": (
        (give_back("r", lines=(ReturnedLine("nine"), ReturnedLine("nine", 10**20))), "return/HHHHHH/first-vic/r"),
        [],
        0,
    ),
    "a return under another document": ((give_back("r"), "return/HHHHHH/first-vic/other"), ["quarantine"], 0),
    "a return that says that it is mallory's": (
        (give_back("r", amount=1, restored=400), "return/HHHHHH/first-vic/r", "mallory"),
        [],
        1,
    ),
    "a claim of vic's sale": (
        (ClaimBody("sale/HHHHHH/first-vic", "", awarded=500, lot="n", expires_on="2027-01-01"), "claim/1", "mallory"),
        ["conflict"],
        0,
    ),
    "a claim below nothing": (
        (ClaimBody("sale/HHHHHH/1", "", awarded=-5, lot="n", expires_on="2027-01-01"), "claim/1", "vic"),
        ["quarantine"],
        0,
    ),
    "a claim of nobody": (
        (ClaimBody("sale/HHHHHH/1", "", awarded=5, lot="n", expires_on="2027-01-01"), "claim/1", ""),
        ["quarantine"],
        0,
    ),
    "the honest till's sale with other content": (
        (sale(7, "n", ref="first-vic", till="HHHHHH"), "sale/HHHHHH/first-vic", "mallory"),
        ["conflict"],
        0,
    ),
    "a grant, as if it were head office": (
        (GrantBody("1-x", "SSSSSS", "SSSSSSe1", (Slice("lot-vic", 400, "2027-01-01"),)), "grant/1-x", "vic"),
        ["quarantine"],
        0,
    ),
    "a settlement, as if it were head office": (
        (SettleBody("me", {"available": 400, "issued": -400}), "settle/1", "mallory"),
        ["quarantine"],
        0,
    ),
    "joining as vic": ((JoinBody(), "join/vic", "vic"), [], 0),
    # What any till can do to a member who stands at it: redeem points, to the last and beyond. That is a debt, in the open.
    "a redemption without rights": ((sale(redeemed=700), "sale/SSSSSS/x", "vic"), [], 700),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", SAYS)
def test_what_a_stolen_till_says_is_kept_and_does_no_more_than_an_honest_reading_allows(shop, what):
    arguments, noted, lost = SAYS[what]
    shop.write(*arguments)
    assert shop.sends() == noted
    assert shop.net("vic") == 500 - lost
    if "mallory" in arguments[2:3] and noted:
        assert shop.net("mallory") <= 7


def test_a_return_sent_again_and_again_takes_back_no_more_than_there_was(shop):
    for number in range(10):
        shop.write(
            give_back(f"r{number}", amount=50_000, taken=500, restored=10**6), f"return/HHHHHH/first-vic/r{number}"
        )
    shop.sends()
    assert shop.net("vic") == 0


def test_a_take_of_more_than_was_granted_is_noted_and_vic_has_what_she_had(shop):
    shop.stolen.ask("vic", 100)
    (item,) = shop.stolen.grants()
    shop.write(
        TakeBody(item.grant, (Slice("lot-vic", 400, "2099-01-01"),), item.signature),
        f"take/{item.grant}",
        "vic",
        {"lot-vic": 400},
    )
    assert shop.sends() == ["unproved"]
    assert shop.points("vic") == {"available": 100, "escrow": 400}


def test_a_grant_of_another_till_is_not_taken_unnoticed(shop):
    shop.honest.ask("vic", 100)
    (item,) = shop.honest.grants()
    shop.write(TakeBody(item.grant, tuple(item.slices), item.signature), f"take/{item.grant}", "vic", {"lot-vic": 100})
    assert shop.sends() == ["unproved"]
    assert shop.net("vic") == 500


def test_debts_and_awards_at_the_limit_again_and_again_never_overflow(shop):
    for number in range(60):
        ref = f"m{number}"
        shop.write(sale(MOST, f"lot{number}", ref=ref), f"sale/SSSSSS/{ref}", "mallory")
        ref = f"d{number}"
        shop.write(sale(redeemed=MOST, ref=ref), f"sale/SSSSSS/{ref}", "vic")
    assert shop.sends() == []
    assert shop.points("mallory") == {"available": 60 * MOST}
    assert shop.points("vic") == {"debt": 60 * MOST - 500}


@pytest.mark.parametrize(
    "body",
    [
        give_back("w", sale_ref="soon", amount=10**40, taken=10**6),
        give_back("w", sale_ref="soon", lines=tuple(ReturnedLine(f"{n}", -(10**20)) for n in range(3))),
        give_back("w", sale_ref="soon", lines=(ReturnedLine("1", 10**30), ReturnedLine("1"), ReturnedLine("2", 0))),
        give_back("w", sale_ref="soon", restored=MOST),
        give_back("w", sale_ref="soon", lot="x" * 5000, amount=0),
        ClaimBody("sale/HHHHHH/soon", "nothing", Standing(), MOST, "n", "9999-12-31"),
    ],
    ids=["an amount", "lines below nothing", "lines", "points", "a lot", "a claim"],
)
def test_what_waits_for_a_sale_of_the_honest_till_does_not_keep_it_from_its_award(shop, body):
    """Heard before the sale itself. The most that it can do is what a return or a claim can do."""
    document = body.back.document if isinstance(body, ReturnBody) else "claim/HHHHHH/soon"
    shop.write(body, document, "vic")
    shop.sends()
    shop.honest.sale("soon", 5000, "vic")
    assert [one.outcome for one in shop.honest.send().results] == ["recorded"]
    assert [note for note in shop.tell.notes(shop.office) if note[0] == "HHHHHH"] == []
    assert 500 <= shop.net("vic") <= 550


def test_a_sale_that_another_till_will_make_can_be_said_first_and_the_award_is_given_all_the_same(shop):
    shop.write(sale(3, "n", ref="soon", till="HHHHHH"), "sale/HHHHHH/soon", "mallory")
    shop.sends()
    shop.honest.sale("soon", 5000, "vic")
    assert [one.outcome for one in shop.honest.send().results] == ["conflict"]  # shown to a person
    assert shop.net("vic") == 550


# -- anything at all -----------------------------------------------------------------------------------------------------


def anything(shop, chance):
    """One entry of any kind with any content: numbers of any size, names of anybody, documents of anybody."""
    numbers = (0, 1, 5, 100, -1, -100, MOST, MOST + 1, -MOST, 10**18, 2**63, -(2**63), 2**64, 10**30)
    names = ("vic", "mallory", "eve", "", "x" * 200, "a/b%2F", "é\u202e", "HHHHHH")
    lots = ("lot-vic", "held-bob", "lot-bob", "new", "", "x" * 70, "é")
    days = (DAY, "2027-03-02", "2020-01-01", "9999-12-31", "", "never", "2026-02-30")
    refs = ("first-vic", "after-3", "x", "y", "", "a/b")

    def number():
        return chance.choice(numbers) if chance.random() < 0.5 else chance.randrange(-1000, 1000)

    def esc():
        return {chance.choice(lots): number() for _ in range(chance.randrange(4))}

    def sold():
        lines = tuple(
            LineItem(chance.choice(("1", "2", "")), number(), number(), number()) for _ in range(chance.randrange(4))
        )
        till, ref = chance.choice(("SSSSSS", "HHHHHH", "")), chance.choice(refs)
        return Sale(till, ref, chance.choice((f"{DAY}T10:00:00", "", "x")), chance.choice(days), "EUR", number(), lines)

    def slices():
        return tuple(Slice(chance.choice(lots), number(), DAY) for _ in range(chance.randrange(3)))

    member, program = chance.choice(names), chance.choice((shop.tell.PROGRAM.id, "", "none"))
    standing = Standing()
    match chance.randrange(8):
        case 0 | 1:
            said = sold()
            body = SaleBody(
                said, program, standing, number(), chance.choice(lots), chance.choice(days), number(), number()
            )
            document = said.document
        case 2 | 3:
            lines = tuple(
                ReturnedLine(chance.choice(("1", "2", "9")), chance.choice((None, number())))
                for _ in range(chance.randrange(3))
            )
            amount = chance.choice((None, number()))
            back = Return(chance.choice(("SSSSSS", "HHHHHH")), chance.choice(refs), f"r{number()}", lines, amount)
            body, document = (
                ReturnBody(back, back.sale_document, chance.choice(lots), number(), number()),
                back.document,
            )
        case 4:
            claimed = f"sale/{chance.choice(('SSSSSS', 'HHHHHH'))}/{chance.choice(refs)}"
            body = ClaimBody(claimed, program, standing, number(), chance.choice(lots), chance.choice(days))
            document = f"claim/{number()}"
        case 5:
            grant = f"1-{number()}"
            body, document = TakeBody(grant, slices(), chance.choice(("", "00" * 64, "x"))), f"take/{grant}"
        case 6:
            body, document = ReleaseBody(), ""
        case _:
            body, document, member = OpenBody("t", {lot: chance.choice(names[:3]) for lot in lots}), "", ""
            changes = esc()
            if chance.random() < 0.3:
                return shop.stolen.write(body, document, member, changes)
            body, member = JoinBody(), chance.choice(names)
    return shop.stolen.write(body, document or f"{chance.choice(refs)}/{number()}", member, esc())


def rob(shop, seed, count):
    chance = random.Random(seed)
    for _ in range(count):
        anything(shop, chance)
        if chance.random() < 0.2:
            shop.stolen.send()
    shop.sends()
    shop.stands()


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_whatever_a_stolen_till_writes_the_books_stay_sound_and_the_shop_goes_on(shop, seed):
    rob(shop, seed, 40)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [100, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(101, 108))])
def test_whatever_a_stolen_till_writes_in_the_long_run(shop, seed):
    rob(shop, seed, 120)


@pytest.mark.parametrize("seed", range(1))
def test_the_till_beside_it_can_still_read_its_feed(shop, seed, tmp_path):
    """What head office tells of members who were written of is fit for a real till to take over."""
    with Store.create(tmp_path / "till") as store:
        store.write(lambda db: settings.use_program(db, shop.tell.PROGRAM, "2026-01-01T00:00:00+00:00"))
        link = Direct(shop.office)
        one = Sync(store, link, clock=shop.office.now, random_bytes=random.Random(seed).randbytes)
        one.enroll(enrolment.new_code(shop.office, "Harbour"))
        rob(shop, 1000 + seed, 60)
        assert one.step().received > 0
        assert one.problem is None
        items = link.feed(FeedRequest({"members/Harbour": 0}, limit=1000)).channels["members/Harbour"].items
        assert {item.member for item in items if isinstance(item, MemberItem)} >= {"vic", "bob", "eve"}


def test_its_key_is_of_no_use_once_it_is_revoked(shop):
    enrolment.revoke(shop.office, "SSSSSS")
    recorded = len(shop.stolen.journal)
    shop.write(sale(MOST, "n"), "sale/SSSSSS/x", "mallory")
    with pytest.raises(Exception, match="was revoked"):
        shop.stolen.send()
    del shop.stolen.journal[recorded:]
    assert shop.points("mallory") == {}
