"""Each committed entry beside what the till's host had asked for, what its disk held, and the rules it had to follow."""

from __future__ import annotations

from collections import Counter

import msgspec

from bench.simulator.facts import Facts
from bench.simulator.hazards import Hazards
from bench.simulator.rules import ONLINE, a_month_after, came_back, points_of
from bench.simulator.till import Till
from bench.simulator.violation import require
from ledger.entry import ClaimBody, Entry, ReturnBody, SaleBody
from loyalty.program import Program
from loyalty.sale import document_name

GENESIS = "0" * 64


def check_entry(till: Till, entry: Entry, today: str, facts: Facts, hazards: Hazards) -> None:
    """`till.memory` ends just before `entry`; `today` is the till's own day."""
    journal, where = till.memory.journal, f"{till.label}, entry {entry.number}"
    last = journal[-1].hash if journal else GENESIS
    require(entry.number == len(journal) + 1, f"{where}: its number does not follow {len(journal)}")
    require(entry.envelope.prev == last, f"{where}: it does not follow the entry before it")
    match entry.body:
        case SaleBody() as body:
            rules = facts.programs[body.program]
            _is_as_sold(till, entry, body, rules, where)
            _spends_soonest_first(till, entry, body, today, where)
            _keeps_offline_rules(till, entry, body, rules, hazards, where)
        case ReturnBody() as body:
            _reverses_its_share(till, entry, body, facts, where)
        case ClaimBody():
            require(entry.envelope.document in till.host.claims, f"{where}: nobody claimed this sale")
        case _:
            pass


def _is_as_sold(till: Till, entry: Entry, body: SaleBody, rules: Program, where: str) -> None:
    asked = till.host.sales.get(body.sale.sale_ref)
    require(asked is not None and asked.sale == body.sale, f"{where}: the host made no such sale")
    assert asked is not None
    require(body.redeemed <= asked.redeem, f"{where}: it redeems {body.redeemed}, asked were {asked.redeem}")
    right = points_of(rules, body.sale.total_minor, body.redeemed) if entry.member else 0
    require(body.awarded == right, f"{where}: it awards {body.awarded} points; by the rules it is {right}")
    if right:
        day = a_month_after(body.sale.business_day)
        require(body.expires_on == day, f"{where}: its points end on {body.expires_on}, not on {day}")


def _spends_soonest_first(till: Till, entry: Entry, body: SaleBody, today: str, where: str) -> None:
    """Of what the till holds, what expires soonest is spent first; beyond it only what the floor limit covers."""
    if not body.redeemed:
        return
    days = till.memory.expiries()
    held = till.memory.held().get(entry.member, Counter())
    need, expected = body.redeemed, {}
    for lot in sorted(
        (lot for lot, left in held.items() if left > 0 and today < days[lot]), key=lambda one: (days[one], one)
    ):
        use = min(need, held[lot])
        if use:
            expected[lot] = -use
            need -= use
    spent = {lot: change for lot, change in entry.envelope.esc.items() if change < 0}
    require(need == body.floor, f"{where}: it spends {body.redeemed} points, {need} more than this till holds")
    require(spent == expected, f"{where}: it spends {spent}; in the order of their days it is {expected}")


def _keeps_offline_rules(
    till: Till, entry: Entry, body: SaleBody, rules: Program, hazards: Hazards, where: str
) -> None:
    """What the programme allows a till that cannot reach head office."""
    offline = rules.offline
    if body.floor:
        spent = till.memory.floor_used(entry.member) + body.floor
        require(
            spent <= offline.floor_limit,
            f"{where}: {spent} points on the floor limit since it was renewed, {offline.floor_limit} are allowed",
        )
    if offline.policy == "online_only":
        require(not any(change > 0 for change in entry.envelope.esc.values()), f"{where}: its award stays here")
        if body.redeemed and "wrong clock" not in hazards:
            ago = till.now() - till.heard_at if till.heard_at else None
            require(
                ago is not None and ago < ONLINE,
                f"{where}: it redeems points while offline; head office was heard {ago} ago",
            )


def _reverses_its_share(till: Till, entry: Entry, body: ReturnBody, facts: Facts, where: str) -> None:
    """With the returns before it, it takes and restores what all of them together come to."""
    asked = till.host.backs.get(entry.envelope.document)
    same = asked is not None and msgspec.structs.replace(asked, is_void=body.back.is_void) == body.back
    require(same, f"{where}: the host took no such goods back")
    journal = till.memory.journal
    sold = next(one for one in journal if one.envelope.document == body.sale)
    assert isinstance(sold.body, SaleBody)
    awarded = sold.body.awarded
    claimed = document_name("claim", body.back.till, body.back.sale_ref)
    for one in journal:
        if one.envelope.document == claimed and isinstance(one.body, ClaimBody):
            awarded = one.body.awarded
    before = [one.body.back for one in journal if isinstance(one.body, ReturnBody) and one.body.sale == body.sale]
    rules = facts.programs[sold.body.program]
    was = came_back(rules, sold.body.sale, awarded, sold.body.redeemed, before) if before else (0, 0)
    now = came_back(rules, sold.body.sale, awarded, sold.body.redeemed, [*before, body.back])
    right = (now[0] - was[0], now[1] - was[1])
    said = (body.taken, body.restored)
    require(said == right, f"{where}: it takes and restores {said}; all returns together make it {right}")
