"""The page of devices, on a machine whose clock is not the shop's."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, expect

from tests.page.tills import Till

pytestmark = pytest.mark.browser


def test_the_log_has_the_shops_time_wherever_the_browser_stands(till: Till, browser: Browser) -> None:
    record = logging.makeLogRecord({"msg": "something", "levelno": logging.INFO, "levelname": "INFO"})
    record.created = datetime(2026, 11, 21, 14, 25, 11, tzinfo=UTC).timestamp()
    till.terminal.log.emit(record)
    elsewhere = browser.new_context(timezone_id="Asia/Tokyo")
    page = elsewhere.new_page()
    page.goto(till.url)
    expect(page.locator("html")).to_have_attribute("data-ready", "yes")
    page.keyboard.press("F3")
    expect(page.locator(".log li", has_text="something")).to_contain_text("15:25:11")  # in Berlin
    elsewhere.close()
