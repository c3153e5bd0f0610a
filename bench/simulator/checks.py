"""What must hold in the end, a function each. They look at the files themselves, not at what the product says of them.

A new one is a function here and a name in `everything`. What must hold at every step is in `oracle`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from bench.simulator.rules import SHARE_PERCENT, SHARE_POINTS, day_of
from bench.simulator.violation import require
from bench.simulator.world import World
from central_server.reports import report
from ledger.entry import ReturnBody, SaleBody
from ledger.identifiers import receipt_reference
from offline_store.verify import verify


def everything(world: World) -> None:
    for check in (
        same_rights,
        files_are_whole,
        entries_have_arrived,
        balances_are_right,
        debts_are_explained,
        nothing_is_overspent,
        receipts_are_printed,
        erased_stay_erased,
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
    right = _by_owner(world.facts.net(there, first), who)
    today = day_of(world.now)
    for owner, place, lot, day, points, is_graced in _holdings(world):
        if place == "expired":
            right[owner] -= points
            # Grace is for the part of a lot that came back late; the part that lay here has ended.
            require(
                day <= today or is_graced, f"lot {lot} of member {owner} is expired and ends on {day}; it is {today}"
            )
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


def debts_are_explained(world: World) -> None:
    """Debts come of goods that came back and of floor limits, losses of the shop of forfeits; beside accidents that cannot be
    undone, both together are at most what these let be spent twice, too."""
    who = merged(world)
    returned, unrenewed = Counter[str](), Counter[str]()
    for entry in world.facts.entries.values():
        owner = who.get(entry.member, entry.member)
        if isinstance(entry.body, ReturnBody):
            returned[owner] += entry.body.taken
        renewed = world.oracle.renewed.get((entry.envelope.terminal, owner), 0)
        if isinstance(entry.body, SaleBody) and entry.number > renewed:
            unrenewed[owner] += entry.body.floor
    floors, twice = _spent_at_risk(world, who), _spent_twice(world, who)
    forfeited = _by_owner(world.allowances.forfeited, who)
    is_plain = not world.hazards.on & {"image", "clone", "server restored", "excuse"}
    for debtor, owes, bears in world.office.look("SELECT member, debt, loss FROM member WHERE debt + loss > 0"):
        owner, debt, loss = str(debtor), int(str(owes)), int(str(bears))
        most = returned[owner] + floors[owner] + twice[owner]
        require(
            debt + loss <= most, f"member {owner} owes {debt} points beside a loss of {loss}; at most {most} can be"
        )
        if is_plain:
            most = returned[owner] + unrenewed[owner]
            require(debt <= most, f"member {owner} owes {debt} points; at most {most} can be owed")
            if "write off" not in world.hazards:
                most = forfeited[owner]
                require(loss <= most, f"the shop bears {loss} points of {owner}; {most} were forfeited")


def nothing_is_overspent(world: World) -> None:
    """Nobody redeemed more than was ever awarded, but for floor limits and for what accidents let be spent twice."""
    who = merged(world)
    awarded, redeemed = _by_owner(world.facts.awarded, who), _by_owner(world.facts.redeemed, who)
    floors, twice = _spent_at_risk(world, who), _spent_twice(world, who)
    for owner, points in redeemed.items():
        most = awarded[owner] + floors[owner] + twice[owner]
        require(points <= most, f"member {owner} redeemed {points} points of {most}")


def _spent_at_risk(world: World, who: Mapping[str, str]) -> Counter[str]:
    """What was ever spent on floor limits, by owner."""
    floors = Counter[str]()
    for entry in world.facts.entries.values():
        if isinstance(entry.body, SaleBody):
            floors[who.get(entry.member, entry.member)] += entry.body.floor
    return floors


def _spent_twice(world: World, who: Mapping[str, str]) -> Counter[str]:
    return Counter() if world.hazards.keeps("escrow") else _by_owner(world.allowances.twice, who)


def _by_owner(points: Mapping[str, int], who: Mapping[str, str]) -> Counter[str]:
    """Members who turned out to be one are one."""
    owners = Counter[str]()
    for member, some in points.items():
        owners[who.get(member, member)] += some
    return owners


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


def erased_stay_erased(world: World) -> None:
    """No name, phone or card leads to a member who was erased: not at head office, and not at a till that has heard."""
    for member in sorted(world.erased):
        for table in ("person", "phone", "card"):
            left = world.office.look(f"SELECT 1 FROM {table} WHERE member = ?", member)
            require(not left, f"member {member} is erased, and head office has a {table} again")
        for till in world.tills:
            if till.is_copied:
                continue
            cards = till.eyes.execute("SELECT card FROM card WHERE member = ?", (member,)).fetchall()
            require(not cards, f"member {member} is erased, and {till.label} still knows the card")


def what_stands_is_called_back(world: World) -> None:
    """No more than the share stands at tills; and where another till asks for all, it gets all."""
    for till in world.tills:
        branch = f"{till.setting('terminal')}/{till.setting('epoch')}"
        rows = world.office.look(
            "SELECT member, sum(points) FROM holding WHERE place = 'escrow' AND branch = ? GROUP BY member", branch
        )
        for name, stands in rows:
            member, points = str(name), int(str(stands))
            ever = sum(world.facts.awarded[one] for one, owner in merged(world).items() if owner == member)
            most = ever * SHARE_PERCENT // 100
            if "double join" not in world.hazards:
                most = min(most, SHARE_POINTS)
            require(points <= most, f"{points} points of {member} stand at {till.label}; at most {most} may")
            other = next((one for one in world.tills if one is not till and member in one.memory.heard), None)
            if other is None:
                continue
            everything = standing(world, member)
            others = [one for one in world.tills if one is not other]
            # What is called back is released at the exchange after the one that hears of it.
            for one in (other, *others, *others, other):
                if one is other:
                    one.sync.fetch_rights(member, everything, lambda: False)
                else:
                    one.sync.step(lambda _: False)
                world.oracle.audit(one)
            left = sum(till.memory.held().get(member, {}).values())
            require(not left, f"{left} points of {member} stay at {till.label} although {other.label} asks for them")
            there = sum(other.memory.held().get(member, {}).values())
            is_one = "double join" not in world.hazards and not world.retired
            require(there == everything or not is_one, f"{other.label} gets {there} of {everything} points of {member}")
            return


def merged(world: World) -> dict[str, str]:
    """Member → who that member is by now."""
    return {
        str(member): str(into or member) for member, into in world.office.look("SELECT member, merged_into FROM member")
    }


def standing(world: World, member: str) -> int:
    """All points of a member, wherever they are, less what is owed."""
    (points,) = world.office.look(
        "SELECT coalesce(sum(points), 0) FROM holding WHERE member = ? AND place <> 'expired'", member
    )[0]
    debt = world.office.look("SELECT debt FROM member WHERE member = ?", member)
    return int(str(points)) - (int(str(debt[0][0])) if debt else 0)


def _holdings(world: World) -> Iterator[tuple[str, str, str, str, int, bool]]:
    rows = world.office.look(
        "SELECT member, place, lot, expires_on, points, is_graced FROM holding JOIN lot USING (member, lot) "
        "ORDER BY member, place, lot"
    )
    for member, place, lot, day, points, is_graced in rows:
        yield str(member), str(place), str(lot), str(day), int(str(points)), bool(is_graced)
