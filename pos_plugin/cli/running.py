"""Commands of a till at work: run, demo, sync, reprint, test-print, doctor."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pos_plugin.cli.options import DEFAULT_STORE, AsJson, StoreDir, address_problem, print_json

if TYPE_CHECKING:
    from pos_plugin.config import Config


def add_to(app: typer.Typer) -> None:
    app.command()(run)
    app.command()(demo)
    app.command()(sync)
    app.command()(reprint)
    app.command("test-print")(print_test)
    app.command()(doctor)


def run(
    store: StoreDir = DEFAULT_STORE,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="The page's port, if not the one in till.toml.")
    ] = None,
    log_json: Annotated[
        bool,
        typer.Option("--log-json", help="Write the log as JSON, a line for each record."),
    ] = False,
    log_file: Annotated[
        Path | None, typer.Option(help="Write the log to this file, at most six of 5 MB; else to standard error.")
    ] = None,
) -> None:
    """Run the till: its page and API on this machine, its printer, scanner and sync."""
    import logging

    from ledger.log_lines import set_up
    from pos_plugin.local_api.server import Server
    from pos_plugin.running import announced
    from pos_plugin.serving.server import stays
    from pos_plugin.terminal import Terminal
    from pos_plugin.ways_in.doors import open_doors

    set_up(as_json=log_json, file=log_file)
    logging.getLogger("pos_plugin").setLevel(logging.INFO)  # the page's last lines have more than the log
    terminal = Terminal.open(store)
    with ExitStack() as closing:
        try:
            closing.enter_context(
                relay(store, terminal.config, log_file, log_json)
            )  # ends last: the till's own jobs go through it
        finally:
            closing.enter_context(terminal)
        chosen = terminal.config.page.port if port is None else port
        server = Server(terminal, chosen)
        with announced(store, server.url):
            typer.echo(f"The till is at {server.url} (Ctrl-C ends it).")
            if listen := terminal.config.intercept.listen:
                typer.echo(f'The shop\'s till prints to {listen}; "pos-plugin doctor" says how that goes.')
            doors = open_doors(terminal)
            stays()
            try:
                server.run()
            finally:
                for door in doors:
                    door.stop()
    typer.echo("The till is closed.")


def relay(
    store: Path, config: Config, log_file: Path | None = None, log_json: bool = False
) -> AbstractContextManager[object]:
    """Keeps the relay running where the shop's till prints to this one. Raises TillError where it could not begin."""
    if not config.intercept.listen:
        return nullcontext()
    from pos_plugin.intercept.relay_keeper import RelayKeeper
    from pos_plugin.intercept.relay_process import door_of

    door_of(config)
    return RelayKeeper(store, config, log_file=log_file, log_json=log_json)


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--dir", metavar="DIR", help="Keep the demo's data here; else it is new each time.", file_okay=False
        ),
    ] = None,
    head_office: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Over this head office, which make office loaded; it keeps the demo's data.",
            file_okay=False,
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The till's page.")] = 8350,
    control_port: Annotated[int, typer.Option(min=0, max=65_535, help="The control page.")] = 8351,
    server_port: Annotated[int, typer.Option(min=0, max=65_535, help="The central server.")] = 8360,
    printer_port: Annotated[int, typer.Option(min=0, max=65_535, help="The simulated printer.")] = 9101,
    other_till_port: Annotated[int, typer.Option(min=0, max=65_535, help="Where another till prints to.")] = 9100,
) -> None:
    """A whole shop on this machine: head office, a till, a scanner and a printer that exist only in software."""
    from pos_plugin.demo.shop import Ports
    from pos_plugin.demo.shop import demo as open_shop

    open_shop(folder, Ports(port, control_port, server_port, printer_port, other_till_port), head_office)


