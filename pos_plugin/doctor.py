"""What is wrong with this till, and what to do: `pos-plugin doctor`, and the page that `pos-plugin test-print` prints.

Each check is a function of the till that answers findings in plain words; one that fails is a finding, too, and stops no
other. While it looks, this process owns the till's folder, so that no till starts on the same devices; where a till is
running already, the devices are its own and are left alone. Nothing is repaired, and nothing personal is shown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drivers.document import Document
    from drivers.printer import Printer
    from offline_store.store import Store
    from pos_plugin.config import Config, PrinterSettings

Clock = Callable[[], datetime]

LEAST_ROOM_BYTES = 500 * 1_000_000
LATEST_ENTRIES = 1000
WAIT_S = 3.0
MOST_ANSWER_BYTES = 65_536
CLOCK_MAY_DIFFER_S = 120
CLOCK_MAY_HAVE_DIFFERED_S = 600
"""So far from head office's at the last contact: an answer may have been slow, and a clock that was set since is right now."""
REOPENED_SHOWN_DAYS = 30
OWN_PACKAGES = ("drivers", "loyalty", "ledger", "offline_store")
SAFE_SQLITE = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The first versions, and those with the correction taken back, that cannot lose a WAL reset (https://sqlite.org/wal.html)."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is well, what was found and, where something can be done, what to do."""

    what: str
    ok: bool
    found: str
    do: str = ""


@dataclass
class _Till:
    """What the checks look at. `store` is None where the folder cannot be opened, `config` where the settings are not valid."""

    folder: Path
    clock: Clock
    store: Store | None = None
    config: Config | None = None
    is_running: bool = False


def examine(store: Path, *, clock: Clock = lambda: datetime.now(UTC)) -> list[Finding]:
    """Everything that can be said of the till in `store`, in the order in which to put it right."""
    till = _Till(store, clock)
    with ExitStack() as opened:
        findings = list(_own_packages())
        is_whole = all(one.ok for one in findings)
        findings += _carried_out("Folder", lambda: _folder(till, opened), is_whole)
        findings += _carried_out("Settings", lambda: _settings(till), is_whole)
        for what, check in CHECKS:
            findings += _carried_out(what, lambda check=check: check(till), is_whole)  # type: ignore[misc]
    return findings


def _carried_out(what: str, check: Callable[[], Iterator[Finding]], is_whole: bool) -> Iterator[Finding]:
    try:
        yield from check()
    except Exception as error:
        hint = getattr(error, "hint", "")
        if isinstance(error, ImportError):
            hint = "Install again: pip install --force-reinstall pos-plugin" if is_whole else "See the first finding."
        kind = "" if hasattr(error, "hint") else f"{type(error).__name__}: "
        yield Finding(what, False, f"this could not be looked at: {kind}{error}", hint)


# The machine.


def _own_packages() -> Iterator[Finding]:
    """Whether `drivers` and the like are this product's: the names are ordinary, and another package may have them, too."""
    import pos_plugin

    home = Path(pos_plugin.__file__ or "").resolve().parent.parent
    if all((place := _place(name)) is not None and place.parent == home for name in OWN_PACKAGES):
        yield Finding("Packages", True, f"{', '.join(OWN_PACKAGES)} are this product's own")
        return
    for name in OWN_PACKAGES:
        place = _place(name)
        if place is None:
            yield Finding("Packages", False, f"the package {name} is missing", "Install again: pip install pos-plugin")
        elif place.parent != home:
            yield Finding(
                "Packages",
                False,
                f"a foreign package named {name}, {place}, stands in front of this product's own",
                "Install pos-plugin into an environment of its own (python -m venv), and see that PYTHONPATH is not set.",
            )


def _place(name: str) -> Path | None:
    import importlib.util

    try:
        found = sys.modules.get(name) or importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    folders = getattr(found, "__path__", None) or getattr(found, "submodule_search_locations", None)
    if folders:
        return Path(next(iter(folders))).resolve()
    file = getattr(found, "__file__", None) or getattr(found, "origin", None)
    return Path(file).resolve() if file else None


def _versions(till: _Till) -> Iterator[Finding]:
    import platform
    import sqlite3

    found = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    newest = SAFE_SQLITE[0]
    version = sqlite3.sqlite_version_info
    if version < newest and not any(version[:2] == safe[:2] and version >= safe for safe in SAFE_SQLITE):
        found += (
            f"; with a SQLite before {'.'.join(map(str, newest))} only one process may checkpoint the till's file, "
            "and this product sees to that"
        )
    yield Finding("Versions", True, found)


def _room(till: _Till) -> Iterator[Finding]:
    import shutil

    place = next(folder for folder in (till.folder.absolute(), *till.folder.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if free < LEAST_ROOM_BYTES:
        do = "Make room: on a full disk sales go on, but their points are not recorded."
        yield Finding("Disk", False, f"only {free // 1_000_000:,} MB are free", do)
    else:
        yield Finding("Disk", True, f"{free // 1_000_000:,} MB are free")


# The folder.


def _folder(till: _Till, opened: ExitStack) -> Iterator[Finding]:
    from offline_store.errors import StoreError, StoreLocked
    from offline_store.store import Store

    if till.folder.exists() and not till.folder.is_dir():
        yield Finding("Folder", False, f"{till.folder} is a file, not a till's folder", "Name the folder with --store.")
        return
    try:
        try:
            till.store = opened.enter_context(Store.open(till.folder))
        except StoreLocked:
            till.store = opened.enter_context(Store.open_for_reading(till.folder))
            till.is_running = True
        with till.store.read() as db:
            (entries,) = db.execute("SELECT count(*) FROM entry").fetchone()
    except StoreError as error:
        till.store = None
        yield Finding("Folder", False, str(error), error.hint)
        return
    yield Finding("Folder", True, f"{till.folder} opens; {entries:,} entries")
    running = "a till is running here; its printer and scanner are its own, and were not opened"
    yield Finding("Till", True, running if till.is_running else "no till is running here")


def _key(till: _Till) -> Iterator[Finding]:
    from offline_store.store import KEY

    if till.store is None:
        return
    till.store.secret_key()
    file = till.folder / KEY
    if sys.platform == "win32":
        yield Finding("Key", True, "there; see that only the till's user may open the folder")
        return
    if file.stat().st_mode & 0o077:
        do = f"chmod 600 {file}; whoever may have read it could speak for this till: enrol it anew if in doubt."
        yield Finding("Key", False, f"{file} can be read by other users of this machine", do)
    else:
        yield Finding("Key", True, "there, and readable by its owner only")


def _settings(till: _Till) -> Iterator[Finding]:
    from pos_plugin.config import FILE, ConfigError, read_config

    if not till.folder.is_dir():
        return
    try:
        till.config = read_config(till.folder)
    except ConfigError as error:
        yield Finding("Settings", False, f"{error.source}: {'; '.join(error.problems)}", error.hint)
    else:
        there = (till.folder / FILE).exists()
        yield Finding("Settings", True, f"{FILE} is valid" if there else f"there is no {FILE}: all is as it comes")
        yield from _receipt_layout(till.folder, till.config.printer.width_columns)


def _receipt_layout(folder: Path, width_columns: int) -> Iterator[Finding]:
    from pos_plugin.receipt_template import FILE, TemplateError, read_template

    if not (folder / FILE).exists():
        return
    try:
        read_template(folder, width_columns)
    except TemplateError as error:
        yield Finding("Receipts", False, f"{error.source}: {'; '.join(error.problems)}", error.hint)
    else:
        yield Finding("Receipts", True, f"{FILE} is valid")


def _program(till: _Till) -> Iterator[Finding]:
    from offline_store import settings

    if till.store is None:
        return
    with till.store.read() as db:
        try:
            program = settings.program_in_force(db, datetime.now(UTC))
        except KeyError:
            do = f"pos-plugin init was interrupted: make the till anew, in another folder than {till.folder}."
            yield Finding("Programme", False, "this till has no programme", do)
        else:
            found = f"{program.id}, in {program.currency}, days of {program.time_zone}"
            if program.surprise and not settings.surprise_key(db, program):
                found += "; it draws no surprises here: only head office gives a till what to draw with"
            yield Finding("Programme", True, found)


def _journal(till: _Till) -> Iterator[Finding]:
    from ledger.chain import breaks
    from offline_store import journal

    if till.store is None:
        return
    with till.store.read() as db:
        last, _ = journal.head(db)
        before = max(0, last - LATEST_ENTRIES - 1)  # the one before the first is read for its hash
        tail = journal.after(db, before, LATEST_ENTRIES + 1)
    starts_late = bool(before) and bool(tail) and tail[0][0] == before + 1
    broken = [found.what for found in breaks(tail) if not (starts_late and found.number == 1)]
    if broken:
        do = "Stop the till, keep its folder as it is, compare it with a backup, and run pos-plugin verify on both."
        yield Finding("Journal", False, "; ".join(broken[:3]), do)
    else:
        yield Finding(
            "Journal", True, f"the last {min(last, LATEST_ENTRIES):,} entries are whole and follow each other"
        )


def _receipts(till: _Till) -> Iterator[Finding]:
    from offline_store import receipts

    if till.store is None:
        return
    with till.store.read() as db:
        counts = receipts.counts(db)
    unknown = counts.get("unknown", 0) + (0 if till.is_running else counts.get("started", 0))
    waiting = counts.get("waiting", 0) + counts.get("not printed", 0)
    if unknown:
        do = "Look at the paper, then say on the till's page whether they came out; they are printed again as COPY if not."
        yield Finding(
            "Receipts", False, f"of {unknown:,} it is unknown whether they are on paper, {waiting:,} wait", do
        )
    elif waiting:
        yield Finding(
            "Receipts", True, f"{waiting:,} wait to be printed", "They come out once till and printer are ready."
        )
    else:
        yield Finding("Receipts", True, "none waits, and none is in doubt")


# Devices.


def _printer(till: _Till) -> Iterator[Finding]:
    from drivers.errors import DeviceError

    if till.config is None or till.is_running:
        return
    if not till.config.printer.address:
        yield Finding("Printer", True, "none is set up (address under [printer] in till.toml)")
        return
    try:
        with closing(_open_printer(till.config.printer)) as printer:
            status = printer.status(WAIT_S)
    except DeviceError as error:
        yield Finding("Printer", False, str(error), _with_ports(error, till.config.printer.address))
        return
    is_well = not status.trouble and status.online is not None
    do = "" if is_well else "Put that right; receipts wait, and come out by themselves."
    yield Finding("Printer", is_well, status.sentence, do)


def _open_printer(settings: PrinterSettings) -> Printer:
    from drivers.escpos import profile
    from drivers.printer import Printer
    from drivers.wires import wire_from_url

    return Printer(wire_from_url(settings.address), profile(settings.profile))


def _scanner(till: _Till) -> Iterator[Finding]:
    from drivers.errors import DeviceError
    from drivers.serial_scanner import SerialScanner

    if till.config is None or till.is_running:
        return
    port = till.config.scanner.port
    if not port:
        yield Finding("Scanner", True, "none is set up (port under [scanner] in till.toml)")
        return
    try:
        with closing(SerialScanner(port, baudrate=till.config.scanner.baudrate)) as scanner:
            scanner.open()
    except DeviceError as error:
        yield Finding("Scanner", False, str(error), _with_ports(error, port))
    else:
        yield Finding(
            "Scanner", True, f"{port} is there and opens; scan a card on the till's page to see that it reads"
        )


def _with_ports(error: Any, port: str) -> str:
    """What to do about a device, with the command to type, or with the ports that this machine has."""
    from drivers.errors import DeviceAbsent, DeviceDenied

    path = port.removeprefix("serial://").partition("?")[0]
    is_network = port.startswith(("tcp://", "socket://"))
    if isinstance(error, DeviceDenied) and sys.platform == "linux":
        return _permission(path)
    if isinstance(error, DeviceAbsent) and not is_network:
        ports = _serial_ports()
        there = f"Serial ports here: {', '.join(ports)}." if ports else "This machine has no serial port now."
        return f"{error.hint} {there}"
    return str(error.hint)


def _permission(path: str) -> str:
    import getpass

    group = "dialout"
    if sys.platform != "win32":
        with suppress(OSError, KeyError):
            group = Path(path).group()
    if group == "root":
        rule = 'SUBSYSTEM=="tty", GROUP="dialout", MODE="0660"'
        return (
            f"Put the line {rule} into /etc/udev/rules.d/60-till.rules, plug the device in again, "
            f"then sudo usermod -aG dialout {getpass.getuser()} and log in again."
        )
    return f"sudo usermod -aG {group} {getpass.getuser()}, then log in again."


def _serial_ports() -> list[str]:
    from serial.tools import list_ports

    found = sorted(list_ports.comports(), key=lambda port: str(port.device))
    return [
        f"{port.device} ({port.description})" if port.description not in ("", "n/a") else port.device for port in found
    ]


# Head office.


def _head_office(till: _Till) -> Iterator[Finding]:
    from offline_store import settings
    from offline_store.sync import SyncError
    from pos_plugin.server_link import HttpLink

    if till.config is None or till.store is None:
        return
    url = till.config.server.url
    with till.store.read() as db:
        shop, ahead_s = settings.get(db, "shop"), int(settings.get(db, "clock_ahead_s", "0"))
    if not url and shop:
        do = "Write its address as url under [server] in till.toml."
        yield Finding("Head office", False, f"this till belongs to shop {shop}, but till.toml names no head office", do)
        return
    if not url:
        yield Finding("Head office", True, "none: this till works alone (pos-plugin enroll URL CODE joins one)")
        return
    if shop:
        yield Finding("Enrolment", True, f"this till belongs to shop {shop}")
    else:
        do = f"Ask head office for a one-time code: pos-plugin enroll {url} CODE --store {till.folder}"
        yield Finding("Enrolment", False, "this till is not enrolled with its head office", do)
    try:
        HttpLink(url, "", lambda: None).close()  # type: ignore[arg-type, return-value]
        server_time = _health(url)
    except SyncError as error:
        yield Finding("Head office", False, str(error), error.hint)
        if abs(ahead_s) > CLOCK_MAY_HAVE_DIFFERED_S:
            found = f"at the last contact it was {difference(ahead_s)} head office's"
            yield Finding("Clock", False, found, f"See whether it is right now. {_SET_CLOCK}")
        return
    yield Finding("Head office", True, f"{url} answers")
    yield from _clock(till, server_time)


def _health(url: str) -> str:
    """Head office's time as it tells it; raises SyncError where nothing answers there, or something else."""
    import httpx
    import msgspec

    from offline_store.sync import Nonsense, Unreachable

    data = b""
    try:
        with (
            httpx.Client(timeout=WAIT_S, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", f"{url.rstrip('/')}/v1/health") as response,
        ):
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > MOST_ANSWER_BYTES:
                    break
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Unreachable(
            f"{url} does not answer ({type(error).__name__}).",
            hint="See that this machine has a network and that the address in till.toml is right. Selling goes on meanwhile.",
        ) from error
    try:
        answer = msgspec.json.decode(data)
        time = answer["server_time"]
        datetime.fromisoformat(time).astimezone(UTC)
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise Nonsense(
            f"What answers at {url} is no head office of this programme (status {response.status_code}).",
            hint="Check the address in till.toml.",
        ) from error
    return str(time)


def _clock(till: _Till, server_time: str) -> Iterator[Finding]:
    ahead_s = (till.clock() - datetime.fromisoformat(server_time).astimezone(UTC)).total_seconds()
    if abs(ahead_s) <= CLOCK_MAY_DIFFER_S:
        yield Finding("Clock", True, "it agrees with head office's")
        return
    yield Finding("Clock", False, f"it is {difference(ahead_s)} head office's", _SET_CLOCK)


_SET_CLOCK = f"Let the system set it: {'w32tm /resync' if sys.platform == 'win32' else 'sudo timedatectl set-ntp true'}"


def difference(ahead_s: float) -> str:
    """How far a clock is from another, as in "75 minutes ahead of"."""
    minutes = round(abs(ahead_s) / 60)
    how_much = f"{minutes:,} minutes" if minutes < 120 else f"{minutes // 60:,} hours"
    return f"{how_much} {'ahead of' if ahead_s > 0 else 'behind'}"


REOPENED = {
    "copied": "head office had another history of it: its disk was copied, or put back from an image",
    "forfeited": "it had been given up for lost",
    "": "it gave up every right that it held",
}


def reopened(db: Any) -> tuple[str, str, int] | None:
    """When and why this till began a new epoch after its first (day, reason, points given up), or None if it never did."""
    from offline_store import journal, settings

    who = journal.identity(db)
    opened = journal.find(db, f"open/{who.terminal}/{who.epoch}")
    if opened is None or opened.number == 1:
        return None
    why = REOPENED.get(settings.get(db, "reopened_because"), REOPENED[""])
    return opened.envelope.business_day, why, -sum(opened.envelope.esc.values())


def _epoch(till: _Till) -> Iterator[Finding]:
    """Told for a month: long enough to be seen, short enough not to be overlooked for ever."""
    from offline_store.moment import moment

    if till.store is None:
        return
    with till.store.read() as db:
        found = reopened(db)
        if found is None:
            return
        day, why, points = found
        is_recent = (
            date.fromisoformat(moment(db, till.clock()).today) - date.fromisoformat(day)
        ).days < REOPENED_SHOWN_DAYS
    told = f"on {day} this till began a new epoch and gave up {points:,} points: {why}"
    do = "If there is a twin of this till's disk, stop it. Then see docs/recovery.md; this is told for a month."
    yield Finding("Epoch", not is_recent, told, do if is_recent else "")


CHECKS: list[tuple[str, Callable[[_Till], Iterator[Finding]]]] = [
    ("Versions", _versions),
    ("Disk", _room),
    ("Key", _key),
    ("Programme", _program),
    ("Journal", _journal),
    ("Epoch", _epoch),
    ("Receipts", _receipts),
    ("Printer", _printer),
    ("Scanner", _scanner),
    ("Head office", _head_office),
]


# The test page.


def print_test_page(store: Path) -> tuple[bool, str]:
    """Prints a page on the till's printer; whether it came out, and what the printer said, in words.

    Raises StoreError and ConfigError as opening the till does; a running till's printer is left alone.
    """
    from drivers.errors import DeviceError
    from drivers.escpos import encode, profile
    from drivers.printer import Outcome
    from offline_store.errors import StoreLocked
    from offline_store.store import Store
    from pos_plugin.config import read_config

    config = read_config(store)
    try:
        with Store.open(store):
            if not config.printer.address:
                return False, "This till has no printer. Write its address under [printer] in till.toml."
            page = encode(test_page(config.printer.width_columns), profile(config.printer.profile))
            with closing(_open_printer(config.printer)) as printer:
                verdict = printer.print(page, timeout_s=30.0)
    except StoreLocked as error:
        return False, f"{error} Its printer is its own: stop the till first, or print a receipt from its page."
    except DeviceError as error:
        return False, f"{error} {error.hint}".strip()
    if verdict.outcome is Outcome.PRINTED:
        return True, (
            "The printer says that the page is on paper. See that the ruler fills one line and no more (else change "
            "width_columns in till.toml), and that the letters are right (else change profile)."
        )
    return False, verdict.reason


def test_page(width_columns: int) -> Document:
    """What a receipt may need: the full width, bold and double letters, letters beyond ASCII, both codes, a cut."""
    from drivers.document import Barcode, Cut, Document, Feed, Qr, Text

    ruler = "".join(str(column % 10) for column in range(1, width_columns + 1))
    return Document(
        width_columns,
        (
            Text("Test page", bold=True, double=True, align="center"),
            Text(ruler),
            Text(f"{width_columns} columns, one line"),
            Text("Bold", bold=True),
            Text("Double", double=True),
            Text("é ü ş ğ €"),
            Qr("https://www.example.com/test-page"),
            Barcode("TEST 128"),
            Feed(),
            Cut(),
        ),
    )
