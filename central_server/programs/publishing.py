"""Versions of the programme at head office: what was, is and will be in force, and which cannot follow which."""

from __future__ import annotations

import difflib
from typing import Literal

import msgspec
from sqlalchemy import Connection, select

from central_server import schema
from central_server.errors import OfficeError
from central_server.office import Office
from central_server.programs import surprises
from loyalty.program import Program

State = Literal["past", "in force", "to come"]


class Version(msgspec.Struct, frozen=True):
    """`effective` is the shop-local time that the programme names, '' for none; `published_at` when it was first here."""

    program: str
    effective: str
    in_force: bool
    state: State
    published_at: str


class Published(msgspec.Struct, frozen=True):
    """`effective` is '' where it is in force at once. `seed_hash` is to be published where the programme has surprises."""

    program: str
    effective: str
    seed_hash: str
    is_new: bool


def check(office: Office, connection: Connection, program: Program) -> None:
    """Raises OfficeError where this programme cannot follow the one in force."""
    now = office.program(connection)
    if now is None:
        return
    if now.currency != program.currency and connection.scalar(select(schema.terminal.c.terminal).limit(1)):
        raise OfficeError(
            f"The tills sell in {now.currency}, and this programme is in {program.currency}: they would refuse every sale.",
            hint="A shop with another currency has a head office of its own.",
            code="PROGRAM_CURRENCY",
        )
    for other in (now, *office.programs_to_come(connection)):
        is_behind = program.version <= other.version if other is now else program.version == other.version
        if program.id != other.id and program.name == other.name and is_behind:
            raise OfficeError(
                f"Version {program.version} of {program.name} would follow {other.id}, which is "
                f"{'in force' if other is now else 'to come'} with other text.",
                hint=f"Write version = {next_version(office, connection, program.name)} into the file, and publish that.",
                code="VERSION_TAKEN",
            )


def publish(office: Office, program: Program) -> Published:
    """Puts a programme in force, or makes it wait for its time. Raises OfficeError; nothing is changed then."""
    with office.database.writing() as connection:
        check(office, connection, program)
        now = office.program(connection)
        hashed = surprises.bind(office, connection, program)
        is_new = now is None or now.id != program.id
        if is_new:
            office.put_program(connection, program)
        coming = [one.id for one in office.programs_to_come(connection)]
    return Published(program.id, program.effective if program.id in coming else "", hashed, is_new)


def versions(office: Office) -> list[Version]:
    """All that head office has, those that are over first, in the order in which they were published."""
    with office.database.reading() as connection:
        now = office.program(connection)
        coming = office.programs_to_come(connection)
        table = schema.program.c
        kept: dict[str, str] = dict(
            connection.execute(select(table.program, table.kept_at).order_by(table.kept_at, table.program)).all()
        )
        current = [*([now] if now else []), *coming]
        names = {one.id for one in current}
        past = [one for name in kept if name not in names if (one := office.program(connection, name)) is not None]
    found: list[tuple[Program, State]] = [(one, "past") for one in past]
    found += [(one, "in force" if one is now else "to come") for one in current]
    return [Version(one.id, one.effective, state == "in force", state, kept.get(one.id, "")) for one, state in found]


def shown(office: Office, name: str) -> Program:
    """The programme of this id, the one in force for ''. Raises OfficeError where there is none."""
    with office.database.reading() as connection:
        program = office.program(connection, name)
        if program is None:
            known = connection.scalars(select(schema.program.c.program)).all()
            near = difflib.get_close_matches(name, known, n=1)
            raise OfficeError(
                f"Head office has no programme {name}.",
                hint=f"Did you mean {near[0]}?" if near else "See them all: pos-central program list",
                code="PROGRAM_UNKNOWN",
            )
    return program


def next_version(office: Office, connection: Connection, name: str) -> int:
    """The lowest version that a programme of this name can be published under."""
    names = connection.scalars(select(schema.program.c.program)).all()
    programs = [office.program(connection, one) for one in names]
    return 1 + max(one.version for one in programs if one is not None and one.name == name)
