"""Plugins: their lines stand on receipts, their codes are members, and nothing of theirs stops a sale."""

from __future__ import annotations

import logging
import threading

import pytest

from drivers.document import Document, Text, decode_document
from offline_store import receipts
from pos_plugin import hookimpl
from pos_plugin.plugins import LONGEST_CODE, MOST_LINES, WAITING, Plugins
from pos_plugin.terminal import Terminal

CARD = "2900000000018"


class Lines:
    def __init__(self, *lines: object) -> None:
        self.lines = lines

    @hookimpl
    def receipt_lines(self):
        return list(self.lines)


class Broken:
    @hookimpl
    def receipt_lines(self):
        raise RuntimeError("Ada Lovelace")

    @hookimpl
    def member_code(self):
        raise RuntimeError("Ada Lovelace")

    @hookimpl
    def scanned(self):
        raise RuntimeError("Ada Lovelace")


class Codes:
    def __init__(self, code: object) -> None:
        self.code = code

    @hookimpl
    def member_code(self, label):
        return self.code if label == "app" else None


def checkout_with(till, *plugins):
    known = Plugins(plugins)
    return till.new_checkout(own_lines=known.receipt_lines, member_code=known.member_code)


def printed(till, number) -> Document:
    with till.store.read() as db:
        return decode_document(receipts.document(db, number))


def test_lines_of_a_plugin_stand_on_the_receipt_above_the_footer(till):
    checkout_with(till, Lines("Parking is free today"))
    document = printed(till, till.sell().number)
    assert Text("Parking is free today", align="center") in document.blocks


def test_a_line_that_is_too_long_goes_on_in_the_next_and_cannot_command_the_printer(till):
    checkout_with(till, Lines("a" * 40 + "\x1b@\n" + "b"))
    rows = printed(till, till.sell().number).text().splitlines()
    assert "a" * 32 in rows
    assert "a" * 8 + " @ b" in rows


def test_more_lines_than_a_receipt_takes_are_left_out(till):
    checkout_with(till, Lines(*(f"line {number}" for number in range(MOST_LINES + 5))))
    text = printed(till, till.sell().number).text()
    assert f"line {MOST_LINES - 1}" in text
    assert f"line {MOST_LINES}" not in text


@pytest.mark.parametrize("answer", [(), (None,), (7,)], ids=["none", "no text", "a number"])
def test_whatever_a_plugin_answers_the_sale_is_recorded(till, answer):
    checkout_with(till, Lines(*answer))
    assert till.sell().number == 1


def test_a_plugin_that_fails_is_logged_without_what_it_said_and_the_sale_goes_on(till, caplog):
    checkout_with(till, Broken())
    member = till.member()
    with caplog.at_level(logging.ERROR):
        assert till.sell(member=member).earned_points == 27
    assert "receipt_lines failed (RuntimeError)" in caplog.text
    assert "Ada" not in caplog.text


def test_a_code_of_a_plugin_is_the_members_card(till):
    member = till.member(CARD)
    found = checkout_with(till, Codes(CARD)).identify("app")
    assert (found.member, found.can_redeem) == (member, True)


@pytest.mark.parametrize("answer", [7, "", b"2900000000018", "9" * (LONGEST_CODE + 1)])
def test_an_answer_that_can_be_no_code_leaves_the_scan_as_it_was(till, answer):
    assert checkout_with(till, Codes(answer)).identify("app").code == "app"


def test_a_hook_that_does_not_exist_is_told_at_the_start():
    class Misspelt:
        @hookimpl
        def reciept_lines(self):
            return []

    with pytest.raises(ValueError, match="reciept_lines"):
        Plugins([Misspelt()])


def test_a_hook_that_asks_for_what_there_is_not_is_told_at_the_start():
    class Curious:
        @hookimpl
        def scanned(self, name_of_the_customer):
            pass

    with pytest.raises(ValueError, match="name_of_the_customer"):
        Plugins([Curious()])


def test_reactions_are_told_one_after_the_other_and_one_that_fails_stops_none():
    class Told:
        def __init__(self):
            self.seen = []

        @hookimpl
        def scanned(self, device):
            self.seen.append(device)

    before, behind = Told(), Told()
    plugins = Plugins([before, Broken(), behind])
    plugins.tell("scanned", device="left", found=None)
    plugins.tell("scanned", device="right", found=None)
    plugins.step(1)
    plugins.step(1)
    assert before.seen == behind.seen == ["left", "right"]


def test_more_reactions_than_can_wait_are_dropped_and_nobody_waits():
    plugins = Plugins([Broken()])
    for _ in range(WAITING + 1):
        plugins.tell("scanned", device="left", found=None)
    for _ in range(WAITING):
        plugins.step(0)


def test_a_terminal_tells_its_plugins_what_was_scanned(till):
    till.close()
    heard = threading.Event()

    class Told:
        @hookimpl
        def scanned(self, device, found):
            self.seen = (device, found.kind)
            heard.set()

    plugin = Told()
    with Terminal.open(till.folder, plugins=[plugin]) as terminal:
        terminal.scanned("4006381333931", device="hand scanner")
        assert heard.wait(10)
    assert plugin.seen == ("hand scanner", "item")


def test_an_installed_plugin_that_cannot_be_loaded_does_not_keep_the_till_from_selling(tmp_path, monkeypatch, caplog):
    (tmp_path / "broken_shop.py").write_text("raise RuntimeError('no licence')", encoding="utf-8")
    info = tmp_path / "broken_shop-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-shop\nVersion: 1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[pos_plugin]\nours = broken_shop\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert Plugins().is_empty
    assert "cannot be used (RuntimeError: no licence)" in caplog.text


def test_an_installed_plugin_is_found_by_its_entry_point(tmp_path, monkeypatch):
    source = "from pos_plugin import hookimpl\n@hookimpl\ndef receipt_lines(): return ['Ours']\n"
    (tmp_path / "our_shop.py").write_text(source, encoding="utf-8")
    info = tmp_path / "our_shop-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: our-shop\nVersion: 1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[pos_plugin]\nours = our_shop\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert Plugins().receipt_lines(None, None) == ["Ours"]
