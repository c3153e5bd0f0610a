"""Commands about programmes: check, presets, simulate."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pos_plugin.cli.options import AsJson, is_unwatched, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loyalty.program import Program
    from loyalty.simulation import Outcome


def add_to(app: typer.Typer) -> None:
    program = typer.Typer(help="The programme: the rules of earning and spending.", no_args_is_help=True)
    program.command("check")(program_check)
    program.command("presets")(program_presets)
    program.command("simulate")(program_simulate)
    app.add_typer(program, name="program")


def read_program_text(program: str, currency: str = "", time_zone: str = "") -> Program:
    """The programme named by a file or a preset; ProgramError or TillError with what to do."""
    from zoneinfo import ZoneInfo

    from loyalty.currencies import why_not
    from loyalty.program import preset, preset_names, read_program
    from loyalty.toml_sentences import near
    from pos_plugin.errors import Unknown

    file = Path(program)
    if file.suffix == ".toml" or file.exists():
        if currency or time_zone:
            name = "--currency" if currency else "--time-zone"
            raise typer.BadParameter(f"it is for presets; change {file} itself.", param_hint=name)
        return read_program(_text_of(file), str(file))
    try:
        text = preset(program)
    except KeyError:
        raise Unknown(
            "PRESET_UNKNOWN",
            f"There is no preset {program}{near(program, preset_names()) or '.'}",
            hint="See them all: pos-plugin program presets",
        ) from None
    if currency:
        currency = currency.strip().upper()
        if why := why_not(currency):
            raise typer.BadParameter(f"{why}.", param_hint="--currency")
        text = re.sub('^currency = "[A-Z]{3}"', f'currency = "{currency}"', text, count=1, flags=re.MULTILINE)
    if time_zone:
        try:
            ZoneInfo(time_zone)
        except (KeyError, ValueError, OSError):
            raise typer.BadParameter(
                f"{time_zone!r} is no IANA time zone; write for example Europe/Berlin.", param_hint="--time-zone"
            ) from None
        text = re.sub('^time_zone = "[^"]*"', f'time_zone = "{time_zone}"', text, count=1, flags=re.MULTILINE)
    return read_program(text, f"preset {program}")


def _text_of(file: Path) -> str:
    """What a person wrote, with whichever editor: UTF-8, and the mark that Windows puts before it is none of it."""
    from pos_plugin.errors import Unknown

    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        what, hint = f"There is no file {file}.", "Name a TOML file, or a preset: pos-plugin program presets"
    except UnicodeDecodeError:
        what, hint = f"{file} is no UTF-8 text.", "Save it as UTF-8: most editors ask for the encoding under Save as."
    except OSError as error:
        what, hint = f"{file} cannot be read: {error.strerror or error}.", "Name a TOML file."
    raise Unknown("PROGRAM_UNREADABLE", what, hint=hint)


def program_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A programme in TOML.")],
    strict: Annotated[bool, typer.Option("--strict", help="Doubts count as problems.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say everything that is wrong with a programme, at once, and what is allowed but surely not meant."""
    from loyalty.doubts import doubts
    from loyalty.program import ProgramError, readable_part

    def today(program: Program) -> str:
        return datetime.now(UTC).astimezone(program.zone).date().isoformat()

    try:
        program = read_program_text(str(file))
    except ProgramError as error:
        try:
            part = readable_part(_text_of(file))
            found = doubts(part.program, today(part.program), part.sound)
        except ProgramError:  # it is not TOML, and no table of it can be read
            found = []
        if as_json:
            print_json({"file": str(file), "problems": error.problems, "doubts": found})
        else:
            told = [f"{file}:", *[f"  {problem}" for problem in error.problems]]
            told += ["What is allowed there, but see:", *[f"  {doubt}." for doubt in found]] if found else []
            typer.echo("\n".join([*told, error.hint]), err=True)
        raise typer.Exit(1) from None
    found = doubts(program, today(program))
    if as_json:
        print_json({"file": str(file), "problems": [], "doubts": found, "program": program.id})
    else:
        if found:
            typer.echo("\n".join([f"{file} can be used, but see:", *[f"  {doubt}." for doubt in found]]), err=True)
        typer.echo(f"{file} is a {'possible' if found else 'sound'} programme: {program.id}.")
        if program.surprise:
            typer.echo("Its surprises are drawn at tills of a head office only; a till without one draws none.")
    if found and strict:
        raise typer.Exit(1)


