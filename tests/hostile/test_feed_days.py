"""A day that a stolen till writes must not stop the feed of the tills beside it."""

import importlib.util
import random
from pathlib import Path

import pytest

from central_server.tills import enrolment
from ledger.entry import Slice, TakeBody
from offline_store import settings
from offline_store.store import Store
from offline_store.sync import Sync

spec = importlib.util.spec_from_file_location("stolen", Path(__file__).with_name("test_stolen_till.py"))
stolen = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stolen)
shop = stolen.shop


@pytest.mark.parametrize(
    "write",
    [
        lambda shop: shop.write(stolen.sale(5, "n", expires_on="20270302"), "sale/SSSSSS/x"),
        lambda shop: shop.write(stolen.sale(5, "n", expires_on="2027-W10-2"), "sale/SSSSSS/x"),
        lambda shop: shop.write(TakeBody("1-x", (Slice("new", 5, "never"),)), "take/1-x", "vic", {"new": 5}),
    ],
    ids=["basic", "week", "take"],
)
def test_a_day_that_is_written_otherwise_does_not_stop_the_feed_of_the_shop(shop, tmp_path, write):
    with Store.create(tmp_path / "till") as store:
        store.write(lambda db: settings.use_program(db, shop.tell.PROGRAM, "2026-01-01T00:00:00+00:00"))
        link = stolen.Direct(shop.office)
        one = Sync(store, link, clock=shop.office.now, random_bytes=random.Random(1).randbytes)
        one.enroll(enrolment.new_code(shop.office, "Harbour"))
        write(shop)
        shop.sends()
        one.step()
        assert one.problem is None
