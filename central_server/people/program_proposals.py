"""A new version of the programme needs two people: marketing proposes its text, finance allows it."""

from __future__ import annotations

import difflib

from central_server.errors import OfficeError
from central_server.membership.desk import Who
from central_server.office import Office
from central_server.people.proposals import KINDS, Details, Kind
from central_server.programs import publishing
from loyalty.program import Program, ProgramError, read_program


def program_of(text: str) -> Program:
    """Raises OfficeError where it cannot be used as it is written."""
    try:
        return read_program(text)
    except ProgramError as error:
        first = error.problems[0] if error.problems else str(error)
        raise OfficeError(f"This programme cannot be used: {first}", hint=error.hint, code="PROGRAM_UNFIT") from error


def check(office: Office, text: str) -> Program:
    """The programme, if it can follow the one in force. Raises OfficeError."""
    program = program_of(text)
    with office.database.reading() as connection:
        publishing.check(office, connection, program)
    return program


def _sentence(office: Office, details: Details) -> str:
    program = check(office, details["text"])
    with office.database.reading() as connection:
        now = office.program(connection)
    when = f"from {program.effective.replace('T', ' ')} by the shops' clocks" if program.effective else "at once"
    changed = sum(line[:1] in "+-" for line in difference(now.text if now else "", program.text))
    return (
        f"Put the programme {program.id} in force {when}, in place of {now.id if now else 'none'}: "
        f"{changed:,} lines differ; they stand on the page of the programme."
    )


def _publish(office: Office, details: Details, who: Who) -> str:
    done = publishing.publish(office, check(office, details["text"]))
    when = f"takes effect at {done.effective}" if done.effective else "is in force"
    seed = (
        f" Publish this before the first sale: the SHA-256 of its surprises' secret is {done.seed_hash}."
        if done.seed_hash
        else ""
    )
    return f"{done.program} {when}; the tills hear of it at once.{seed}"


def difference(before: str, after: str) -> list[str]:
    """The lines that differ, with some around them: + is new, - is gone."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return [line for line in lines if not line.startswith(("---", "+++"))]


KINDS["publish"] = Kind("publish", _sentence, _publish)
