"""Head office's page of operators in a real Chromium: a manager adds one without script, and axe finds nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from central_server.founding import init_office
from central_server.office import Office
from central_server.pages.frame import COOKIE
from central_server.shops import operators
from tests.central.conftest import SHOPS, Clock, Visitor
from tests.central.served import served

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_manager_keeps_operators_without_script_on_a_phone_and_axe_finds_nothing(
    browser: Browser, axe: Callable[[Page], list[str]], tmp_path: Path
) -> None:
    import random

    init_office(tmp_path / "office", Clock(), random.Random(1).randbytes, shops=SHOPS).close()
    office = Office.open(tmp_path / "office", Clock(), random.Random(2).randbytes)
    operators.add(office, "Harbour", "sam", "Sam", "supervisor", "2580", by="root")
    operators.add(office, "Harbour", "lee", "Lee", "cashier", "2580", by="root")
    operators.close(office, "Harbour", "lee", by="root")
    manager = Visitor(office, "manager", "Harbour")
    with served(office) as address:
        url = f"{address}/office"
        for scheme, width in (("light", 1024), ("dark", 360)):
            context = browser.new_context(
                viewport={"width": width, "height": 768},
                color_scheme="dark" if scheme == "dark" else "light",
                java_script_enabled=False,
            )
            context.add_cookies([{"name": COOKIE, "value": manager.secret, "url": url}])
            page = context.new_page()
            page.goto(f"{url}/operators")
            page.get_by_label("Name", exact=True).fill(f"Kim {scheme}")
            page.get_by_label("Signs on as").fill(f"kim-{scheme}")
            page.locator("form.narrow").get_by_label("PIN", exact=True).fill("1470")
            page.locator("form.narrow").get_by_label("PIN again").fill("1470")
            page.get_by_role("button", name="Add", exact=True).click()
            expect(page.locator(".said")).to_contain_text(f"Kim {scheme} can sign on")
            page.get_by_text("Change Sam").click()
            expect(page.locator("details[open]")).to_contain_text("Change Sam")
            context.close()
            context = browser.new_context(
                viewport={"width": width, "height": 768}, color_scheme="dark" if scheme == "dark" else "light"
            )
            context.add_cookies([{"name": COOKIE, "value": manager.secret, "url": url}])
            page = context.new_page()
            page.goto(f"{url}/operators")
            page.get_by_text("Change Sam").click()
            assert axe(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            context.close()
    office.close()
