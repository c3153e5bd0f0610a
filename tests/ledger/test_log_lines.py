"""A log that can be read by people and by programs, has nothing of people in it, and does not fill a disk."""

import json
import logging

import pytest

from ledger import log_lines


@pytest.fixture
def log():
    one = logging.Logger("pos_plugin")
    yield one
    for handler in one.handlers:
        handler.close()


def written(log, tmp_path, *, as_json):
    file = tmp_path / "till.log"
    log.addHandler(log_lines.handler(as_json=as_json, file=file))
    log.warning("the printer is away")
    log.error("two\nlines of %s", "text")
    try:
        int("2900000000018 Anna Bell")
    except ValueError:
        log.exception("reading a sale failed")
    return file.read_text(encoding="utf-8")


def test_each_record_is_one_line_of_json_and_an_exception_is_its_kind_and_place(log, tmp_path):
    said = written(log, tmp_path, as_json=True)
    lines = [json.loads(line) for line in said.splitlines()]
    assert [(line["level"], line["said"]) for line in lines] == [
        ("warning", "the printer is away"),
        ("error", "two\nlines of text"),
        ("error", "reading a sale failed"),
    ]
    assert lines[2]["error"] == "ValueError"
    assert lines[2]["where"][0].startswith("test_log_lines.py:")
    assert {"error", "where"}.isdisjoint(lines[0])
    assert "Anna" not in said


def test_in_words_too_each_record_is_one_line_without_an_exceptions_text(log, tmp_path):
    said = written(log, tmp_path, as_json=False)
    assert len(said.splitlines()) == 3
    assert "ValueError at test_log_lines.py:" in said
    assert "Anna" not in said


def test_a_long_message_and_a_long_log_are_bounded(log, tmp_path, monkeypatch):
    monkeypatch.setattr(log_lines, "FILE_BYTES", 10_000)
    file = tmp_path / "till.log"
    log.addHandler(log_lines.handler(as_json=True, file=file))
    for number in range(100):
        log.warning("%d %s", number, "x" * 5000)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 1 + log_lines.FILES_BEFORE
    assert sum(one.stat().st_size for one in files) <= 6 * 10_000
    assert json.loads(file.read_text().splitlines()[-1])["said"].startswith("99 ")
