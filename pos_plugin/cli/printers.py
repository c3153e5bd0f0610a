"""Commands about printers that exist only in software: printer simulate, printer listing."""

from __future__ import annotations

import re
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivers.errors import DeviceError

if TYPE_CHECKING:
    from drivers.simulated.printer import PrintedReceipt, SimulatedPrinter

_WIDTH_DOTS = {(80, 203): 576, (58, 203): 384, (80, 180): 512, (58, 180): 360}
_SCRIPTS = {
    "": "",
    "japanese": "shift_jis",
    "chinese": "gb18030",
    "taiwanese": "big5",
    "korean": "euc-kr",
}


def add_to(app: typer.Typer) -> None:
    printer = typer.Typer(help="A printer that exists only in software.", no_args_is_help=True)
    printer.command("simulate")(simulate)
    printer.command("listing")(listing)
    app.add_typer(printer, name="printer")


def simulate(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Listen on this port.")] = 9101,
    host: Annotated[
        str, typer.Option(help="Listen on this address; 0.0.0.0 lets the whole network print.")
    ] = "127.0.0.1",
    pty: Annotated[bool, typer.Option("--pty", help="Serve a serial line as well, a pseudo-terminal.")] = False,
    gadget: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Be the far end of Linux's USB printer gadget as well.")
    ] = None,
    pictures: Annotated[
        Path, typer.Option(metavar="DIR", help="Save each receipt here, as a PNG and as text.", file_okay=False)
    ] = Path("receipts"),
    paper: Annotated[int, typer.Option(help="80 or 58: how many millimetres the roll is wide.")] = 80,
    dpi: Annotated[int, typer.Option(help="203 or 180 dots an inch.")] = 203,
    width: Annotated[
        int | None, typer.Option(min=200, max=2000, help="Dots across, where the paper has another number of them.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.1, help="Millimetres of paper a second; printing takes no time without it.")
    ] = None,
    buffer: Annotated[int, typer.Option(min=64, help="How many bytes it keeps while it cannot print.")] = 65_536,
    process_id: Annotated[bool, typer.Option(help="Whether it confirms what is printed (GS ( H).")] = True,
    code_pages: Annotated[
        str, typer.Option(metavar="NAME", help="The printer of python-escpos's database whose code pages it has.")
    ] = "default",
    script: Annotated[
        str, typer.Option(help="Two-byte characters: japanese, chinese, taiwanese or korean.", show_default=False)
    ] = "",
    fault: Annotated[
        list[str] | None, typer.Option(metavar="WORDS", help="Begin with this fault; several may be given.")
    ] = None,
) -> None:
    """A simulated ESC/POS printer: whatever prints to it is saved as pictures and text. Type `help` for its faults."""
    from drivers.simulated.code_pages import numbers
    from drivers.simulated.hands import UnknownHand, help_text, obey
    from drivers.simulated.printer import SimulatedPrinter

    if (paper, dpi) not in _WIDTH_DOTS:
        raise typer.BadParameter("Paper is 80 or 58 mm wide, at 203 or 180 dots an inch.", param_hint="--paper")
    if script not in _SCRIPTS:
        raise typer.BadParameter("Choose japanese, chinese, taiwanese or korean.", param_hint="--script")
    try:
        numbers(code_pages)
    except DeviceError as error:
        raise typer.BadParameter(f"{error} {error.hint}", param_hint="--code-pages") from error
    changed, ended = threading.Event(), threading.Event()
    options: dict[str, Any] = {
        "width_dots": width or _WIDTH_DOTS[paper, dpi],
        "dpi": dpi,
        "buffer_bytes": buffer,
        "has_process_id": process_id,
        "code_pages": code_pages,
        "two_byte": _SCRIPTS[script],
    }
    with SimulatedPrinter(on_change=changed.set, **options) as printer:
        if speed:
            printer.slow_down(mm_per_s=speed)
        ends = [f"{host}:{printer.serve_tcp(host, port)}"]
        if pty:
            ends.append(printer.serve_pty())
        if gadget:
            printer.serve_gadget(str(gadget))
            ends.append(str(gadget))
        try:
            for words in fault or ():
                obey(printer, words)
        except UnknownHand as error:
            raise typer.BadParameter(f"{error}\n\n{help_text()}", param_hint="--fault") from error
        pictures.mkdir(parents=True, exist_ok=True)
        typer.echo(f"Printing on {' and '.join(ends)}; pictures go to {pictures}.")
        typer.echo("Type what happens to it (paper out, cover open, …), help, state or quit; Ctrl-C ends it.")

        def stop() -> None:
            ended.set()
            changed.set()

        threading.Thread(target=_listen, args=(printer, stop), name="hands", daemon=True).start()
        with suppress(KeyboardInterrupt):
            _save_receipts(printer, pictures, changed, ended)
        sys.stdout.write("\n")


def _listen(printer: SimulatedPrinter, stop: Any) -> None:
    """Obeys what is typed until `quit`. Without a keyboard (a service, a pipe that ends) it goes on printing."""
    from drivers.simulated.hands import UnknownHand, help_text, obey

    for line in sys.stdin:
        said = line.strip()
        if said in ("quit", "exit"):
            stop()
            return
        if said in ("help", "?"):
            typer.echo(f"{help_text()}\n  state, help, quit")
        elif said == "state":
            typer.echo("  " + ", ".join(f"{name}: {value}" for name, value in printer.state().items()))
        elif said:
            try:
                typer.echo(f"  {obey(printer, said).about}")
            except UnknownHand as error:
                typer.echo(f"  {error}")


def _save_receipts(printer: SimulatedPrinter, folder: Path, changed: threading.Event, ended: threading.Event) -> None:
    earlier = _last_number(folder)
    saved = 0
    while not ended.is_set():
        changed.wait(0.5)  # and not for ever: Windows would not hear Ctrl-C
        changed.clear()
        total = printer.printed_total
        for receipt in printer.receipts[-(total - saved) :] if total > saved else []:
            saved += 1
            typer.echo(_save(receipt, folder / f"receipt-{earlier + saved:05}.png"))


def _last_number(folder: Path) -> int:
    """Of the pictures of earlier days, which stay."""
    numbers = (re.fullmatch(r"receipt-(\d{5,})", file.stem) for file in folder.glob("receipt-*.png"))
    return max((int(number[1]) for number in numbers if number), default=0)


def _save(receipt: PrintedReceipt, picture: Path) -> str:
    lines = receipt.lines
    picture.write_bytes(receipt.png())
    picture.with_suffix(".txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    first = next((line.strip() for line in lines if line.strip()), "no text")
    return f"{picture}  {len(lines)} {'line' if len(lines) == 1 else 'lines'}: {first}"


def listing(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Streams of ESC/POS.", exists=True, dir_okay=False)
    ],
) -> None:
    """List what streams of ESC/POS say, command by command."""
    from drivers.simulated.listing import listing as listed

    for file in files:
        if len(files) > 1:
            typer.echo(f"{file}:")
        typer.echo(listed(file.read_bytes()), nl=False)
