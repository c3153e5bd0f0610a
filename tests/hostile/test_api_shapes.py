"""Requests made up from the descriptions of both interfaces: never a mistake inside, always JSON in the documented shape.

Each serves its own description; what head office asks to be signed is signed here, by an enrolled till.
"""

import re

import jsonschema_rs
import msgspec
import pytest
import schemathesis

from central_server.app import create_app
from central_server.description import described
from central_server.tills import enrolment
from ledger.entry import OpenBody
from ledger.keys import seal
from ledger.wire import (
    CardReplacement,
    Enrolment,
    FeedRequest,
    GrantRequest,
    MemberDetails,
    MemberLookup,
    MemberSearch,
    Refusal,
    TicketOpened,
    TicketTold,
    enrolment_message,
    pack,
)

DESCRIBED = msgspec.json.decode(described())
PATHS = list(DESCRIBED["paths"])
FEW, MANY = 2, 15


def bytes_of(case):
    """What a case would send, as bytes."""
    body = case.body
    if isinstance(body, bytes):
        return body
    try:
        return msgspec.json.encode(body)
    except Exception:  # what cannot be written as JSON is sent as its text
        return repr(body).encode("utf-8", "surrogatepass")


SECRETS = re.compile(r"Traceback|\.py\b|sqlalchemy|sqlite3|SELECT |INSERT ", re.IGNORECASE)


