"""Endpoints: where segments are sent, and what became of the last messages. They are added on the command line only.

Marketing has things sent; a new secret is for those who hand out keys.
"""

from __future__ import annotations

from fastapi import Response

from central_server.errors import Refused
from central_server.pages.frame import Visit, page
from central_server.pages.segments import keeps, require_keeper
from central_server.webhooks import deliveries, endpoints, secrets

SHOWN = 10


@page("GET", "/segments/endpoints", "segments")
def webhooks(visit: Visit) -> Response:
    zone, at = visit.zone(), visit.office.time()
    with visit.office.database.reading() as connection:
        found = [
            (one, [(told, deliveries.told(told, zone)) for told in deliveries.latest(connection, one.name, SHOWN)])
            for one in endpoints.every(connection)
        ]
        beside = secrets.beside_until(connection, at)
    return visit.show("webhooks.html", found=found, beside=beside, keeps=keeps(visit), may_renew=_has_keys(visit))


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
    endpoints.switch_on(visit.office, webhook, visit.staff.login)
    return visit.go("/segments/endpoints", said=f"{webhook} is on. What waits for it is sent now.")


@page("POST", "/segments/endpoints/{webhook}/secret", "segments")
def new_secret(visit: Visit) -> Response:
    """Answers with the secret itself: an address that had it would be in the browser's history."""
    if not _has_keys(visit):
        hint = "Integrators make new secrets, or whoever runs the server: pos-central webhook. Nothing was changed."
        raise Refused("NOT_ALLOWED", "Your role has no keys.", hint=hint, status=403)
    webhook = visit.named["webhook"]
    secret = endpoints.new_secret(visit.office, webhook, visit.staff.login)
    until = visit.office.later(secrets.BESIDE_S)
    return visit.show("webhook_secret.html", webhook=webhook, secret=secret, until=until)


def _has_keys(visit: Visit) -> bool:
    return "2" in visit.leave("devices")


@page("POST", "/segments/endpoints/again", "segments")
def again(visit: Visit) -> Response:
    require_keeper(visit)
    deliveries.again(visit.office, visit.form.get("delivery", "") or "none")
    return visit.go("/segments/endpoints", said="It is sent again within seconds. Look again then.")
