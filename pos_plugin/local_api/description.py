"""The description of the local API for programs, `GET /v1/openapi.json`: what FastAPI sees of it, and what it cannot see.

Answers are structs, not pydantic's models, and the guard stands around the whole: their schemas, the refusals that every request
can meet and the two ways of signing in are put in here.
"""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ledger.wire import NamedMember
from pos_plugin.local_api import examples, rights, toast_status
from pos_plugin.local_api.shapes import Refusal

SALES, MEMBERS, RECEIPTS, DEVICES, TILL, TOAST = "Sales", "Members", "Receipts", "Devices", "Till", "Toast"
OPERATORS = "Operators"

TAGS = [
    {"name": SALES, "description": "From the card to the receipt: quote, commit, take back."},
    {"name": MEMBERS, "description": "Who somebody is, who joins, and what gives points without a sale."},
    {"name": OPERATORS, "description": "Who is at the till: PINs, shifts, training."},
    {"name": RECEIPTS, "description": "Receipts of this till, and what became of printing them."},
    {"name": DEVICES, "description": "The drawer, the customer's display and the printer, for the host's own use."},
    {"name": TILL, "description": "How the till is, and what happens at it."},
    {"name": TOAST, "description": "The same for a till that speaks Toast's loyalty contract."},
]

ABOUT = """\
Who is the member, what can be redeemed, record the sale, take it back: for the program of a till on the same machine.

Amounts are whole minor units (cents). `(till, sale_ref)` names a sale for ever; the same request again gets the first answer.
Send `Authorization: Bearer KEY` with a key of `pos-plugin api-key`. Every refusal is `{code, message, hint}`.
"""

SECURITY = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of `pos-plugin api-key NAME`, which may be limited to some rights and end on a day.",
    },
    "page": {"type": "apiKey", "in": "cookie", "name": "pos_session", "description": "The till's own page alone."},
}

_REFUSALS: dict[str, tuple[str, Refusal]] = {
    "401": (
        "No key, an unknown one, or one that is over.",
        Refusal(
            "KEY_UNKNOWN",
            "This key is not known at this till; it may have been taken out.",
            "Make one: pos-plugin api-key NAME. It is sent as Authorization: Bearer KEY.",
        ),
    ),
    "403": (
        "Another website, another name of this machine, or a right that the key does not have.",
        Refusal("KEY_MAY_NOT", "The key kiosk may not do this. It may: read.", "Make a key that may."),
    ),
    "404": (
        "There is no such member, sale, quote or receipt here.",
        Refusal("ACCOUNT_INVALID", "This member is not known here.", "Scan the card, or join the member."),
    ),
    "408": (
        "The body did not arrive in time.",
        Refusal("BODY_TOO_SLOW", "The body was not all here within 10 s. Nothing was recorded.", "Send it again."),
    ),
    "409": (
        "The same name with other content, or too late.",
        Refusal(
            "SALE_DIFFERS",
            "Sale 17 of till 1 is recorded already, with other content. It stays as it was.",
            "Give this sale a reference of its own, or void the recorded one.",
        ),
    ),
    "413": (
        "The body is too large.",
        Refusal("BODY_TOO_LARGE", "The body is larger than 1048576 bytes. Nothing was recorded.", "Send less."),
    ),
    "415": (
        "The body is not sent as JSON.",
        Refusal("CONTENT_TYPE", "The body must be sent as application/json.", "Set the header Content-Type."),
    ),
    "422": (
        "What was asked makes no sense; every problem is named.",
        Refusal("INVALID", "total_minor is missing", "Nothing was recorded. Correct the request."),
    ),
    "429": (
        "Too many requests; Retry-After says for how many seconds to wait.",
        Refusal("TOO_MANY_REQUESTS", "The key kiosk asks too often: more than 200 times a second.", "Wait."),
    ),
    "500": (
        "An error of the till itself; the sale goes on without points.",
        Refusal("INTERNAL", "The till could not do this because of an error in itself.", "Look the sale up."),
    ),
    "503": (
        "The till's file cannot be written now; the sale goes on without points.",
        Refusal("STORE_FULL", "The disk is full; nothing was recorded.", "Free some space."),
    ),
}


_WITH_KEY = ("POST /v1/quotes/{quote_id}/commit", "POST /v1/print")
_OF_BODIES = ("408", "413", "415")


def answers(kind: type[msgspec.Struct], says: str) -> dict[int | str, dict[str, Any]]:
    """For FastAPI's `responses`: the answer of an endpoint is this struct."""
    _kinds[kind.__name__] = kind
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {200: {"description": says, "content": {"application/json": {"schema": schema}}}}


def answers_as(media_type: str, says: str) -> dict[int | str, dict[str, Any]]:
    schema: dict[str, Any] = {"type": "string"}
    if not media_type.startswith("text/"):
        schema["format"] = "binary"
    return {200: {"description": says, "content": {media_type: {"schema": schema}}}}


_kinds: dict[str, type[msgspec.Struct]] = {"Refusal": Refusal, "NamedMember": NamedMember}


def add_description(app: FastAPI) -> None:
    """Makes `app` describe itself in full; made once, when it is first asked for."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to change its description


def _described(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes, tags=TAGS)
    made["servers"] = [{"url": "http://127.0.0.1:8350", "description": "The till on this machine."}]
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _, structs = msgspec.json.schema_components(list(_kinds.values()), ref_template="#/components/schemas/{name}")
    schemas.update(structs)
    made["components"]["securitySchemes"] = SECURITY
    made["components"]["responses"] = {f"Refused{status}": _refused(status) for status in _REFUSALS}
    made["security"] = [{"key": []}, {"page": []}]
    for path, methods in made["paths"].items():
        for method, about in methods.items():
            _complete(path, method.upper(), about)
    return made


def _refused(status: str) -> dict[str, Any]:
    says, example = _REFUSALS[status]
    shown = {"schema": {"$ref": "#/components/schemas/Refusal"}, "example": msgspec.to_builtins(example)}
    made: dict[str, Any] = {"description": says, "content": {"application/json": shown}}
    if status == "429":
        made["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return made


def _complete(path: str, method: str, about: dict[str, Any]) -> None:
    endpoint = f"{method} {path}"
    if path == "/v1/health":
        about["security"] = []
    if endpoint in examples.ASKED:
        about["requestBody"]["content"]["application/json"]["example"] = examples.ASKED[endpoint]
    if endpoint in examples.ANSWERED:
        shown = about["responses"]["200"]["content"]["application/json"]
        shown["example"] = msgspec.to_builtins(examples.ANSWERED[endpoint])
    if endpoint in _WITH_KEY:
        for given in about["parameters"]:
            if given["name"] == "Idempotency-Key":  # FastAPI must not require it: the till's own refusal says more
                given["required"] = True
                del given["schema"]["default"]
    about["responses"].pop("422", None)
    if path != toast_status.PATH:  # whose refusals are in Toast's words
        for status in _REFUSALS:
            if method != "GET" or status not in _OF_BODIES:
                about["responses"][status] = {"$ref": f"#/components/responses/Refused{status}"}
    one_of = rights.needed(method, path)
    if one_of and one_of != rights.ANY:
        needs = f"A key needs the right {' or '.join(f'`{right}`' for right in sorted(one_of))}."
        about["description"] = f"{about.get('description', '')}\n\n{needs}".strip()
