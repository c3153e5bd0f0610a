"""Endpoints: where segments are sent, and what became of the last messages. They are added on the command line only."""

from __future__ import annotations

from fastapi import Response

from central_server.pages.frame import Visit, page
from central_server.pages.segments import keeps, require_keeper
from central_server.webhooks import deliveries, endpoints

SHOWN = 10


@page("GET", "/segments/endpoints", "segments")
def webhooks(visit: Visit) -> Response:
    zone = visit.zone()
    with visit.office.database.reading() as connection:
        found = [
            (one, [(told, deliveries.told(told, zone)) for told in deliveries.latest(connection, one.name, SHOWN)])
            for one in endpoints.every(connection)
        ]
    return visit.show("webhooks.html", found=found, keeps=keeps(visit))


@page("POST", "/segments/endpoints/{webhook}/test", "segments")
def test(visit: Visit) -> Response:
    require_keeper(visit)
    webhook = visit.named["webhook"]
    deliveries.put_up_test(visit.office, webhook, visit.staff.login)
    return visit.go("/segments/endpoints", said=f"A test goes to {webhook} within seconds. Look again then.")


@page("POST", "/segments/endpoints/{webhook}/on", "segments")
def switch_on(visit: Visit) -> Response:
    require_keeper(visit)
    webhook = visit.named["webhook"]
    endpoints.switch_on(visit.office, webhook)
    return visit.go("/segments/endpoints", said=f"{webhook} is on. What waits for it is sent now.")


@page("POST", "/segments/endpoints/again", "segments")
def again(visit: Visit) -> Response:
    require_keeper(visit)
    deliveries.again(visit.office, visit.form.get("delivery", "") or "none")
    return visit.go("/segments/endpoints", said="It is sent again within seconds. Look again then.")
