"""Consent: the texts that members are asked to agree to, how many agree to each, and taking it back for a member."""

from __future__ import annotations

from fastapi import Response

from central_server.membership import consents
from central_server.pages.frame import Visit, page
from central_server.pages.member_access import require_member

NAMES = {"en": "English", "tr": "Turkish", "de": "German", "fr": "French", "es": "Spanish"}


@page("GET", "/consents", "enrol", "publish", "figures", menu="Consent", place=23)
def texts(visit: Visit) -> Response:
    with visit.office.database.reading() as connection:
        return visit.show("consents.html", texts=consents.texts(connection), names=NAMES)


@page("POST", "/members/{member}/consent", "enrol")
def take_back(visit: Visit) -> Response:
    with visit.office.database.reading() as connection:
        member = require_member(visit, connection, visit.named["member"])
    is_new = consents.say(visit.office, member, is_given=False, operator=visit.staff.login)
    said = "Taken back: nobody writes to them any more." if is_new else "They had not agreed to anything."
    return visit.go(f"/members/{member}", said=said)
