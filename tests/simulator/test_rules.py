"""The protocol's rules, each switched off in the product's own code: what the simulator then finds.

A rule is split into the parts that can be switched off one by one. `SHOWN` names for each the accidents beside which it matters
and a seed that is known to show it; the seeds after it are tried too, so that a change elsewhere need not change this table.
`NOT_SHOWN` says why no seed shows the others. Every rule from 1 to 19 is in one of the two with each of its parts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import pytest
from sqlalchemy import text

import ledger.settlement
import offline_store.journal
import offline_store.members
import offline_store.rights
import offline_store.sync
import pos_plugin.checkout
import pos_plugin.returns
from bench.simulator.running import clean_up, run_seed
from central_server import apply, grants, inbox, restoring, roll_call, roster, sales, schema
from central_server.books import Books
from ledger.entry import ReleaseBody, ReturnBody
from ledger.settlement import AVAILABLE, EXPIRED, MemberBook
from loyalty.returns import reversal
from offline_store import members, rights
from offline_store.moment import Moment
from offline_store.sync import Sync

Patch = pytest.MonkeyPatch
STEPS = 30
SEEDS = 8
"""So many seeds are tried, from the one that is known to show it."""


@pytest.fixture(autouse=True, scope="module")
def _tidy() -> Iterator[None]:
    yield
    clean_up()


# -- grants and rights


def grant_is_not_debited(patch: Patch) -> None:
    grant, some = MemberBook.grant, random.Random(1)

    def undone(self: Any, branch: str, points: int) -> Any:
        lots = grant(self, branch, points)
        if some.random() < 0.5:
            for lot, use in lots.items():
                self.put(("granted", branch), lot, -use)
                self.put(AVAILABLE, lot, use)
        return lots

    patch.setattr(MemberBook, "grant", undone)


def take_is_no_entry(patch: Patch) -> None:
    def unwritten(db: Any, at: Any, grant: Any) -> bool:
        if (grant.terminal, grant.epoch) != (at.who.terminal, at.who.epoch):
            return False
        name = f"taken {grant.grant}"
        if db.execute("SELECT 1 FROM setting WHERE name = ?", (name,)).fetchone():
            return False
        db.execute("INSERT INTO setting VALUES (?, '')", (name,))
        for part in grant.slices:
            db.execute(
                "INSERT INTO lot (member, lot, expires_on, held, elsewhere) VALUES (?, ?, ?, ?, 0) "
                "ON CONFLICT (member, lot) DO UPDATE SET held = held + excluded.held",
                (grant.member, part.lot, part.expires_on, part.points),
            )
        return True

    patch.setattr(rights, "take", unwritten)


def take_waits_its_turn(patch: Patch) -> None:
    patch.setattr(apply, "AT_RECORD", ())
    patch.setattr(inbox, "AT_RECORD", ())


def take_counts_at_once(patch: Patch) -> None:
    take = rights.take

    def eager(db: Any, at: Any, grant: Any) -> bool:
        taken = take(db, at, grant)
        rights.count_takes(db, offline_store.journal.head(db)[0])
        return taken

    patch.setattr(rights, "take", eager)


def more_is_spent_than_held(patch: Patch) -> None:
    here, spent = rights.spendable_here, pos_plugin.checkout.spent

    def hopeful(*arguments: Any, **how: Any) -> Any:
        found = here(*arguments, **how)
        return msgspec_free(found, held=found.held + 50, balance=found.balance + 50)

    patch.setattr(rights, "spendable_here", hopeful)
    patch.setattr(
        pos_plugin.checkout, "spent", lambda held, need: spent(held, min(need, sum(part.points for part in held)))
    )


def msgspec_free(found: Any, **changes: Any) -> Any:
    import dataclasses

    return dataclasses.replace(found, **changes)


def released_rights_stay(patch: Patch) -> None:
    record = rights.record

    def keeping(db: Any, who: Any, draft: Any, recorded_at: str) -> Any:
        held = db.execute("SELECT lot, held FROM lot WHERE member = ? AND held > 0", (draft.member,)).fetchall()
        new = record(db, who, draft, recorded_at)
        if isinstance(draft.body, ReleaseBody):
            db.executemany("UPDATE lot SET held = ? WHERE lot = ?", [(points, lot) for lot, points in held])
        return new

    patch.setattr(rights, "record", keeping)


def page_counts_anywhere(patch: Patch) -> None:
    apply_page = Sync._apply_page

    def anywhere(self: Any, db: Any, channel: str, start: int, *rest: Any) -> None:
        row = db.execute("SELECT position FROM feed_position WHERE channel = ?", (channel,)).fetchone()
        apply_page(self, db, channel, row[0] if row else 0, *rest)

    patch.setattr(Sync, "_apply_page", anywhere)


def item_counts_twice(patch: Patch) -> None:
    take, some = rights.take, random.Random(1)

    def greedy(db: Any, at: Any, grant: Any) -> bool:
        taken = take(db, at, grant)
        if taken and some.random() < 0.3:
            db.execute("DELETE FROM document WHERE document = ?", (f"take/{grant.grant}",))
            take(db, at, grant)
        return taken

    patch.setattr(rights, "take", greedy)


def position_goes_ahead(patch: Patch) -> None:
    apply_page = Sync._apply_page

    def early(self: Any, db: Any, channel: str, start: int, position: int, items: Any, progress: Any) -> None:
        db.execute(
            "INSERT INTO feed_position VALUES (?, ?) ON CONFLICT (channel) DO UPDATE SET position = excluded.position",
            (channel, position),
        )
        db.execute("COMMIT")
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE feed_position SET position = ? WHERE channel = ?", (start, channel))
        apply_page(self, db, channel, start, position, items, progress)

    patch.setattr(Sync, "_apply_page", early)


def escrow_expires(patch: Patch) -> None:
    expire = MemberBook.expire

    def greedy(self: Any) -> int:
        for place in [place for place in self.lots if place[0] == "escrow"]:
            for lot, points in list(self.lots[place].items()):
                if self.expires_on[lot] <= self.today:
                    self.put(place, lot, -points)
                    self.put(EXPIRED, lot, points)
        return expire(self)

    patch.setattr(MemberBook, "expire", greedy)


def grace_again_and_again(patch: Patch) -> None:
    come_back = MemberBook.come_back

    def generous(self: Any, lot: str, points: int) -> None:
        self.graced.discard(lot)
        come_back(self, lot, points)

    patch.setattr(MemberBook, "come_back", generous)


def expired_lots_are_no_cover(patch: Patch) -> None:
    pay = MemberBook.pay
    patch.setattr(
        MemberBook, "pay", lambda self, places, need: pay(self, [one for one in places if one[0] != EXPIRED], need)
    )


def clock_may_go_back(patch: Patch) -> None:
    for module in (offline_store.sync, pos_plugin.checkout):
        moment = module.moment
        patch.setattr(
            module, "moment", lambda db, clock, moment=moment: msgspec_free(moment(db, clock), now=clock)
        )


def floor_has_no_cap(patch: Patch) -> None:
    here = rights.spendable_here

    def boundless(db: Any, program: Any, *rest: Any, **how: Any) -> Any:
        found = here(db, program, *rest, **how)
        return msgspec_free(found, floor=program.offline.floor_limit if found.floor or not how["is_online"] else 0)

    patch.setattr(rights, "spendable_here", boundless)


def till_renews_its_floor(patch: Patch) -> None:
    count = rights.count_takes

    def renewing(db: Any, acknowledged: int) -> None:
        db.execute("DELETE FROM floor_spent WHERE number <= ?", (acknowledged,))
        count(db, acknowledged)

    patch.setattr(rights, "count_takes", renewing)


def floor_is_renewed_beside_a_debt(patch: Patch) -> None:
    store = Books._store_limits

    def generous(self: Any) -> None:
        debts = {member: book.debt for member, book in self._open.items()}
        for book in self._open.values():
            book.debt = 0
        store(self)
        for member, debt in debts.items():
            self._open[member].debt = debt

    patch.setattr(Books, "_store_limits", generous)


# -- entries


def any_number_acknowledges(patch: Patch) -> None:
    acknowledge = Sync._acknowledge

    def trusting(self: Any, db: Any, reply: Any) -> int:
        here = offline_store.journal.hash_at(db, reply.head_number)
        return acknowledge(self, db, msgspec.structs.replace(reply, head=here) if here else reply)

    patch.setattr(Sync, "_acknowledge", trusting)


def acknowledged_before_it_is_durable(patch: Patch) -> None:
    record, some = inbox._record, random.Random(1)

    def forgetful(office: Any, connection: Any, batch: Any, placed: Any) -> Any:
        if some.random() > 0.1:
            return record(office, connection, batch, placed)
        undone = connection.begin_nested()
        reply = record(office, connection, batch, placed)
        undone.rollback()
        return reply

    patch.setattr(inbox, "_record", forgetful)


def applied_twice(patch: Patch) -> None:
    post, some = apply._post, random.Random(1)

    def again(posting: Any, how: Any) -> None:
        post(posting, how)
        if posting.row.kind == "sale" and some.random() < 0.2:
            posting.sales._filed.clear()
            post(posting, how)

    patch.setattr(apply, "_post", again)


def other_content_is_dropped(patch: Patch) -> None:
    is_repeated = sales.Sales.is_repeated

    def once(self: Any, shop: str, entry: Any) -> bool:
        is_repeated(self, shop, entry)
        return bool(self._filed[shop, entry.envelope.document][0] != entry.hash)

    patch.setattr(sales.Sales, "is_repeated", once)


def same_sale_is_awarded_again(patch: Patch) -> None:
    patch.setattr(sales.Sales, "is_repeated", lambda *_: False)


def return_does_not_wait(patch: Patch) -> None:
    follow = sales.Sales.follow

    def hasty(self: Any, one: Any, terminal: str, entry: Any) -> None:
        if one.is_known:
            follow(self, one, terminal, entry)

    patch.setattr(sales.Sales, "follow", hasty)


def returns_do_not_add_up(patch: Patch) -> None:
    def alone(program: Any, sale: Any, awarded: int, redeemed: int, earlier: Any, back: Any) -> Any:
        reversal(program, sale, awarded, redeemed, earlier, back)  # what does not fit is refused all the same
        return reversal(program, sale, awarded, redeemed, [], back)

    patch.setattr(pos_plugin.returns, "reversal", alone)


def any_epoch_gives_back_into_its_rights(patch: Patch) -> None:
    journal, restored = pos_plugin.returns.journal, pos_plugin.returns._restored_lots

    def record(db: Any, who: Any, draft: Any, recorded_at: str) -> Any:
        body = draft.body
        if isinstance(body, ReturnBody) and body.restored:
            sold = journal.find(db, body.sale)
            if sold.envelope.epoch != who.epoch:
                before = sum(one.body.restored for one in journal.returns_of(db, body.back.till, body.back.sale_ref))
                esc = dict(draft.esc)
                for lot, points in restored(sold, before, body.restored).items():
                    esc[lot] = esc.get(lot, 0) + points
                draft = msgspec.structs.replace(draft, esc=esc)
        return journal.record(db, who, draft, recorded_at)

    patch.setattr(pos_plugin.returns, "journal", SimpleNamespace(**{**vars(journal), "record": record}))


def till_is_corrected(patch: Patch) -> None:
    """What a return did to its till's rights is not posted where head office computes the return itself."""
    settle = sales.Sales.settle_returns

    def strict(self: Any, settlement: Any, one: Any, place: str = "", esc: Any = None, *rest: Any) -> int:
        return int(settle(self, settlement, one, place, {}, *rest))

    patch.setattr(sales.Sales, "settle_returns", strict)


