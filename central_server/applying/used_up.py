"""What all members together have had of each rule, so that a budget or a stock comes to an end.

Sums of the counts "for ever" in members' histories, kept in the same transaction. They are kept of every rule, because a later
version may give a budget to one that has none yet. Which rules are used up is told to tills beside the programme, and again once
a sale or a return has changed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, select

from central_server import schema
from central_server.database import AT_ONCE, among, put
from central_server.tills import channels
from loyalty.program import Program

MOST = 10**18
"""No honest sum comes near; a column has no room for much more."""


def is_summed(key: str) -> bool:
    """Whether this is a count by which a budget or a stock ends."""
    return key.endswith(("/points/ever", "/uses/ever"))


def gone(connection: Connection, program: Program) -> list[str]:
    """The rules and rewards of this programme whose budget or stock is used up."""
    bounds = _bounds(program)
    return _gone(bounds, _sums(connection, bounds)) if bounds else []


def add(connection: Connection, programs: Sequence[Program], more: Mapping[str, int]) -> None:
    """Adds what a transaction has counted; where a rule has become used up by it, or free again, the tills hear of it."""
    more = {key: count for key, count in more.items() if count}
    if not more:
        return
    bounds = {program.id: _bounds(program) for program in programs}
    was = _sums(connection, {*more, *(key for of_program in bounds.values() for key in of_program)})
    now = was | {key: max(-MOST, min(MOST, was.get(key, 0) + count)) for key, count in more.items()}
    put(connection, schema.rule_count, [{"name": key, "amount": now[key]} for key in sorted(more)])
    changed = [name for name, of_program in bounds.items() if _gone(of_program, was) != _gone(of_program, now)]
    channels.announce(connection, channels.PROGRAM, changed)


def _bounds(program: Program) -> dict[str, tuple[str, int]]:
    """By what is counted: the rule or reward, and how much of it there is."""
    budgets = {f"{one.name}/points/ever": (one.name, one.budget_points) for one in program.accrual if one.budget_points}
    return budgets | {f"{one.name}/uses/ever": (one.name, one.stock) for one in program.reward if one.stock}


def _gone(bounds: Mapping[str, tuple[str, int]], sums: Mapping[str, int]) -> list[str]:
    return sorted(name for key, (name, most) in bounds.items() if sums.get(key, 0) >= most)


def _sums(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    table, wanted, found = schema.rule_count.c, sorted(keys), dict[str, int]()
    for start in range(0, len(wanted), AT_ONCE):
        part = among(connection, table.name, wanted[start : start + AT_ONCE])
        found.update(
            (name, int(amount)) for name, amount in connection.execute(select(table.name, table.amount).where(part))
        )
    return found
