"""The command line `pos-plugin`. Exit status: 0 done, 1 found a problem, 2 wrong use.

Commands import what they need when they run, so that a report starts fast.
"""

from __future__ import annotations

import sys

import typer

from pos_plugin.cli import reports, running, setting_up

app = typer.Typer(
    name="pos-plugin",
    help="A loyalty plugin for the till: scan, award, print, sync. Try it: pos-plugin demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
setting_up.add_to(app)
running.add_to(app)
reports.add_to(app)


def main() -> None:
    """Runs a command; whatever the world refused becomes one clear message and exit status 1."""
    try:
        app()
    except Exception as error:
        hint = getattr(error, "hint", None)
        if hint is None:
            raise
        problems = getattr(error, "problems", None)
        lines = [f"{getattr(error, 'source', '')}:", *[f"  {line}" for line in problems]] if problems else [str(error)]
        typer.echo("\n".join(lines), err=True)
        if hint:
            typer.echo(hint, err=True)
        sys.exit(1)