def debt_is_clamped(patch: Patch) -> None:
    patch.setattr(MemberBook, "owe", lambda self, points, store_bears: 0)


def debt_is_not_repaid(patch: Patch) -> None:
    patch.setattr(MemberBook, "repay", lambda self: None)


def merge_forgets_the_debt(patch: Patch) -> None:
    merge = Books.merge

    def forgiving(self: Any, old: str, into: str, *rest: Any) -> None:
        self.load(self.who(old)).debt = 0
        merge(self, old, into, *rest)

    patch.setattr(Books, "merge", forgiving)


def merges_are_not_resolved(patch: Patch) -> None:
    patch.setattr(Books, "who", lambda self, member: member)


def merges_are_not_journaled(patch: Patch) -> None:
    apply_items = members.apply_items

    def silent(db: Any, at: Any, items: Any) -> None:
        apply_items(db, at, [msgspec.structs.replace(item, merge="") for item in items])

    patch.setattr(members, "apply_items", silent)


def late_sale_gives_rights(patch: Patch) -> None:
    patch.setattr(Moment, "is_late", lambda self, sold_at: False)


# -- forks and lost tills


def forks_are_not_applied(patch: Patch) -> None:
    store = inbox._Branches.store

    def deaf(self: Any) -> None:
        for row in self._rows.values():
            if row["is_fork"]:
                row["applied_number"] = row["head_number"]
        store(self)
        for name in self._touched:
            if self._rows[name]["is_fork"]:
                self._connection.execute(
                    schema.branch.update()
                    .where(schema.branch.c.terminal == self._terminal, schema.branch.c.branch == name)
                    .values(applied_number=self._rows[name]["head_number"])
                )

    patch.setattr(inbox._Branches, "store", deaf)


