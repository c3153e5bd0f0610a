"""A stream read out: nothing of it is lost, and what it says is said in words."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.escpos.parser import COMMAND_BYTES, OPCODES
from drivers.simulated.listing import Entry, entries, listing, main

# A few lines in the manner of each library, and how they read.
JOBS = {
    "python-escpos": (
        b"\x1bt\x13\x1b!\x30\x1bE\x01\x1ba\x01CAF\x90\n\x1d(k\x04\x001A2\x00\x1d(k\x05\x001P0T1\x1d(k\x03\x001Q0"
        b"\x1bp\x00\x32\xfa\x1bd\x06\x1dV\x00",
        [
            ("ESC t", "code page 19"),
            ("ESC !", "font A, double height, double width"),
            ("ESC E", "bold on"),
            ("ESC a", "centre"),
            ("text", "'CAFÉ'"),
            ("LF", "print the line"),
            ("GS ( k", "QR: model or columns 32 00"),
            ("GS ( k", "QR: store b'T1'"),
            ("GS ( k", "QR: print 30"),
            ("ESC p", "drawer on pin 2: 100 ms on, 500 ms off"),
            ("ESC d", "print and feed 6 lines"),
            ("GS V", "full cut"),
        ],
    ),
    "escpos-php": (
        b"\x1b@\x1d(L\x0b\x000p0\x01\x011\x08\x00\x01\x00\xff\x1d(L\x02\x0002\x1dk\x41\x0b01234567890\x1dVA\x03",
        [
            ("ESC @", "reset"),
            ("GS ( L", "compose rows: 8 × 1 dots, 1 × 1 times as large"),
            ("GS ( L", "print what is composed"),
            ("GS k", "UPC-A '012345678905'"),
            ("GS V", "full cut after feeding to the cutter and 3 units"),
        ],
    ),
    "receiptline": (
        b"\x1cC0\x1c.\x1bt\x01\xb1\x1b$\x24\x01\x1b\\\xf4\xff\x1dL\x18\x00\x1dW\x40\x02\x1dr1",
        [
            ("FS C", "JIS"),
            ("FS .", "two-byte characters off"),
            ("ESC t", "code page 1"),
            ("text", "'ｱ'"),
            ("ESC $", "292 units"),
            ("ESC \\", "-12 units"),
            ("GS L", "left margin 24"),
            ("GS W", "width 576"),
            ("GS r", "asks for the paper sensor"),
        ],
    ),
    "printers of other makers": (
        b"\x1dx\x08\x1dkQ\x02\n\x00\x01\x04\x00T1-4\x1dZ\x02\x1bZ\x01M\x06\x04\x00T1-4\x1dk\x024006381333931\n",
        [
            ("GS x", "Chinese makers: 8 left of bar codes"),
            ("GS k", "Bematech's QR b'T1-4'"),
            ("GS Z", "Chinese makers: 2 is the 2D code of ESC Z"),
            ("ESC Z", "2D code of Chinese makers b'T1-4'"),
            ("GS k", "EAN-13 '4006381333931'"),
            ("LF", "print the line"),
        ],
    ),
    "node-thermal-printer": (
        b"\x1bp\x00\x1bp\x01\x1bB\x01\x01\x07",
        [
            ("ESC p", "drawer on pin 2: 54 ms on, 224 ms off"),  # its pulse lacks the times: the next command is taken
            ("unknown", "a control byte that means nothing; the printer skips it"),
            ("ESC B", "buzzer of Chinese makers: 1 times"),
            ("BEL", "buzzer, or drawer on old printers"),
        ],
    ),
    "escpos-buffer": (
        b"\x1d\xf950\x1bvx\n\x1bw",
        [
            ("GS F9h", "Bematech: chooses its own command set or ESC/POS"),
            ("ESC v", "Epson's old question for the paper sensor; Bematech's drawer, with a time behind it"),
            ("text", "'x'"),
            ("LF", "print the line"),
            ("unknown", "Daruma's and Star's cut; no command of Epson's"),
        ],
    ),
    "receiptio": (
        b"\x10\x04\x02\x1b\x06\x01\x1b@\x1dIB\x1da\xff\x1d(H\x06\x0000A001\x1d(?\x01\x00x\x10\x05\x02\x10\x14\x01\x00\x05",
        [
            ("DLE EOT", "asks for the offline causes"),
            ("ESC ACK", "01"),
            ("ESC @", "reset"),
            ("GS I", "asks for identity 66"),
            ("GS a", "automatic status FF"),
            ("GS ( H", "process id b'A001'"),
            ("unknown", "a command of a letter that Epson does not list; its length was obeyed"),
            ("DLE ENQ", "clear the buffer and go on"),
            ("DLE DC4", "drawer on pin 2 at once"),
        ],
    ),
    "page mode and the host's own characters": (
        b"\x1bL\x1bW\x08\x00\x10\x00\x00\x01\x80\x00\x1bT1\x1d$\x20\x00\x1b&\x01AA\x01\xff\x1b%\x01A\x0c\x1b*\x21\x01\x00abc",
        [
            ("ESC L", "page mode"),
            ("ESC W", "area 8 16 256 × 128"),
            ("ESC T", "upwards"),
            ("GS $", "32 units"),
            ("ESC &", "defines characters 65 to 65, 8 dots high"),
            ("ESC %", "the host's own characters on"),
            ("text", "'▒'"),
            ("FF", "page mode: print the page and leave"),
            ("ESC *", "1 columns of 24 dots, mode 33"),
        ],
    ),
}


@pytest.mark.parametrize("client", JOBS)
def test_a_stream_reads_as_what_it_does(client: str) -> None:
    stream, said = JOBS[client]
    found = list(entries(stream))
    assert [(entry.name, entry.meaning) for entry in found] == said
    assert b"".join(entry.raw for entry in found) == stream
    assert [entry.offset for entry in found] == [len(stream) - len(stream[entry.offset :]) for entry in found]


def test_two_byte_text_is_read_in_the_printers_script() -> None:
    assert next(entries(b"\xc4\xe3\n", two_byte="gb18030")).meaning == "'你'"
    [half, _, whole] = entries(b"\xc4\n\xe3\xba", two_byte="gb18030")
    assert (half.meaning, whole.meaning) == ("''", "'愫'")


def test_a_line_shows_the_first_bytes_and_how_many_there_are() -> None:
    assert (
        str(Entry(0x1F, b"\x1b@", "ESC @", "reset"))
        == "00001F  1B 40                                 ESC @       reset"
    )
    assert "41 41 41 41 41 41 41 41 … 1,000 bytes" in listing(b"A" * 1000)


def test_the_end_of_a_stream_is_shown_as_it_is() -> None:
    assert [(entry.name, entry.raw) for entry in entries(b"\x1b@no line feed")][1:] == [("text", b"no line feed")]
    [_, cut_off] = entries(b"\x1b@\x1dv0\x00\x02\x00\x02\x00abc")
    assert (cut_off.name, cut_off.meaning) == ("incomplete", "the stream ends within a command")
    assert cut_off.is_unknown


def test_a_command_longer_than_the_memory_is_one_entry() -> None:
    stream = b"\x1d8L" + (COMMAND_BYTES + 1).to_bytes(4, "little") + bytes(COMMAND_BYTES + 1) + b"\n"
    found = list(entries(stream))
    assert [entry.name for entry in found] == ["GS 8 L", "LF"]
    assert b"".join(entry.raw for entry in found) == stream


@given(st.lists(st.one_of(st.sampled_from(sorted(OPCODES.values())), st.binary(max_size=12)), max_size=30))
def test_no_byte_of_any_stream_is_lost(parts: list[bytes]) -> None:
    stream = b"".join(parts)
    found = list(entries(stream))
    assert b"".join(entry.raw for entry in found) == stream
    assert all(str(entry) for entry in found)


def test_files_are_listed_one_after_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, stream in (("one", b"one\n"), ("two", b"two\n")):
        (tmp_path / name).write_bytes(stream)
    assert main([str(tmp_path / "one"), str(tmp_path / "two")]) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["'one'", "line", "'two'", "line"]


def test_the_module_is_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").write_bytes(b"\x1b@")
    monkeypatch.setattr(sys, "argv", ["listing", str(tmp_path / "one")])
    monkeypatch.delitem(sys.modules, "drivers.simulated.listing")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("drivers.simulated.listing", run_name="__main__")
    assert ended.value.code == 0
    assert "reset" in capsys.readouterr().out


def test_a_folder_of_streams_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from bench.corpus import main as count

    (tmp_path / "a.bin").write_bytes(JOBS["python-escpos"][0])
    (tmp_path / "b.bin").write_bytes(JOBS["escpos-buffer"][0])
    assert count(str(tmp_path)) == 0
    told = capsys.readouterr().out
    assert f"a.bin: {len(JOBS['python-escpos'][0])} bytes, 12 items, 0 unknown" in told
    assert "1 × 1B 77: Daruma's and Star's cut" in told
    assert told.endswith("2 of 2 files come out byte for byte\n")
