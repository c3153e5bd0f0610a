"""What a till tells those who watch it, figures and log: true, bounded, and nothing of the people it serves."""

import logging
import re

import pytest

from ledger import log_lines
from ledger.keys import new_sealing_key
from offline_store import settings
from pos_plugin import api_keys

CARD = "2900000000018"
NEW_CARD = "2900000000094"
SECRETS = (CARD, NEW_CARD, "Anna", "Quimby", "1701234567", "170 1234567")


@pytest.fixture
def log_file(tmp_path):
    """The log as `run --log-json --log-file` writes it, beside what pytest keeps."""
    file = tmp_path / "till.log"
    handler = log_lines.handler(as_json=True, file=file)
    root = logging.getLogger()
    root.addHandler(handler)
    yield file
    root.removeHandler(handler)
    handler.close()


def figures(served, key):
    answer = served.stranger.get("/metrics", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    found = re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", answer.text, re.MULTILINE)
    assert not [word for word in SECRETS if word in answer.text]
    return {name: float(value) for name, value in found}


def test_a_key_that_may_read_gets_the_figures_and_nobody_else(served):
    key = api_keys.create(served.terminal.store.folder, "watch", may=("read",))
    before = figures(served, key)
    served.sell("17")
    after = figures(served, key)
    assert after["pos_till_entries"] == before["pos_till_entries"] + 1
    assert after["pos_till_entries_unsent"] == after["pos_till_entries"]
    assert after['pos_till_print_jobs{verdict="waiting"}'] == 1
    assert after["pos_till_heard_seconds"] == 0
    assert after['pos_till_request_seconds_count{address="/v1/quotes",status="200"}'] == 1
    assert served.stranger.get("/metrics").status_code == 401
    other = api_keys.create(served.terminal.store.folder, "seller", may=("sell",))
    assert served.stranger.get("/metrics", headers={"Authorization": f"Bearer {other}"}).status_code == 403


def test_a_day_with_names_phones_cards_and_mistakes_leaves_none_of_them_in_the_log(served, log_file, monkeypatch):
    post = served.client.post
    for name, value in (("sealing_key", new_sealing_key(bytes(range(32)))), ("phone_key", "cd" * 32)):
        served.terminal.store.write(lambda db, name=name, value=value: settings.put(db, name, value))
    joined = post("/v1/members", json={"card": NEW_CARD, "name": "Anna Quimby", "phone": "+49 170 1234567"})
    assert joined.status_code == 200, joined.text
    member = post("/v1/identify", json={"scan": CARD}).json()["member"]
    for number in range(3):
        served.sell(str(number), member=member)
    post("/v1/identify", json={"scan": "2900000000019"})  # its check digit is wrong
    post("/v1/members/search", json={"name": "Quimby"})
    post(
        "/v1/members",
        content=f'{{"card": "{NEW_CARD}", "name": "Anna Quim',
        headers={"Content-Type": "application/json"},
    )
    served.client.get(f"/v1/members/{NEW_CARD}")

    def fail(*arguments, **named):
        raise ValueError(f"{CARD} of Anna Quimby, +49 170 1234567: {arguments} {named}")

    monkeypatch.setattr(served.terminal.checkout, "identify", fail)  # the fault: a bug that holds what was typed
    assert post("/v1/identify", json={"scan": CARD}).status_code == 500
    logging.getLogger("pos_plugin").error("a line, so that the file is known to be written")
    said = log_file.read_text(encoding="utf-8")
    assert "a request failed: ValueError" in said
    assert not [word for word in SECRETS if word in said]
