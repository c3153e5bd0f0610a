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
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import typer

from drivers.escpos import profile
from ledger.keys import SigningKey
from loyalty.days import business_day
from loyalty.program import preset, read_program
from loyalty.sale import LineItem, Sale
from offline_store import journal, settings
from offline_store.store import Store
from offline_store.sync import Sync
from pos_plugin.config import FILE, Config
from pos_plugin.demo.cable import Cable
from pos_plugin.demo.other_till import OtherTill, lessons
from pos_plugin.demo.people import MEMBERS, STRANGER
from pos_plugin.errors import TillError
from pos_plugin.intercept import till_receipts
from pos_plugin.intercept.learning import Given, learn
from pos_plugin.server_link import HttpLink

SHOP = "corner-shop"
STAFF = (("ada", "Ada", "manager", SHOP), ("sue", "Sue", "support", ""), ("finn", "Finn", "finance", ""))
PASSWORD = "open the corner shop"  # noqa: S105 - of a demo that only this machine can reach
START_TIMEOUT_S = 20.0


class Ports(NamedTuple):
    page: int = 8350
    control: int = 8351
    server: int = 8360
    printer: int = 9101
    other_till: int = 9100


LAST_WEEK = ((7, 0), (6, 1), (5, 2), (4, 0), (3, 1), (1, 0))
"""Who had been here before the demo begins, oldest first: days ago, and which of the members."""


def demo(folder: Path | None, ports: Ports) -> None:
    """Runs the demo until Ctrl-C. Raises TillError with one line where a port is in use, or a child does not start."""
    for name, port in ports._asdict().items():
        _require_free(name, port)
    with contextlib.ExitStack() as closing:
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="pos-plugin-demo-"))
            closing.callback(shutil.rmtree, folder, ignore_errors=True)
        stop = threading.Event()
        signs = [signal.SIGINT, signal.SIGTERM]
        if sys.platform != "win32":
            signs.append(signal.SIGHUP)  # the window was closed; the children must not live on without it
        for sign in signs:
            signal.signal(sign, lambda *_: stop.set())
        _run(folder, ports, stop, closing)
    typer.echo("Closed: till, head office, scanner, printer.")


def _run(folder: Path, ports: Ports, stop: threading.Event, closing: contextlib.ExitStack) -> None:
    from drivers.simulated.printer import SimulatedPrinter
    from drivers.simulated.scanners.lines import SimulatedScanner
    from pos_plugin.demo.control import ControlPage

    office, till = folder / "head-office", folder / "till"
    is_new = not till.exists()
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
        making_office = _child(
            "central_server", "init", "--dir", str(office), "--shop", SHOP, "--program", str(program)
        )
    if is_new:
        _make_till(till)
    if making_office is not None:
        _finished(making_office, "making head office")
    is_joining = office_is_new or not _is_enrolled(till)
    asking = (
        _child("central_server", "enroll-code", "--dir", str(office), "--shop", SHOP, "--json") if is_joining else None
    )
    hiring = [_hire(office, *one) for one in STAFF] if office_is_new else []
    server = _child("central_server", "serve", "--dir", str(office), "--port", str(ports.server))
    closing.callback(_end, server)
    cable = Cable(ports.server)
    closing.callback(cable.cut)
    url = f"http://127.0.0.1:{cable.port}"
    _write_settings(till, ports, scanner=scanner.address, url=url)
    _teach(till)
    _answers(f"http://127.0.0.1:{ports.server}/v1/health", server, "head office")
    if asking is not None:
        _enroll(till, url, json.loads(_finished(asking, "asking head office for a code"))["code"])
    for child in hiring:
        _finished(child, "giving the people of head office their accounts")
    process = _child("pos_plugin", "run", "--store", str(till))
    closing.callback(_end, process)
    other = OtherTill(ports.other_till, datetime.now)
    at = f"http://127.0.0.1:{ports.server}/office"
    control = ControlPage(
        printer, scanner, cable, other, MEMBERS, STRANGER, port=ports.control, till_port=ports.page, office=at
    )
    closing.callback(control.stop)
    control.start()
    _answers(f"http://127.0.0.1:{ports.page}/v1/health", process, "the till")
    typer.echo(f"""
  The till       http://127.0.0.1:{ports.page}      open this: scan, sell, redeem
  Control page   http://127.0.0.1:{control.port}      scan cards, pull plugs, see the paper
  Head office    {at}   sign in as {", ".join(login for login, *_ in STAFF)}: {PASSWORD}
  Printer        127.0.0.1:{ports.printer}             simulated ESC/POS, 80 mm
  Another till   prints to 127.0.0.1:{ports.other_till}; its receipts end with the points
  Scanner        {scanner.port}
  Data           {folder}

  Ctrl-C closes all of it.""")
    while not stop.wait(0.5):
        for name, child in (("Head office", server), ("The till", process)):
            if child.poll() is not None:
                raise TillError("CHILD_ENDED", f"{name} has ended by itself (status {child.returncode}).")


def _make_till(till: Path) -> None:
    """A till that has been selling for a week without a network, so that there is something to see and to send."""
    from pos_plugin.joining import join
    from pos_plugin.terminal import Terminal

    program = read_program(preset("points"), "preset points")
    now = datetime.now(UTC)
    store = Store.create(till)
    store.write(lambda db: settings.use_program(db, program, now.isoformat(timespec="milliseconds")))
    terminal = Terminal(store, Config())
    basket = (LineItem("1", 4200, name="Weekly shop"), LineItem("2", 850, name="Flowers"))
    joined = [join(terminal.checkout, member.card).member for member in MEMBERS]
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
        Sync(store, link, clock=lambda: datetime.now(UTC), random_bytes=os.urandom).enroll(code)
        link.close()
    finally:
        store.close()


def _child(module: str, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """A child in a session of its own, so that Ctrl-C reaches the parent alone and it ends them in order."""
    return subprocess.Popen(  # noqa: S603 - our own programs
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=None,
        stdin=stdin,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def _hire(office: Path, login: str, name: str, role: str, shop: str) -> subprocess.Popen[str]:
    """An account at head office's pages."""
    at = ["--shop", shop] if shop else []
    child = _child(
        "central_server",
        *("staff", "add", login, "--dir", str(office), "--name", name, "--role", role, *at),
        stdin=subprocess.PIPE,
    )
    assert child.stdin is not None
    child.stdin.write(f"{PASSWORD}\n{PASSWORD}\n")
    child.stdin.close()
    child.stdin = None  # or it would be written to once more
    return child


def _finished(child: subprocess.Popen[str], what: str) -> str:
    """What a child printed, once it has ended well."""
    printed, _ = child.communicate(timeout=START_TIMEOUT_S)
    if child.returncode:
        raise TillError("CHILD_FAILED", f"The demo stopped at {what}; the line above says why.")
    return printed


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if child.stdout is not None:
        child.stdout.close()


def _answers(url: str, child: subprocess.Popen[str], what: str) -> None:
    """Waits until a child answers, or says that it does not."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise TillError("CHILD_FAILED", f"{what} did not start; the line above says why.")
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310
            if answer.status == 200:
                return
        time.sleep(0.03)
    raise TillError("CHILD_FAILED", f"{what} did not answer within {START_TIMEOUT_S:.0f} s.")


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
            raise TillError(
                "PORT_IN_USE",
                f"Port {port} is in use: end the program that has it, or choose another: "
                f"pos-plugin demo {option} {port + 100}",
            ) from None
