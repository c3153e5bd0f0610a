"""PostgreSQL with two standbys, one of them in every COMMIT: the primary dies, and nothing acknowledged dies with it."""

from __future__ import annotations

import time

import pytest

TILLS = 4
NAMES = ("one", "two", "three")

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(180)]


def received(standby) -> int:
    """Bytes of the log that a standby has on its disk, once it gets no more from a primary that is dead."""
    for _ in range(500):
        if not standby.ask("SELECT count(*) FROM pg_stat_wal_receiver"):
            break
    return int(standby.ask("SELECT pg_last_wal_receive_lsn() - '0/0'"))


@pytest.fixture
def machines(new_postgres):
    """A primary and two standbys, by name. All have one configuration, so that any of them can be the primary."""
    made = {name: new_postgres() for name in NAMES}
    primary = made["one"]
    primary.init()
    primary.configure(synchronous_standby_names="ANY 1 (one, two, three)", wal_keep_size="256MB")
    primary.start()
    for name in ("two", "three"):
        made[name].follow(primary, name)
        made[name].start()
    return made


def test_what_was_acknowledged_survives_the_primary_and_tills_go_on_with_a_standby(
    machines, new_nursery, new_chain, tmp_path, tell, capsys
):
    primary, two, three = machines.values()
    for _ in range(500):
        if primary.ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'") == 2:
            break
    primary.ask("CREATE DATABASE office")
    # One address for all three: whichever can be written to is the primary. Head office need not be told who that is.
    hosts = "&".join(f"host=127.0.0.1:{one.port}" for one in machines.values())
    folder = tell.new_office(
        tmp_path / "office", f"postgresql://pos@/office?{hosts}&target_session_attrs=read-write&connect_timeout=5"
    )
    nursery, port = new_nursery(), tell.free_port()
    nursery.bear(role="server", folder=str(folder), port=port)
    nursery.hear_until("Head office is open")
    chain = new_chain(folder, "quorum failover")
    chain.open(TILLS, [port])
    chain.wait_for_acknowledgements(30)
    three.stop()  # a standby is away for a while: the other one is quorum enough
    chain.forget_acknowledgements()
    chain.wait_for_acknowledgements(40)

    primary.kill()
    died = time.monotonic()
    chain.exchange.is_open.clear()
    acknowledged = dict(chain.exchange.heads)
    three.start()
    furthest, other = sorted((two, three), key=received, reverse=True)
    assert furthest is two, "the one that was there"
    behind = sum(number for number, _ in acknowledged.values()) - int(
        other.ask("SELECT count(*) FROM inbox", "office")  # type: ignore[arg-type]
    )
    assert behind > 0, "the other one would have lost some: the choice matters"
    furthest.ask("SELECT pg_promote()")
    other.ask(
        f"ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port={furthest.port} user=pos application_name=three'"
    )
    other.ask("SELECT pg_reload_conf()")
    lost_at_failover = chain.lost(acknowledged)
    assert lost_at_failover == 0

    chain.forget_acknowledgements()
    chain.exchange.is_open.set()
    chain.wait_for_acknowledgements(1)
    away_s = time.monotonic() - died
    chain.wait_for_acknowledgements(40)
    chain.stop()
    nursery.kill()
    sound = chain.require_sound()
    assert (sound.lost, sound.doubled) == (0, 0)
    before = sum(number for number, _ in acknowledged.values())
    with capsys.disabled():
        print(
            f"\nquorum failover: {before} entries acknowledged when the primary was killed, {lost_at_failover} lost "
            f"(the other standby lacked {behind}); {sound.entries} in the end, {sound.lost} lost, {sound.doubled} doubled; "
            f"{away_s:.1f} s to the next acknowledgement, {chain.exchange.trouble.total()} requests cut off"
        )