def forks_share_the_escrow(patch: Patch) -> None:
    begin = apply._Posting.__init__

    def sharing(self: Any, *arguments: Any, **how: Any) -> None:
        begin(self, *arguments, **how)
        self.place = self.place.partition("~")[0]

    patch.setattr(apply._Posting, "__init__", sharing)


def fork_opens_no_epoch(patch: Patch) -> None:
    acknowledge = Sync._acknowledge
    patch.setattr(
        Sync,
        "_acknowledge",
        lambda self, db, reply: acknowledge(self, db, msgspec.structs.replace(reply, is_fork=False)),
    )


def forfeited_epoch_is_granted_more(patch: Patch) -> None:
    def careless(connection: Any, terminal: str, newest_epoch: str, epoch: str) -> bool:
        table = schema.branch.c
        row = connection.execute(
            schema.branch.select().where(table.terminal == terminal, table.branch == epoch)
        ).one_or_none()
        return epoch == newest_epoch if row is None else not (row.is_closed or row.is_fork)

    patch.setattr(grants, "is_live", careless)


def surrender_forgets_takes(patch: Patch) -> None:
    surrender = rights.surrender

    def partial(db: Any, at: Any, epoch: str) -> None:
        rows = db.execute("SELECT number, member, slices FROM pending_take").fetchall()
        db.execute("DELETE FROM pending_take")
        surrender(db, at, epoch)
        db.executemany("INSERT INTO pending_take (number, member, slices) VALUES (?, ?, ?)", rows)

    patch.setattr(rights, "surrender", partial)


