"""The settings of a till: `till.toml` in its folder, written by `pos-plugin init`, edited by a person."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, Field, model_validator

from loyalty.toml_table import Problem, Table, TomlError, checked, read_toml
from loyalty.words import Language
from pos_plugin.codes.scale_labels import ScalePattern, told_apart
from pos_plugin.page_settings import PageSettings
from pos_plugin.toml_file import text_of

if TYPE_CHECKING:
    from drivers.escpos import Profile

FILE = "till.toml"
NO_NAME = ["Your shop"]
"""What receipts begin with until somebody says whose they are."""

TEMPLATE = """\
# The settings of this till. Leave out what it does not have; run "pos-plugin doctor" after a change.

[shop]                             # how receipts look beyond this: receipt.toml
header = ["Your shop"]             # lines above each receipt
footer = ["Thank you"]             # lines below it
language = "en"                    # of receipts: en, tr, de, fr or es

[printer]
# address = "usb://04b8:0202"                  # "pos-plugin doctor" lists what is there; or tcp://192.168.1.50:9100,
                                               # serial:///dev/ttyUSB0?baud=19200, ipp://localhost:631/printers/Till
# profile = "default"                          # a name of the ESC/POS printer database
# width_columns = 42                           # 32 on 58 mm paper, 42 or 48 on 80 mm
# width_dots = 512                             # what the profile has wrong: the dots of the print head,
# cut = "full"                                 # "full", "partial" or "none",
# ideographs = "gb18030"                       # its own Chinese, Japanese or Korean letters,
# answers = false                              # and that nothing ever comes back from it

[drawer]
# pin = 2                                      # of the printer's drawer connector: 2, or 5 for a second drawer
# open_is = "not wired"                        # what its switch says when it is open: "high" or "low"

[display]
# address = "serial:///dev/ttyUSB1?baud=9600"  # the customer's two lines; or tcp://192.168.1.51:9100
# dialect = "escpos"                           # or "cd5220"
# columns = 20

[[scanner]]                        # one such part for each scanner
# address = "serial:///dev/ttyACM0?baud=9600"  # "pos-plugin doctor" lists what is there; docs/add-a-scanner.md
# name = "hand scanner"                        # what people call it
# repeat_after_ms = 700                        # the same code read again sooner is one scan

[items]
# patterns = ["28IIIIIPPPPPC"]                 # labels of the shop's scales: I item, P price or W grams, C check digit

[server]
# url = "https://head-office.example"          # set by "pos-plugin enroll"

[page]
# port = 8350
# origins = ["https://till.example"]           # web tills that may call the local API with a key
# shortcuts = { claim = "Shift+F6" }           # other keys on the page: docs/till-page.md
# sounds = { on = true, volume_percent = 60 }

# [intercept]                      # the till prints to here, and its receipts end with the rewards: docs/intercept.md
# listen = "tcp://127.0.0.1:9100"              # or serial:///dev/ttyS1?baud=19200
# till = "1"                                   # what that till is called
# keep = true                                  # its last 50 jobs, in the folder printed, for "pos-plugin learn"

[operators]
# members = { "1" = "2900000000018" }          # an operator's own card does not count on sales that they ring
# refund_minor = 5000                          # what a cashier gives back without a supervisor's PIN, in cents,
# claim_minor = 10000                          # and the sale whose points they add to a forgotten card
"""


class ConfigError(TomlError):
    """The till's settings cannot be used; `problems` names every one with its line."""

    code = "CONFIG_INVALID"
    hint = "Correct till.toml and start again; no data is touched."


class Shop(Table):
    """`language` is that of receipts and of what the cashier reads out."""

    header: list[str] = Field(default=NO_NAME, max_length=12)
    footer: list[str] = Field(default=[], max_length=12)
    language: Language = "en"


def _head(dots: int) -> int:
    if dots and not 200 <= dots <= 1000:
        raise ValueError("must be the dots of the print head, 200 to 1000 (384 on 58 mm paper, 512 or 576 on 80 mm)")
    return dots


class PrinterSettings(Table):
    """`address` is a wire as `drivers.wires.wire_from_url` reads it; empty is no printer.

    What follows `width_columns` is what a shop knows better than the profile; "" and 0 leave it to the profile.
    """

    address: str = ""
    profile: str = "default"
    width_columns: int = Field(default=42, ge=24, le=64)
    width_dots: Annotated[int, AfterValidator(_head)] = 0
    cut: Literal["", "full", "partial", "none"] = ""
    ideographs: Literal["", "none", "gb18030", "shift_jis", "big5", "euc_kr"] = ""
    answers: bool = True


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("must be an address or network, like 192.168.1.20 or 192.168.1.0/24") from None
    return text


def _origin(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]{1,200}", text):
        raise ValueError("must be a web page's address up to its first slash, like https://shop.odoo.com")
    return text


