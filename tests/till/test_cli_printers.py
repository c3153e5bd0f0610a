"""pos-plugin printer: a simulated printer that others print to, and streams read out."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from PIL import Image

RECEIPT = b"\x1b@CORNER SHOP\nFlat white    3.50\n\x1dVB\x00"
PROCESS_ID = b"\x1d(H\x06\x0000A001"
TIMEOUT_S = 30


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "pos_plugin", "printer", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=TIMEOUT_S)


class Simulation:
    """The command at work, with a keyboard and a screen."""

    def __init__(self, *options: object) -> None:
        self.process = subprocess.Popen(
            command("simulate", "--port", 0, *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.greeting = self.says()
        self.says()  # how to talk to it
        self.port = int(self.greeting.split(":")[1].split()[0].rstrip(";"))

    def says(self) -> str:
        screen = self.process.stdout
        assert screen
        return screen.readline().rstrip()

    def hears(self, words: str) -> None:
        keyboard: IO[str] | None = self.process.stdin
        assert keyboard
        keyboard.write(f"{words}\n")
        keyboard.flush()

    def prints(self, stream: bytes, reply: int = 0) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S) as client:
            client.sendall(stream)
            return client.recv(reply) if reply else b""

    def end(self) -> int:
        self.hears("quit")
        return self.process.wait(TIMEOUT_S)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "receipts"


@pytest.fixture
def simulation(folder: Path) -> Iterator[Simulation]:
    simulation = Simulation("--pictures", folder, "--paper", 58, "--pty")
    yield simulation
    simulation.process.kill()
    simulation.process.communicate()


def test_each_receipt_is_saved_and_told_in_a_line(simulation: Simulation, folder: Path) -> None:
    simulation.prints(RECEIPT)
    assert simulation.says() == f"{folder / 'receipt-00001.png'}  2 lines: CORNER SHOP"
    simulation.prints(b"\x1dv0\x00\x01\x00\x01\x00\xff\x1dVB\x00")
    assert simulation.says() == f"{folder / 'receipt-00002.png'}  0 lines: no text"
    assert (folder / "receipt-00001.txt").read_text() == "CORNER SHOP\nFlat white    3.50\n"
    with Image.open(folder / "receipt-00001.png") as picture:
        assert picture.width == 384 + 2 * 32
    assert simulation.end() == 0


def test_the_pictures_of_another_day_stay(folder: Path) -> None:
    folder.mkdir()
    (folder / "receipt-00007.png").write_bytes(b"of yesterday")
    (folder / "receipt-of-mine.png").write_bytes(b"of another program")
    simulation = Simulation("--pictures", folder)
    try:
        simulation.prints(RECEIPT)
        assert simulation.says().startswith(f"{folder / 'receipt-00008.png'} ")
        assert simulation.end() == 0
    finally:
        simulation.process.kill()
        simulation.process.communicate()
    assert (folder / "receipt-00007.png").read_bytes() == b"of yesterday"


def test_it_serves_a_serial_line_as_well(simulation: Simulation) -> None:
    path = simulation.greeting.partition(" and ")[2].partition(";")[0]
    with Path(path).open("wb", buffering=0) as terminal:
        terminal.write(RECEIPT)
    assert simulation.says().endswith("CORNER SHOP")


def test_it_hears_what_happens_to_it(simulation: Simulation) -> None:
    simulation.hears("papr out")
    assert "Did you mean 'paper out'" in simulation.says()
    simulation.hears("paper out")
    assert simulation.says() == "  The roll ends, now or after so many lines."
    assert simulation.prints(b"\x10\x04\x04", 1) == b"\x7e"
    simulation.hears("state")
    assert "paper: out" in simulation.says()
    simulation.hears("help")
    assert simulation.says().startswith("  paper out [LINES]")
    assert simulation.end() == 0


def test_without_a_keyboard_it_goes_on_printing(simulation: Simulation) -> None:
    assert simulation.process.stdin
    simulation.process.stdin.close()
    simulation.process.stdin = None
    simulation.prints(RECEIPT)
    assert simulation.says().endswith("CORNER SHOP")


def test_it_begins_as_its_options_say(folder: Path) -> None:
    options = ["--fault", "paper low", "--fault", "drawer open", "--no-process-id", "--script", "chinese"]
    simulation = Simulation("--pictures", folder, *options, "--code-pages", "NT-5890K", "--width", 400, "--speed", 1000)
    try:
        assert simulation.prints(PROCESS_ID + b"\x10\x04\x04\x10\x04\x01", 2) == b"\x1e\x16"
        simulation.prints(b"\x1c.\x1bt\x48\xa3\x1c&\xc4\xe3\n\x1dVB\x00")
        assert simulation.says().endswith("1 line: Ł你")
        with Image.open(folder / "receipt-00001.png") as picture:
            assert picture.width == 400 + 2 * 32
        assert simulation.end() == 0
    finally:
        simulation.process.kill()
        simulation.process.communicate()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--paper", "70"], "80 or 58"),
        (["--fault", "dance"], "'help' lists"),
        (["--script", "klingon"], "chinese"),
        (["--code-pages", "TM-T88"], "Try TM-T88V"),
        (["--gadget", "/nowhere/g_printer0"], "no printer gadget"),
    ],
)
def test_options_that_cannot_be_are_refused_in_words(folder: Path, options: list[str], told: str) -> None:
    done = run("simulate", "--port", 0, "--pictures", folder, *options)
    words = " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert done.returncode in (1, 2)
    assert told in words
    assert "Traceback" not in words


def test_a_stream_is_listed(tmp_path: Path) -> None:
    (tmp_path / "job.bin").write_bytes(RECEIPT)
    done = run("listing", tmp_path / "job.bin")
    assert done.returncode == 0
    assert [line.split(None, 1)[0] for line in done.stdout.splitlines()] == [
        "000000",
        "000002",
        "00000D",
        "00000E",
        "000020",
        "000021",
    ]
    assert "'CORNER SHOP'" in done.stdout
    two = run("listing", tmp_path / "job.bin", tmp_path / "job.bin")
    assert two.stdout.count(f"{tmp_path / 'job.bin'}:\n") == 2
    assert run("listing", tmp_path / "none.bin").returncode == 2
