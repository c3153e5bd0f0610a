"""What head office keeps of consent: texts, the latest word, restores, and its commands and pages."""

from __future__ import annotations

import csv
import itertools
import json
import random

import msgspec
import pytest
from typer.testing import CliRunner

from central_server.cli import app
from central_server.errors import OfficeError
from central_server.membership import consents, members
from central_server.membership.consents import ConsentText
from central_server.shops import card_stock
from central_server.upkeep import restoring
from ledger.entry import ConsentBody
from ledger.keys import seal
from ledger.wire import MemberDetails

CARD = "2900000000018"
TEXT = ConsentText("1", {"en": "We may write to you.", "tr": "Size yazabiliriz."}, "")
TOML = 'version = "2"\n[text]\nen = """We may\n  write to you."""\n'


def given(office, member):
    with office.database.reading() as connection:
        found = consents.given(connection, member)
        assert (member in set(connection.scalars(consents.agreeing()))) == found, "one rule, asked in two ways"
    return found


def agree(office, one, member, name="Ada"):
    one.join(member)
    one.write(ConsentBody("1", True), f"consent/{member}/1", member)
    one.send()
    sealed = seal(office.sealing_key, msgspec.json.encode({"name": name, "phone": "+49 30 1"}))
    members.take_details(office, one.row(), MemberDetails(member, [CARD], "2026-03-02", sealed))


def test_the_latest_word_counts_in_whatever_order_it_is_heard(office, till):
    consents.publish(office, TEXT)
    said = [("08:00", True), ("09:00", False), ("10:00", True), ("10:00", False)]
    orders, one = list(itertools.permutations(said)), till()
    for number, order in enumerate(orders):
        for place, (time, is_given) in enumerate(order):
            one.recorded_at = f"2026-03-01T{time}:00.000+00:00"
            one.write(ConsentBody("1", is_given), f"consent/m{number}/{place}", f"m{number}")
    one.send()
    assert [order for number, order in enumerate(orders) if given(office, f"m{number}")] == []


def test_two_words_of_one_moment_that_both_agree_are_counted_once(office, till):
    one = till()
    for place in (1, 2):
        one.write(ConsentBody("1", True), f"consent/anna/{place}", "anna")
    one.send()
    consents.publish(office, TEXT)
    with office.database.reading() as connection:
        assert [text.agree for text in consents.texts(connection)] == [1]
    assert given(office, "anna")


def test_a_version_says_one_thing_for_ever(office):
    assert consents.publish(office, TEXT) is True
    assert consents.publish(office, TEXT) is False
    with pytest.raises(OfficeError, match="other words") as error:
        consents.publish(office, msgspec.structs.replace(TEXT, texts={"en": "We may sell your data."}))
    assert error.value.code == "CONSENT_TEXT_DIFFERS"
    with pytest.raises(OfficeError, match="no text 9"):
        consents.say(office, "anna", is_given=True, version="9")


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("", "a version"),
        ('version = "1"', "a version"),
        ("version = 1\n[text]\nen = 'x'", "1 to 40 characters"),
        ('version = "1"\n[text]', "languages are some of"),
        ('version = "1"\n[text]\nxx = "x"', "languages are some of"),
        ('version = "1"\n[text]\nen = " "', "1 to 2,000"),
        ('version = "1"\nlanguage = "en"\n[text]\nen = "x"', "it has language"),
        ("version = ", "a version"),
    ],
)
def test_a_file_that_is_no_text_is_refused_in_a_sentence(toml, problem):
    with pytest.raises(OfficeError, match=problem) as error:
        consents.read_text(toml)
    assert error.value.code == "CONSENT_TEXT_UNFIT"


def test_a_restore_does_not_bring_back_what_was_taken_back_at_head_office(office, till, clock, tmp_path, request, tell):
    consents.publish(office, TEXT)
    one = till()
    agree(office, one, "anna")
    backup, url = tmp_path / "one.backup", ""
    restoring.backup(office, backup)
    clock.pass_by(hours=1)
    consents.say(office, "anna", is_given=False, operator="Ann")
    office.close()
    if office.database.dialect != "sqlite":
        url = tell.new_database(request.getfixturevalue("postgres"), f"consents_{random.randrange(10**9)}")
    found = restoring.restore(office.folder, backup, clock, random.Random(3).randbytes, url=url)
    assert not given(found, "anna")
    assert consents.contacts(found) == []
    # Of a backup that knows it already, nothing is said twice.
    restoring.backup(found, later := tmp_path / "two.backup")
    found.close()
    if url:
        url = tell.new_database(request.getfixturevalue("postgres"), f"consents_{random.randrange(10**9)}")
    again = restoring.restore(office.folder, later, clock, random.Random(4).randbytes, url=url)
    with again.database.reading() as connection:
        assert [one.is_given for one in consents.of(connection, "anna")] == [False, True]
    again.close()