def loss_is_the_members(patch: Patch) -> None:
    owe = MemberBook.owe
    patch.setattr(MemberBook, "owe", lambda self, points, store_bears: owe(self, points, 0))


# -- a restored server


def restored_under_the_same_epoch(patch: Patch) -> None:
    patch.setattr(
        restoring, "declare_restored", lambda folder, now, **_: restoring.read_office_file(folder).server_epoch
    )


def feed_is_not_read_again(patch: Patch) -> None:
    heard = Sync._heard

    def lazy(self: Any, server_epoch: int, server_time: str) -> bool:
        with self._store.read() as db:
            rows = db.execute("SELECT channel, position FROM feed_position").fetchall()
        is_restored = heard(self, server_epoch, server_time)
        if is_restored:
            self._store.write(lambda db: db.executemany("INSERT INTO feed_position VALUES (?, ?)", rows))
        return is_restored

    patch.setattr(Sync, "_heard", lazy)


def nobody_says_hello(patch: Patch) -> None:
    patch.setattr(rights, "greet", lambda *_: None)


def forgotten_grants_are_not_booked(patch: Patch) -> None:
    take = apply._Posting._take

    def strict(self: Any, entry: Any, body: Any) -> None:
        known = self.books.connection.execute(
            text("SELECT 1 FROM granted WHERE grant_id = :grant"), {"grant": body.grant}
        ).first()
        if known:
            take(self, entry, body)

    patch.setattr(apply._Posting, "_take", strict)


