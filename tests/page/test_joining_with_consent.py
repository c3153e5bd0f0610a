"""The form for a new member, with a text to agree to and a printer: the longest that it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from drivers.simulated.printer import SimulatedPrinter
from ledger.wire import ConsentTextItem
from offline_store import consents
from tests.page.tills import make_till

pytestmark = pytest.mark.browser

TEXT = (
    "We may write to you about offers of this shop, by letter and by e-mail. You can take this back at any time, here."
)


@pytest.mark.parametrize(("width", "height"), [(1024, 768), (1366, 768)])
def test_who_joins_is_asked_and_joined_without_scrolling(
    tmp_path: Path, browser: Browser, width: int, height: int
) -> None:
    with SimulatedPrinter() as printer:
        address = f"tcp://127.0.0.1:{printer.serve_tcp()}"
        for till in make_till(
            tmp_path / "till", browser, {"width": width, "height": height}, printer={"address": address}
        ):
            till.terminal.store.write(lambda db: consents.use_text(db, ConsentTextItem("letters 3", {"en": TEXT})))
            till.open()
            till.page.click("#join-open")
            for seen in ("#join-title", "#join-card", "#join-consent", "#join-print", "#join-go"):
                expect(till.page.locator(seen)).to_be_in_viewport(ratio=1)
