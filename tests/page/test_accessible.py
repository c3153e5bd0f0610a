"""The till's page for people who see little, or use no mouse: axe-core's rules, sizes, keys, in light and dark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


def test_the_harness_finds_what_is_wrong(browser: Browser, axe: Callable[[Page], list[str]]) -> None:
    page = browser.new_page()
    page.set_content(
        "<!doctype html><html lang=en><title>A page</title><main><h1>A page</h1><input><p style='color:#ccc'>Pale</main>"
    )
    found = [one.partition(":")[0] for one in axe(page)]
    assert sorted(found) == ["color-contrast", "label"]
    page.close()