class DrawerSettings(Table):
    """`open_is`: the level of the drawer's switch when it is open; not wired, or not known, is no proof that it opened."""

    pin: Literal[2, 5] = 2
    open_is: Literal["high", "low", "not wired"] = "not wired"


def _one_byte_page(codec: str) -> str:
    try:
        is_known = len("a".encode(codec)) == 1
    except (LookupError, UnicodeError):
        is_known = False
    if not is_known:
        raise ValueError("must be a code page by Python's name, like cp857 or cp1254")
    return codec


class DisplaySettings(Table):
    """`address` is a wire as `drivers.wires.wire_from_url` reads it; empty is no display. `idle` stands while nothing happens.

    `code_pages` are those that this display has beside those of its dialect, as its manual numbers them for ESC t.
    """

    address: str = ""
    dialect: Literal["escpos", "cd5220"] = "escpos"
    columns: int = Field(default=20, ge=16, le=40)
    idle: list[str] = Field(default=[], max_length=2)
    code_pages: dict[Annotated[str, AfterValidator(_one_byte_page)], Annotated[int, Field(ge=0, le=255)]] = Field(
        default={}, max_length=32
    )


class ScannerSettings(Table):
    """`address` is a scanner as `drivers.scanners.scanner_from_url` reads it; empty is none. `name` is what people call it.

    The same code read again within `repeat_after_ms` is one scan.
    """

    address: str = ""
    name: str = Field(default="", max_length=40)
    repeat_after_ms: int = Field(default=700, ge=0, le=10_000)


def _each_once(scanners: list[ScannerSettings]) -> list[ScannerSettings]:
    first: dict[object, str] = {}
    for address in (one.address for one in scanners if one.address):
        other = first.setdefault(_which(address), address)
        if other is not address:
            twice = f"{address!r} stands twice" if other == address else f"{other!r} and {address!r} are one scanner"
            raise ValueError(f"{twice}; leave one of them out")
    return scanners


def _which(address: str) -> object:
    """Which device it is, apart from how it is spoken to: two that read from one port would share its bytes."""
    place, _, options = address.partition("?")
    which = [one for one in options.split("&") if one.startswith(("serial=", "port="))]
    return place.replace("ssi://", "serial://", 1), *sorted(which)


def _scale_pattern(text: str) -> str:
    ScalePattern(text)
    return text


class ItemSettings(Table):
    """`patterns`: what the shop's scales print, as `pos_plugin.codes.scale_labels.ScalePattern` reads it."""

    patterns: list[Annotated[str, AfterValidator(_scale_pattern)]] = Field(default=[], max_length=16)

    @model_validator(mode="after")
    def _possible(self) -> ItemSettings:
        if problem := told_apart(self.scale_patterns):
            raise ValueError(f"patterns: {problem}")
        return self

    @cached_property
    def scale_patterns(self) -> tuple[ScalePattern, ...]:
        return tuple(map(ScalePattern, self.patterns))


class ServerSettings(Table):
    url: str = Field(default="", pattern=r"^(https?://\S+)?$")


class InterceptSettings(Table):
    """`listen`: where the shop's till prints to, a TCP address of this machine or a serial port; empty is nowhere.

    `till` is what that till is called in the journal. What it prints goes on to the printer of the settings. `keep`: its last
    jobs stay in `printed/`, for "pos-plugin learn".
    """

    listen: str = Field(default="", max_length=200)
    till: str = Field(default="1", min_length=1, max_length=64, pattern=r"^[^/\x00-\x1f]+$")
    keep: bool = True


class DoorSettings(Table):
    """A door for programs that speak the protocol of other makers' devices; `port` 0 keeps it shut.

    `origins` are the web pages that may use it, like "https://shop.odoo.com". Off this machine (`host`) only the addresses in
    `clients` come in. `names` are further names under which it is reached; with `tls_cert` and `tls_key` it speaks https.
    """

    port: int = Field(default=0, ge=0, le=65_535)
    host: str = Field(default="127.0.0.1", max_length=64)
    origins: list[Annotated[str, AfterValidator(_origin)]] = Field(default=[], max_length=32)
    clients: list[Annotated[str, AfterValidator(_network)]] = Field(default=[], max_length=64)
    names: list[Annotated[str, Field(max_length=200)]] = Field(default=[], max_length=16)
    tls_cert: str = Field(default="", max_length=400)
    tls_key: str = Field(default="", max_length=400)


class QzSettings(DoorSettings):
    """`printer` is what this till's printer is called there: what the till's page looks for, or offers to choose."""

    printer: str = Field(default="Loyalty till printer", min_length=1, max_length=100)


class OdooSettings(DoorSettings):
    """With `fiscal_codes`, a receipt's fiscal code records its sale: for shops where nothing else tells the till of its sales."""

    fiscal_codes: bool = False


class CloudQueueSettings(Table):
    """A cloud till that keeps print jobs for a Star CloudPRNT printer: `url` is what such a printer polls, each `every_s`."""

    url: str = Field(default="", pattern=r"^(https?://\S+)?$", max_length=400)
    every_s: int = Field(default=5, ge=1, le=300)


