"""The settings of a till: `till.toml` in its folder, written by `pos-plugin init`, edited by a person."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from loyalty.toml_table import Table, TomlError, checked, read_toml
from loyalty.words import Language
from pos_plugin.receipt_template import Logo, read_template
from pos_plugin.receipts import Layout

FILE = "till.toml"

TEMPLATE = """\
# The settings of this till. Leave out what it does not have; run "pos-plugin doctor" after a change.

[shop]
header = ["Your shop"]             # lines above each receipt
footer = ["Thank you"]             # lines below it
language = "en"                    # of receipts: en, tr, de, fr or es

[printer]
# address = "tcp://192.168.1.50:9100"          # or serial:///dev/ttyUSB0?baud=19200
# profile = "default"                          # a name of the ESC/POS printer database
# width_columns = 42                           # 32 on 58 mm paper, 42 or 48 on 80 mm

[scanner]
# port = "/dev/ttyACM0"                        # or COM3
# baudrate = 9600
# repeat_after_ms = 700                        # the same code read again sooner is one scan

[server]
# url = "https://head-office.example"          # set by "pos-plugin enroll"

[page]
# port = 8350

[operators]
# members = { "1" = "2900000000018" }          # an operator's own card does not count on sales that they ring
"""


class ConfigError(TomlError):
    """The till's settings cannot be used; `problems` names every one with its line."""

    code = "CONFIG_INVALID"
    hint = "Correct till.toml and start again; no data is touched."


class Shop(Table):
    """`language` is that of receipts and of what the cashier reads out."""

    header: list[str] = Field(default=["Your shop"], max_length=12)
    footer: list[str] = Field(default=[], max_length=12)
    language: Language = "en"


class PrinterSettings(Table):
    """`address` is a wire as `drivers.wires.wire_from_url` reads it; empty is no printer."""

    address: str = ""
    profile: str = "default"
    width_columns: int = Field(default=42, ge=24, le=64)


class ScannerSettings(Table):
    """`port` is a serial device or `socket://host:port`; empty is no scanner. `prefix` as the reader is set up.

    The same code read again within `repeat_after_ms` is one scan.
    """

    port: str = ""
    baudrate: int = Field(default=9600, ge=300, le=921_600)
    prefix: str = Field(default="", max_length=8)
    repeat_after_ms: int = Field(default=700, ge=0, le=10_000)


class ServerSettings(Table):
    url: str = Field(default="", pattern=r"^(https?://\S+)?$")


class PageSettings(Table):
    port: int = Field(default=8350, ge=0, le=65_535)


class OperatorSettings(Table):
    """`members`: for each operator who is a member, their card or member reference."""

    members: dict[str, str] = Field(default={}, max_length=1000)


class Config(Table):
    shop: Shop = Shop()
    printer: PrinterSettings = PrinterSettings()
    scanner: ScannerSettings = ScannerSettings()
    server: ServerSettings = ServerSettings()
    page: PageSettings = PageSettings()
    operators: OperatorSettings = OperatorSettings()


def read_config(folder: Path) -> Config:
    """The settings in a till's folder; all defaults where there is no file. Raises ConfigError."""
    file = folder / FILE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), [f"it cannot be read: {error}"]) from error
    return checked(Config, read_toml(text, str(file), ConfigError), text, str(file), ConfigError)


def read_layout(folder: Path, config: Config) -> tuple[Layout, Logo | None]:
    """How this till's receipts look, and the picture that they name. Raises TemplateError."""
    template, logo = read_template(folder, config.printer.width_columns)
    shop = config.shop
    layout = Layout(
        config.printer.width_columns,
        tuple(shop.header),
        tuple(shop.footer),
        template.language or shop.language,
        template,
        logo.digest if logo else "",
        shop.language,
    )
    return layout, logo


def write_server_url(folder: Path, url: str) -> None:
    """Writes head office's address into the settings file, which otherwise stays as its owner wrote it."""
    file = folder / FILE
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    setting = f'url = "{url}"'
    at = next((index for index, line in enumerate(lines) if line.strip() == "[server]"), None)
    if at is None:
        lines += ["", "[server]", setting]
    else:
        end = next((i for i in range(at + 1, len(lines)) if lines[i].startswith("[")), len(lines))
        old = [i for i in range(at + 1, end) if lines[i].lstrip("# ").startswith("url")]
        if old:
            lines[old[0]] = setting
        else:
            lines.insert(at + 1, setting)
    read_toml("\n".join(lines), str(file), ConfigError)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
