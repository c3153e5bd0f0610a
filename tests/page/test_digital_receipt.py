"""The digital receipt in a real browser: it fits every screen, loads nothing, and lets nothing in."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from drivers.document import Barcode, Cut, Document, Feed, Picture, Qr, Text
from pos_plugin.papers.renderings import as_html

pytestmark = pytest.mark.browser

EVIL = "<script>document.title='in'</script><img src=http://127.0.0.1:9/x onerror=document.title='in'>"


def logo() -> bytes:
    file = io.BytesIO()
    Image.new("1", (400, 90)).save(file, "PNG")
    return file.getvalue()


DOCUMENT = Document(
    48,
    (
        Picture("ab" * 8),
        Text("Corner Shop", bold=True, align="center"),
        Feed(),
        Text("3 x Tea".ljust(43) + "20.49"),
        Text("לחם שיפון אורגני".ljust(44) + "5.00"),
        Text(("x" * 42).ljust(44) + "7.00"),
        Text(EVIL),
        Text("-" * 48),
        Text("TOTAL EUR".ljust(43) + "32.49", bold=True),
        Qr("https://shop.example/claim?receipt=7K3M2P-17-6"),
        Barcode("7K3M2P-17-6"),
        Cut(),
    ),
)


@pytest.mark.parametrize("width", [280, 390, 1280])
def test_it_fits_the_screen_and_loads_nothing(width: int, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "receipt.html"
    file.write_text(as_html(DOCUMENT, title="Corner Shop", pictures={"ab" * 8: logo()}), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    assert page.title() == "Corner Shop"
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == [], "the policy refused nothing that the page needs"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("img").evaluate("(image) => image.naturalWidth") == 400
    shown = page.locator("article").evaluate("(one) => getComputedStyle(one).backgroundColor")
    assert shown == "rgb(255, 255, 255)", "its style is let in"
    figure, name = page.locator("tr").first.locator("td"), page.locator("tr").first.locator("th")
    assert figure.bounding_box()["x"] > name.bounding_box()["x"]  # type: ignore[index]
    assert page.locator("tr").nth(1).locator("th").evaluate("(one) => getComputedStyle(one).direction") == "rtl"
    context.close()


def test_a_screen_reader_finds_title_rows_and_codes(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "receipt.html"
    file.write_text(as_html(DOCUMENT, title="Corner Shop 7K3M2P-17-6", language="de"), encoding="utf-8")
    page = browser.new_page()
    page.goto(file.as_uri())
    assert page.get_by_role("heading", name="Corner Shop", level=1).count() == 1
    assert page.get_by_role("rowheader", name="TOTAL EUR").count() == 1
    assert page.get_by_role("row", name="TOTAL EUR 32.49").count() == 1
    assert page.get_by_role("img", name="QR-Code").count() == 1
    assert page.get_by_role("img", name="Strichcode").count() == 1
    assert page.get_by_role("main").count() == 1
    assert page.locator("html").get_attribute("lang") == "de"
    page.close()