# -- commands ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def typed(office, till):
    consents.publish(office, TEXT)
    agree(office, till(), "anna", name="=Ada()")

    def run(*words, status=0):
        told = CliRunner().invoke(app, [*map(str, words), "--dir", str(office.folder)])
        assert told.exit_code == status, told.output + told.stderr
        return told.stdout if status == 0 else told.stderr

    return run


def test_the_commands_of_consent_and_of_a_members_own_data(typed, tmp_path, office):
    file, letters, copy = tmp_path / "text.toml", tmp_path / "letters.csv", tmp_path / "ada.json"
    file.write_text(TOML)
    assert typed("consent-text", "put", file) == "Version 2 is what tills ask for, with their next exchange.\n"
    assert "published before" in typed("consent-text", "put", file)
    listed = json.loads(typed("consent-text", "list", "--json"))
    assert [(one["version"], one["texts"], one["agree"]) for one in listed] == [
        ("2", {"en": "We may write to you."}, 0),
        ("1", TEXT.texts, 1),
    ]
    assert "agreed to by 1 member" in typed("consent-text", "list")
    assert json.loads(typed("consent", "show", CARD, "--json"))[0]["is_given"] is True
    assert json.loads(typed("consent", "export", letters, "--json"))["members"] == 1
    assert list(csv.reader(letters.read_text().splitlines())) == [
        ["name", "phone", "consent", "since"],
        ["'=Ada()", "+49 30 1", "1", "2026-03-02"],
    ]
    assert letters.stat().st_mode & 0o077 == 0
    assert "is there already" in typed("consent", "export", letters, status=2)
    assert "taken back" in typed("consent", "withdraw", CARD, "--by", "Ann")
    assert "Nothing changed" in typed("consent", "withdraw", CARD, "--by", "Ann")
    assert "took back" in typed("consent", "show", CARD)
    assert json.loads(typed("consent", "export", tmp_path / "none.csv", "--json"))["members"] == 0
    assert "all that is known" in typed("data-copy", CARD, "--out", copy)
    assert json.loads(copy.read_text())["cards"] == [{"card": CARD, "blocked_because": ""}]
    assert copy.stat().st_mode & 0o077 == 0
    assert "Nobody has the card" in typed("data-copy", "2900000000025", "--out", tmp_path / "x.json", status=2)
    assert not (tmp_path / "x.json").exists()


def test_the_commands_of_card_stock(typed, tmp_path, office):
    numbers = tmp_path / "b.csv"
    made = json.loads(typed("card-batch", "make", "b 1", "--count", 60, "--csv", numbers, "--json"))
    assert made["batch"]["state"] == "made"
    assert len(numbers.read_text().split()) == 61
    assert "already" in typed("card-batch", "make", "b 1", status=2)
    assert "file of this name" in typed("card-batch", "make", "b 2", "--csv", numbers, status=2)
    assert [one.batch for one in card_stock.batches(office)] == ["b 1"], "what cannot be written is not drawn"
    assert "no shop Nowhere" in typed("card-batch", "send", "b 1", "--shop", "Nowhere", status=2)
    assert "not sent to any shop" in typed("card-batch", "withdraw", "b 1", status=2)
    assert "60 cards, is at Harbour" in typed("card-batch", "send", "b 1", "--shop", "Harbour")
    assert "sent to Harbour already" in typed("card-batch", "send", "b 1", "--shop", "Mill", status=2)
    told = json.loads(typed("card-batch", "list", "--json"))
    assert told["shops"] == [{"shop": "Harbour", "sent": 60, "issued": 0, "withdrawn": 0, "left": 60, "is_low": False}]
    assert "Harbour: 60 sent, 0 issued, 0 withdrawn, 60 left" in typed("card-batch", "list")
    assert "60 cards in" in typed("card-batch", "show", "b 1", "--csv", tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text().split()[1:] == sorted(numbers.read_text().split()[1:])
    assert "60 cards of it" in typed("card-batch", "withdraw", "b 1")
    assert "no batch x" in typed("card-batch", "show", "x", status=2)


@pytest.mark.parametrize("name", ["", " b", "b/1", "x" * 41, "b\n"])
def test_a_batch_with_no_fit_name_is_not_made(office, name):
    with pytest.raises(OfficeError) as error:
        card_stock.make(office, name, 1, "", lambda count: "1" * count)
    assert error.value.code == "BATCH_UNFIT"
