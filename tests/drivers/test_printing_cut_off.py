"""A command that was cut off before its length is whole takes nothing of what comes next into that length."""

from __future__ import annotations

import pytest
from printing_contract.counter import Counter
from printing_contract.paper import COPY, FIRST_LINE, PROFILE, TOLD, WARM_UP, WHOLE_COPY

from drivers.document import Document, Text
from drivers.escpos import encode
from drivers.printer import Outcome, Verdict

BLIND = {"has_asb": False, "has_real_time_status": False}
SIZED = {
    "GS ( k": bytes.fromhex("1d286b 0400 31413200"),
    "GS ( L": bytes.fromhex("1d284c 0b00 3070300101310800010055"),
    "GS 8 L": bytes.fromhex("1d384c 0b000000 3070300101310800010055"),
    "GS v 0": bytes.fromhex("1d7630 00 02000100 5555"),
    "GS k, with its length": bytes.fromhex("1d6b49 04 7b423132"),
    "GS k, up to a NUL": bytes.fromhex("1d6b04 3132 00"),
    "ESC *": bytes.fromhex("1b2a21 0100 555555"),
    "GS *": bytes.fromhex("1d2a 0101 5555555555555555"),
    "ESC D": bytes.fromhex("1b44 0810 00"),
    "FS q, several": bytes.fromhex("1c71 02 01000100 5555555555555555 01000100 5555555555555555"),
    "no command at all": bytes.fromhex("1d28 6e 0300 000000"),
}


@pytest.mark.parametrize("echoes", [True, False], ids=["echoes", "no-echo"])
@pytest.mark.parametrize(
    "lacks",
    [
        {},
        *(
            pytest.param(lacks, marks=pytest.mark.slow)
            for lacks in ({"has_asb": False}, {"has_real_time_status": False}, BLIND)
        ),
    ],
    ids=["all", "no ASB", "no DLE EOT", "neither"],
)
@pytest.mark.parametrize("command", SIZED)
def test_no_question_becomes_the_length_of_a_command_that_was_cut_off(
    command: str, lacks: dict[str, bool], echoes: bool
) -> None:
    start = encode(Document(42, (Text(FIRST_LINE),)), PROFILE)
    data = start + SIZED[command]
    for at in range(len(start), len(data) + 1):
        counter = Counter("attached", echoes=echoes)
        counter.wire.hides_power_cuts = False
        counter.new_printer(has_process_id=echoes, has_macros=False, **lacks)
        counter.print(WARM_UP)
        counter.wire.at, counter.wire.act = at + len(TOLD) * lacks.get("has_asb", True), counter.far.stall
        assert counter.print(data).outcome is not Outcome.PRINTED
        counter.put_right()
        counter.look()
        verdict = counter.print(COPY)
        assert counter.printed()[-len(WHOLE_COPY) :] == WHOLE_COPY, f"cut off after {at - len(start)} bytes"
        expected = (Outcome.PRINTED, "") if echoes or lacks != BLIND else (Outcome.UNKNOWN, "unconfirmed")
        assert (verdict.outcome, verdict.code) == expected, f"cut off after {at - len(start)} bytes"
        counter.close()


def test_to_drop_the_rest_of_a_receipt_puts_nothing_into_the_length_where_it_was_cut_off() -> None:
    """On a printer that obeys neither DLE ENQ 2 nor DLE DC4 8 while its cover is open."""
    counter = Counter("attached", echoes=True, buffer_bytes=8192)
    counter.print(WARM_UP)
    counter.far._inside._clear_buffers = lambda: None  # type: ignore[method-assign]
    start = encode(Document(42, (Text(FIRST_LINE),)), PROFILE)
    filling = b"x\n" * 4096
    data = (start + filling)[: 4096 - len(TOLD) - 3] + SIZED["GS 8 L"] + filling
    counter.far.paper_out(after_lines=3)
    verdict = counter.print(data)
    assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "paper_out")
    counter.printer.drop()
    counter.put_right()
    assert counter.print(COPY) == Verdict(Outcome.PRINTED)
    assert counter.printed()[-len(WHOLE_COPY) :] == WHOLE_COPY
    counter.close()