class OperatorSettings(Table):
    """`members`: for each operator who is a member, their card or member reference.

    `refund_minor` and `claim_minor`: sales of up to so much a cashier takes back, or adds to a card, without a supervisor.
    """

    members: dict[str, str] = Field(default={}, max_length=1000)
    refund_minor: int = Field(default=5_000, ge=0, le=10**12)
    claim_minor: int = Field(default=10_000, ge=0, le=10**12)


class Config(Table):
    shop: Shop = Shop()
    printer: PrinterSettings = PrinterSettings()
    drawer: DrawerSettings = DrawerSettings()
    display: DisplaySettings = DisplaySettings()
    scanner: Annotated[list[ScannerSettings], AfterValidator(_each_once)] = Field(default=[], max_length=8)
    items: ItemSettings = ItemSettings()
    server: ServerSettings = ServerSettings()
    page: PageSettings = PageSettings()
    intercept: InterceptSettings = InterceptSettings()
    odoo: OdooSettings = OdooSettings()
    epos: DoorSettings = DoorSettings()
    qz: QzSettings = QzSettings()
    cloudprnt: list[CloudQueueSettings] = Field(default=[], max_length=4)
    operators: OperatorSettings = OperatorSettings()


def read_config(folder: Path) -> Config:
    """The settings in a till's folder; all defaults where there is no file. Raises ConfigError."""
    file = folder / FILE
    try:
        text = text_of(file, ConfigError)
    except FileNotFoundError:
        return Config()
    return checked(Config, read_toml(text, str(file), ConfigError), text, str(file), ConfigError, _one_port_each)


def _one_port_each(tables: Mapping[str, Any]) -> Iterator[Problem]:
    """Two doors at one port: the second would stay shut. Values of a wrong kind are told of by the tables."""
    first = dict[int, str]()
    for name in ("page", "odoo", "epos", "qz"):
        table = tables.get(name, {})
        port = table.get("port", PageSettings().port if name == "page" else 0) if isinstance(table, dict) else 0
        if not isinstance(port, int) or not port:
            continue
        if port in first:
            yield (name, "port"), f"{name}.port: {port} is {first[port]}.port, too; each needs one of its own"
        first.setdefault(port, name)


def printer_profile(set_up: PrinterSettings) -> Profile:
    """The profile of the printer in the settings, with what the shop knows better. Raises DeviceError where there is none."""
    from drivers.escpos import profile

    known = profile(set_up.profile)
    better: dict[str, Any] = {}
    if set_up.width_dots:
        # Of the paper that receipts are laid out for, whatever the profile's columns are.
        each, rest = divmod(set_up.width_dots, set_up.width_columns)
        better["width_dots"], better["width_columns"] = set_up.width_dots, set_up.width_columns
        better["column_dots"] = each if not rest and each in (12, 13) else 12
    if set_up.cut:
        better["cut"], better["has_cutter"] = set_up.cut, set_up.cut != "none"
    if set_up.ideographs:
        better["ideographs"] = set_up.ideographs.removeprefix("none")
    if not set_up.answers:
        better["answers"] = False
    return msgspec.structs.replace(known, **better)


def write_server_url(folder: Path, url: str) -> None:
    """Writes head office's address into the settings file, which otherwise stays as its owner wrote it. Raises ConfigError where
    the file would be none with it, OSError where it cannot be written; it is as it was then."""
    _write_setting(folder, "server", f'url = "{url}"')


def write_shop_name(folder: Path, name: str) -> None:
    """Writes what receipts begin with, as `write_server_url` does."""
    _write_setting(folder, "shop", f"header = [{json.dumps(name, ensure_ascii=False)}]")


def _write_setting(folder: Path, table: str, setting: str) -> None:
    file = folder / FILE
    name = setting.partition(" ")[0]
    lines = text_of(file, ConfigError).splitlines() if file.exists() else []
    at = next((index for index, line in enumerate(lines) if line.partition("#")[0].strip() == f"[{table}]"), None)
    if at is None:
        lines += ["", f"[{table}]", setting]
    else:
        end = next((i for i in range(at + 1, len(lines)) if lines[i].startswith("[")), len(lines))
        old = [i for i in range(at + 1, end) if lines[i].lstrip("# ").startswith(name)]
        if old:
            lines[old[0]] = setting
        else:
            lines.insert(at + 1, setting)
    read_toml("\n".join(lines), str(file), ConfigError)
    put_in_place(file, ("\n".join(lines) + "\n").encode())


def put_in_place(file: Path, data: bytes) -> None:
    """As a whole or not at all, for whoever may read it now."""
    file = file.resolve()
    new = file.with_name(f"{file.name}.new")
    try:
        new.write_bytes(data)
        if file.exists():
            shutil.copymode(file, new)
        os.replace(new, file)
    finally:
        new.unlink(missing_ok=True)
