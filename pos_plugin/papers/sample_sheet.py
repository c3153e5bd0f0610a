"""The sheet that `pos-plugin test-print` prints: all that a receipt may need, so that a person sees what comes out wrong.

And what the printer answered to it. Whoever owns the printer's wire prints it: the command where no till runs, else the till.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from pos_plugin.errors import Conflict

if TYPE_CHECKING:
    from drivers.document import Document
    from drivers.escpos import Profile
    from drivers.printer import Verdict
    from drivers.status import PrinterStatus
    from drivers.wires import Wire
    from pos_plugin.config import Config, DrawerSettings

WIDTHS = (32, 42, 48)
PRINT_TIMEOUT_S = 30.0
STATUS_TIMEOUT_S = 3.0

SCRIPTS = (
    ("Western", "Crème brûlée, Größe, ¿Qué?"),
    ("Turkish", "Hoş geldiniz, ığdır, İzmir"),
    ("Polish", "Zażółć gęślą jaźń"),
    ("Greek", "Καλώς ήρθατε"),
    ("Cyrillic", "Добро пожаловать"),
    ("Hebrew", "ברוכים הבאים 12"),
    ("Arabic", "أهلا وسهلا ١٢"),
    ("Thai", "ยินดีต้อนรับ"),
    ("Chinese", "欢迎光临"),
    ("Japanese", "いらっしゃいませ"),
    ("Korean", "어서 오세요"),
    ("Signs", "12,50 € £ ¥ ₺ ₪ ½ × ©"),
    ("Emoji", "☕ 🎁 ⭐"),
)


class Sampled(msgspec.Struct, frozen=True):
    """What became of the sheet, and all that the printer said; "" and None are what it did not say."""

    outcome: str
    code: str
    reason: str
    took_ms: int
    maker: str = ""
    model: str = ""
    status: str = ""
    online: bool | None = None
    paper: str = "unknown"
    cover_open: bool | None = None
    error: str | None = None
    process_id: bool | None = None
    profile: str = ""
    better_profile: str = ""

    @property
    def is_printed(self) -> bool:
        return self.outcome == "printed"


class Prints(Protocol):
    """What is needed of `drivers.printer.Printer`."""

    has_process_id: bool | None

    def print(self, data: bytes, *, timeout_s: float) -> Verdict: ...
    def status(self, timeout_s: float = 2.0) -> PrinterStatus: ...


def sample_sheet(
    profile: Profile, width_columns: int, *, logo: str = "", drawer: DrawerSettings | None = None, buzzer: bool = False
) -> Document:
    """The sheet for one printer. `logo` names a picture; the drawer is kicked, and the buzzer sounded, if asked."""
    from drivers.document import Barcode, Block, Buzz, Cut, Document, Feed, OpenDrawer, Pdf417, Picture, Qr, Text

    blocks: list[Block] = [Picture(logo)] if logo else []
    blocks += [Text("Test page", bold=True, double=True, align="center"), Text(f"Profile {profile.name}"), Feed()]
    for width in sorted({*WIDTHS, width_columns}):
        told = " (width_columns)" if width == width_columns else ""
        blocks += [Text(f"{width} columns, one line?{told}"), Text(("1234567890" * 7)[:width])]
    blocks += [
        Feed(),
        Text("Bold", bold=True),
        Text("Double", double=True),
        Text("Inverted", inverted=True),
        Text("Underlined", underlined=True),
        Text("Right", align="right"),
        Feed(),
    ]
    blocks += [Text(f"{name:<9}{text}") for name, text in SCRIPTS]
    pages = sorted(profile.code_pages.items(), key=lambda page: page[1])
    listed = ", ".join(f"{codec} {number}" for codec, number in pages) or "none"
    blocks += [Feed(), *(Text(line) for line in _wrapped(f"Code pages: {listed}", width_columns)), Feed()]
    blocks += [
        Text("QR code, Code 128, EAN-13, PDF417", align="center"),
        Qr("https://www.example.com/test-page"),
        Barcode("TEST 128"),
        Barcode("4006381333931", symbology="ean13"),
        Pdf417("TEST PAGE 417"),
        Feed(),
    ]
    if buzzer:
        blocks.append(Buzz())
    if drawer is not None:
        blocks.append(OpenDrawer(drawer.pin))
    return Document(width_columns, (*blocks, Text("A cut follows.", align="center"), Cut()))


def sample_data(folder: Path, config: Config, *, drawer: bool = False, buzzer: bool = False) -> bytes:
    """The sheet as the bytes of the printer in the settings, with the shop's logo. Raises DeviceError or TemplateError."""
    from drivers.escpos import encode
    from pos_plugin.config import printer_profile
    from pos_plugin.papers.receipt_template import read_template

    width_columns = config.printer.width_columns
    made = printer_profile(config.printer)
    _, logo = read_template(folder, width_columns)
    kicked = config.drawer if drawer else None
    sheet = sample_sheet(made, width_columns, logo=logo.digest if logo else "", drawer=kicked, buzzer=buzzer)
    return encode(sheet, made, pictures={logo.digest: logo.png} if logo else {})


