"""Keys of integrations: kept as hashes, with rights and a last day, each with a bound of its own."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from pos_plugin import api_keys
from pos_plugin.api_keys import Keys
from pos_plugin.cli import app
from pos_plugin.errors import BadRequest, Conflict
from pos_plugin.local_api import rights

CARD = "2900000000018"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_key_is_shown_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    key = api_keys.create(tmp_path, "kiosk")
    file = tmp_path / api_keys.FILE
    assert key not in file.read_text()
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = api_keys.check(tmp_path, key)
    assert found
    assert (found.name, found.may, found.is_over) == ("kiosk", rights.ANY, False)
    assert api_keys.check(tmp_path, key + "x") is None
    assert api_keys.check(tmp_path, "") is None
    other = api_keys.create(tmp_path, "other")
    assert [one.name for key in (key, other) if (one := api_keys.check(tmp_path, key))] == ["kiosk", "other"]
    with pytest.raises(Conflict, match="There is a key named kiosk already"):
        api_keys.create(tmp_path, "kiosk")
    file.write_text("damaged")
    assert api_keys.check(tmp_path, key) is None


def test_the_file_of_earlier_versions_is_read_and_goes_on(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"pos_old").hexdigest()
    (tmp_path / api_keys.FILE).write_text(json.dumps({"front-till": digest}))
    found = api_keys.check(tmp_path, "pos_old")
    assert found
    assert (found.name, found.may, found.until) == ("front-till", rights.ANY, "")
    api_keys.create(tmp_path, "kiosk", may=["read"])
    assert (
        json.loads((tmp_path / api_keys.FILE).read_text())["front-till"] == digest
    )  # an earlier version reads it still


def test_a_key_is_good_through_its_last_day(tmp_path: Path) -> None:
    now = [NOON]
    keys = Keys(tmp_path, lambda: now[0])
    key = api_keys.create(tmp_path, "season", until="2026-11-21")

    def is_over() -> bool:
        found = keys.find(key)
        assert found
        return found.is_over

    assert not is_over()
    now[0] = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert is_over()


def test_a_key_that_is_taken_out_is_refused_at_once_and_one_put_in_is_known(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    key = api_keys.create(tmp_path, "kiosk")
    assert keys.find(key)
    assert api_keys.remove(tmp_path, "kiosk")
    assert keys.find(key) is None
    assert not api_keys.remove(tmp_path, "kiosk")
    again = api_keys.create(tmp_path, "kiosk")
    assert keys.find(again)
    assert keys.find(key) is None


@pytest.mark.parametrize(
    ("name", "more", "code"),
    [
        ("", {}, "KEY_NAME"),
        ("x" * 41, {}, "KEY_NAME"),
        ("a\nb", {}, "KEY_NAME"),
        ("list", {}, "KEY_NAME"),
        ("kiosk", {"may": ["sell", "everything"]}, "KEY_RIGHTS"),
        ("kiosk", {"until": "31.01.2027"}, "KEY_DAY"),
    ],
)
def test_a_key_that_cannot_be_is_refused(tmp_path: Path, name: str, more: dict, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        api_keys.create(tmp_path, name, **more)
    assert refused.value.code == code
    assert not (tmp_path / api_keys.FILE).exists()


# -- at the till


def client_with(served, **limits) -> httpx.Client:
    key = api_keys.create(served.terminal.store.folder, f"key {len(limits)} {sorted(limits)} {limits}"[:40], **limits)
    return httpx.Client(base_url=served.server.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False)


def test_a_key_does_what_it_may_and_nothing_else(served) -> None:
    served.sell("1")
    with client_with(served, may=["read", "sell"]) as one:
        member = one.post("/v1/identify", json={"scan": CARD}).json()["member"]
        quote = one.post("/v1/quotes", json=served.sale("2", member=member)).json()
        done = one.post(f"/v1/quotes/{quote['quote_id']}/commit", headers={"Idempotency-Key": "k"})
        assert done.status_code == 200, done.text
        before = served.head()
        for path in ("/v1/sales/front/1/void", "/v1/members", "/v1/drawer", "/v1/print", "/v1/test-print"):
            said = served.refused(one.post(path, json={}), 403, "KEY_MAY_NOT", "It may: read, sell.")
            assert "--may" in said["hint"]
        assert one.get("/v1/state").status_code == 200
        assert served.head() == before


def test_a_right_is_asked_for_by_every_endpoint(served) -> None:
    """What is not listed would be for keys that may do everything alone, and nobody would notice."""
    paths = served.client.get("/v1/openapi.json").json()["paths"]
    there = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert there - {"GET /v1/health"} <= set(rights.ENDPOINTS)


def test_what_is_not_listed_is_for_keys_that_may_do_everything(served) -> None:
    with client_with(served, may=["sell"]) as one:
        served.refused(one.get("/v1/nothing"), 403, "KEY_MAY_NOT")
    served.refused(served.client.get("/v1/nothing"), 404, "NOT_FOUND")


def test_a_key_that_is_over_says_so(served) -> None:
    with client_with(served, until="2026-11-20") as one:  # the till's clock says the 21st
        said = served.refused(one.get("/v1/state"), 401, "KEY_EXPIRED", "was good until 2026-11-20")
        assert "api-key remove" in said["hint"]


def test_a_key_that_asks_too_often_waits_and_others_do_not(served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "AT_ONCE", 5)
    monkeypatch.setattr(rights, "A_SECOND", 0.5)
    with client_with(served) as one, client_with(served, may=["read"]) as other:
        answers = [one.get("/v1/health") for _ in range(3)]  # open to all: no key is asked for
        assert {answer.status_code for answer in answers} == {200}
        answers = [one.get("/v1/state") for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        said = served.refused(answers[-1], 429, "TOO_MANY_REQUESTS", "asks too often")
        assert "Retry-After" in said["hint"]
        assert answers[-1].headers["retry-after"] == "2"  # one each two seconds
        assert other.get("/v1/state").status_code == 200
        with httpx.Client(base_url=served.server.url, trust_env=False) as page:
            page.get("/")
            assert {page.get("/v1/state").status_code for _ in range(12)} == {200}


def test_a_bucket_fills_again_with_time_and_no_further() -> None:
    now = [0.0]
    bucket = rights.Bucket(lambda: now[0])
    assert [bucket.take() for _ in range(rights.AT_ONCE)] == [0.0] * rights.AT_ONCE
    assert bucket.take() == pytest.approx(1 / rights.A_SECOND)
    now[0] += 1.0
    taken = 0
    while not bucket.take():
        taken += 1
    assert taken == int(rights.A_SECOND)
    now[0] += 3600.0
    taken = 0
    while not bucket.take():
        taken += 1
    assert taken == rights.AT_ONCE


# -- the command


def typed(*words: str) -> str:
    done = CliRunner().invoke(app, ["api-key", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_makes_lists_and_takes_out(tmp_path: Path) -> None:
    store = ["--store", str(tmp_path)]
    assert "There are no keys." in typed("list", *store)
    typed("front-till", *store)
    typed("stand", "--may", "read, sell", "--expires", "2199-01-31", *store)
    api_keys.create(tmp_path, "kiosk", may=["read", "sell"], until="2020-01-31")
    told = typed("list", *store)
    assert told.splitlines() == [
        "front-till: read, sell, refund, members, print, drawer",
        "kiosk: read, sell, over since 2020-01-31",
        "stand: read, sell, until 2199-01-31",
    ]
    assert json.loads(typed("list", "--json", *store))[1] == {
        "name": "kiosk",
        "may": ["read", "sell"],
        "expires": "2020-01-31",
        "expired": True,
    }
    assert "is taken out" in typed("remove", "kiosk", *store)
    assert [one.name for one in api_keys.listed(tmp_path)] == ["front-till", "stand"]
    assert CliRunner().invoke(app, ["api-key", "remove", "kiosk", *store]).exit_code == 1
    for wrong in (["remove"], ["list", "--may", "read"], ["kiosk", "read"], ["kiosk", "--expires", "2020-01-31"]):
        assert CliRunner().invoke(app, ["api-key", *wrong, *store]).exit_code == 2
