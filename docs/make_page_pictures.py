"""The pictures in till-page.md, and what the page weighs: a till of its own, photographed in a real Chromium.

    PYTHONPATH=. python docs/make_page_pictures.py

Prints the bytes that the page takes over the wire and the time to its first paint, as till-page.md has them.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from drivers.simulated.printer import SimulatedPrinter
from loyalty.program import preset, read_program
from loyalty.sale import Sale
from offline_store import settings
from offline_store.store import Store
from pos_plugin.config import Config
from pos_plugin.local_api.server import Server
from pos_plugin.members.joining import join
from pos_plugin.terminal import Terminal

PICTURES = Path(__file__).parent / "pictures"
CARD = "2900000000018"
REWARD = '\n[[reward]]\nname = "coffee"\ntitle = "A coffee"\npoints = 60\nkind = "gift"\n'
MEASURED = """async () => {
  await new Promise(done => new PerformanceObserver(done).observe({type: "paint", buffered: true}));
  const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .filter(one => !one.name.includes("/v1/"));
  const painted = performance.getEntriesByType("paint").at(-1).startTime;
  return [all.length, all.reduce((sum, one) => sum + one.transferSize, 0), painted];
}"""


def sale(page: Page, terminal: Terminal) -> None:
    terminal.scanned(CARD)
    page.wait_for_selector("#who")
    for item in ("Olive oil", "Sourdough loaf", "Ground coffee"):
        page.get_by_role("button", name=item).first.click()
    page.wait_for_selector("#earn:text-is('+20')")
    page.wait_for_selector("#said:empty", state="attached")


def devices(page: Page, terminal: Terminal) -> None:
    page.keyboard.press("F3")
    page.wait_for_selector(".device")


def customer(page: Page, terminal: Terminal) -> None:
    page.goto(page.url + "customer")
    page.wait_for_selector("#reward")


PICTURED: dict[str, tuple[int, int, Callable[[Page, Terminal], None]]] = {
    "page-sale.png": (1024, 768, sale),
    "page-devices.png": (1024, 768, devices),
    "page-customer.png": (1024, 600, customer),
    "page-phone.png": (360, 740, sale),
}


def main() -> None:
    with tempfile.TemporaryDirectory() as name, SimulatedPrinter() as printer, sync_playwright() as playwright:
        store = Store.create(Path(name) / "till")
        program = read_program(preset("points") + REWARD)
        store.write(lambda db: settings.use_program(db, program, "2026-01-01T00:00:00+00:00"))
        config = Config.model_validate(
            {"shop": {"header": ["Corner Shop"]}, "printer": {"address": f"tcp://127.0.0.1:{printer.serve_tcp()}"}}
        )
        terminal = Terminal(store, config)
        member = join(terminal.checkout, CARD).member
        with store.read() as db:
            now = terminal.checkout.moment(db)
        earlier = Sale("1", "earlier", now.occurred_at, now.today, "EUR", 5000)
        terminal.checkout.commit(terminal.checkout.quote(earlier, member).quote_id)
        terminal.start()
        with terminal, Server(terminal, 0) as server:
            chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for file, (width, height, prepare) in PICTURED.items():
                context = chromium.new_context(viewport={"width": width, "height": height})
                page = context.new_page()
                page.goto(server.url)
                page.wait_for_selector("html[data-ready=yes]")
                prepare(page, terminal)
                page.evaluate("scrollTo(0, 0)")
                page.screenshot(path=str(PICTURES / file))
                shrink(PICTURES / file)
                context.close()
            weigh(chromium, server.url)
            chromium.close()


def shrink(file: Path) -> None:
    from PIL import Image

    Image.open(file).convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(file, optimize=True)


def weigh(chromium: Browser, url: str) -> None:
    """Each time without a cache, as on the first day."""
    for path in ("/", "/customer"):
        seen = []
        for _ in range(7):
            context = chromium.new_context()
            page = context.new_page()
            page.goto(url + path)
            page.wait_for_selector("html[data-ready=yes]")
            seen.append(page.evaluate(MEASURED))
            context.close()
        files, size, _ = seen[0]
        print(f"{path}: {files} files, {size:,} bytes, first paint {statistics.median(one[2] for one in seen):.0f} ms")


if __name__ == "__main__":
    main()
