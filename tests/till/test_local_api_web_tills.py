"""A till that is a web page: the origins that the shop has named may call with a key, and nobody else from the web."""

from __future__ import annotations

import httpx
import pytest
from pydantic import ValidationError

from pos_plugin.config import PageSettings

TILL = "https://till.example"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.fixture
def web_till(serve):
    with serve(page={"origins": [TILL, "http://10.0.0.5:3000"]}) as served:
        yield served


def of_cors(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def test_a_named_origin_is_answered_a_preflight_and_may_call_with_a_key(web_till) -> None:
    answer = web_till.stranger.options("/v1/quotes", headers={"Origin": TILL, **ASKS})
    assert answer.status_code == 204
    said = of_cors(answer)
    assert said["access-control-allow-origin"] == TILL
    assert "authorization" in said["access-control-allow-headers"]
    assert "idempotency-key" in said["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in said
    assert "access-control-allow-private-network" not in said
    assert answer.headers["vary"] == "Origin"
    quote = web_till.client.post("/v1/quotes", json=web_till.sale(), headers={"Origin": TILL})
    assert quote.status_code == 200
    assert quote.headers["access-control-allow-origin"] == TILL
    refused = web_till.stranger.get("/v1/state", headers={"Origin": TILL})
    web_till.refused(refused, 401, "NOT_SIGNED_IN")
    assert refused.headers["access-control-allow-origin"] == TILL  # so that the page can read why


def test_a_browser_that_asks_for_the_private_network_is_answered(web_till) -> None:
    asks = {"Origin": TILL, **ASKS, "Access-Control-Request-Private-Network": "true"}
    assert (
        of_cors(web_till.stranger.options("/v1/quotes", headers=asks))["access-control-allow-private-network"] == "true"
    )


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://till.example.evil.example",
        "http://till.example",
        "https://till.example:444",
        "null",
        "*",
    ],
)
def test_another_origin_is_refused_with_a_key_too_and_told_nothing(web_till, origin: str) -> None:
    before = web_till.head()
    for answer in (
        web_till.stranger.options("/v1/quotes", headers={"Origin": origin, **ASKS}),
        web_till.client.post("/v1/members", json={}, headers={"Origin": origin}),
        web_till.stranger.get("/v1/health", headers={"Origin": origin}),
    ):
        web_till.refused(answer, 403, "ORIGIN", "Another website")
        assert of_cors(answer) == {}
    assert web_till.head() == before


def test_the_pages_cookie_is_no_good_from_a_named_origin(web_till) -> None:
    with httpx.Client(base_url=web_till.server.url, trust_env=False) as page:
        page.get("/")
        assert page.get("/v1/state").status_code == 200
        web_till.refused(page.get("/v1/state", headers={"Origin": TILL}), 401, "NOT_SIGNED_IN")


def test_without_origins_no_preflight_is_answered(refusing) -> None:
    answer = refusing.stranger.options("/v1/quotes", headers={"Origin": TILL, **ASKS})
    refusing.refused(answer, 403, "ORIGIN")
    answer = refusing.stranger.options("/v1/quotes", headers={"Origin": refusing.server.url, **ASKS})
    assert of_cors(answer) == {}  # the page itself never asks


@pytest.mark.parametrize("origin", ["*", "https://*.example", "till.example", "https://till.example/", "ftp://x"])
def test_an_origin_that_is_none_is_a_wrong_setting(origin: str) -> None:
    with pytest.raises(ValidationError):
        PageSettings(origins=[origin])
