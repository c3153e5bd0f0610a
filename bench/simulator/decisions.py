"""What people at head office decide: other rules, whom to forget, what to write off, and which tills to give up."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from bench.simulator.accidents import can_lose_a_till, server_restored
from bench.simulator.loops import exchange
from bench.simulator.rules import program
from bench.simulator.till import Till
from bench.simulator.violation import require
from bench.simulator.world import World


def update(world: World, till: Till, draw: Random) -> str:
    """Other rules come into force; by the feed, and so at each till at another time."""
    world.fault("update")
    world.program = program(world.program.version + 1, world.policy, stands=world.stands)
    world.facts.programs[world.program.id] = world.program
    world.office.use(world.program)
    world.backup = None  # a head office that never saw a sale's rules goes by what the tills found
    return f"version {world.program.version} of the programme comes into force"


def erase(world: World, till: Till, draw: Random) -> str:
    """A member wants to be forgotten; the household may join again later."""
    rows = world.office.look(
        "SELECT member FROM member WHERE merged_into = '' AND erased_at = '' ORDER BY joined_at, member"
    )
    if not rows:
        return "nobody is there to be forgotten"
    world.fault("erase")
    member = draw.choice([str(member) for (member,) in rows])
    cards = {str(card) for (card,) in world.office.look("SELECT card FROM card WHERE member = ?", member)}
    world.office.erase(member)
    world.erased.add(member)
    world.joined -= {shopper.household for shopper in world.shoppers if shopper.card in cards}
    return f"member {member} is forgotten"


def write_off(world: World, till: Till, draw: Random) -> str:
    rows = world.office.look("SELECT member FROM member WHERE debt > 0 ORDER BY member")
    if not rows:
        return "nobody owes anything"
    world.fault("write off")
    member = draw.choice([str(member) for (member,) in rows])
    return f"{world.office.write_off(member)} points that {member} owes are written off"


def forfeit(world: World, till: Till, draw: Random) -> str:
    """A till is given up for lost, and lives on: it hears of it at once, or after days."""
    world.fault(f"{till.label}: forfeit")
    if draw.random() < 0.7:
        till.wire.cut_until = world.now + timedelta(hours=draw.choice((6, 24, 72)))
    return f"{_give_up(world, till.setting('terminal'))} points are forfeited"


def _give_up(world: World, terminal: str) -> int:
    gone = world.office.forfeit(terminal)
    world.allowances.for_forfeited(gone)
    return sum(gone.values())


def revoked(world: World, till: Till, draw: Random) -> str:
    """A till is stolen: from now on nothing of it is taken; another takes its place."""
    if not can_lose_a_till(world):
        return "enough is broken"
    terminal = till.setting("terminal")
    if any(one is not till and one.setting("terminal") == terminal for one in world.tills):
        return "it has a twin"
    world.fault(f"{till.label}: revoked")
    till.disk.disarm()  # whatever befalls it, it does not come back
    world.office.revoke(terminal)
    query = "SELECT count(*) FROM inbox WHERE terminal = ?"
    before = world.office.look(query, terminal)
    till.wire.cut_until = None
    exchange(world, till)
    require(world.office.look(query, terminal) == before, f"{till.label} is revoked, and its entries are taken")
    if "forfeit" in world.hazards:
        _give_up(world, terminal)
    return f"{world.replace_till(till).label} takes its place"


def excuse(world: World, till: Till, draw: Random) -> str:
    """Head office is restored, one till is away, and a person goes on without it; it comes back after all."""
    waiting = sorted({terminal for terminal, _ in world.office.awaited})
    if waiting and draw.random() < 0.6:
        world.fault("excuse")
        terminal = draw.choice(waiting)
        world.office.excuse(terminal)
        return f"head office goes on without terminal {terminal}"
    if world.backup is not None:
        till.wire.cut_until = world.now + timedelta(hours=draw.choice((24, 72)))
    return server_restored(world, till, draw)
