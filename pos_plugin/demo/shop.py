"""Starting and ending the demo: children in order, the address to open, everything closed on Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import typer

from drivers.escpos import profile
from ledger.keys import SigningKey
from loyalty.days import business_day
from loyalty.program import preset, read_program
from loyalty.sale import LineItem, Sale
from loyalty.typed import typed
from offline_store import journal, settings
from offline_store.store import Store
from offline_store.sync import Sync, SyncError
from pos_plugin.config import FILE, Config
from pos_plugin.demo.cable import Cable
from pos_plugin.demo.children import answers, child, end, finished
from pos_plugin.demo.loaded import Loaded, read_loaded, server_of
from pos_plugin.demo.other_till import OtherTill, lessons
from pos_plugin.demo.people import MEMBERS, STRANGER
from pos_plugin.errors import TillError
from pos_plugin.head_office.server_link import HttpLink
from pos_plugin.intercept import till_receipts
from pos_plugin.intercept.learning import Given, learn

SHOP = "corner-shop"
STAFF = (("ada", "Ada", "manager", SHOP), ("sue", "Sue", "support", ""), ("finn", "Finn", "finance", ""))
OF_A_CHAIN = (("mia", "Mia", "marketing", ""),)
"""Who works besides at a head office that was loaded."""
PASSWORD = "open the corner shop"  # noqa: S105 - of a demo that only this machine can reach


class Ports(NamedTuple):
    page: int = 8350
    control: int = 8351
    server: int = 8360
    printer: int = 9101
    other_till: int = 9100


LAST_WEEK = ((7, 0), (6, 1), (5, 2), (4, 0), (3, 1), (1, 0))
"""Who had been here before the demo begins, oldest first: days ago, and which of the members."""


def demo(folder: Path | None, ports: Ports, head_office: Path | None = None) -> None:
    """Runs the demo until Ctrl-C, over a head office of its own or over one that was loaded; its till is kept beside that one.

    Raises TillError with one line where a port is in use, a child does not start, or `head_office` is none that was loaded.
    """
    # As an address says it: a scanner's is a whole path, and the children are told the folders by name.
    folder = folder.resolve() if folder is not None else None
    head_office = head_office.resolve() if head_office is not None else None
    loaded = read_loaded(head_office) if head_office is not None else None
    for name, port in ports._asdict().items():
        _require_free(name, port)
    with contextlib.ExitStack() as closing:
        if folder is None and head_office is not None:
            folder = head_office / "demo"
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="pos-plugin-demo-"))
            closing.callback(shutil.rmtree, folder, ignore_errors=True)
        stop = threading.Event()
        signs = [signal.SIGINT, signal.SIGTERM]
        if sys.platform != "win32":
            signs.append(signal.SIGHUP)  # the window was closed; the children must not live on without it
        for sign in signs:
            signal.signal(sign, lambda *_: stop.set())
        office = head_office if head_office is not None else folder / "head-office"
        _run(folder, office, loaded, ports, stop, closing)
    typer.echo("Closed: till, head office, scanner, printer.")


def _run(
    folder: Path,
    office: Path,
    loaded: Loaded | None,
    ports: Ports,
    stop: threading.Event,
    closing: contextlib.ExitStack,
) -> None:
    from drivers.simulated.printer import SimulatedPrinter
    from drivers.simulated.scanners.lines import SimulatedScanner
    from pos_plugin.demo.control import ControlPage

    till = folder / "till"
    is_new = not till.exists()
    if loaded is not None and not is_new:
        _require_own(till, office)
    devices = folder / "devices"
    devices.mkdir(parents=True, exist_ok=True)
    printer = closing.enter_context(SimulatedPrinter())
    printer.serve_tcp(port=ports.printer)
    scanner = SimulatedScanner(devices)
    closing.callback(scanner.close)
    office_is_new = not office.exists()
    making_office = None
    if office_is_new:
        program = folder / "programme.toml"
        program.write_text(preset("points"), encoding="utf-8")
        making_office = child("central_server", "init", "--dir", str(office), "--shop", SHOP, "--program", str(program))
    elif loaded is not None:
        making_office = child("central_server", "init", "--dir", str(office), "--shop", SHOP)
    if is_new:
        _make_till(till, sells=loaded is None)
    if making_office is not None:
        finished(making_office, "making head office")
    is_joining = office_is_new or not _is_enrolled(till)
    asking = (
        child("central_server", "enroll-code", "--dir", str(office), "--shop", SHOP, "--json") if is_joining else None
    )
    staff = STAFF if loaded is None else (*STAFF, *OF_A_CHAIN)
    known = _accounts(office) if loaded is not None else set()
    hiring = (
        [_hire(office, *one) for one in staff if one[0] not in known] if office_is_new or loaded is not None else []
    )
    server = child("central_server", "serve", "--dir", str(office), "--port", str(ports.server))
    closing.callback(end, server)
    cable = Cable(ports.server)
    closing.callback(cable.cut)
    url = f"http://127.0.0.1:{cable.port}"
    _write_settings(till, ports, scanner=scanner.address, url=url)
    _teach(till)
    answers(f"http://127.0.0.1:{ports.server}/v1/health", server, "head office")
    if asking is not None:
        _enroll(till, url, json.loads(finished(asking, "asking head office for a code"))["code"])
    for one in hiring:
        finished(one, "giving the people of head office their accounts")
    process = child("pos_plugin", "run", "--store", str(till))
    closing.callback(end, process)
    other = OtherTill(ports.other_till, datetime.now)
    at = f"http://127.0.0.1:{ports.server}/office"
    members = MEMBERS if loaded is None else loaded.cards
    control = ControlPage(
        printer, scanner, cable, other, members, STRANGER, port=ports.control, till_port=ports.page, office=at
    )
    closing.callback(control.stop)
    control.start()
    answers(f"http://127.0.0.1:{ports.page}/v1/health", process, "the till")
    typer.echo(f"""
  The till       http://127.0.0.1:{ports.page}      open this: scan, sell, redeem
  Control page   http://127.0.0.1:{control.port}      scan cards, pull plugs, see the paper
  Head office    {at}   sign in as {" or ".join(login for login, *_ in staff)}; the password: {PASSWORD}
  Printer        127.0.0.1:{ports.printer}             simulated ESC/POS, 80 mm
  Another till   prints to 127.0.0.1:{ports.other_till}; its receipts end with the points
  Scanner        {scanner.port}
  Data           {folder}{_about(loaded)}

  Ctrl-C closes all of it.""")
    while not stop.wait(0.5):
        for name, running in (("Head office", server), ("The till", process)):
            if running.poll() is not None:
                raise TillError("CHILD_ENDED", f"{name} has ended by itself (status {running.returncode}).")


def _about(loaded: Loaded | None) -> str:
    if loaded is None:
        return ""
    return f"""
  Loaded         {loaded.shops:,} shops, {loaded.first_day} to {loaded.last_day}; the control page has members' cards"""


