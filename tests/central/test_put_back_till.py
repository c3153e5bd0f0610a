"""A till that was put back from a backup, and its closings' numbers, which head office remembers."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import pytest

from central_server.applying.apply import apply_pending
from central_server.office import Office
from central_server.tills import enrolment
from ledger.keys import SigningKey
from loyalty.program import preset, read_program
from offline_store import journal, settings
from offline_store.store import Store
from offline_store.sync import Sync
from pos_plugin import backing_up
from pos_plugin.head_office import enrolling
from pos_plugin.head_office.server_link import HttpLink
from pos_plugin.papers.layout import Layout
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.quotes import Connection
from pos_plugin.shop_day import closing
from tests.central.served import served


class Day:
    """A day at the till in this folder: it is opened, hears head office, is closed with a Z, and sends that."""

    def __init__(self, office: Office, clock: Any, url: str, folder: Path) -> None:
        self.office, self.clock, self.url, self.folder = office, clock, url, folder
        self.random = random.Random(1)

    def enrolled(self) -> None:
        with Store.create(self.folder) as store:
            store.write(
                lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00")
            )
            code = enrolment.new_code(self.office, "Mill")
            enrolling.connect(store, self.url, code, clock=self.clock, random_bytes=self.random.randbytes).link.close()

    def closed(self, *, is_online: bool = True) -> closing.Closing:
        self.clock.pass_by(days=1)
        with Store.open(self.folder) as store:
            with store.read() as db:
                terminal = journal.identity(db).terminal
            with contextlib.closing(HttpLink(self.url, terminal, lambda: SigningKey(store.secret_key()))) as link:
                sync = Sync(store, link, clock=self.clock, random_bytes=self.random.randbytes)
                checkout = Checkout(
                    store,
                    layout=Layout(),
                    clock=self.clock,
                    random_bytes=self.random.randbytes,
                    connection=lambda: Connection(is_online=False, is_current=False),
                )
                if is_online:
                    sync.step()
                done = closing.close(checkout)
                if is_online:
                    sync.step()
        apply_pending(self.office)
        return done


@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
def test_a_till_that_was_put_back_goes_on_after_the_last_z_that_head_office_has(
    office: Office, clock: Any, tmp_path: Path
) -> None:
    with served(office) as url:
        day = Day(office, clock, url, tmp_path / "till")
        day.enrolled()
        assert day.closed().number == 1
        backing_up.backup(day.folder, tmp_path / "one.backup")
        assert [day.closed().number, day.closed().number] == [2, 3]
        backing_up.restore(day.folder, tmp_path / "one.backup", clock(), day.random.randbytes)
        done = day.closed()
        assert (done.number, done.restored_on != "") == (4, True)  # and not 2 once more
        assert (day.closed().number, day.closed().restored_on) == (5, "")


@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
def test_a_till_whose_disk_is_an_old_image_says_so_on_its_next_z(office: Office, clock: Any, tmp_path: Path) -> None:
    import shutil

    with served(office) as url:
        day = Day(office, clock, url, tmp_path / "till")
        day.enrolled()
        day.closed()
        shutil.copytree(day.folder, tmp_path / "image")
        day.closed()
        shutil.rmtree(day.folder)
        shutil.copytree(tmp_path / "image", day.folder)
        assert (
            day.closed(is_online=False).number == 2
        )  # it cannot know: the same number twice, and head office shows both
        done = day.closed()
        assert (done.number, done.restored_on != "") == (3, True)
