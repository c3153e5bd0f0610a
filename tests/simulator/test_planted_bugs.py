"""What the simulator is worth: bugs put into the product's own code, each of which it must find within a few seeds.

One table: what goes wrong, how it is planted (a function of the product replaced by a wrong one), the accidents that bring it
to light, and within how many seeds. Each of these has happened to somebody; see the notes on other systems in the docs.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest

import ledger.lots
import ledger.settlement
import offline_store.journal
import offline_store.rights
import pos_plugin.sales.committing
import pos_plugin.sales.returns
from bench.simulator.running import run_seed
from central_server.tills import inbox
from ledger.entry import ReleaseBody
from loyalty.returns import reversal
from offline_store import receipts, rights
from offline_store.errors import CommitUnknown
from offline_store.sync import Sync
from pos_plugin.sales.committing import Committing

Patch = pytest.MonkeyPatch
STEPS = 30
SEEDS = 3
"""So many seeds are tried, from the one that is known to find it."""


def acknowledge_before_commit(patch: Patch) -> None:
    """Head office answers "recorded", and then its transaction is undone."""
    record, some = inbox._record, random.Random(1)

    def forgetful(office: Any, connection: Any, batch: Any, placed: Any) -> Any:
        if some.random() > 0.1:
            return record(office, connection, batch, placed)
        undone = connection.begin_nested()
        reply = record(office, connection, batch, placed)
        undone.rollback()
        return reply

    patch.setattr(inbox, "_record", forgetful)


def give_back_and_keep(patch: Patch) -> None:
    """A release is in the journal, and what it released can still be spent here."""
    record = offline_store.rights.record

    def keeping(db: Any, who: Any, draft: Any, recorded_at: str) -> Any:
        held = db.execute("SELECT lot, held FROM lot WHERE member = ? AND held > 0", (draft.member,)).fetchall()
        new = record(db, who, draft, recorded_at)
        if isinstance(draft.body, ReleaseBody):
            db.executemany("UPDATE lot SET held = ? WHERE lot = ?", [(points, lot) for lot, points in held])
        return new

    patch.setattr(offline_store.rights, "record", keeping)


def position_before_page(patch: Patch) -> None:
    """The feed's position is committed before its items are: a cut between the two, and they are never asked for again."""
    apply_page = Sync._apply_page

    def early(self: Any, db: Any, channel: str, start: int, position: int, items: Any, progress: Any) -> None:
        db.execute(
            "INSERT INTO feed_position VALUES (?, ?) ON CONFLICT (channel) DO UPDATE SET position = excluded.position",
            (channel, position),
        )
        db.execute("COMMIT")
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM feed_position WHERE channel = ?", (channel,))
        db.execute("INSERT INTO feed_position VALUES (?, ?)", (channel, start))
        apply_page(self, db, channel, start, position, items, progress)

    patch.setattr(Sync, "_apply_page", early)


def retry_under_a_new_name(patch: Patch) -> None:
    """A commit whose outcome is not known is done once more, as another sale."""
    commit = Committing._commit

    original = Committing.commit

    def unsure(self: Any, quote_id: str, key: str = "") -> Any:
        one = self._till.open_quotes.get(quote_id)
        if one is None:
            return original(self, quote_id, key)
        try:
            done = self._till.store.write(lambda db: commit(self, db, one, key, (), self._till.layout))
        except CommitUnknown:
            one.sale = msgspec.structs.replace(one.sale, sale_ref=f"{one.sale.sale_ref}-2")
            done = self._till.store.write(lambda db: commit(self, db, one, "", (), self._till.layout))
        self._till.open_quotes.recorded(quote_id, done.number)
        return done

    patch.setattr(Committing, "commit", unsure)


def later_day_first(patch: Patch) -> None:
    """Points with the later day are spent before those with the sooner one."""
    spendable = ledger.lots.spendable
    patch.setattr(rights, "spendable", lambda held, today: spendable(held, today)[::-1])


def returns_forget_each_other(patch: Patch) -> None:
    """Each return of a sale is computed as if it were the first."""

    def alone(program: Any, sold: Any, earlier: Any, back: Any) -> Any:
        reversal(program, sold, earlier, back)  # what does not fit is refused all the same
        return reversal(program, sold, [], back)

    patch.setattr(pos_plugin.sales.returns, "reversal", alone)


def chain_not_checked(patch: Patch) -> None:
    """Head office takes entries in whatever order the network brings them."""

    def trusting(batch: Any, hashes: Any, head: Any) -> Any:
        read = [(data, *inbox._read(data)) for data in batch.entries]
        return [
            inbox.Placed(envelope.number, inbox.entry_hash(data), envelope.prev, data, envelope, entry, why)
            for data, envelope, entry, why in read
        ]

    patch.setattr(inbox, "_placed", trusting)


