"""Options, output and refusals that the commands of `pos-central` share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from loyalty.typed import why_unfit

if TYPE_CHECKING:
    from central_server.office import Office
    from loyalty.program import Program

Folder = Annotated[Path, typer.Option("--dir", help="The folder of this head office.", file_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

FOUND = (
    "SCHEMA_OLDER",
    "SCHEMA_NEWER",
    "DATABASE_RESTORED",
    "BACKUP_ABSENT",
    "BACKUP_DAMAGED",
    "BACKUP_UNWRITABLE",
    "RESTORE_FAILED",
    "UPGRADE_FAILED",
    "DOWNGRADE_FORGETS",
)
"""Codes that name a problem found (status 1); the others are wrong use (status 2)."""


class Commands(TyperGroup):
    """All commands: a value that is typed wrong is answered in the product's words, not in those of the library that reads it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = why_unfit(error.__cause__) or error.message
            raise


def now() -> datetime:
    return datetime.now(UTC)


def stop(message: str, hint: str = "", status: int = 1) -> NoReturn:
    print(f"pos-central: {message}" + (f" {hint}" if hint else ""), file=sys.stderr)
    raise typer.Exit(status)


@contextmanager
def refusals() -> Iterator[None]:
    """What a person can put right is one line; wrong use is told apart from a problem found."""
    from sqlalchemy.exc import SQLAlchemyError

    from central_server.errors import CentralError
    from loyalty.program import ProgramError

    try:
        yield
    except CentralError as error:
        stop(str(error), error.hint, status=1 if error.code in FOUND else 2)
    except ProgramError as error:
        stop("\n  ".join([f"{error.source} cannot be used:", *error.problems]), status=2)
    except SQLAlchemyError as error:
        stop(f"the database does not answer ({type(error).__name__}).", "Is it running, and its address right?")
    except FileExistsError as error:
        about = f"{error.filename}: " if error.filename else ""
        stop(f"{about}{error.strerror}.", "Choose another name, or put that file elsewhere.")
    except IsADirectoryError as error:
        stop(f"{error.filename} is a folder.", "Name a file in it.")
    except OSError as error:
        about = f"{error.filename}: " if error.filename else ""
        stop(f"{about}{error.strerror or type(error).__name__}.", "May this user write there, and has the disk room?")


@contextmanager
def opened(folder: Path) -> Iterator[Office]:
    from central_server.files import in_use
    from central_server.office import Office, read_office_file

    with refusals():
        read_office_file(folder)
        with in_use(folder):
            office = Office.open(folder, now, os.urandom)
            try:
                yield office
            finally:
                office.close()


def clock_of(office: Office) -> Callable[[str], str]:
    """How moments are written here, as on the pages: by the shops' clocks, to the minute."""
    from central_server.local_time import shown

    with office.database.reading() as connection:
        program = office.program(connection)
    assert program is not None, "init puts a programme in force"
    zone = program.zone
    return lambda at: shown(at, zone)


def read_text(file: Path, what: str) -> str:
    """A text file that a person wrote, with or without the mark that some editors put first; ends the command where it cannot
    be read."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        stop(f"{what} {file} cannot be read: there is no such file.", status=2)
    except UnicodeDecodeError:
        stop(f"{what} {file} cannot be read: it is not UTF-8.", "Save it as UTF-8.", status=2)
    except OSError as error:
        stop(f"{what} {file} cannot be read: {(error.strerror or 'the disk does not give it').lower()}.", status=2)


def read_program_file(name: str) -> Program:
    """The programme of a file, or of a preset's name. Raises ProgramError."""
    from loyalty.program import preset, preset_names, read_program

    if name in preset_names() and not Path(name).exists():
        return read_program(preset(name), name)
    if Path(name).suffix or Path(name).exists():
        return read_program(read_text(Path(name), "the programme"), name)
    near = get_close_matches(name, preset_names(), n=1)
    stop(
        f"the programme {name} cannot be read: there is neither a file nor a preset of this name.",
        f"Did you mean {near[0]}?" if near else "The presets: pos-plugin program presets",
        status=2,
    )


def counted(number: int, one: str, many: str = "") -> str:
    """
    >>> counted(1, "member"), counted(1200, "lot"), counted(0, "entry", "entries")
    ('1 member', '1,200 lots', '0 entries')
    """
    return f"{number:,} {one if abs(number) == 1 else many or f'{one}s'}"


def print_json(answer: object) -> None:
    import msgspec

    print(msgspec.json.encode(answer).decode())


@contextmanager
def counting(
    what: str, is_quiet: bool, unit: str = "rows", total: int | None = None
) -> Iterator[Callable[[int], None]]:
    """Shows on the terminal how many have been done, of `total` where that is known."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bars = (BarColumn(),) if total else ()
    counted = TextColumn("{task.completed:,} " + unit)
    columns = (SpinnerColumn(), TextColumn(what), *bars, counted, TimeElapsedColumn())
    with Progress(
        *columns, console=Console(stderr=True), transient=True, disable=is_quiet or not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
