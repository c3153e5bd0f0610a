"""The description of the wire for programs, `GET /v1/openapi.json`: which addresses there are, and what each asks and answers.

It is made of the structs that the messages are, and the application is made of the same list, so that neither can say what the
other does not do. People's pages (/office, /me, /feedback) and /metrics are not part of it.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any, NamedTuple

import msgspec

from ledger.wire import (
    MAX_BATCH_ENTRIES,
    Batch,
    BatchReply,
    CardReplaced,
    CardReplacement,
    Enrolled,
    Enrolment,
    FeedReply,
    FeedRequest,
    GrantReply,
    GrantRequest,
    Health,
    MemberDetails,
    MemberFound,
    MemberLookup,
    MemberSearch,
    MembersFound,
    Nonce,
    Refusal,
    TicketOpened,
    TicketTaken,
    TicketTold,
)

JSON = "application/json"
BATCH = "application/octet-stream"


class Address(NamedTuple):
    """What is asked, in which type of body, and answered. `refuses`: statuses beside those that any request can meet."""

    says: str
    asked: type[msgspec.Struct] | None
    answered: type[msgspec.Struct]
    is_signed: bool = False
    refuses: tuple[int, ...] = ()


ADDRESSES = {
    "POST /v1/enroll": Address(
        "A till introduces itself with a one-time code.", Enrolment, Enrolled, refuses=(403, 409, 422, 429)
    ),
    "POST /v1/entries": Address(
        "A till's entries, signed by the batch itself: `Batch` as MessagePack, compressed with zlib.",
        Batch,
        BatchReply,
        refuses=(401, 403, 422),
    ),
    "POST /v1/nonce": Address("What the next requests are signed over.", None, Nonce),
    "POST /v1/feed": Address("What has changed since a position.", FeedRequest, FeedReply, is_signed=True),
    "POST /v1/grants": Address("Points that this till may spend.", GrantRequest, GrantReply, is_signed=True),
    "POST /v1/members": Address(
        "Cards and sealed personal fields of who joined.", MemberDetails, MemberFound, is_signed=True
    ),
    "POST /v1/members/lookup": Address("A member of another shop.", MemberLookup, MemberFound, is_signed=True),
    "POST /v1/members/search": Address("Members by name.", MemberSearch, MembersFound, is_signed=True),
    "POST /v1/tickets": Address("What a customer has asked at a till.", TicketOpened, TicketTaken, is_signed=True),
    "POST /v1/tickets/told": Address("An answer that a member was told.", TicketTold, TicketTaken, is_signed=True),
    "POST /v1/members/replace-card": Address(
        "Another card instead of a lost or worn one.", CardReplacement, CardReplaced, is_signed=True
    ),
    "GET /v1/health": Address("Whether head office is open.", None, Health),
}
"""By method and path. Those that are signed are added to the application from here."""

ABOUT = """\
What tills say to head office, and are answered. docs/wire-format.md shows every message with its bytes, and what is signed how.

A signed request bears X-Terminal, X-Nonce (of `POST /v1/nonce`) and X-Signature: Ed25519 of the enrolled till's key, in hex, over
`["request",PATH,TERMINAL,NONCE]`, a line feed, and the body. Unknown fields are ignored. Every request can be sent again.
Every refusal is `{code, message, hint}`.
"""

SIGNED_BY = {
    "terminal": ("X-Terminal", "The name of an enrolled till."),
    "nonce": ("X-Nonce", "Of POST /v1/nonce, at most 300 seconds old."),
    "signature": ("X-Signature", "The till's, over address, terminal, nonce and body."),
}

REFUSALS = {
    400: "This cannot be read.",
    401: "Not signed, or not by whom it says.",
    403: "A till that was revoked, or a code that is not good.",
    405: "This address has another method.",
    408: "The body was not all here in time.",
    409: "It contradicts what is known here.",
    413: "The body is too large.",
    415: "The body says that it is something else.",
    422: "A value makes no sense here, or cannot be stored.",
    429: "Too many wrong codes were tried.",
    500: "A mistake of head office; sending it again does no harm.",
    503: "Too much at once, or the database is away: keep it and send it again.",
}
_OF_ALL = (405, 500, 503)
_OF_BODIES = (400, 408, 413, 415)
_OF_SIGNED = (401, 403, 409, 422)


@cache
def described() -> bytes:
    """As it is served."""
    kinds = {kind for one in ADDRESSES.values() for kind in (one.asked, one.answered) if kind is not None}
    listed = [*sorted(kinds, key=lambda kind: kind.__name__), Refusal]
    _, schemas = msgspec.json.schema_components(listed, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for address, about in ADDRESSES.items():
        method, _, path = address.partition(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(about)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "Head office", "version": version("pos-plugin"), "description": ABOUT},
            "paths": paths,
            "components": {
                "schemas": schemas,
                "responses": {f"Refused{status}": _answer(says, Refusal) for status, says in REFUSALS.items()},
                "securitySchemes": {
                    name: {"type": "apiKey", "in": "header", "name": header, "description": says}
                    for name, (header, says) in SIGNED_BY.items()
                },
            },
        }
    )


def _operation(about: Address) -> dict[str, Any]:
    refuses = {*_OF_ALL, *about.refuses, *(_OF_BODIES if about.asked else ()), *(_OF_SIGNED if about.is_signed else ())}
    made: dict[str, Any] = {
        "summary": about.says,
        "security": [{name: [] for name in SIGNED_BY}] if about.is_signed else [],
        "responses": {
            "200": _answer("Done.", about.answered),
            **{str(status): {"$ref": f"#/components/responses/Refused{status}"} for status in sorted(refuses)},
        },
    }
    if about.asked is Batch:
        most = f"Unpacked it is a `Batch` of 1 to {MAX_BATCH_ENTRIES} entries."
        made["requestBody"] = {
            "required": True,
            "description": most,
            "content": {BATCH: {"schema": {"type": "string", "format": "binary"}}},
        }
    elif about.asked is not None:
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": _named(about.asked)}}}
    return made


def _answer(says: str, kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {"description": says, "content": {JSON: {"schema": _named(kind)}}}


def _named(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
