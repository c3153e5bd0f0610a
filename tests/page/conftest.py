"""One Chromium for each file of browser tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import update

from central_server import schema
from central_server.office import Office
from tests import chromium
from tests.central.conftest import Visitor
from tests.central.served import served
from tests.clients.libraries import installed
from tests.page import axe as harness
from tests.page.tills import WIDE, Till, make_till
from tests.waiting import LONG_S

DESK = {"width": 1024, "height": 768}

expect.set_options(timeout=LONG_S * 1000)  # its own five seconds are what a busy machine needs for one page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium.found(), args=chromium.ARGUMENTS)
        yield one
        one.close()


@pytest.fixture(scope="session")
def axe(pytestconfig: pytest.Config) -> Callable[[Page], list[str]]:
    """`violations` of tests/page/axe.py, with axe-core installed."""
    harness.script = installed(pytestconfig) / "node_modules" / "axe-core" / "axe.min.js"
    return harness.violations


@pytest.fixture
def till(tmp_path: Path, browser: Browser) -> Iterator[Till]:
    yield from make_till(tmp_path / "till", browser, WIDE)


@pytest.fixture(scope="module")
def url(office: Office) -> Iterator[str]:
    """Where the pages of a file's own head office are."""
    with served(office) as address:
        yield f"{address}/office"


@pytest.fixture
def signed_in(browser: Browser, office: Office, url: str) -> Iterator[Callable[..., Page]]:
    """A page of somebody's browser at head office; without script unless it is asked for."""
    contexts = []

    def page(role: str, shop: str = "", *, size: object = DESK, script: bool = False, colours: str = "light") -> Page:
        context = browser.new_context(viewport=size, java_script_enabled=script, color_scheme=colours)  # type: ignore[arg-type]
        context.add_cookies([{"name": "office", "value": Visitor(office, role, shop).secret, "url": url}])
        contexts.append(context)
        return context.new_page()

    yield page
    for context in contexts:
        context.close()


@pytest.fixture
def opened(signed_in: Callable[..., Page], office: Office, url: str) -> Callable[..., Page]:
    """Somebody's page at an address; they have the second factor that whoever allows something needs."""

    def page(role: str, path: str, shop: str = "", size: object = DESK) -> Page:
        one = signed_in(role, shop, size=size)
        with office.database.writing() as connection:
            connection.execute(update(schema.people.staff).values(second_factor="JBSWY3DPEHPK3PXP"))
        one.goto(url + path)
        return one

    return page
