"""What a member's points will be once a quoted sale is committed: the figures of its receipt, before there is one.

The same figures that `recorded.points_shown` reads back after the entry was recorded, computed without recording it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import replace

from ledger.lots import spent
from loyalty.award import Award
from offline_store import journal, members, rights
from offline_store.members import Balance
from offline_store.moment import Moment
from offline_store.rights import Spendable
from pos_plugin.papers.receipts import PointsShown
from pos_plugin.sales.quotes import Connection


def points_foreseen(
    db: sqlite3.Connection,
    at: Moment,
    member: str,
    card: str,
    day: str,
    earned: Award,
    used: int,
    connection: Connection,
    before: Balance,
    here: Spendable,
    *,
    stays_here: bool,
) -> PointsShown:
    """The points block of a sale of trading `day` that awards `earned` and spends `used`, as if it were recorded now.

    `before` and `here` are what the member has and can spend here until then. `stays_here`: the award can be spent at this
    till at once.
    """
    floor = max(0, used - here.held)
    is_current = connection.is_current and at.acknowledged == journal.head(db)[0]
    # A till that has only its own book counts lots that can be spent; head office's figure counts what moved.
    counts = before.as_of or earned.expires_on > at.today
    balance = replace(before, since=before.since - used + (earned.points if counts else 0))
    if is_current:
        balance = _with_expiry(db, at.today, balance, member, day, earned, used - floor)
    left = Spendable(
        here.held - (used - floor) + (earned.points if stays_here else 0),
        here.floor - floor,
        balance.points - balance.granted,
        here.is_barred,
    )
    return PointsShown(
        card=card,
        balance=balance,
        earned=earned.points,
        used=used,
        spendable_here=left.points,
        is_online=connection.is_online,
        is_current=is_current,
        today=at.today,
    )


def _with_expiry(
    db: sqlite3.Connection, today: str, balance: Balance, member: str, day: str, earned: Award, used: int
) -> Balance:
    """The balance with the soonest day on which points of it will end, and how many."""
    held = rights.held(db, member, today)
    by_lot = {part.lot: part.expires_on for part in held}
    changes = Counter[str]()
    for lot, change in spent(held, used).items():
        changes[by_lot[lot]] += change
    if balance.as_of:
        ending = members.expiring(db, member, today)
    else:
        rows = db.execute(
            "SELECT expires_on, sum(held + elsewhere) FROM lot WHERE member = ? GROUP BY expires_on", (member,)
        )
        ending = Counter[str](dict(rows.fetchall()))
        ending[earned.expires_on] += earned.points
    ending.update(changes)
    kept = Counter[str]()
    for ends, points in ending.items():
        kept[max(ends, earned.extends_to) if day < ends else ends] += points
    soonest = min((ends for ends, points in kept.items() if points > 0 and today < ends), default="")
    return replace(balance, next_expiry=soonest, expiring=kept[soonest] if soonest else 0)