def program_presets(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Print this one as TOML, to begin a file with.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the programmes that come with the product, or print one."""
    from loyalty.program import preset_names
    from loyalty.words import in_language

    if name:
        program = read_program_text(name)
        if as_json:
            print_json({"name": name, "program": program.id, "text": program.text})
        else:
            typer.echo(program.text, nl=False)
        return
    found = []
    for known in preset_names():
        program = read_program_text(known)
        title = in_language(program.title) if program.title else program.text.splitlines()[0].lstrip("# ")
        found.append({"name": known, "title": title, "source": program.source, "as_of": program.as_of})
    if as_json:
        print_json(found)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("Name", "Title", "Source", "As of"):
        table.add_column(heading, no_wrap=heading in ("Name", "As of"))
    for one in found:
        table.add_row(one["name"], one["title"], one["source"], one["as_of"])
    Console().print(table)


def program_simulate(
    program: Annotated[str, typer.Argument(metavar="FILE|PRESET", help="The rules: a TOML file, or a preset's name.")],
    sales: Annotated[
        Path,
        typer.Option("--sales", metavar="FILE", help="Sales as CSV or Parquet, as pos-plugin backfill reads them."),
    ],
    against: Annotated[
        str, typer.Option("--against", metavar="FILE|PRESET", help="Another programme, to compare with.")
    ] = "",
    html: Annotated[
        Path | None, typer.Option("--html", metavar="OUT", help="Write a page with plots, in one file.", dir_okay=False)
    ] = None,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="OUT", help="Write the plots as a picture.", dir_okay=False)
    ] = None,
    redeem: Annotated[
        int, typer.Option(min=0, max=100, help="At so many of 100 sales at which members could redeem, they do.")
    ] = 50,
    redeem_from: Annotated[
        int, typer.Option(min=0, help="They redeem what is worth at least this much (minor units).")
    ] = 100,
    referred: Annotated[int, typer.Option(min=0, max=100, help="So many of 100 members were brought by another.")] = 0,
    segment: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PERCENT", help="So many of 100 members are in this segment.")
    ] = None,
    membership: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PERCENT", help="So many of 100 members pay for this membership.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed draws other members and moments.")] = 1,
    as_json: AsJson = False,
) -> None:
    """What a programme would have cost and done on the sales of a file: points, liability, cost, tiers, month by month."""
    import msgspec

    from loyalty.simulation import Behaviour
    from pos_plugin.past_sales.report import summary, written
    from pos_plugin.past_sales.simulating import read_history, simulate

    chosen = [read_program_text(name) for name in (program, against) if name]
    behaviour = Behaviour(
        redeem_percent=redeem,
        redeem_from_minor=redeem_from,
        referred_percent=referred,
        segments=_shares("--segment", segment or [], {name for one in chosen for name in one.segments}),
        memberships=_shares("--membership", membership or [], {plan.name for one in chosen for plan in one.membership}),
        seed=seed,
    )
    with _bar(as_json) as begin:
        history = read_history(sales, chosen[0], begin(f"Reading {sales.name}"))
        outcomes: list[Outcome] = [simulate(one, behaviour, history, begin(f"Simulating {one.name}")) for one in chosen]
    if html or png:
        from pos_plugin.past_sales.plots import page, picture

        if html:
            html.write_text(page(outcomes, behaviour), encoding="utf-8")
        if png:
            png.write_bytes(picture(outcomes))
    if as_json:
        told: dict[str, Any] = {"behaviour": msgspec.to_builtins(behaviour)}
        told |= {"programs": [written(one) for one in outcomes]}
        print_json(told | {"left_out": history.left_out, "problems": history.problems})
    else:
        from rich.console import Console

        for problem in history.problems:
            typer.echo(f"{sales}, {problem}", err=True)
        for part in summary(outcomes, behaviour):
            Console().print(part)
        for file in (html, png):
            if file:
                typer.echo(f"Plots: {file}")
    if history.left_out:
        if not as_json:
            typer.echo(f"{history.left_out:,} sales were left out. Correct those rows for the whole picture.", err=True)
        raise typer.Exit(1)


def _shares(option: str, written: list[str], known: set[str]) -> dict[str, int]:
    """`NAME=PERCENT` of a name that the programmes have; wrong use, else."""
    shares: dict[str, int] = {}
    for one in written:
        name, _, percent = one.partition("=")
        if not (percent.isascii() and percent.isdigit() and int(percent) <= 100):
            raise typer.BadParameter(f"{one!r}: write for example {name or 'student'}=10.", param_hint=option)
        if name not in known:
            there = f" It has {', '.join(sorted(known))}." if known else " It has none."
            raise typer.BadParameter(f"the programme has no {name!r}.{there}", param_hint=option)
        shares[name] = int(percent)
    return shares


@contextmanager
def _bar(is_hidden: bool) -> Iterator[Callable[[str], Callable[[float], None]]]:
    """Progress on stderr, one bar after the other."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=is_unwatched(is_hidden)) as bar:

        def begin(what: str) -> Callable[[float], None]:
            task = bar.add_task(what, total=1.0)
            return lambda share: bar.update(task, completed=share)

        yield begin
