"""What must hold in the end, a function each. They look at the files themselves, not at what the product says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.simulator.facts import day_of, require
from central_server import report
from ledger.entry import ReturnBody
from ledger.identifiers import receipt_reference
from offline_store.verify import verify

if TYPE_CHECKING:
    from bench.simulator.world import World


def everything(world: World) -> None:
    for check in (
        same_rights,
        files_are_whole,
        entries_have_arrived,
        balances_are_right,
        nothing_is_overspent,
        receipts_are_printed,
    ):
        check(world)


def same_rights(world: World, *, of_twins: bool = True) -> None:
    """What each till holds is what head office has in its escrow, lot by lot, once everything is sent.

    A twin that has written nothing of its own since cannot have heard of the other: its rights are compared once it has.
    """
    for till in world.tills:
        if till.is_copied and not of_twins:
            continue
        terminal, epoch = till.setting("terminal"), till.setting("epoch")
        rows = world.office.look(
            "SELECT lot, sum(points) FROM holding WHERE place = 'escrow' AND branch = ? GROUP BY lot",
            f"{terminal}/{epoch}",
        )
        there = {str(lot): int(str(points)) for lot, points in rows}
        here = dict(till.eyes.execute("SELECT lot, sum(held) FROM lot WHERE held > 0 GROUP BY lot").fetchall())
        require(here == there, f"{till.label} holds {here}, head office has {there} in its escrow")
        counted = Counter[str]()
        for lots in till.memory.held().values():
            counted.update({lot: points for lot, points in lots.items() if points})
        require(here == dict(counted), f"{till.label} holds {here}, its entries make it {dict(counted)}")
        if world.hazards.keeps("known"):
            (left,) = world.office.look(
                "SELECT coalesce(sum(points), 0) FROM holding WHERE place = 'granted' AND branch = ?",
                f"{terminal}/{epoch}",
            )[0]
            require(not left, f"{till.label} was granted {left} points that it never took")


def files_are_whole(world: World) -> None:
    for till in world.tills:
        with till.store.read() as db:
            found = verify(db).problems
        require(not found, f"{till.label}: {'; '.join(found[:3])}")
    wrong = list(report.problems(world.office.office))
    require(not wrong, f"head office: {'; '.join(wrong[:3])}")
    notes = world.office.look(
        "SELECT terminal, number, code, reason FROM note WHERE code IN ('quarantine', 'unproved')"
    )
    require(not notes, f"head office set aside: {notes[:3]}")


def entries_have_arrived(world: World) -> None:
    """Everything that is still on a disk is at head office, and applied; elsewhere only what disks took with them is missing."""
    there = {str(name) for (name,) in world.office.look("SELECT hash FROM inbox")}
    for till in world.tills:
        missing = [entry.number for entry in till.memory.journal if entry.hash not in there]
        require(not missing, f"{till.label}: head office has not got entries {missing}")
    waiting = world.office.look("SELECT terminal, branch FROM branch WHERE applied_number < head_number")
    require(not waiting, f"head office has not applied all of {waiting}")
    unknown = there - set(world.facts.entries)
    require(not unknown, f"head office has {len(unknown)} entries that no till wrote")
    if world.hazards.keeps("whole") and not world.retired:
        lost = set(world.facts.entries) - there
        require(not lost, f"{len(lost)} entries have been lost")


def balances_are_right(world: World) -> None:
    """What head office has for each member is what happened, less what has expired."""
    there = [str(name) for (name,) in world.office.look("SELECT hash FROM inbox")]
    first = {
        (str(shop), str(document)): (str(sale), str(claim))
        for shop, document, sale, claim in world.office.look("SELECT shop, document, hash, claim FROM sale")
    }
    who = merged(world)
    right: Counter[str] = Counter()
    for member, points in world.facts.net(there, first).items():
        right[who.get(member, member)] += points
    today = day_of(world.now)
    for owner, place, lot, day, points in _holdings(world):
        if place == "expired":
            right[owner] -= points
            require(day <= today, f"lot {lot} of member {owner} is expired and ends on {day}; it is {today}")
        if place == "available":
            require(today < day, f"lot {lot} of member {owner} ended on {day} and is still available; it is {today}")
    for debtor, loss in world.office.look("SELECT member, loss FROM member WHERE loss > 0"):
        right[str(debtor)] += int(str(loss))  # spent without cover, and borne by the shop
    for member in sorted({*who.values(), *right}):
        has = standing(world, member)
        require(
            has == right[member],
            f"member {member} has {has} points at head office; what happened comes to {right[member]}",
        )


def nothing_is_overspent(world: World) -> None:
    """No debt but of goods that came back; beside accidents that no protocol can undo, no more than they let be spent twice."""
    who = merged(world)
    bound: Counter[str] = Counter()
    for entry in world.facts.entries.values():
        if isinstance(entry.body, ReturnBody):
            bound[who.get(entry.member, entry.member)] += entry.body.taken
    awarded, redeemed = Counter[str](), Counter[str]()
    for member in world.awarded | world.redeemed | world.allowed:
        owner = who.get(member, member)
        awarded[owner] += world.awarded[member]
        redeemed[owner] += world.redeemed[member]
        if not world.hazards.keeps("escrow"):
            bound[owner] += world.allowed[member]
            awarded[owner] += world.allowed[member]
    for debtor, debt in world.office.look("SELECT member, debt + loss FROM member WHERE debt + loss > 0"):
        owed = int(str(debt))
        require(
            owed <= bound[str(debtor)], f"member {debtor} owes {owed} points; at most {bound[str(debtor)]} can be owed"
        )
    for owner, points in redeemed.items():
        require(points <= awarded[owner], f"member {owner} redeemed {points} points of {awarded[owner]}")


def receipts_are_printed(world: World) -> None:
    """Every print is settled; no receipt is there twice without COPY; what is marked printed is there."""
    for till in world.tills:
        open_jobs = till.eyes.execute(
            "SELECT job, state FROM print_job WHERE state NOT IN ('printed', 'dropped')"
        ).fetchall()
        require(not open_jobs, f"{till.label}: prints are left over: {open_jobs[:3]}")
        if till.is_copied or not world.hazards.keeps("paper"):
            continue
        pieces = Counter(till.paper.pieces)
        for (reference, is_copy), count in pieces.items():
            require(is_copy or count == 1, f"{till.label}: receipt {reference} came out {count} times without COPY")
        terminal = till.setting("terminal")
        for (number,) in till.eyes.execute("SELECT DISTINCT number FROM receipt"):
            reference = receipt_reference(terminal, number)
            there = pieces[reference, False] + pieces[reference, True]
            require(there > 0, f"{till.label}: receipt {reference} never came out")


def merged(world: World) -> dict[str, str]:
    return {
        str(member): str(into or member) for member, into in world.office.look("SELECT member, merged_into FROM member")
    }


def standing(world: World, member: str) -> int:
    (points,) = world.office.look(
        "SELECT coalesce(sum(points), 0) FROM holding WHERE member = ? AND place <> 'expired'", member
    )[0]
    debt = world.office.look("SELECT debt FROM member WHERE member = ?", member)
    return int(str(points)) - (int(str(debt[0][0])) if debt else 0)


def _holdings(world: World) -> Iterator[tuple[str, str, str, str, int]]:
    rows = world.office.look(
        "SELECT member, place, lot, expires_on, points FROM holding JOIN lot USING (member, lot) ORDER BY member, place, lot"
    )
    for member, place, lot, day, points in rows:
        yield str(member), str(place), str(lot), str(day), int(str(points))
