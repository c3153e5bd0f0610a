"""Head office's pages in a real Chromium: signing in, a second factor, an approval; by keyboard, on a phone, in the dark."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import socket
import threading
import time
from base64 import b32decode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser, Page, expect

from central_server.app import create_app
from central_server.founding import init_office
from central_server.office import Office
from central_server.pages.frame import PAGES, Reached
from central_server.people import proposals, sessions
from central_server.people.staff import Staff
from central_server.serving import configured
from loyalty.roles import may_any
from tests.central.office_browser import PASSWORD, put_cheap
from tests.page.axe import violations_in_light_and_dark

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PEOPLE = {
    "ada": "finance",
    "max": "manager",
    "sue": "support",
    "mia": "marketing",
    "eve": "auditor",
    "ian": "integrator",
}
WIDE, PHONE = {"width": 1024, "height": 768}, {"width": 360, "height": 740}


class Served:
    """An application on a port of its own."""

    def __init__(self, app: FastAPI) -> None:
        self._server = uvicorn.Server(configured(app))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]})

    def __enter__(self) -> Served:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        self._listening.close()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder: Path = tmp_path_factory.mktemp("office") / "office"
    opened = init_office(folder, lambda: datetime.now(UTC), os.urandom, shops=["Harbour", "Mill"])
    for login, role in PEOPLE.items():
        put_cheap(opened, login, role, "Harbour" if role == "manager" else "")
    for value in ("1500", "2000"):
        proposals.propose(
            opened,
            "setting",
            {"name": "allow_points", "value": value},
            "more goodwill",
            Staff("mia", "Mia", "marketing", ""),
        )
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def url(office: Office) -> Iterator[str]:
    with Served(create_app(office, reached=Reached.LOCALLY)) as served:
        yield f"http://127.0.0.1:{served.port}"


@pytest.fixture
def visit(browser: Browser, office: Office, url: str) -> Iterator[Callable[..., Page]]:
    contexts = []

    def open_as(login: str = "", size: dict[str, int] = WIDE) -> Page:
        context = browser.new_context(viewport=size)  # type: ignore[arg-type]
        contexts.append(context)
        if login:
            context.add_cookies(
                [{"name": "office", "value": sessions.begin(office, login), "domain": "127.0.0.1", "path": "/office"}]
            )
        page = context.new_page()
        page.goto(f"{url}/office")
        return page

    yield open_as
    for context in contexts:
        context.close()


def pages_of(role: str) -> list[str]:
    """The pages of this role that need no name in their address, and are no files."""
    return [
        f"/office{page.path}"
        for page in PAGES
        if page.method == "GET"
        and not re.search(r"[{.]", page.path)
        and (not page.actions or may_any(role, page.actions))
    ]


def code(letters: str, at_s: float) -> str:
    digest = hmac.digest(b32decode(letters), (int(at_s) // 30).to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


def test_no_page_has_anything_that_axe_finds(
    visit: Callable[..., Page], axe: Callable[[Page], list[str]], url: str
) -> None:
    looked_at = violations_in_light_and_dark  # `axe` has installed it
    page = visit()
    assert looked_at(page) == [], "signing in"
    page.fill("[name=login]", "ada")
    page.fill("[name=password]", "wrong password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    assert looked_at(page) == []
    seen = set()
    for login, role in PEOPLE.items():
        page = visit(login)
        for path in pages_of(role):
            if path not in seen:
                page.goto(url + path)
                assert looked_at(page) == [], path
                seen.add(path)
        page.context.close()
    page = visit("eve")
    page.goto(f"{url}/office/nowhere")
    assert looked_at(page) == []


def test_every_page_fits_a_phone_and_a_finger(visit: Callable[..., Page], url: str) -> None:
    for login in ("ada", "max", "sue"):
        page = visit(login, PHONE)
        for path in pages_of(PEOPLE[login]):
            page.goto(url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
            small = page.evaluate(
                """[...document.querySelectorAll("button, select, textarea, nav a, label > input:not([type=checkbox])")]
                .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 47.5).map(one => one.outerHTML)"""
            )
            assert small == [], path


def test_signing_in_takes_a_keyboard_and_no_script(browser: Browser, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{url}/office/approvals")
    expect(page.get_by_label("Name")).to_be_focused()
    for typed in ("ada", PASSWORD, ""):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/office/approvals")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the first stop leads past the menu
    expect(page).to_have_url(f"{url}/office/approvals#main")
    expect(page.get_by_role("heading", name="Approvals")).to_be_visible()
    context.close()


def test_a_second_factor_by_its_picture_then_an_approval(visit: Callable[..., Page], url: str) -> None:
    zxingcpp = pytest.importorskip("zxingcpp")
    from PIL import Image

    page = visit("ada")
    page.goto(f"{url}/office/approvals")
    page.get_by_role("button", name="Allow").first.click()
    expect(page.get_by_role("alert")).to_contain_text("needs a second factor")
    page.goto(f"{url}/office/account")
    read = zxingcpp.read_barcodes(Image.open(BytesIO(page.locator(".qr").screenshot())))
    said = parse_qs(urlsplit(read[0].text).query)
    assert (read[0].text.split("?")[0], said["issuer"]) == ("otpauth://totp/Head%20office:ada", ["Head office"])
    assert page.inner_text("#factor ~ p code").replace(" ", "") == said["secret"][0]
    form = page.locator("form", has_text="Set up the second factor")
    form.get_by_label("Your password").fill(PASSWORD)
    form.get_by_label("The code of this moment").fill(code(said["secret"][0], time.time()))
    form.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("asks for a code")
    page.goto(f"{url}/office/approvals")
    page.get_by_role("button", name="Allow").first.click()
    expect(page.get_by_role("status")).to_contain_text("was 1,000 points and is 1,500")


def test_a_phone_has_the_menu_folded_and_it_opens_by_keyboard_without_script(
    visit: Callable[..., Page], axe: Callable[[Page], list[str]], browser: Browser, office: Office, url: str
) -> None:
    page = visit("max", PHONE)
    expect(page.get_by_role("link", name="Closings")).to_have_count(0)
    page.keyboard.press("Tab")  # to the content
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("list", name="Shops").get_by_role("link")).to_have_text(
        ["Shops", "Closings", "Operators", "Card stock"]
    )
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("link", name="Closings").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Closings")
    page.get_by_text("Menu").click()
    expect(page.locator(".menu [aria-current=page]")).to_have_text("Closings")
    page.context.close()
    plain = browser.new_context(viewport=WIDE, java_script_enabled=False)  # type: ignore[arg-type]
    secret = sessions.begin(office, "max")
    plain.add_cookies([{"name": "office", "value": secret, "domain": "127.0.0.1", "path": "/office"}])
    page = plain.new_page()
    page.goto(f"{url}/office")
    page.get_by_role("link", name="Card stock").click()
    expect(page.get_by_role("navigation", name="Pages").locator("[aria-current=page]")).to_have_text("Card stock")
    plain.close()


def test_a_page_says_once_what_was_done_and_no_address_has_it(visit: Callable[..., Page], url: str) -> None:
    page = visit("mia")
    page.goto(f"{url}/office/settings")
    form = page.locator("form", has_text="percent")
    form.get_by_label("To be").fill("30")
    form.get_by_label("Why").fill("the books")
    form.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("It is proposed.")
    expect(page).to_have_url(f"{url}/office/settings")
    page.reload()
    expect(page.get_by_role("status")).to_have_count(0)
    page.goto(f"{url}/office/settings?said=You+have+won")
    expect(page.get_by_text("You have won")).to_have_count(0)


def test_a_table_that_goes_on_to_the_right_has_a_shadow_there_until_its_end(
    visit: Callable[..., Page], url: str
) -> None:
    from PIL import Image

    def darkest(*, left: bool) -> int:
        """Of a line of pixels at one edge of the table."""
        seen = Image.open(BytesIO(table.screenshot())).convert("L")
        edge = 2 if left else seen.width - 3
        return min(seen.getpixel((edge, y)) for y in range(4, seen.height - 4))  # type: ignore[type-var,return-value]

    for size, scrolls in ((PHONE, True), (WIDE, False)):
        page = visit("ada", size)
        page.goto(f"{url}/office/shops")
        table = page.get_by_role("region", name="Shops")
        table.scroll_into_view_if_needed()
        assert table.evaluate("one => one.scrollWidth > one.clientWidth") is scrolls
        assert (darkest(left=False) < 200) is scrolls
        if scrolls:
            table.focus()
            for _ in range(12):
                page.keyboard.press("ArrowRight")
            page.wait_for_function(
                "one => one.scrollLeft + one.clientWidth >= one.scrollWidth - 1", arg=table.element_handle()
            )
            table.blur()  # the frame of what has the keys is dark, too
            assert (darkest(left=True) < 200, darkest(left=False) < 200) == (True, False)
        page.context.close()


def test_a_foreign_page_neither_posts_nor_frames(visit: Callable[..., Page], url: str) -> None:
    foreign = FastAPI()

    @foreign.get("/")
    def trap() -> HTMLResponse:
        return HTMLResponse(
            f'<iframe src="{url}/office/approvals"></iframe>'
            f'<form method="post" action="{url}/office/sign-out"><input name="everywhere" value="1"><button>Win</button></form>'
        )

    page = visit("sue")
    expect(page.get_by_role("heading", name="Good to see you")).to_be_visible()
    with Served(foreign) as served:
        # One site to SameSite cookies is a name; to Sec-Fetch-Site as well. localhost is another one than 127.0.0.1.
        for host in ("localhost", "127.0.0.1"):
            page.goto(f"http://{host}:{served.port}/")
            page.frames[1].wait_for_url(re.compile("^chrome-error"), wait_until="commit")
            page.get_by_role("button", name="Win").click()
            expect(page.get_by_role("alert")).to_contain_text("foreign page")
        page.goto(f"{url}/office")
        expect(page.get_by_role("heading", name="Good to see you")).to_be_visible()