def fit(answer, secrets=()):
    """An answer that may stand: no mistake inside, JSON, a refusal in its shape, and nothing that is nobody's business."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and answer.url.path == "/v1/toast":
        assert set(answer.json()) == {"transactionStatus", "message"}
        assert answer.json()["transactionStatus"].startswith("ERROR")
    elif answer.status_code >= 400:
        assert answer.headers["content-type"].startswith("application/json")
        said = msgspec.json.decode(answer.content, type=Refusal, strict=True)
        assert said.code
        assert said.message
        assert set(answer.json()) == {"code", "message", "hint"}
    assert not SECRETS.search(answer.text)
    for secret in secrets:
        assert secret not in answer.text


# -- head office ---------------------------------------------------------------------------------------------------------


def fuzz_office(central, tell, path, count):
    one = central.till(f"F{central.rows()['terminal']:05d}")
    one.send()
    folder, nonce = central.office.folder, central.nonce()
    secrets = [(folder / f"{secret}.key").read_text() for secret in ("signing", "sealing", "nonce")]
    described_by_itself = central.client.get("/v1/openapi.json").json()
    loaded = schemathesis.openapi.from_dict(described_by_itself)
    ((method, about),) = described_by_itself["paths"][path].items()
    (kind,) = about.get("requestBody", {"content": {"": {}}})["content"]

    def ask(case):
        body = b"" if method == "get" else bytes_of(case)
        headers = central.headers(one, path, body, nonce) if about["security"] else {}
        answer = central.client.request(method, path, content=body, headers={**headers, "Content-Type": kind})
        fit(answer, secrets)
        as_described(described_by_itself, method, path, answer)
        codes.add(answer.json().get("code", "done"))

    codes = set()
    tell.fuzz(loaded, path, method, count, ask, says_something=kind == "application/json")
    central.an_honest_till_is_served()
    return codes if kind == "application/json" else set()


@pytest.mark.parametrize("path", PATHS)
def test_head_office_answers_whatever_fits_or_does_not_fit_its_description(central, tell, path):
    fuzz_office(central, tell, path, FEW)


@pytest.mark.postgres
@pytest.mark.parametrize("path", PATHS)
def test_head_office_on_postgresql_answers_whatever_fits_or_does_not_fit_its_description(
    central_on_postgres, tell, path
):
    """Which takes less for a text than SQLite does."""
    fuzz_office(central_on_postgres, tell, path, FEW)


@pytest.mark.long
@pytest.mark.parametrize("path", PATHS)
def test_head_office_answers_many_made_up_messages(central, tell, path):
    if codes := fuzz_office(central, tell, path, MANY):
        assert "MESSAGE_UNREADABLE" in codes
        assert len(codes) > 1, "nothing that was made up got past the decoder"


def test_what_an_honest_till_is_answered_is_as_described(central, tell):
    one = tell.Till(central.office, "WWWWWW", "Harbour")
    code = enrolment.new_code(central.office, "Harbour")
    proof = one.key.sign(enrolment_message(code, one.name, one.key.public))
    enrolling = Enrolment(code, one.name, one.epoch, one.key.public, proof)
    sold = {}

    def go(path, message, as_batch=False):
        if as_batch:
            answer = central.upload(pack(message))
        else:
            answer = central.ask(one, path, message) if path != "/v1/enroll" else central.post(path, message)
        assert answer.status_code == 200, answer.text
        as_described(DESCRIBED, "post", path, answer)
        sold[path] = answer.json()

    go("/v1/enroll", msgspec.json.encode(enrolling))
    one.write(OpenBody("test"))
    one.join("wendy")
    one.sale("w1", 10000, "wendy")
    go("/v1/entries", one.batch(), as_batch=True)
    go("/v1/nonce", {})
    go(
        "/v1/members",
        MemberDetails("wendy", ["4711"], "2026-03-02", seal(central.office.sealing_key, b'{"name":"Wendy W"}')),
    )
    go("/v1/grants", GrantRequest("wish-w", one.epoch, "wendy", 30))
    go("/v1/members/lookup", MemberLookup(card="4711"))
    go("/v1/members/search", MemberSearch("wen"))
    ticket = "W" + "0" * 9
    go(
        "/v1/tickets",
        TicketOpened(ticket, "points", "2026-03-02T09:00:00", seal(central.office.sealing_key, b'{"words":"?"}')),
    )
    go("/v1/tickets/told", TicketTold(ticket, 2, "2026-03-02T09:30:00", "Kim"))
    go("/v1/members/replace-card", CardReplacement("wendy", "4711", "2900000000025", "worn", "Kim", "supervisor"))
    go(
        "/v1/feed",
        FeedRequest({"members/Harbour": 0, "program": 0, "grants/WWWWWW": 0, "revocations": 0, "shop/Harbour": 0}),
    )
    assert all(channel["items"] for name, channel in sold["/v1/feed"]["channels"].items())
    assert sold["/v1/members/search"]["members"]
    assert {*sold} == {path for path, about in DESCRIBED["paths"].items() if "post" in about}


def test_head_office_describes_each_of_its_addresses_for_programs(central):
    described = central.client.get("/v1/openapi.json")
    assert described.headers["content-type"] == "application/json"
    schemathesis.openapi.from_dict(described.json()).validate()
    routes = {
        (route.path, method.lower())
        for route in create_app(central.office).routes
        for method in route.methods
        if route.path.startswith("/v1/") and method != "HEAD"
    }
    told = {(path, method) for path, about in described.json()["paths"].items() for method in about}
    assert routes - told == {("/v1/openapi.json", "get")}
    assert told - routes == set()


@pytest.mark.parametrize("path", PATHS)
def test_head_office_names_the_method_that_an_address_has(central, tell, path):
    (method,) = DESCRIBED["paths"][path]
    for other in ("GET", "POST", "PUT", "PATCH", "DELETE", "BREW"):
        if other.lower() != method:
            answer = central.client.request(other, path)
            assert tell.refusal(answer) == (405, "NO_SUCH_ADDRESS")
            assert answer.headers["allow"] == method.upper()


@pytest.mark.parametrize("path", [path for path in PATHS if "requestBody" in str(DESCRIBED["paths"][path])])
def test_head_office_takes_no_body_that_says_it_is_something_else(central, tell, path):
    with central.unmoved():
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
        ):
            answer = central.post(path, b"{}", {"Content-Type": kind})
            assert tell.refusal(answer) == (415, "CONTENT_TYPE")
            as_described(DESCRIBED, "post", path, answer)
        (right,) = DESCRIBED["paths"][path]["post"]["requestBody"]["content"]
        for headers in ({}, {"Content-Type": right}, {"Content-Type": f"{right.upper()}; charset=utf-8"}):
            answer = central.post(path, b"{}", headers)
            assert tell.refusal(answer)[0] in (400, 401)
            as_described(DESCRIBED, "post", path, answer)


# -- the till ------------------------------------------------------------------------------------------------------------

NOT_FUZZED = {("GET", "/v1/events")}  # a stream without end; tests/till listens to it


VALIDATORS = {}  # by place in a description: to read one takes longer than most requests


def as_described(described, method, path, answer):
    """An answer whose status and shape the description has. Of what is not even a known method there is none."""
    said = described["paths"][path][method]["responses"].get(str(answer.status_code))
    if answer.status_code == 405 or (said is None and answer.json()["code"] == "NOT_FOUND"):
        return  # a name in the path that makes it another address
    assert said is not None, (method, path, answer.text)
    if "$ref" in said:
        said = described["components"]["responses"][said["$ref"].rpartition("/")[2]]
    if "application/json" in said["content"]:
        place = described["info"]["title"], method, path, answer.status_code
        if place not in VALIDATORS:
            schema = {**said["content"]["application/json"]["schema"], "components": described["components"]}
            VALIDATORS[place] = jsonschema_rs.validator_for(schema)
        wrong = [error.message for error in VALIDATORS[place].iter_errors(answer.json())]
        assert wrong == [], (method, path, answer.text)


def fuzz_till(till, tell, count):
    described_by_itself = till.client.get("/v1/openapi.json").json()
    loaded = schemathesis.openapi.from_dict(described_by_itself)
    key = till.client.headers["Authorization"].split()[1]
    seen = set()

    def ask(case):
        made = case.as_transport_kwargs(base_url=till.server.url)
        headers = {
            name: value
            for name, value in (made.get("headers") or {}).items()
            if name.lower() not in ("authorization", "host")
        }
        content = (
            bytes_of(case)
            if case.method.upper() in ("POST", "PUT", "PATCH") and made.get("json", made.get("data")) is not None
            else b""
        )
        headers["Content-Type"] = "application/json"
        answer = till.client.request(
            case.method, made["url"], params=made.get("params"), headers=headers, content=content
        )
        seen.add((case.method.upper(), case.path))
        if answer.headers["content-type"] != "image/png":
            fit(answer, [key])
            as_described(described_by_itself, case.method.lower(), case.path, answer)

    for path, methods in described_by_itself["paths"].items():
        for method, about in methods.items():
            if (method.upper(), path) not in NOT_FUZZED:
                says = bool(about.get("requestBody") or about.get("parameters"))
                tell.fuzz(loaded, path, method.upper(), count, ask, says_something=says)
    assert len(seen) >= 28
    assert till.client.get("/v1/health").json() == {"status": "ok"}
    till.sell(f"after-{till.head()[0]}")


def test_the_till_answers_whatever_fits_or_does_not_fit_its_description(served_till, tell):
    fuzz_till(served_till, tell, 2)


@pytest.mark.long
def test_the_till_answers_many_made_up_requests(served_till, tell):
    fuzz_till(served_till, tell, 8)
