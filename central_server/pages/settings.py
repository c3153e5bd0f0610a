"""What head office is set to: what it keeps itself and can be changed here, and where all the rest is set."""

from __future__ import annotations

from fastapi import Response
from sqlalchemy import select

from central_server import kept_settings, schema
from central_server.errors import OfficeError
from central_server.kept_settings import KEPT
from central_server.membership.desk import Who
from central_server.office import Office
from central_server.pages.frame import Visit, page
from central_server.people import proposals
from central_server.people.proposals import KINDS, Details, Kind

ELSEWHERE = (
    (
        "How points are earned, kept and used; tiers, rewards, when days begin",
        "the programme: Programme, or",
        "publish",
    ),
    ("Which shops there are", "by whoever runs the server:", "init"),
    ("Who may sign in here, and in which role", "by whoever runs the server:", "staff"),
    ("The address, TLS, and a proxy in front", "by whoever runs the server:", "serve"),
    ("A till's printer, scanner and receipt", "at the till, in its till.toml", ""),
)


@page("GET", "/settings", "publish", "figures", "ledger", "devices", menu="Settings", place=80)
def settings(visit: Visit) -> Response:
    with visit.office.database.reading() as connection:
        program = visit.office.program(connection)
        now = {name: kept_settings.value(connection, name) for name in KEPT}
        shops = list(connection.scalars(select(schema.shop.c.shop).order_by(schema.shop.c.shop)))
    assert program is not None, "init puts a programme in force"
    return visit.show(
        "settings.html",
        program=program,
        kept=[(name, KEPT[name], now[name]) for name in KEPT],
        shops=shops,
        may_propose=proposals.proposes(visit.staff.role, "publish"),
        elsewhere=ELSEWHERE,
        server=visit.office.server,
    )


@page("POST", "/settings/{name}", "publish")
def propose(visit: Visit) -> Response:
    name, value = visit.named["name"], visit.form.get("value", "")
    new = kept_settings.read(name, value)
    with visit.office.database.reading() as connection:
        if new == kept_settings.value(connection, name):
            raise OfficeError("It is set to this already.", hint="Nothing was proposed.", code="SETTING_UNFIT")
    proposals.propose(
        visit.office, "setting", {"name": name, "value": str(new)}, visit.form.get("reason", ""), visit.staff
    )
    return visit.go("/settings", said="It is proposed. Somebody in finance has to allow it: see Approvals.")


def _sentence(office: Office, details: Details) -> str:
    about = KEPT[details["name"]]
    with office.database.reading() as connection:
        before = kept_settings.value(connection, details["name"])
    return f"{about.title}: {before:,} → {int(details['value']):,} {about.unit}."


def _carry_out(office: Office, details: Details, who: Who) -> str:
    about = KEPT[details["name"]]
    before = office.database.write(
        lambda connection: kept_settings.change(connection, details["name"], details["value"])
    )
    return f"{about.title} was {before:,} {about.unit} and is {int(details['value']):,}."


KINDS["setting"] = Kind("publish", _sentence, _carry_out)