def _make_till(till: Path, *, sells: bool = True) -> None:
    """A till that has been selling for a week without a network, so that there is something to see and to send; or, without
    sales, one that gets its programme from head office."""
    from pos_plugin.members.joining import join
    from pos_plugin.terminal import Terminal

    program = read_program(preset("points"), "preset points")
    now = datetime.now(UTC)
    store = Store.create(till)
    store.write(lambda db: settings.use_program(db, program, now.isoformat(timespec="milliseconds")))
    if not sells:
        store.close()
        return
    terminal = Terminal(store, Config())
    basket = (LineItem("1", 4200, name="Weekly shop"), LineItem("2", 850, name="Flowers"))
    joined = [join(terminal.checkout, member.code).member for member in MEMBERS]
    for receipt, (days_ago, number) in enumerate(LAST_WEEK, 1):  # without a gap, or the first closing tells of one
        at = (now - timedelta(days=days_ago)).astimezone(program.zone).replace(tzinfo=None, hour=12)
        sale = Sale(
            "1",
            f"last-week-{receipt}",
            at.isoformat(timespec="seconds"),
            business_day(at),
            program.currency,
            sum(line.amount_minor for line in basket),
            basket,
            operator="Kim",
        )
        quote = terminal.checkout.quote(sale, joined[number])
        terminal.checkout.commit(quote.quote_id)
    # Those receipts were handed out last week; they are not printed again now.
    store.write(lambda db: db.execute("UPDATE print_job SET state = 'printed'") and None)
    terminal.close()


