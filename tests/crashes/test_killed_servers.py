"""kill -9 of head office while tills upload over HTTP: what it has acknowledged is there, and is applied once."""

from __future__ import annotations

import random

import pytest

TILLS = 4


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kills", [10, pytest.param(40, marks=pytest.mark.long)])
def test_a_killed_head_office_has_every_entry_it_acknowledged_and_applies_it_once(
    office_folder, new_nursery, new_chain, tell, capsys, request, kills
):
    database = "postgres" if "postgres" in request.node.name else "sqlite"
    draws = random.Random(f"killed head office, {database}")
    nursery, port = new_nursery(), tell.free_port()
    chain = new_chain(office_folder, f"killed head office, {database}")
    exchange = chain.exchange

    def serve() -> None:
        nursery.bear(role="server", folder=str(office_folder), port=port)
        nursery.hear_until("Head office is open")

    serve()
    chain.open(TILLS, [port])
    for kill in range(1, kills + 1):
        chain.forget_acknowledgements()
        exchange.is_open.set()
        chain.wait_for_acknowledgements(draws.randint(1, 7))
        nursery.kill()
        exchange.is_open.clear()
        acknowledged = dict(exchange.heads)
        serve()
        assert chain.lost(acknowledged) == 0, f"after kill {kill}"
    chain.stop()
    nursery.kill()
    sound = chain.require_sound()
    assert (sound.lost, sound.doubled) == (0, 0)
    assert exchange.trouble, "tills were cut off in the middle of a request"
    if kills > 10:  # of few kills, none may come between an entry and its answer
        assert exchange.sent_again, "and some of what they sent again was there already"
    with capsys.disabled():
        print(
            f"\nkilled head office on {database}: {kills} kills, {sound.entries} entries acknowledged, {sound.lost} lost, "
            f"{sound.doubled} doubled; {sound.grants} grants; {exchange.trouble.total()} requests cut off, "
            f"{exchange.sent_again} entries sent again"
        )
