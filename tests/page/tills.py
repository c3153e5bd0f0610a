"""A till of its own with its page in the browser, and the hands of a cashier."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize, expect

from loyalty.program import preset, read_program
from loyalty.sale import Sale
from offline_store import journal, settings
from offline_store.store import Store
from pos_plugin.config import Config
from pos_plugin.local_api.server import Server
from pos_plugin.members.joining import join
from pos_plugin.terminal import Terminal

CARD = "2900000000018"
OTHER_CARD = "2900000000025"
NEW_CARD = "2900000000032"
MILK = "4012345001129"


class Till:
    """A till with its page open, and the hands of a cashier."""

    def __init__(self, terminal: Terminal, url: str, page: Page) -> None:
        self.terminal, self.url, self.page = terminal, url, page

    def open(self) -> None:
        self.page.goto(self.url)
        expect(self.page.locator("html")).to_have_attribute("data-ready", "yes")

    def tap(self, *names: str) -> None:
        for name in names:
            self.page.get_by_role("button", name=name).first.click()

    def see(self, selector: str, text: str | re.Pattern[str]) -> None:
        expect(self.page.locator(selector)).to_contain_text(text)
        expect(self.page.locator(selector)).to_be_visible()  # the words alone may stand there before they are shown

    def complete(self) -> str:
        """Completes the sale with the key, and answers the reference of its receipt."""
        self.page.keyboard.press("F9")
        self.see("#receipt-title", "Sale completed")
        return self.page.inner_text("#receipt-reference")

    def earn(self, points: int, card: str = CARD) -> None:
        """A sale of a moment ago that earned so many points."""
        member = self.terminal.checkout.identify(card).member
        with self.terminal.store.read() as db:
            now = self.terminal.checkout.moment(db)
        sale = Sale("earlier", f"{card}-{points}", now.occurred_at, now.today, "EUR", points * 100)
        self.terminal.checkout.commit(self.terminal.checkout.quote(sale, member).quote_id)

    def number(self) -> int:
        with self.terminal.store.read() as db:
            return journal.head(db)[0]

    def type_fast(self, text: str, suffix: str = "Enter", gap_s: float = 0.005) -> None:
        """As a scanner that is a keyboard types: `gap_s` a key by the system's clock, however busy this machine is."""
        keyboard = self.page.context.new_cdp_session(self.page)
        at_s = time.time()  # what lay before the page was loaded would all be one moment
        for key in [*text, suffix]:
            at_s += gap_s
            down = {"key": key, "text": "\r" if key == "Enter" else key, "timestamp": at_s}
            keyboard.send("Input.dispatchKeyEvent", {"type": "keyDown", **down})
            keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "timestamp": at_s})
        keyboard.detach()


def make_till(
    folder: Path, browser: Browser, size: ViewportSize, *, is_enrolled: bool = False, **config: Any
) -> Iterator[Till]:
    store = Store.create(folder)
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    if is_enrolled:
        store.write(lambda db: settings.put(db, "shop", "Harbour"))
    terminal = Terminal(store, Config.model_validate(config))
    join(terminal.checkout, CARD)
    join(terminal.checkout, OTHER_CARD)
    terminal.start()
    with terminal, Server(terminal, 0) as server:
        context = browser.new_context(viewport=size)
        page = context.new_page()
        trouble: list[str] = []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "request", lambda request: trouble.append(request.url) if not request.url.startswith(server.url) else None
        )
        till = Till(terminal, server.url, page)
        till.open()
        yield till
        context.close()
        assert trouble == []  # no script failed, and nothing was asked of another host


WIDE: ViewportSize = {"width": 1280, "height": 800}
