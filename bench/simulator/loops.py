"""What the product does in threads of its own, here a turn at a time, in the step that says so."""

from __future__ import annotations

from bench.simulator.till import Till
from bench.simulator.world import World
from offline_store.sync import SyncError


def exchange(world: World, till: Till) -> str:
    """What the till's loop does every few seconds."""
    try:
        progress = till.sync.step(till.checkout.needs_rights)
        return f"sent {progress.uploaded}, received {progress.received}, unsent {progress.unsent}"
    except SyncError as error:
        return f"{type(error).__name__}: {error}"
    finally:
        if not till.disk.is_off:
            world.oracle.audit(till)


def print_out(till: Till) -> None:
    while till.spooler.step():
        pass


def expire(world: World) -> str:
    return f"head office expires the points of {world.office.expire()} members"
