"""The till's page for people who see little, use no mouse, or have a small screen: axe-core's rules, sizes, order, keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from drivers.simulated.printer import SimulatedPrinter
from tests.page.tills import CARD, Till, make_till

pytestmark = pytest.mark.browser

Axe = Callable[[Page], list[str]]
PHONE: ViewportSize = {"width": 360, "height": 740}
SMALL: ViewportSize = {"width": 1024, "height": 768}
TARGET = 47.9
"""48 pixels, less what rounding takes."""
TOO_SMALL = """least => [...document.querySelectorAll("button, input, select, a, summary")]
    .map(one => [one, (one.type === "radio" || one.type === "checkbox") ? one.closest("label") ?? one : one])
    .filter(([, one]) => one.checkVisibility())
    .map(([one, hit]) => [one.textContent || one.id || one.value, hit.getBoundingClientRect()])
    .filter(([, box]) => box.width < least || box.height < least).map(([name]) => name)"""


def test_the_harness_finds_what_is_wrong(browser: Browser, axe: Axe) -> None:
    page = browser.new_page()
    page.set_content(
        "<!doctype html><html lang=en><title>A page</title><main><h1>A page</h1><input><p style='color:#ccc'>Pale</main>"
    )
    found = [one.partition(":")[0] for one in axe(page)]
    assert sorted(found) == ["color-contrast", "label"]
    page.close()


def views(page: Page) -> list[str]:
    """Every view that any module has registered."""
    names: list[str] = page.evaluate("import('/page/views.js').then(views => views.names())")
    return names


def show(page: Page, view: str) -> None:
    page.evaluate("name => import('/page/views.js').then(views => views.show(name))", view)
    expect(page.locator(f"#view-{view}")).to_be_visible()


def look(till: Till, axe: Axe, where: str) -> list[str]:
    """What is wrong here: axe-core's findings in light and dark, targets that are too small, what makes it scroll sideways."""
    page = till.page
    found = []
    schemes: list[Literal["light", "dark"]] = ["light", "dark"]
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate("document.getAnimations().forEach(one => one.finish())")
        found += [f"{where}, {scheme}: {one}" for one in axe(page)]
    found += [f"{where}: too small to hit: {name}" for name in page.evaluate(TOO_SMALL, TARGET)]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append(f"{where}: scrolls sideways")
    return found


@pytest.mark.parametrize("size", [SMALL, PHONE], ids=["small", "phone"])
def test_every_view_and_dialog_can_be_used_by_everybody(
    tmp_path: Path, browser: Browser, axe: Axe, size: ViewportSize
) -> None:
    with SimulatedPrinter() as printer:
        settings = {
            "printer": {"address": f"tcp://127.0.0.1:{printer.serve_tcp()}"},
            "server": {"url": "http://127.0.0.1:9"},
            "scanner": [{"address": "serial:///dev/no-such-port", "name": "hand scanner"}],
        }
        for till in make_till(tmp_path / "till", browser, size, **settings):
            page = till.page
            till.earn(50)
            wrong = look(till, axe, "an empty sale")
            till.terminal.scanned(CARD)
            till.see("#who", "****0018")
            till.tap("Olive oil")
            till.see("#earn", "+8")
            for view in views(page):
                show(page, view)
                if view == "devices":
                    till.see("#view-devices", "hand scanner")
                if view == "members":
                    till.terminal.scanned(CARD)
                    till.see("#enquiry", "50 points")
                wrong += look(till, axe, view)
            show(page, "sale")
            page.click("#menu-open")
            wrong += look(till, axe, "menu")
            page.keyboard.press("Escape")
            page.keyboard.press("F9")
            till.see("#printing", "Receipt printed.")
            wrong += look(till, axe, "receipt")
            page.keyboard.press("Enter")
            page.click("#join-open")
            wrong += look(till, axe, "join")
            page.keyboard.press("Escape")
            till.tap("Olive oil")
            page.click("#clear")
            till.see("#ask", "Clear this sale?")
            wrong += look(till, axe, "question")
            assert not wrong, "\n".join(wrong)


def test_the_customers_window_can_be_read_by_everybody(till: Till, axe: Axe) -> None:
    till.earn(50)
    wrong: list[str] = []
    for size in (SMALL, PHONE):
        till.terminal.customer.tell(None)  # whoever bought before has left
        window = till.page.context.new_page()
        window.set_viewport_size(size)
        window.goto(f"{till.url}/customer")
        seen = Till(till.terminal, till.url, window)
        expect(window.get_by_role("heading")).to_have_text("Welcome")
        wrong += look(seen, axe, "welcome")
        till.terminal.scanned(CARD)
        seen.see("#now", "50 points")
        wrong += look(seen, axe, "greeting")
        till.tap("Olive oil")
        seen.see("#due", "€8.99")
        wrong += look(seen, axe, "sale")
        till.page.click("#clear")
        till.page.locator("#ask").get_by_role("button", name="Clear").click()
        window.close()
    assert not wrong, "\n".join(wrong)


def test_on_a_phone_the_member_stands_above_the_goods(tmp_path: Path, browser: Browser) -> None:
    for till in make_till(tmp_path / "till", browser, PHONE):
        till.terminal.scanned(CARD)
        till.see("#who", "****0018")
        till.tap("Olive oil")
        till.see("#earn", "+8")
        parts = [till.page.locator(one).bounding_box() for one in ("#member", "#lines", "#sums", "#items")]
        tops = [box["y"] for box in parts if box]
        assert len(tops) == 4
        assert tops == sorted(tops)
        expect(till.page.locator("#complete")).to_be_in_viewport(ratio=1)
        till.page.click("#menu-open")  # for what the row has no room
        till.tap("Forgotten card")
        expect(till.page.locator("#claim-reference")).to_be_focused()
