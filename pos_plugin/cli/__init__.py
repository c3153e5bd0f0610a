"""The command line `pos-plugin`. Exit status: 0 done, 1 found a problem, 2 wrong use.

Commands import what they need when they run, so that a report starts fast.
"""

from __future__ import annotations

import os
import sys

import typer

from pos_plugin.cli import (
    api_keys,
    audits,
    cards,
    closings,
    intercepting,
    keeping,
    learning,
    operators,
    printers,
    programs,
    receipts,
    reports,
    running,
    setting_up,
)
from pos_plugin.cli.options import Commands

app = typer.Typer(
    name="pos-plugin",
    cls=Commands,
    help="A loyalty plugin for the till: scan, award, print, sync. Try it: pos-plugin demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
setting_up.add_to(app)
api_keys.add_to(app)
operators.add_to(app)
programs.add_to(app)
running.add_to(app)
intercepting.add_to(app)
printers.add_to(app)
receipts.add_to(app)
reports.add_to(app)
cards.add_to(app)
closings.add_to(app)
audits.add_to(app)
keeping.add_to(app)
learning.add_to(app)


def main() -> None:
    """Runs a command; what goes wrong becomes one clear message, what to do about it, and exit status 1.

    A traceback is shown only where POS_PLUGIN_TRACEBACK is set.
    """
    try:
        app(prog_name="pos-plugin")
    except Exception as error:
        if os.environ.get("POS_PLUGIN_TRACEBACK"):
            raise
        typer.echo("\n".join(_told(error)), err=True)
        sys.exit(1)


def _told(error: Exception) -> list[str]:
    hint = getattr(error, "hint", None)
    if hint is not None:
        problems = getattr(error, "problems", None)
        said = [f"{getattr(error, 'source', '')}:", *[f"  {line}" for line in problems]] if problems else [str(error)]
        return [*said, hint] if hint else said
    if isinstance(error, OSError) and error.strerror:
        about = f"{error.filename}: " if error.filename else ""
        if isinstance(error, FileExistsError):
            return [f"{about}{error.strerror}.", "Choose another name, or put that file elsewhere."]
        if isinstance(error, IsADirectoryError):
            return [f"{about}this is a folder.", "Name a file in it."]
        return [
            f"{about}{error.strerror}.",
            "See that it is there, that this user may use it, and that the disk has room.",
        ]
    return [
        f"This did not work: {type(error).__name__}: {error}.",
        "See what pos-plugin doctor finds. If it finds nothing, this is a fault of the program: set POS_PLUGIN_TRACEBACK=1, "
        "do it again, and report what it shows.",
    ]
