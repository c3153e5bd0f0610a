"""The command that teaches a till's receipts: learn."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pos_plugin.cli.options import DEFAULT_STORE, AsJson, StoreDir, print_json

if TYPE_CHECKING:
    from drivers.escpos import Profile
    from pos_plugin.intercept.learning import Given
    from pos_plugin.intercept.papers import Kind, Paper, Recognised
    from pos_plugin.intercept.till_receipts import TillReceipts

PRINTED = "printed"
"""Where interception keeps what was printed last, in the till's folder."""
MOST_BYTES = 4 * 1024 * 1024
MOST_SHOWN = 120  # rows of a paper
_STAR = re.compile(rb"\x1b(?:\x1d[\x03APRSaty]|\x1e[AFar]|\*r[ARB])")
"""ESC GS, ESC RS and ESC * r, which begin many of Star's commands and none of Epson's."""


def add_to(app: typer.Typer) -> None:
    app.command()(learn)


def learn(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            help="What the till has sent to its printer, a file each. Without any: what interception has kept.",
        ),
    ] = None,
    store: StoreDir = DEFAULT_STORE,
    sale: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="This is a sale, whatever else stands on it.")
    ] = None,
    return_: Annotated[list[Path] | None, typer.Option("--return", metavar="FILE", help="This is a return.")] = None,
    void: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="This takes back a whole sale.")] = None,
    copy: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="This is a reprint.")] = None,
    kitchen: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="This is for the kitchen.")] = None,
    closing: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="This is an X or Z report.")] = None,
    card_slip: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="This is of a payment by card alone.")
    ] = None,
    other: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="This is no sale, nor any of these.")] = None,
    restarts: Annotated[
        Literal["daily", "never", ""],
        typer.Option(metavar="daily|never", help="Whether the numbers of sales begin anew each day."),
    ] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Only say what these papers are by the profile that is there.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Print the profile as it is, or would be, written; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Learn from a few printed papers which of them are sales, and where their total and number stand."""
    from pos_plugin.intercept import learning, till_receipts
    from pos_plugin.intercept.recognition import recognise

    told: dict[Kind, list[Path] | None] = {
        "sale": sale, "return": return_, "void": void, "copy": copy, "kitchen": kitchen, "closing": closing,
        "card slip": card_slip, "other": other,
    }  # fmt: skip
    hour, is_card = _of_programme(store)
    given = _given(files or [], told, store)
    profile: TillReceipts | None
    if check:
        profile = till_receipts.read_till_receipts(store)
        text = till_receipts.as_toml(profile) if profile else ""
        seen = [(one, recognise(one.paper, profile, is_card=is_card)) for one in given]
        problems = [f"{one.name} is a {one.told}, and is taken for a {found.kind}: {found.why}"
                    for one, found in seen if one.told and one.told != found.kind]  # fmt: skip
        notes = [] if profile else [f"There is no {store / till_receipts.FILE}: only fiscal codes make a paper a sale."]
    else:
        learned = learning.learn(given, is_card=is_card, restarts=restarts, day_starts_at=hour)
        text, seen, problems, notes = learned.text, learned.seen, learned.problems, learned.notes
        profile = learned.so_far
    written = ""
    if not (check or dry_run or show or problems):
        written = _write(store, text)
    if as_json:
        print_json({
            "profile": written,
            "files": [_as_json(one, found) for one, found in seen],
            "problems": problems,
            "notes": notes,
            **({"text": text} if show else {}),
        })  # fmt: skip
    elif show:
        typer.echo(text, nl=False)
    else:
        _print(seen, profile, notes)
        if written:
            typer.echo(f"Written: {written}. It counts from the next receipt on: sell something, and look at it.")
    if not as_json and problems:
        for problem in problems:
            typer.echo(problem, err=True)
        if not check:
            typer.echo("Nothing was written.", err=True)
    if problems:
        raise typer.Exit(1)


def papers_of(data: bytes, profile: Profile) -> list[Paper]:
    """The papers of what a till has sent, read as interception reads it."""
    from pos_plugin.intercept.papers import Paper
    from pos_plugin.intercept.stream import Stream

    found = list[Paper]()
    stream = Stream(found.append, profile)
    stream.feed(data)
    stream.close()
    return found


def _given(files: Sequence[Path], told: dict[Kind, list[Path] | None], store: Path) -> list[Given]:
    from pos_plugin.config import printer_profile, read_config
    from pos_plugin.intercept.kept_jobs import kept_jobs
    from pos_plugin.intercept.learning import Given

    named: list[tuple[Path, Kind | None]] = [(file, None) for file in files]
    named += [(file, kind) for kind, some in told.items() for file in some or ()]
    if not files:
        known = {file.resolve() for file, _ in named}
        kept = sorted(kept_jobs(store / PRINTED))
        named = [(file, None) for file in kept if file.resolve() not in known] + named
    if not named:
        raise typer.BadParameter(
            f"Name files with what the till has printed; interception has kept none in {store / PRINTED}.",
            param_hint="FILE",
        )
    profile = printer_profile(read_config(store).printer)
    given = []
    for file, kind in named:
        if file.is_dir():
            raise typer.BadParameter(f"{file} is a folder. Name the files in it, one a job.", param_hint="FILE")
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise typer.BadParameter(
                f"{file} has more than {MOST_BYTES // 2**20} MiB; what is printed has less.", param_hint="FILE"
            )
        papers = papers_of(data, profile)
        if _STAR.search(data):
            typer.echo(
                f"{file}: It is written in Star's own commands, which are passed on and not read. Set the printer to ESC/POS "
                "emulation, as its manual says, and give the till a driver for ESC/POS.",
                err=True,
            )
        elif not papers:
            typer.echo(f"{file}: nothing is printed by it.", err=True)
        for number, paper in enumerate(papers, 1):
            given.append(Given(str(file) if len(papers) == 1 else f"{file} ({number})", paper, kind))
    return given


def _of_programme(store: Path) -> tuple[int, Callable[[str], bool]]:
    """The hour at which the shop's day starts, and what says whether a code is that of a member's card."""
    from datetime import UTC, datetime

    from loyalty.card import MemberCard, member_card
    from offline_store import settings
    from offline_store.store import Store

    with Store.open_for_reading(store) as till, till.read() as db:
        program = settings.program_in_force(db, datetime.now(UTC))
    cards = program.cards.rules
    return program.day_starts_at, lambda code: isinstance(member_card(cards, code), MemberCard)


def _write(store: Path, text: str) -> str:
    """Writes the profile beside what was there, which stays as a second file."""
    from pos_plugin.intercept.till_receipts import FILE

    file = store / FILE
    if file.exists():
        file.replace(file.with_suffix(".toml.before"))
    file.write_text(text, encoding="utf-8")
    return str(file)


def _as_json(one: Given, found: Recognised) -> dict[str, Any]:
    import msgspec

    return {"file": one.name, **msgspec.to_builtins(found)}


def _print(seen: Sequence[tuple[Given, Recognised]], profile: TillReceipts | None, notes: Sequence[str]) -> None:
    """Each paper, with what its rows were taken for beside them."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from pos_plugin.intercept.learning import meanings
    from pos_plugin.intercept.recognition import shown, untaught

    console = Console(highlight=False)
    for one, found in seen:
        said: list[str] = [found.kind]
        if found.kind in ("sale", "return", "void"):
            said += [shown(found.total_minor, profile or untaught()), f"number {found.reference}"]
            said += [f"of {found.of_reference}"] if found.of_reference else []
            said += [found.sold_at.replace("T", " ")] if found.sold_at else []
            said += [f"{len(found.lines)} line{'s' * (len(found.lines) > 1)}"] if found.lines else []
            said += [f"by {found.operator}"] if found.operator else []
            said += [f"member {found.member_code}"] if found.member_code else []
        console.print(Text(f"{one.name}: {', '.join(said)}", style="bold"), soft_wrap=True)
        table = Table(show_header=False, box=None, pad_edge=False)
        for meaning, row in meanings(one.paper, profile or untaught(), found)[:MOST_SHOWN]:
            style = "bold reverse" if meaning in ("total", "number", "title") else "bold" if meaning else "dim"
            table.add_row(Text(meaning), Text(row, style=style))
        console.print(table)
        console.print(Text(f"{found.why}\n", style="italic"), soft_wrap=True)
    for note in notes:
        console.print(Text(note), soft_wrap=True)
