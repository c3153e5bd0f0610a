"""A seed from its first step to its end: what happens is drawn, then everything is mended and handed over, and checked.

Every step draws from a generator of its own. An action answers a line for the trace; what a till refuses or cannot do is part
of life and of the trace, and what it should not have done raises `Violation`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random

from bench.simulator import accidents, checks, decisions, loops, shop
from bench.simulator.disks import PowerCut
from bench.simulator.hazards import HAZARDS
from bench.simulator.till import Till
from bench.simulator.violation import Violation
from bench.simulator.world import World
from offline_store.errors import StoreError
from offline_store.sync import SyncError
from pos_plugin.errors import TillError

Action = Callable[[World, Till, Random], str]

ACTIONS: dict[str, Action] = {
    "visit": shop.visit,
    "exchange": lambda world, till, _: loops.exchange(world, till),
    "claims": shop.claims,
    "printing": shop.printing,
    "person": shop.person,
    "hand over": shop.hand_over,
    "keeping": lambda world, *_: loops.expire(world),
    "returns": shop.returns,
    "late sale": shop.late_sale,
    "cut": accidents.cut,
    "paper": accidents.paper,
    "wrong clock": accidents.wrong_clock,
    "months": accidents.months,
    "image": accidents.image,
    "clone": accidents.clone,
    "destroyed": accidents.destroyed,
    "server restored": accidents.server_restored,
    "update": decisions.update,
    "erase": decisions.erase,
    "write off": decisions.write_off,
    "forfeit": decisions.forfeit,
    "revoked": decisions.revoked,
    "excuse": decisions.excuse,
}
LIFE: dict[str, float] = {
    "visit": 22,
    "exchange": 5,
    "claims": 1.5,
    "printing": 2,
    "person": 1.5,
    "hand over": 1,
    "keeping": 1,
}
"""What happens in any world, and how often; the other actions are hazards, and `HAZARDS` says how often."""
MOST_ROUNDS = 12
"""In so many rounds of exchanges everything must have been handed over."""


def run(world: World, steps: int) -> None:
    """Everything, with its checks. Raises Violation."""
    chances = {**LIFE, **{name: HAZARDS[name].weight for name in world.hazards.on if HAZARDS[name].weight}}
    names = sorted(chances)
    weights = [chances[name] for name in names]
    for world.step in range(steps):
        draw = Random(f"{world.seed} {world.step}")
        name = draw.choices(names, weights)[0]
        till = draw.choice(world.tills)
        _arm(world, till, draw)
        world.say(f"{world.step:3} {world.now:%d %b %H:%M:%S} {till.label} {name}")
        _attempt(world, till, draw, ACTIONS[name])
        world.wait(draw, 60, 7200)
    world.say(f"--- mended {world.now:%d %b %H:%M:%S}")
    _finish(world)


def _arm(world: World, till: Till, draw: Random) -> None:
    """Disks may fail at one of their next statements."""
    hazards, theirs = world.hazards, world.office.disk
    if "power" in hazards and draw.random() < 0.08:
        till.disk.arm(draw.choice(("power cut", "power cut", "cut after commit")), draw.randint(1, 20))
    if "commit unclear" in hazards and draw.random() < 0.08:
        till.disk.arm(draw.choice(("commit failed", "commit failed, but stands")), draw.randint(1, 3))
    if "disk full" in hazards and draw.random() < 0.06:
        till.disk.arm("disk full", draw.randint(1, 12))
    if "server power" in hazards and draw.random() < 0.06:
        theirs.arm(draw.choice(("power cut", "power cut", "cut after commit")), draw.randint(1, 30))
    if "server disk" in hazards and draw.random() < 0.06:
        fault = draw.choice(("commit failed", "commit failed, but stands", "disk full"))
        theirs.arm(fault, draw.randint(1, 4 if "commit" in fault else 30))


def _attempt(world: World, till: Till, draw: Random, action: Action) -> None:
    till.draw_from(draw)
    try:
        world.say(f"    {action(world, till, draw)}")
    except PowerCut:
        world.restart_till(till)
    except (StoreError, SyncError, TillError) as error:
        world.say(f"    {type(error).__name__} {error.code}: {error}")
    if till in world.tills:
        world.oracle.audit(till)


def _finish(world: World) -> None:
    """Everything is mended, restarted and handed over; then what must hold is checked."""
    _mend(world)
    # Rights stay where they are at first, so that both sides' figures can be compared.
    _drain(world, keeps_rights=True)
    checks.same_rights(world, of_twins=False)
    _drain(world)
    if world.office.expire():
        while world.office.expire():
            pass
        _drain(world)
    if world.stands and world.hazards.keeps("escrow"):
        checks.what_stands_is_called_back(world)
        _drain(world)
    for till in world.tills:
        for _ in range(3):
            loops.print_out(till)
            shop.settle_prints(till)
        world.oracle.audit(till)
    checks.everything(world)


def _mend(world: World) -> None:
    for till in world.tills:
        till.wire.deliver_late()
    world.office.restart()
    for till in world.tills:
        till.wire.mend()
        till.skew = timedelta()
        till.paper.fails = False
        till.restart()
        world.oracle.audit(till)


def _drain(world: World, *, keeps_rights: bool = False) -> None:
    """All tills exchange in turn until none has anything to say or to hear."""
    at_rest: dict[str, int] = {}
    for round_ in range(MOST_ROUNDS):
        moved = 0
        for till in world.tills:
            if at_rest.get(till.label) == world.office.version:
                continue  # nothing has happened at head office since it had nothing to say
            progress = till.sync.step(lambda member: keeps_rights)
            world.oracle.audit(till)
            mine = progress.uploaded + progress.received + progress.unsent
            moved += mine
            if not mine:
                at_rest[till.label] = world.office.version
            world.say(f"    {till.label} round {round_}: sent {progress.uploaded}, received {progress.received}")
        world.now += timedelta(seconds=5)
        if not moved:
            return
    raise Violation("the tills and head office do not come to rest")
