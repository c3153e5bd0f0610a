"""One Chromium for each file of browser tests; without one they are skipped, or fail where POS_REQUIRE_BROWSER=1."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.clients.libraries import installed
from tests.page import axe as harness
from tests.page.tills import WIDE, Till, make_till

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        if os.environ.get("POS_REQUIRE_BROWSER") == "1":
            pytest.fail("POS_REQUIRE_BROWSER=1, but there is no chromium on the PATH")
        pytest.skip("there is no chromium on the PATH")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
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
