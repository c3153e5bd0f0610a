"""Requests made up from the descriptions of both interfaces: never a mistake inside, always JSON in the documented shape.

Head office has no OpenAPI document, so one is made here of the messages themselves; every request of it is signed. The till's
local API has its own.
"""

import re

import jsonschema_rs
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from ledger.wire import Enrolment, FeedRequest, GrantRequest, MemberDetails, MemberLookup, MemberSearch, Refusal

SIGNED = {
    "/v1/feed": FeedRequest,
    "/v1/grants": GrantRequest,
    "/v1/members": MemberDetails,
    "/v1/members/lookup": MemberLookup,
    "/v1/members/search": MemberSearch,
}
MESSAGES = {**SIGNED, "/v1/enroll": Enrolment}
FEW, MANY = 6, 80


def described():
    """OpenAPI of head office, from the structs that its messages are."""
    (*schemas,), components = msgspec.json.schema_components(
        list(MESSAGES.values()), ref_template="#/components/schemas/{name}"
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "head office", "version": "1"},
        "paths": {
            path: {
                "post": {
                    "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
                    "responses": {"200": {"description": "done"}, "default": {"description": "refused"}},
                }
            }
            for path, schema in zip(MESSAGES, schemas, strict=True)
        },
        "components": {"schemas": components},
    }


def bounded(count):
    return settings(
        max_examples=count,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )


def fuzz(schema, path, method, count, ask, *, says_something=True):
    """`count` requests that fit the description, and as many that do not, where there is anything to get wrong."""
    operation = schema[path][method]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    for mode in modes[: 1 + says_something]:
        strategy = operation.as_strategy(generation_mode=mode)

        @bounded(count)
        @given(case=strategy)
        def asked(case):
            ask(case)

        asked()


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


def fuzz_office(central, path, count):
    one = central.till(f"F{central.rows()['terminal']:05d}")
    one.send()
    folder, nonce = central.office.folder, central.nonce()
    secrets = [(folder / f"{secret}.key").read_text() for secret in ("signing", "sealing", "nonce")]
    loaded = schemathesis.openapi.from_dict(described())

    def ask(case):
        body = bytes_of(case)
        if path in SIGNED:
            answer = central.post(path, body, central.headers(one, path, body, nonce))
        else:
            answer = central.post(path, body, {"Content-Type": "application/json"})
        fit(answer, secrets)
        codes.add(answer.json().get("code", "done"))

    codes = set()
    fuzz(loaded, path, "POST", count, ask)
    assert "MESSAGE_UNREADABLE" in codes
    assert len(codes) > 1, "nothing that was made up got past the decoder"
    central.an_honest_till_is_served()


@pytest.mark.slow
@pytest.mark.parametrize("path", MESSAGES)
def test_head_office_answers_whatever_fits_or_does_not_fit_its_messages(central, path):
    fuzz_office(central, path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("path", MESSAGES)
def test_head_office_answers_many_made_up_messages(central, path):
    fuzz_office(central, path, MANY)


# -- the till ------------------------------------------------------------------------------------------------------------

NOT_FUZZED = {("GET", "/v1/events")}  # a stream without end; tests/till listens to it


def as_described(described, method, path, answer):
    """An answer whose status and shape the description has. Of what is not even a known method there is none."""
    said = described["paths"][path][method]["responses"].get(str(answer.status_code))
    if answer.status_code == 405 or (said is None and answer.json()["code"] == "NOT_FOUND"):
        return  # a name in the path that makes it another address
    assert said is not None, (method, path, answer.text)
    if "$ref" in said:
        said = described["components"]["responses"][said["$ref"].rpartition("/")[2]]
    if "application/json" in said["content"]:
        schema = {**said["content"]["application/json"]["schema"], "components": described["components"]}
        wrong = [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(answer.json())]
        assert wrong == [], (method, path, answer.text)


def fuzz_till(till, count):
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
                fuzz(loaded, path, method.upper(), count, ask, says_something=says)
    assert len(seen) >= 28
    assert till.client.get("/v1/health").json() == {"status": "ok"}
    till.sell(f"after-{till.head()[0]}")


def test_the_till_answers_whatever_fits_or_does_not_fit_its_description(served_till):
    fuzz_till(served_till, 2)


@pytest.mark.slow
def test_the_till_answers_many_made_up_requests(served_till):
    fuzz_till(served_till, 20)
