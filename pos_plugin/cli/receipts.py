"""Commands about how receipts look: receipt check, receipt preview."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pos_plugin.cli.options import DEFAULT_STORE, AsJson, StoreDir, print_json


def add_to(app: typer.Typer) -> None:
    receipt = typer.Typer(help="How receipts look: receipt.toml in the till's folder.", no_args_is_help=True)
    receipt.command()(check)
    receipt.command()(preview)
    app.add_typer(receipt, name="receipt")


def check(store: StoreDir = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Find what is wrong with receipt.toml: every problem at once, with its line."""
    from offline_store.store import Store
    from pos_plugin.config import read_config
    from pos_plugin.papers.receipt_template import FILE, TemplateError, read_template

    Store.open_for_reading(store).close()  # a folder whose name is mistyped has nothing wrong in it, either
    width = read_config(store).printer.width_columns
    problems: list[str] = []
    try:
        _, logo = read_template(store, width)
    except TemplateError as error:
        problems = error.problems
    file = store / FILE
    if as_json:
        print_json({"file": str(file), "problems": problems})
    elif problems:
        typer.echo(f"{file}:", err=True)
        for problem in problems:
            typer.echo(f"  {problem}", err=True)
        typer.echo("Receipts go on as they were until the till is started again.", err=True)
    elif not file.exists():
        typer.echo(f"There is no {file}: receipts are as they come.")
    else:
        typer.echo(f"{file} is valid, for paper of {width} columns{', with its logo' if logo else ''}.")
    if problems:
        raise typer.Exit(1)


def preview(
    store: StoreDir = DEFAULT_STORE,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it as the printer would.")] = None,
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", help="A page as wide as the paper.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="The digital receipt, one file.")] = None,
    text: Annotated[bool, typer.Option("--text", help="As text, which is what it is without any of these.")] = False,
    slip: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="A slip: enrolment, ticket, gift-card, closing, balance, suspended or device-status.",
        ),
    ] = "",
    language: Annotated[str, typer.Option(metavar="XX", help="In another language: en, tr, de, fr or es.")] = "",
    offline: Annotated[bool, typer.Option("--offline", help="As it is while head office cannot be reached.")] = False,
    no_member: Annotated[bool, typer.Option("--no-member", help="Of a customer without a card.")] = False,
    copy: Annotated[bool, typer.Option("--copy", help="As a reprint, marked COPY.")] = False,
) -> None:
    """Show a sample receipt under this till's programme and layout. Nothing is recorded or printed."""
    from dataclasses import replace

    from loyalty.words import LANGUAGES
    from offline_store import settings
    from offline_store.store import Store
    from pos_plugin.config import printer_profile, read_config
    from pos_plugin.papers import renderings
    from pos_plugin.papers.layout import read_layout
    from pos_plugin.sales.receipt_sample import SLIPS, sample_receipt, sample_slip

    if slip and slip not in SLIPS:
        raise typer.BadParameter(f"There is no slip {slip}. Slips: {', '.join(SLIPS)}.", param_hint="--slip")
    if language and language not in LANGUAGES:
        raise typer.BadParameter(f"Choose one of {', '.join(LANGUAGES)}.", param_hint="--language")
    config = read_config(store)
    layout, logo = read_layout(store, config)
    if language:
        layout = replace(layout, language=language)
    now = datetime.now(UTC)
    with Store.open_for_reading(store) as till, till.read() as db:
        program = settings.program_in_force(db, now)
    if slip:
        document = sample_slip(slip, program, layout, now)
    else:
        document = sample_receipt(program, layout, now, is_online=not offline, has_member=not no_member)
    pictures = {logo.digest: logo.png} if logo else {}
    title = layout.shop or "Receipt"
    if png is not None:
        printer = printer_profile(config.printer)
        png.write_bytes(renderings.as_png(document, printer, copy=copy, pictures=pictures))
    if pdf is not None:
        printer = printer_profile(config.printer)
        pdf.write_bytes(renderings.as_pdf(document, printer, title=title, copy=copy, pictures=pictures))
    if html is not None:
        made = renderings.as_html(document, title=title, language=layout.language, copy=copy, pictures=pictures)
        html.write_text(made, encoding="utf-8")
    for file in (png, pdf, html):
        if file is not None:
            typer.echo(str(file))
    if text or not (png or pdf or html):
        typer.echo(renderings.as_text(document, copy=copy), nl=False)
