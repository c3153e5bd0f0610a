"""The paper of a member's balance at a till that is connected: what lies at head office can be used there."""

from __future__ import annotations

import threading
from pathlib import Path

from central_server.office import Office
from central_server.tills import enrolment
from loyalty.program import preset, read_program
from loyalty.sale import Sale
from offline_store import settings
from offline_store.store import Store
from pos_plugin.config import Config
from pos_plugin.members.balances import slip_of
from pos_plugin.members.joining import join
from pos_plugin.terminal import Terminal
from tests.central.served import served


def test_points_that_lie_at_head_office_are_not_said_to_be_of_no_use_here(office: Office, tmp_path: Path) -> None:
    store = Store.create(tmp_path / "till")
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    with served(office) as url, Terminal(store, Config()) as terminal:
        terminal.start()
        terminal.connect(url, enrolment.new_code(office, "Mill"))
        soon = threading.Event()
        for _ in range(400):
            if terminal.head_office.connection().is_online:
                break
            soon.wait(0.025)
        checkout = terminal.checkout
        member = join(checkout, "2900000000018").member
        with store.read() as db:
            now = checkout.moment(db)
        sale = Sale("1", "1", now.occurred_at, now.today, "EUR", 5000)
        checkout.commit(checkout.quote(sale, member).quote_id)
        assert terminal.enquiry(member).spendable_here == 0, "what is earned online goes to head office"
        lines = slip_of(terminal, member).text().splitlines()
    assert any(line.startswith("Balance ") and line.endswith(" 50") for line in lines)
    assert not any("You can use" in line for line in lines)