def _is_enrolled(till: Path) -> bool:
    """A first start that was cut off may have left a till that belongs nowhere yet."""
    with Store.open_for_reading(till) as store, store.read() as db:
        return bool(settings.get(db, "server"))


def _require_own(till: Path, office: Path) -> None:
    """Raises TillError where the till that is here belongs to another head office."""
    with Store.open_for_reading(till) as store, store.read() as db:
        server = settings.get(db, "server")
    if server not in ("", server_of(office)):
        hint = "Choose another --dir, or remove that folder: it is a demo's."
        raise TillError("OFFICE_UNFIT", f"The till in {till} belongs to another head office.", hint=hint)


def _write_settings(till: Path, ports: Ports, *, scanner: str, url: str) -> None:
    text = f"""\
[shop]
header = ["Corner Shop", "12 Market Street"]
footer = ["Thank you, come again"]

[printer]
address = "tcp://127.0.0.1:{ports.printer}"
width_columns = 48

[[scanner]]
address = {json.dumps(scanner)}
name = "scanner"

[server]
url = "{url}"

[page]
port = {ports.page}

[intercept]
listen = "tcp://127.0.0.1:{ports.other_till}"
till = "other"
"""
    (till / FILE).write_text(text, encoding="utf-8")


def _teach(till: Path) -> None:
    """What `pos-plugin learn` would write for the other till's receipts."""
    file = till / till_receipts.FILE
    if not file.exists():
        papers = lessons(datetime.now(), profile())  # noqa: DTZ005 - a till prints the shop's own time
        given = [Given(f"receipt {number}", paper) for number, paper in enumerate(papers, 1)]
        file.write_text(learn(given).text, encoding="utf-8")


def _enroll(till: Path, url: str, code: str) -> None:
    store = Store.open(till)
    try:
        with store.read() as db:
            who = journal.identity(db)
        link = HttpLink(url, who.terminal, lambda: SigningKey(store.secret_key()))
        sync = Sync(store, link, clock=lambda: datetime.now(UTC), random_bytes=os.urandom)
        sync.enroll(code)
        with contextlib.suppress(SyncError):  # the till goes on by itself
            sync.step()  # or it would begin under its own programme
        link.close()
    finally:
        store.close()


def _accounts(office: Path) -> set[str]:
    listed = finished(child("central_server", "staff", "list", "--dir", str(office), "--json"), "reading the accounts")
    return {one["login"] for one in json.loads(listed)}


def _hire(office: Path, login: str, name: str, role: str, shop: str) -> subprocess.Popen[str]:
    """An account at head office's pages."""
    at = ["--shop", shop] if shop else []
    hiring = child(
        "central_server",
        *("staff", "add", login, "--dir", str(office), "--name", name, "--role", role, *at),
        stdin=subprocess.PIPE,
    )
    assert hiring.stdin is not None
    hiring.stdin.write(f"{PASSWORD}\n{PASSWORD}\n")
    hiring.stdin.close()
    hiring.stdin = None  # or it would be written to once more
    return hiring


def _require_free(name: str, port: int) -> None:
    if not port:
        raise TillError("PORT", f"The demo needs a fixed port for the {name.replace('_', ' ')}.")
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            option = "--port" if name == "page" else f"--{name.replace('_', '-')}-port"
            # After `make run` it is on nobody's path.
            command = (
                "pos-plugin" if shutil.which("pos-plugin") else typed(Path(sys.executable).with_name("pos-plugin"))
            )
            raise TillError(
                "PORT_IN_USE",
                f"Port {port} is in use: end the program that has it, or choose another: "
                f"{command} demo {option} {port + 100}",
            ) from None
