"""What became of a job, in words for programs and for the cashier."""

from __future__ import annotations

import enum

import msgspec

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.wires import WriteStalled


class Outcome(enum.Enum):
    PRINTED = "printed"
    NOT_PRINTED = "not printed"  # nothing of the job is on paper, nor will be: safe to print again
    UNKNOWN = "unknown"  # some, all or nothing is on paper: a person looks


class Verdict(msgspec.Struct, frozen=True):
    """What became of a job. `code` is for programs and '' when printed; `reason` is for the cashier.

    Codes: cover_open, paper_out, cutter, error, offline as in PrinterStatus.trouble; absent, busy, denied, wrong_address
    (no connection); silent (no answer); stalled (took no more bytes); catching_up (an earlier job still occupies it);
    unconfirmed (it works, and did not say that it has printed); unproven (it said so, and cannot show that it had power all the
    time); restarted (it was off and on while it printed); drawer_stuck (the drawer's sensor says that it is closed).

    `doubt` is not 0 where an unknown job may yet be proven; `Printer.proven` names it then.
    """

    outcome: Outcome
    code: str = ""
    reason: str = ""
    doubt: int = 0


PRINTED = Verdict(Outcome.PRINTED)


def not_printed(code: str, sentence: str) -> Verdict:
    return Verdict(Outcome.NOT_PRINTED, code, f"{sentence} Nothing was printed.")


def unknown(code: str, sentence: str) -> Verdict:
    return Verdict(Outcome.UNKNOWN, code, f"{sentence} Look at the paper: it may be printed in part or in full.")


def code_of(error: DeviceError) -> str:
    if isinstance(error, DeviceAbsent):
        return "absent"
    if isinstance(error, DeviceBusy):
        return "busy"
    if isinstance(error, DeviceDenied):
        return "denied"
    return "stalled" if isinstance(error, WriteStalled) else "wrong_address"