def no_roll_call(patch: Patch) -> None:
    patch.setattr(roll_call, "is_frozen", lambda *_: False)


def roster_is_restored_too(patch: Patch) -> None:
    awaited = roll_call.awaited

    def forgetful(office: Any, connection: Any) -> Any:
        query = text("SELECT DISTINCT terminal, epoch FROM granted")
        known = {(row.terminal, row.epoch) for row in connection.execute(query)}
        return [one for one in awaited(office, connection) if one in known]

    patch.setattr(roll_call, "awaited", forgetful)


def excused_loss_is_not_booked(patch: Patch) -> None:
    patch.setattr(roster.Roster, "excused", lambda self: set())


class Rule(NamedTuple):
    number: int
    how: Callable[[Patch], None]
    hazards: str
    seed: int = 0
    steps: int = STEPS


SHOWN = [
    Rule(1, grant_is_not_debited, "cut"),
    Rule(2, take_is_no_entry, "cut"),
    Rule(2, take_waits_its_turn, "server restored,cut,returns"),
    Rule(2, take_counts_at_once, "lost request,lost answer,cut"),
    Rule(3, more_is_spent_than_held, "cut"),
    Rule(3, released_rights_stay, "cut"),
    Rule(4, page_counts_anywhere, "power,server restored,lost answer"),
    Rule(4, item_counts_twice, "cut"),
    Rule(4, position_goes_ahead, "power"),
    Rule(5, escrow_expires, "months,standing", steps=60),
    Rule(5, grace_again_and_again, "months,cut"),
    Rule(5, expired_lots_are_no_cover, "months,standing", steps=60),
    Rule(6, clock_may_go_back, "wrong clock,months,cut", steps=60),
    Rule(7, floor_has_no_cap, "floor limit,cut"),
    Rule(7, till_renews_its_floor, "floor limit,cut,lost answer", steps=60),
    Rule(7, floor_is_renewed_beside_a_debt, "floor limit,cut", steps=60),
    Rule(8, any_number_acknowledges, "image,server restored,cut", steps=60),
    Rule(8, acknowledged_before_it_is_durable, "cut"),
    Rule(8, applied_twice, "cut"),
    Rule(10, other_content_is_dropped, "clone,cut"),
    Rule(10, same_sale_is_awarded_again, "destroyed,late sale", steps=60),
    Rule(11, return_does_not_wait, "clone,image,returns,destroyed"),
    Rule(11, returns_do_not_add_up, "returns"),
    Rule(11, any_epoch_gives_back_into_its_rights, "clone,forfeit,returns", steps=60),
    Rule(11, till_is_corrected, "returns,cut"),
    Rule(12, debt_is_clamped, "returns"),
    Rule(12, debt_is_not_repaid, "returns"),
    Rule(12, merge_forgets_the_debt, "double join,returns,cut,lost request", steps=60),
    Rule(12, merges_are_not_resolved, "double join,cut"),
    Rule(12, merges_are_not_journaled, "double join,cut,server restored"),
    Rule(13, late_sale_gives_rights, "destroyed,late sale,cut", steps=60),
    Rule(14, forks_are_not_applied, "clone,cut"),
    Rule(14, forks_share_the_escrow, "clone,cut", steps=60),
    Rule(14, fork_opens_no_epoch, "clone,cut", steps=60),
    Rule(15, forfeited_epoch_is_granted_more, "forfeit,standing", steps=60),
    Rule(15, surrender_forgets_takes, "forfeit,lost answer,standing"),
    Rule(15, loss_is_the_members, "forfeit,cut", steps=60),
    Rule(16, restored_under_the_same_epoch, "server restored"),
    Rule(16, feed_is_not_read_again, "server restored,cut", steps=60),
    Rule(16, nobody_says_hello, "server restored,excuse"),
    Rule(17, forgotten_grants_are_not_booked, "server restored,standing", steps=60),
    Rule(18, no_roll_call, "server restored,excuse,cut", steps=60),
    Rule(18, roster_is_restored_too, "server restored,excuse,cut", steps=60),
    Rule(18, excused_loss_is_not_booked, "excuse,cut", steps=60),
]

