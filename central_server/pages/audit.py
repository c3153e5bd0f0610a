"""The audit: whether every journal computes to what it says, what tills noted, and what is worth a look.

Computing every award again takes minutes for a year. So it runs beside the server's work when somebody asks for it, once at a
time, and what it found is kept until the next one.
"""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import msgspec
from fastapi import Response
from sqlalchemy import func, select

from central_server import schema
from central_server.database import put
from central_server.errors import OfficeError
from central_server.office import Office
from central_server.pages.frame import Visit, log, page
from central_server.webhooks import endpoints, secrets

KEPT = "audit"
"""The name of the setting in which the last one stands."""
MOST_SHOWN = 200
LONGEST_S = 15 * 60
NOTES_SHOWN = 100
OF_ENDPOINTS_SHOWN = 20


class Line(msgspec.Struct, frozen=True):
    shop: str
    text: str


class Last(msgspec.Struct, frozen=True):
    """What the last audit found, the first lines of each list. `problem` says why it did not come to its end."""

    began_at: str
    ended_at: str
    entries: int = 0
    differences: list[Line] = []
    difference_count: int = 0
    outliers: list[Line] = []
    outlier_count: int = 0
    claimed: list[Line] = []
    claimed_count: int = 0
    problem: str = ""


class Running(msgspec.Struct):
    """An audit under way: how far it is."""

    began_at: str
    entries: int = 0


class TooLong(Exception):
    """It has taken longer than a page's audit may."""


_running: dict[Path, Running] = {}
_starting = threading.Lock()


def run(office: Office, running: Running, longest_s: float = LONGEST_S) -> Last:
    """Computes everything again, and keeps what was found. Takes as long as it takes, up to `longest_s`."""
    from central_server.reports.auditing import audit

    ends = office.later(longest_s)

    def told(entries: int) -> None:
        running.entries = entries
        if office.time() > ends:
            raise TooLong

    try:
        found = audit(office, told)
    except TooLong:
        problem = f"It was stopped after {longest_s / 60:g} minutes. On the command line it may take longer: pos-central audit"
        last = Last(running.began_at, office.time(), running.entries, problem=problem)
    else:
        shops = _shops(office)
        last = Last(
            running.began_at,
            office.time(),
            found.entries,
            [Line(shops.get(one.terminal, ""), one.text) for one in found.differences[:MOST_SHOWN]],
            len(found.differences),
            # What an operator did often is of no one till: it is for those who look at all shops.
            [Line("", one.text) for one in found.outliers[:MOST_SHOWN]],
            len(found.outliers),
            [Line(shops.get(one.terminal, ""), one.text) for one in found.claimed[:MOST_SHOWN]],
            len(found.claimed),
        )
    row = {"name": KEPT, "value": msgspec.json.encode(last).decode()}
    office.database.write(lambda connection: put(connection, schema.setting, [row]))
    return last


def last_of(office: Office) -> Last | None:
    """What the last audit found; None before the first."""
    with office.database.reading() as connection:
        kept = connection.scalar(select(schema.setting.c.value).where(schema.setting.c.name == KEPT))
    return msgspec.json.decode(kept, type=Last) if kept else None


@page("GET", "/audit", "ledger", menu="Audit", place=60)
def audit_page(visit: Visit) -> Response:
    last, shop = last_of(visit.office), visit.staff.shop
    if last is not None and shop:
        last = msgspec.structs.replace(
            last,
            differences=[one for one in last.differences if one.shop == shop],
            outliers=[],
            claimed=[one for one in last.claimed if one.shop == shop],
        )
    counts, noted = notes_of(visit.office, shop)
    with visit.office.database.reading() as connection:
        made = [] if shop else secrets.made(connection, OF_ENDPOINTS_SHOWN)
        switched = [] if shop else endpoints.switched(connection, OF_ENDPOINTS_SHOWN)
    return visit.show(
        "audit.html",
        last=last,
        running=_running.get(visit.office.folder),
        counts=counts,
        notes=noted,
        made=made,
        switched=switched,
        is_own=bool(shop),
        may_run=may_run(visit),
    )


@page("POST", "/audit/run", "ledger")
def start(visit: Visit) -> Response:
    if not may_run(visit):
        hint = "Finance and auditors start it; what it found is here for you, too."
        raise OfficeError("Your role does not start an audit.", hint=hint, code="NOT_ALLOWED")
    office = visit.office
    with _starting:
        if office.folder in _running:
            return visit.go("/audit", said="An audit is running already.")
        running = _running[office.folder] = Running(office.time())

    def work() -> None:
        try:
            run(office, running)
        except Exception as error:
            # An exception's text may hold what a person typed.
            log.error("audit: %s", type(error).__name__)
        finally:
            del _running[office.folder]

    # A server that ends does not wait for it: an audit changes nothing, and can be run again.
    threading.Thread(target=work, name="audit", daemon=True).start()
    return visit.go("/audit", said="The audit is running. Load this page again to see how far it is.")


def may_run(visit: Visit) -> bool:
    return "Y" in visit.leave("ledger")


def notes_of(
    office: Office, shop: str = "", since: str = "", most: int = NOTES_SHOWN
) -> tuple[dict[str, int], list[dict[str, str]]]:
    """How many notes there are by code, and the latest; of one shop's tills, or of all."""
    note, terminal = schema.note.c, schema.terminal.c
    rows = select(note.code, func.count()).join_from(schema.note, schema.terminal, terminal.terminal == note.terminal)
    latest = select(note.noted_at, note.code, note.terminal, note.number, note.reason, terminal.shop).join_from(
        schema.note, schema.terminal, terminal.terminal == note.terminal
    )
    if shop:
        rows, latest = rows.where(terminal.shop == shop), latest.where(terminal.shop == shop)
    if since:
        rows = rows.where(note.noted_at > since)
    with office.database.reading() as connection:
        counts: Counter[str] = Counter(dict(connection.execute(rows.group_by(note.code)).all()))
        found = connection.execute(latest.order_by(note.noted_at.desc(), note.terminal, note.number).limit(most)).all()
    return dict(counts.most_common()), [dict(row._mapping) for row in found]


def _shops(office: Office) -> dict[str, str]:
    terminal = schema.terminal.c
    with office.database.reading() as connection:
        return dict(connection.execute(select(terminal.terminal, terminal.shop)).all())
