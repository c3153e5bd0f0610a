"""Endpoints that fail, and a new secret, on head office's pages in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from playwright.sync_api import Page, expect

from central_server.founding import init_office
from central_server.office import Office
from central_server.webhooks import deliveries, endpoints, secrets
from tests.central.conftest import SHOPS, Clock

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDE, PHONE = {"width": 1024, "height": 768}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One endpoint that is switched off, one that has failed for two hours, and one with which all is well."""
    folder: Path = tmp_path_factory.mktemp("office") / "office"
    clock = Clock()
    init_office(folder, clock, Random(1).randbytes, shops=SHOPS).close()
    opened = Office.open(folder, clock, Random(2).randbytes)
    for name in ("crm", "letters", "stars"):
        endpoints.add(opened, name, f"https://{name}.example/hooks?key=4711")
        deliveries.put_up_test(opened, name, "mia")
        taken = deliveries.take(opened, name)
        assert taken is not None
        match name:
            case "crm":
                deliveries.failed(opened, taken, "it answered 410: it wants nothing any more", is_gone=True)
            case "letters":
                deliveries.failed(opened, taken, "it answered 503")
            case _:
                deliveries.sent(opened, taken)
    clock.pass_by(hours=2)
    yield opened
    opened.close()


@pytest.fixture
def opened(signed_in: Callable[..., Page], url: str) -> Callable[..., Page]:
    def page(role: str, path: str, size: object = WIDE, colours: str = "light") -> Page:
        one = signed_in(role, size=size, script=True, colours=colours)
        one.goto(url + path)
        return one

    return page


def test_home_leads_who_sends_segments_to_what_fails(
    opened: Callable[..., Page], axe: Callable[[Page], list[str]]
) -> None:
    page = opened("marketing", "", PHONE)
    waits = page.get_by_role("main").get_by_role("link", name="The endpoint")
    expect(waits).to_have_text(
        [
            "The endpoint crm is switched off since 2026-03-02 10:00: it answered 410: it wants nothing any more",
            "The endpoint letters has not taken what waits since 2026-03-02 10:00: it answered 503",
        ]
    )
    assert axe(page) == []
    waits.first.click()
    page.get_by_role("button", name="Switch crm on again").click()
    expect(page.get_by_role("status")).to_contain_text("crm is on.")


@pytest.mark.parametrize(("size", "colours"), [(WIDE, "light"), (PHONE, "dark")])
def test_an_integrator_makes_a_secret_that_is_shown_on_one_page_and_on_no_other(
    opened: Callable[..., Page],
    axe: Callable[[Page], list[str]],
    office: Office,
    size: dict[str, int],
    colours: str,
) -> None:
    page = opened("integrator", "/segments/endpoints", size, colours)
    page.get_by_text("A new secret for stars", exact=True).click()
    assert axe(page) == []
    page.get_by_role("button", name="Make a new secret for stars").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The new secret of stars")
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    with office.database.reading() as connection:
        newest = secrets.signing(connection, "stars", office.time())[0]
    expect(page.get_by_role("status")).to_have_text(newest)
    page.get_by_role("link", name="Back to the endpoints").click()
    expect(page.get_by_text(re.compile("the one before signs as well"))).to_be_visible()
    assert "whsec_" not in page.content()