def sync(store: StoreDir = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Exchange with head office once, now. A running till does this by itself."""
    from ledger.keys import SigningKey
    from offline_store import journal
    from offline_store.errors import StoreLocked
    from offline_store.store import Store
    from offline_store.sync import NotEnrolled, Sync
    from pos_plugin.config import FILE, ConfigError, read_config
    from pos_plugin.head_office.server_link import HttpLink
    from pos_plugin.running import ask

    config = read_config(store)
    try:
        till = Store.open(store)
    except StoreLocked as locked:
        network = ask(store, "/v1/sync", locked)
        if as_json:
            print_json(network)
        else:
            typer.echo(f"The running till was asked to. {network['text']} {network['unsent']:,} still to send.")
        return
    with till:
        if not config.server.url:
            raise NotEnrolled("This till has no head office.", hint="Join one: pos-plugin enroll URL CODE")
        if problem := address_problem(config.server.url):
            raise ConfigError(str(store / FILE), [problem])
        with till.read() as db:
            who = journal.identity(db)
        with closing(HttpLink(config.server.url, who.terminal, lambda: SigningKey(till.secret_key()))) as link:
            progress = Sync(till, link, clock=lambda: datetime.now(UTC), random_bytes=os.urandom).step()
    found = {
        "sent": progress.uploaded,
        "received": progress.received,
        "unsent": progress.unsent,
        "notes": progress.notes,
    }
    if as_json:
        print_json(found)
        return
    sent, received, unsent = progress.uploaded, progress.received, progress.unsent
    typer.echo(f"Sent to head office: {sent:,} entries; received: {received:,} items; still to send: {unsent:,}.")
    for note in progress.notes:
        typer.echo(note, err=True)


def reprint(
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="What the receipt bears, for example 7K3M2P-17-6.")
    ],
    store: StoreDir = DEFAULT_STORE,
) -> None:
    """Print an earlier receipt again, as it was, marked COPY."""
    from urllib.parse import quote

    from offline_store import receipts
    from offline_store.errors import StoreLocked
    from pos_plugin.config import read_config
    from pos_plugin.papers.sample_sheet import no_printer
    from pos_plugin.running import ask
    from pos_plugin.terminal import Terminal

    try:
        opened = Terminal.open(store, start=False)
    except StoreLocked as locked:
        if not read_config(store).printer.address:
            raise no_printer() from locked
        ask(store, f"/v1/receipts/{quote(reference, safe='')}/reprint", locked)
        typer.echo("The running till prints it, marked COPY.")
        return
    with opened as terminal:
        job = terminal.printer.reprint(reference)
        if not terminal.config.printer.address:
            typer.echo("It is printed once this till has a printer (till.toml) and runs.")
            return
        spooler = terminal.printer.open()
        while spooler.step():
            pass
        with terminal.store.read() as db:
            done = receipts.job(db, job)
    if done is None or done.state != "printed":
        typer.echo(done.reason if done and done.reason else spooler.trouble, err=True)
        raise typer.Exit(1)
    typer.echo("Printed, marked COPY.")


def print_test(
    store: StoreDir = DEFAULT_STORE,
    drawer: Annotated[bool, typer.Option("--drawer", help="Open the cash drawer, too.")] = False,
    buzzer: Annotated[bool, typer.Option("--buzzer", help="Sound the printer's buzzer, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a test page and say in words what the printer answered. A running till prints it on its own printer."""
    import msgspec

    from offline_store.errors import StoreLocked
    from pos_plugin.papers.sample_sheet import Sampled, in_words, print_alone
    from pos_plugin.running import ask

    try:
        done = print_alone(store, drawer=drawer, buzzer=buzzer)
    except StoreLocked as locked:
        answered = ask(store, "/v1/test-print", locked, {"drawer": drawer, "buzzer": buzzer})
        done = msgspec.convert(answered, Sampled)
    if as_json:
        print_json(msgspec.to_builtins(done))
    else:
        for line in in_words(done):
            typer.echo(line, err=not done.is_printed)
    if not done.is_printed:
        raise typer.Exit(1)


def doctor(store: StoreDir = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Find what is wrong with this till, and say what to do."""
    from pos_plugin.doctor import examine

    findings = examine(store)
    if as_json:
        print_json([{"what": one.what, "ok": one.ok, "found": one.found, "do": one.do} for one in findings])
    else:
        for one in findings:
            typer.echo(f"{'ok     ' if one.ok else 'PROBLEM'}  {one.what}: {one.found}")
            if one.do:
                typer.echo(f"         {one.do}")
    if not all(one.ok for one in findings):
        raise typer.Exit(1)