def grant_before_debit(patch: Patch) -> None:
    """A grant is told to the till, and a cut undoes its debit."""
    grant, some = ledger.settlement.MemberBook.grant, random.Random(1)

    def undone(self: Any, branch: str, points: int) -> Any:
        lots = grant(self, branch, points)
        if some.random() < 0.5:
            for lot, use in lots.items():
                self.put(("granted", branch), lot, -use)
                self.put(ledger.settlement.AVAILABLE, lot, use)
        return lots

    patch.setattr(ledger.settlement.MemberBook, "grant", undone)


def grant_taken_twice(patch: Patch) -> None:
    """A till takes a grant each time that it hears of it."""
    take, some = rights.take, random.Random(1)

    def greedy(db: Any, at: Any, grant: Any) -> bool:
        taken = take(db, at, grant)
        if taken and some.random() < 0.3:
            db.execute("DELETE FROM document WHERE document = ?", (f"take/{grant.grant}",))
            take(db, at, grant)
        return taken

    patch.setattr(rights, "take", greedy)


def boast_of_a_new_balance(patch: Patch) -> None:
    """The receipt says that a balance is new, although something of this till has not been sent."""
    shown = pos_plugin.sales.committing.points_shown

    def boasting(*arguments: Any) -> Any:
        told = shown(*arguments)
        return dataclasses.replace(told, is_current=told.is_online)

    patch.setattr(pos_plugin.sales.committing, "points_shown", boasting)


def print_again_in_silence(patch: Patch) -> None:
    """What may or may not be on paper is printed once more, without saying COPY."""

    def eager(db: Any) -> int:
        states = "('started', 'unknown')"
        return int(db.execute(f"UPDATE print_job SET state = 'waiting' WHERE state IN {states}").rowcount)

    patch.setattr(receipts, "mark_interrupted", eager)


def award_pays_for_its_own_sale(patch: Patch) -> None:
    """A till counts the points of a sale that is still open as spendable."""
    here = rights.spendable_here

    def hopeful(*arguments: Any, **how: Any) -> Any:
        found = here(*arguments, **how)
        return dataclasses.replace(found, held=found.held + 50, balance=found.balance + 50)

    patch.setattr(rights, "spendable_here", hopeful)
    spent = ledger.lots.spent

    def overspent(held: Any, need: int) -> dict[str, int]:
        return spent(held, min(need, sum(part.points for part in held)))

    patch.setattr(pos_plugin.sales.committing, "spent", overspent)


def a_cut_forgets_the_release(patch: Patch) -> None:
    """A release is written to the journal in one transaction and to the lots in another."""
    change = offline_store.journal._release

    def late(db: Any, owners: Any, esc: Any) -> None:
        db.execute("COMMIT")
        db.execute("BEGIN IMMEDIATE")
        change(db, owners, esc)

    patch.setattr(offline_store.journal, "_release", late)


class Planted(NamedTuple):
    how: Callable[[Patch], None]
    hazards: tuple[str, ...]
    seed: int = 0


TABLE = [
    Planted(acknowledge_before_commit, ("cut",)),
    Planted(give_back_and_keep, ("cut",)),
    Planted(position_before_page, ("power",), 2),
    Planted(retry_under_a_new_name, ("commit unclear",), 3),
    Planted(later_day_first, ("cut",), 8),
    Planted(returns_forget_each_other, ("returns",), 12),
    Planted(chain_not_checked, ("cut", "garbled")),
    Planted(grant_before_debit, ("cut",)),
    Planted(grant_taken_twice, ("cut",)),
    Planted(boast_of_a_new_balance, ("cut",), 1),
    Planted(print_again_in_silence, ("paper",), 8),
    Planted(award_pays_for_its_own_sale, ("cut",)),
    Planted(a_cut_forgets_the_release, ("power", "cut"), 16),
]


@pytest.mark.parametrize("planted", TABLE, ids=lambda planted: planted.how.__name__)
def test_a_planted_bug_is_found(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    planted.how(monkeypatch)
    found = next(
        (
            outcome
            for seed in range(planted.seed, planted.seed + SEEDS)
            if (outcome := run_seed(seed, STEPS, planted.hazards)).violation
        ),
        None,
    )
    assert found is not None, f"{planted.how.__doc__} Not found in {SEEDS} seeds from {planted.seed}."
    assert "Error" not in found.violation, "the bug itself is broken"
