"""What breaks: wires, printers, clocks and whole machines. Disks that fail at a statement are armed in `steps`."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from bench.simulator.disks import copy_database
from bench.simulator.till import Till
from bench.simulator.world import World
from offline_store.store import FILE

MOST_TILLS = 5
"""At the counters at once; and two more may have been there."""


def cut(world: World, till: Till, draw: Random) -> str:
    if till.wire.is_cut and draw.random() < 0.5:
        till.wire.cut_until = None
        return "the network is back"
    hours = draw.choice((1, 6, 24, 72))
    till.wire.cut_until = world.now + timedelta(hours=hours)
    world.fault(f"{till.label}: cut")
    return f"the network is cut for {hours} hours"


def paper(world: World, till: Till, draw: Random) -> str:
    till.paper.fails = not till.paper.fails
    return f"the printer {'fails' if till.paper.fails else 'works'}"


def wrong_clock(world: World, till: Till, draw: Random) -> str:
    hours = draw.choice((0, 0, 1, -1, 24 * 365, -24 * 365))
    till.skew = timedelta(hours=hours)
    if hours:
        world.fault(f"{till.label}: wrong clock")
    return f"the clock is {hours:+} hours wrong"


def months(world: World, till: Till, draw: Random) -> str:
    """Time passes: it takes a few of these for points to expire."""
    world.now += timedelta(days=draw.randint(3, 25))
    return f"it is {world.now:%d %b}"


def image(world: World, till: Till, draw: Random) -> str:
    """A disk's image is taken, and put back later: everything since is gone, and the till does not know it."""
    if till.image is None or draw.random() < 0.4:
        folder = till.folder.with_name(till.folder.name + "-image")
        till.copy_folder(folder)
        till.image = (folder, till.memory.copy())
        return "an image of its disk is taken"
    world.fault(f"{till.label}: image")
    folder, memory = till.image
    till.stop()
    lost = till.memory.journal
    copy_database(folder / FILE, till.folder / FILE)
    till.memory = memory.copy()
    till.disk.disarm()
    till.pages.clear()
    till.is_copied = True
    till.start()
    world.allowances.for_copied(memory)
    world.allowances.for_lost(lost)
    return f"its disk is restored to entry {len(memory.journal)} of {len(lost)}"


def clone(world: World, till: Till, draw: Random) -> str:
    """A till's folder is copied to another machine, and both go on under the same name."""
    if len(world.tills) >= MOST_TILLS:
        return "enough tills"
    world.fault(f"{till.label}: clone")
    twin = world.place_till(till.shop)
    till.copy_folder(twin.folder)
    twin.memory = till.memory.copy()
    twin.is_copied = till.is_copied = True
    world.allowances.for_copied(till.memory)
    world.tills.append(twin)
    twin.start()
    return f"its folder goes on as {twin.label}, too"


def can_lose_a_till(world: World) -> bool:
    return world.made_tills < MOST_TILLS + 2


def destroyed(world: World, till: Till, draw: Random) -> str:
    if not can_lose_a_till(world):
        return "enough is broken"
    world.fault(f"{till.label}: destroyed")
    return f"{world.replace_till(till).label} takes its place"


def server_restored(world: World, till: Till, draw: Random) -> str:
    """Head office's database is backed up, and put back later."""
    if world.backup is None or draw.random() < 0.4:
        world.backup = world.folder / "backup"
        world.office.back_up(world.backup)
        return "head office's database is backed up"
    world.fault("server restored")
    granted = world.office.look("SELECT member, sum(points) FROM granted GROUP BY member")
    world.allowances.for_granted({str(member): int(str(points)) for member, points in granted})
    for one in world.tills:
        world.allowances.for_copied(one.memory)
    world.office.restore(world.backup)
    for one in world.retired:
        world.office.excuse(one.terminal_name)
    return "head office's database is restored"
