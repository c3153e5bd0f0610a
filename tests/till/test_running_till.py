"""Commands beside a running till ask it, over the real socket, instead of writing beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from loyalty.program import preset, read_program
from loyalty.sale import Sale
from offline_store import receipts, settings
from offline_store.errors import StoreLocked
from offline_store.store import Store
from pos_plugin import api_keys, running
from pos_plugin.config import Config
from pos_plugin.errors import TillError
from pos_plugin.local_api.server import Server
from pos_plugin.terminal import Terminal

LOCKED = StoreLocked("The till is open in another program already.")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    store = Store.create(tmp_path / "till")
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    with Terminal(store, Config()) as opened, Server(opened, 0) as server, running.announced(store.folder, server.url):
        yield opened


def test_a_running_till_reprints_for_the_command_line(terminal: Terminal) -> None:
    sale = Sale("1", "17", "2026-11-22T10:00:00", "2026-11-22", "EUR", 500)
    completed = terminal.checkout.commit(terminal.checkout.quote(sale).quote_id)
    said = running.ask(terminal.store.folder, f"/v1/receipts/{completed.reference}/reprint", LOCKED)
    assert said["copy"] is True


def test_what_was_sold_without_a_printer_does_not_come_out_of_the_first_one(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "till")
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    terminal = Terminal(store, Config())
    terminal.start()
    sale = Sale("1", "17", "2026-11-22T10:00:00", "2026-11-22", "EUR", 500)
    number = terminal.checkout.commit(terminal.checkout.quote(sale).quote_id).number
    terminal.close()
    with Store.open(tmp_path / "till") as store, store.read() as db:
        assert receipts.next_job(db) is None
        assert receipts.document(db, number) is not None


def test_a_refusal_of_the_running_till_reaches_the_command_line_with_its_hint(terminal: Terminal) -> None:
    with pytest.raises(TillError) as refused:
        running.ask(terminal.store.folder, "/v1/receipts/ABCDEF-1-X/reprint", LOCKED)
    assert refused.value.hint


def test_the_address_of_a_running_till_is_readable_by_its_user_alone(terminal: Terminal) -> None:
    assert (terminal.store.folder / running.FILE).stat().st_mode & 0o077 == 0


def test_a_till_that_has_ended_leaves_no_key_behind(tmp_path: Path) -> None:
    with running.announced(tmp_path, "http://127.0.0.1:1"):
        key = json.loads((tmp_path / running.FILE).read_text())["key"]
        assert api_keys.check(tmp_path, key)
    assert not api_keys.check(tmp_path, key)
    assert not (tmp_path / running.FILE).exists()


def test_a_till_that_was_killed_can_announce_itself_again(tmp_path: Path) -> None:
    (tmp_path / running.FILE).write_text('{"url": "http://127.0.0.1:1", "key": "old"}')
    with running.announced(tmp_path, "http://127.0.0.1:2"):
        assert json.loads((tmp_path / running.FILE).read_text())["url"] == "http://127.0.0.1:2"


@pytest.mark.parametrize("left_behind", [None, "", "{}", '{"url": "http://127.0.0.1:9", "key": "old"}'])
def test_where_no_till_answers_the_lock_is_what_is_said(tmp_path: Path, left_behind: str | None) -> None:
    if left_behind is not None:
        (tmp_path / running.FILE).write_text(left_behind)
    with pytest.raises(StoreLocked):
        running.ask(tmp_path, "/v1/sync", LOCKED)