NOT_SHOWN = {
    (1, "ids of grants and merges contain the server epoch"): "the rest of an id is random, so none comes twice here",
    (2, "takes are booked when recorded"): "head office applies each batch at once, so a take never waits for another entry",
    (4, "a page counts only at its position"): "a till has one exchange at a time, so no page comes out of its turn",
    (5, "a lot in escrow never expires"): "lots stay at tills for days here, and accidents seldom for as long as a lot lives",
    (5, "grace is given once"): "the checks count points; that a lot ended twice moves none",
    (9, "an unknown kind's effect on its escrow is posted"): "no till here writes a kind that head office does not know",
    (10, "other content is posted, too"): "a host here names each sale once; tests/central has two contents of one name",
    (11, "a return waits for its sale"): "a till takes back what its own journal has sold, so the sale always comes first",
    (11, "only the epoch that sold gives back into its rights"): "head office covers such rights from what the sale spent",
    (12, "merges are journaled"): "a restored head office then keeps two members, each with the right points",
    (16, "messages of an earlier server epoch are ignored"): "two copies of head office never run at once here",
    (19, "tills keep acknowledged entries"): "tills keep all of them, so there is nothing to switch off",
}
"""Rule and part, and why no seed shows it."""


def test_every_rule_is_shown_or_said_not_to_be() -> None:
    assert {rule.number for rule in SHOWN} | {number for number, _ in NOT_SHOWN} == set(range(1, 20))
    parts = [rule.how for rule in SHOWN]
    assert len(set(parts)) == len(parts)


def test_the_page_names_what_is_shown_and_what_is_not() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text(encoding="utf-8")
    words = " ".join(page.split())
    for rule in SHOWN:
        assert rule.how.__name__.replace("_", " ") in words
    for (number, part), why in NOT_SHOWN.items():
        assert f"| {number} | {part} | {why} |" in page


@pytest.mark.slow
@pytest.mark.parametrize("rule", SHOWN, ids=lambda rule: f"{rule.number}-{rule.how.__name__}")
def test_a_rule_switched_off_is_noticed(rule: Rule, monkeypatch: Patch) -> None:
    rule.how(monkeypatch)
    seeds = range(rule.seed, rule.seed + SEEDS)
    hazards = rule.hazards.split(",")
    found = next((one for seed in seeds if (one := run_seed(seed, rule.steps, hazards)).violation), None)
    assert found is not None, f"rule {rule.number} without {rule.how.__name__}: nothing found in {seeds}"
    assert "TypeError" not in found.violation, "the switch itself is broken"
