"""Receipts, figure by figure: read from the paper's text and computed again from what the till had been told and had done."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from bench.simulator.facts import Facts
from bench.simulator.memory import Memory
from bench.simulator.rules import ONLINE, PROGRAM
from bench.simulator.violation import require
from ledger.entry import ClaimBody, Entry, ReturnBody, SaleBody
from loyalty.program import Program

FIGURE = re.compile(
    r"(?P<what>New balance|Balance \d+ \w+ \d\d:\d\d|Earned here since|Used here since|Earned at this till before|This sale"
    r"|Taken back|Used|Given back|Can use here today) +(?P<points>[+-]?\d+)( +\(worth .*\))?"
)
DEBT = re.compile(r"Next (?P<points>\d+) points cover your return")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def figures(text: str) -> dict[str, int]:
    """What a receipt says about points, by the words before each figure."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        if figure := FIGURE.fullmatch(line.strip()):
            found[figure["what"]] = int(figure["points"])
        elif owed := DEBT.fullmatch(line.strip()):
            found["debt"] = int(owed["points"])
    return found


def check_slip(
    memory: Memory,
    entry: Entry,
    text: str,
    *,
    today: str,
    acknowledged: int,
    fed_ago: timedelta | None,
    facts: Facts | None,
    rules: Program,
) -> None:
    """`memory` ends with `entry`. `fed_ago`: since the last feed arrived whole. `facts`: where sums need no lots."""
    said = figures(text)
    number, member = entry.number, entry.member
    where = f"receipt of entry {number}"
    if not member:
        require(not said, f"{where} has no member and says {said}")
        return
    earned, used = _earned_and_used(entry)
    heard = memory.heard.get(member)
    known, as_of = 0, ""
    if heard is not None:
        item = heard.item
        known = sum(part.points for part in item.points if today < part.expires_on) - item.debt
        since = memory.since(member, item.includes)
        points = known + since
        told = datetime.fromisoformat(item.as_of).astimezone(PROGRAM.zone)
        as_of = f"Balance {told.day} {MONTHS[told.month - 1]} {told:%H:%M}"
    else:
        points = since = memory.own_balance(member, today)
    expected = {"This sale" if earned >= 0 else "Taken back": earned}
    if used:
        expected["Used" if used > 0 else "Given back"] = -used
    earlier = since - earned + used
    if "New balance" in said:
        require(
            fed_ago is not None and fed_ago < ONLINE, f"{where} says New balance; head office was heard {fed_ago} ago"
        )
        require(acknowledged >= number - 1, f"{where} says New balance, but not all before it had been sent")
        expected["New balance"] = points
    elif heard is not None:
        expected[as_of] = known
        expected["Earned here since" if earlier >= 0 else "Used here since"] = earlier
    else:
        expected["Earned at this till before"] = earlier
    days = memory.expiries()
    held = sum(left for lot, left in memory.held().get(member, {}).items() if left > 0 and today < days[lot])
    if "debt" in said:
        expected["debt"] = -points
    elif "Can use here today" in said:
        at_risk = max(0, rules.offline.floor_limit - memory.floor_used(member))
        spendable = points if heard is not None else points + memory.granted(member)
        barred = rules.offline.policy == "online_only"
        expected["Can use here today"] = 0 if barred else min(held + at_risk, max(0, spendable))
    require(said == expected, f"{where} says {said}; true is {expected}")
    if facts is not None and heard is not None and heard.known_there is not None:
        everything = heard.known_there | {one.hash for one in memory.journal}
        truth = facts.net(everything)[member]
        require(points == truth, f"{where} comes to {points} points in all; what happened comes to {truth}")


def _earned_and_used(entry: Entry) -> tuple[int, int]:
    match entry.body:
        case SaleBody(awarded=awarded, redeemed=redeemed):
            return awarded, redeemed
        case ClaimBody(awarded=awarded):
            return awarded, 0
        case ReturnBody(taken=taken, restored=restored):
            return -taken, -restored
        case _:
            raise AssertionError(f"an entry of kind {entry.kind} has a receipt")