def print_alone(folder: Path, *, drawer: bool = False, buzzer: bool = False) -> Sampled:
    """Prints the sheet where no till runs. Raises StoreLocked where one does; StoreError, ConfigError, DeviceError, Conflict."""
    from contextlib import closing

    from drivers.printer import Printer
    from offline_store.store import Store
    from pos_plugin.config import printer_profile, read_config
    from pos_plugin.intercept.relay_wire import printer_wire

    config = read_config(folder)
    with Store.open(folder):
        if not config.printer.address:
            raise no_printer()
        data = sample_data(folder, config, drawer=drawer, buzzer=buzzer)
        wire = printer_wire(folder, config)
        with closing(Printer(wire, printer_profile(config.printer))) as printer:
            return print_sample(printer, wire, data, profile=config.printer.profile)


def no_printer() -> Conflict:
    return Conflict(
        "NO_PRINTER",
        "This till has no printer.",
        hint="Write its address under [printer] in till.toml; pos-plugin doctor lists those that are there.",
    )


def print_sample(
    printer: Prints,
    wire: Wire | None,
    data: bytes,
    *,
    profile: str = "default",
    clock: Callable[[], float] = time.monotonic,
) -> Sampled:
    """Prints the sheet and asks the printer about itself, by the thread that owns it; no trouble of a device is raised."""
    from drivers.errors import DeviceError
    from drivers.identity import maker_and_model
    from drivers.status import PrinterStatus

    began = clock()
    verdict = printer.print(data, timeout_s=PRINT_TIMEOUT_S)
    took_ms = round((clock() - began) * 1000)
    maker = model = ""
    status = PrinterStatus()
    try:
        status = printer.status(STATUS_TIMEOUT_S)
        if status.online is not None and wire is not None:
            was_open = wire.is_open
            if not was_open:  # shared with other tills, so it was let go after the sheet
                wire.open(STATUS_TIMEOUT_S)
            try:
                maker, model = maker_and_model(wire)
            finally:
                if not was_open:
                    wire.close()
    except DeviceError:
        pass  # the verdict has said it already
    return Sampled(
        outcome=verdict.outcome.value,
        code=verdict.code,
        reason=verdict.reason,
        took_ms=took_ms,
        maker=maker,
        model=model,
        status=status.sentence,
        online=status.online,
        paper=status.paper,
        cover_open=status.cover_open,
        error=status.error,
        process_id=printer.has_process_id,
        profile=profile,
        better_profile=better_profile(f"{maker} {model}", profile),
    )


def better_profile(says: str, current: str) -> str:
    """The name of the profile of the model that a printer says it is, where another one is set; '' where none fits better.

    >>> better_profile("EPSON TM-T20II", "default"), better_profile("EPSON TM-T20II", "TM-T20II"), better_profile("X", "default")
    ('TM-T20II', '', '')
    """
    from drivers.escpos import profile_names

    words = says.lower().split()
    fitting = [name for name in profile_names() if name.lower() in words]
    return "" if current in fitting else max(fitting, key=len, default="")


def in_words(sampled: Sampled) -> list[str]:
    """What a person should know, a sentence a line; the last says what to do."""
    seconds = f"{sampled.took_ms / 1000:.1f} s"
    said = []
    if sampled.online is not None:
        name = f"{sampled.maker} {sampled.model}".strip()
        said += [f"Printer: {name or 'it does not say what it is'}.", f"Status: {sampled.status}"]
    match sampled.process_id:
        case True:
            said.append("It confirms every print by a number of its own: printed means printed.")
        case False:
            said.append("It does not confirm prints by number; its answers before and after tell as much as they can.")
    if sampled.better_profile:
        said.append(f'Its model has a profile of its own: write profile = "{sampled.better_profile}" in till.toml.')
    match sampled.outcome:
        case "printed":
            said.append(f"The page is on paper, the printer says; it took {seconds}.")
            said.append(
                "See that the ruler marked (width_columns) fills one line and no more, else change width_columns in till.toml; "
                "that every script is right, else change profile; and that all four codes can be scanned."
            )
        case "not printed":
            said.append(f"Nothing was printed. {sampled.reason.removesuffix(' Nothing was printed.')}")
            said.append("Put that right, then print it again.")
        case _:
            said.append(f"It is unknown whether the page is on paper, after {seconds}. {sampled.reason}")
    return said


def _wrapped(text: str, width: int) -> list[str]:
    from pos_plugin.papers.layout import wrapped

    return wrapped(text, width)
