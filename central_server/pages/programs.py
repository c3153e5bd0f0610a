"""The programme: what is in force, to come and past; trying a new version; proposing it."""

from __future__ import annotations

from fastapi import Response

from central_server.errors import OfficeError
from central_server.pages.frame import Visit, page
from central_server.people import proposals
from central_server.people.program_proposals import check, difference, program_of
from central_server.programs import publishing, what_if
from central_server.programs.text import with_key
from loyalty.days import is_local_time
from loyalty.doubts import doubts
from loyalty.experiment_doubts import changes
from loyalty.program import Program, ProgramError, read_program, readable_part
from loyalty.simulation import Behaviour
from loyalty.simulation_words import assumed, lines

SEE = ("publish", "ledger")
LONGEST = 256 * 1024
"""Bytes of a programme's text."""


@page("GET", "/program", *SEE, menu="Programme", place=40)
def program(visit: Visit) -> Response:
    with visit.office.database.reading() as connection:
        now = visit.office.program(connection)
    assert now is not None, "init puts a programme in force"
    versions = publishing.versions(visit.office)
    waiting = [one for one in proposals.waiting(visit.office) if one.kind == "publish"]
    said = [(one, proposals.sentence(visit.office, one)) for one in waiting]
    since = next((one.effective or one.published_at for one in versions if one.program == now.id), "")
    return visit.show(
        "program.html", now=now, since=since, versions=versions[::-1], waiting=said, may=bool(visit.leave("publish"))
    )


@page("GET", "/program/versions/{program}", *SEE)
def version(visit: Visit) -> Response:
    found = publishing.shown(visit.office, visit.named["program"])
    with visit.office.database.reading() as connection:
        now = visit.office.program(connection)
    differs = difference(found.text, now.text) if now and now.id != found.id else []
    return visit.show("program_version.html", found=found, differs=differs, may=bool(visit.leave("publish")))


@page("GET", "/program/proposals/{proposal}", *SEE)
def proposed(visit: Visit) -> Response:
    waiting = [one for one in proposals.waiting(visit.office) if one.proposal == visit.named["proposal"]]
    if not waiting or waiting[0].kind != "publish":
        raise OfficeError("This is decided already, or there is no such proposal.", code="DECIDED_ALREADY")
    with visit.office.database.reading() as connection:
        now = visit.office.program(connection)
    text = waiting[0].details["text"]
    read = program_of(text)
    differs = difference(now.text if now else "", text)
    return visit.show(
        "program_proposal.html",
        found=waiting[0],
        what=proposals.sentence(visit.office, waiting[0]),
        differs=differs,
        doubts=[*doubts(read, _today(visit, read)), *_changes(visit, read)],
        text=text,
    )


# -- trying --------------------------------------------------------------------------------------------------------------


def _text(visit: Visit) -> str:
    """What was written or sent as a file. Raises OfficeError."""
    text = visit.form.get("file", "") or visit.form.get("text", "")
    text = text.replace("\r\n", "\n")  # browsers send a text area so, whatever was written
    if len(text.encode()) > LONGEST:
        raise OfficeError(
            f"A programme has at most {LONGEST // 1024} KB.", hint="Nothing was taken over.", code="PROGRAM_UNFIT"
        )
    if not text.strip():
        raise OfficeError("There is no text.", hint="Write one, or choose a file.", code="PROGRAM_UNFIT")
    return text


@page("POST", "/program/check", "publish")
def check_text(visit: Visit) -> Response:
    return _checked(visit, _text(visit))


@page("POST", "/program/again", "publish")
def again(visit: Visit) -> Response:
    """An earlier version, as the next one: it is shown to be looked at, and nothing is proposed yet."""
    found = publishing.shown(visit.office, visit.form.get("program", ""))
    with visit.office.database.reading() as connection:
        number = publishing.next_version(visit.office, connection, found.name)
    return _checked(visit, with_key(with_key(found.text, "version", str(number)), "effective", ""))


def _checked(visit: Visit, text: str, outcomes: object = None, **more: object) -> Response:
    problems, found, cannot = [], [], ""
    read: Program | None = None
    try:
        read = read_program(text)
        found = [*doubts(read, _today(visit, read)), *_changes(visit, read)]
        check(visit.office, text)
    except ProgramError as error:
        problems = list(error.problems)
        try:
            part = readable_part(text)
            found = doubts(part.program, _today(visit, part.program), part.sound)
        except ProgramError:  # it is no TOML, and no table of it can be read
            found = []
    except OfficeError as error:
        cannot = f"{error} {error.hint}"
    may_propose = proposals.proposes(visit.staff.role, "publish")
    status = 422 if problems else 200
    values = {"problems": problems, "doubts": found, "cannot": cannot, "may_propose": may_propose}
    return visit.show("program_checked.html", status, text=text, read=read, outcomes=outcomes, **values, **more)


def _changes(visit: Visit, program: Program) -> list[str]:
    """What of experiments that have begun this version would change."""
    with visit.office.database.reading() as connection:
        now = visit.office.program(connection)
        return changes(now, program, visit.office.today(connection)) if now else []


def _today(visit: Visit, program: Program) -> str:
    return visit.office.now().astimezone(program.zone).date().isoformat()


@page("POST", "/program/what-if", "publish")
def try_it(visit: Visit) -> Response:
    text = _text(visit)
    try:
        tried = read_program(text)
    except ProgramError:
        return _checked(visit, text)
    behaviour = Behaviour()
    with visit.office.database.reading() as connection:
        now = visit.office.program(connection)
        sold = what_if.recent(connection)
    assert now is not None, "init puts a programme in force"
    if not sold.sales:
        raise OfficeError("There are no sales yet to try it on.", hint="Nothing was changed.", code="WHAT_IF_EMPTY")
    outcomes = what_if.compare([tried, now], sold, behaviour)
    one, other = (dict(lines(outcome)) for outcome in outcomes)
    rows = [(name, one.get(name, "none"), other.get(name, "none")) for name in dict.fromkeys([*one, *other])]
    return _checked(visit, text, rows, sold=sold, now=now, assumed=assumed(behaviour, tried.currency))


# -- proposing -----------------------------------------------------------------------------------------------------------


@page("POST", "/program/propose", "publish")
def propose(visit: Visit) -> Response:
    text, effective = _text(visit), visit.form.get("effective", "").strip()
    read = program_of(text)
    if effective:
        if not is_local_time(effective):
            raise OfficeError(
                "That is no day and time.", hint="Choose when it takes effect, or leave it empty.", code="DAY_UNFIT"
            )
        now = visit.office.now().astimezone(read.zone).replace(tzinfo=None).isoformat(timespec="minutes")
        if effective[:16] <= now:
            over, now = effective.replace("T", " "), now.replace("T", " ")
            raise OfficeError(
                f"{over} is over: it is {now} by the shops' clocks. Nothing was proposed.",
                hint="Choose a time to come, or leave it empty: then it takes effect once it is allowed.",
                code="DAY_UNFIT",
            )
        text = with_key(text, "effective", f'"{effective}"')
    what = proposals.KINDS["publish"].sentence(visit.office, {"text": text})
    proposals.propose(visit.office, "publish", {"text": text}, visit.form.get("reason", ""), visit.staff)
    return visit.go("/program", said=f"Proposed: {what} It waits for somebody else to allow it.")
