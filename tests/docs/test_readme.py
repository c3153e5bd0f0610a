"""The README, done as it says: a till is made, its history read, a program of the shop sells."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from pos_plugin import api_keys
from pos_plugin.cli import app
from pos_plugin.local_api.server import Server
from pos_plugin.terminal import Terminal

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


def lines(program):
    return [
        line.partition(" #")[0] for block in blocks("sh") for line in block.splitlines() if line.startswith(program)
    ]


def typed(line):
    done = CliRunner().invoke(app, shlex.split(line)[1:])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """The folder in which a reader has followed the README up to the history."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POS_PLUGIN_STORE", raising=False)
    (tmp_path / "sales.csv").write_text(blocks("csv")[0], encoding="utf-8")
    for line in lines("pos-plugin init"):
        typed(line)
    for line in lines("pos-plugin backfill"):
        typed(line)
    return tmp_path


def test_the_history_is_read_and_shown_as_the_readme_says(shop):
    told = [typed(line) for line in lines("pos-plugin members") + lines("pos-plugin member ")]
    assert told[0] == "card,balance\n2900000000018,18\n"
    assert re.match(r"Balance \d+;", told[1])  # points of that day end one day
    assert "Till" in typed("pos-plugin status")


def test_the_python_example_runs_and_prints_what_the_readme_says(shop):
    (example,) = blocks("python")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(example, "README.md", "exec"), {})
    assert said.getvalue() == blocks("text")[0]


def test_the_curl_examples_sell_at_a_running_till(shop):
    asked = [shlex.split(line) for line in lines("curl ")]
    key = api_keys.create(shop / "till", "front-till")
    answers = []
    with Terminal.open(shop / "till") as terminal, Server(terminal, 0) as server:
        for _, url, *options in asked:
            headers = dict(
                value.replace("$KEY", key).split(": ", 1) for flag, value in pairwise(options) if flag == "-H"
            )
            body = next((value for flag, value in pairwise(options) if flag == "-d"), None)
            quote_id = answers[-1].get("quote_id", "") if answers else ""
            url = url.replace("http://127.0.0.1:8350", server.url).replace("QUOTE_ID", quote_id)
            answer = httpx.post(url, headers=headers, content=body, trust_env=False, verify=False)
            assert answer.status_code == 200, answer.text
            answers.append(answer.json())
    assert [answers[0]["kind"], answers[2]["due_minor"]] == ["member", 1645]


def test_the_commands_of_head_office_do_what_the_readme_says(tmp_path, monkeypatch):
    from central_server.cli import app as central

    monkeypatch.chdir(tmp_path)
    for line in lines("pos-central"):
        if " serve " in line:
            continue
        done = CliRunner().invoke(central, shlex.split(line)[1:])
        assert done.exit_code == 0, (line, done.output)
    code = CliRunner().invoke(central, [*shlex.split(lines("pos-central enroll-code")[0])[1:], "--json"])
    assert json.loads(code.stdout)["expires_at"] > datetime.now(UTC).isoformat()
