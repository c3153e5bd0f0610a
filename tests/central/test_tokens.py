"""Member tokens at head office: signed, listed, revoked, told, and remembered through a restore."""

import json
import random
import stat

import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import select
from typer.testing import CliRunner

import central_server.cli.basics
from central_server import schema
from central_server.cli import app
from central_server.errors import OfficeError
from central_server.membership import desk, members, tokens
from central_server.tills import channels, feed
from central_server.upkeep import restoring
from ledger.tokens import LAST_DAY, Token, read_token
from ledger.wire import FeedRequest, MemberDetails, MemberLookup, RevokeItem

ANNA, BERT = "72tecmq49pkz57h6", "8atecmq49pkz57h6"
CARD = "2900000000018"
TODAY = "2026-03-02"


@pytest.fixture
def anna(office, till):
    one = till()
    one.join(ANNA)
    one.send()
    members.take_details(office, one.row(), MemberDetails(ANNA, [CARD], TODAY))
    return one


def told(office, till):
    page = feed.read(office, till.name, till.shop, FeedRequest({channels.REVOCATIONS: 0}))
    return page.channels[channels.REVOCATIONS]


def read(office, text, today=TODAY):
    return read_token(text, office.signing.public, today, lambda serial: False)


def test_a_token_is_good_for_a_year_unless_a_day_is_named(office, anna):
    issued = tokens.issue(office, ANNA)
    assert read(office, issued.text) == Token(issued.serial, ANNA, TODAY, "2027-03-01")
    until = tokens.issue(office, ANNA, "2026-03-02")
    assert read(office, until.text).last_day == TODAY
    assert {one.serial for one in tokens.listed(office)} == {issued.serial, until.serial}


def test_after_a_merge_a_token_names_who_stays_and_so_does_the_list(office, anna):
    before = tokens.issue(office, ANNA)
    anna.join(BERT)
    anna.send()
    desk.merge(office, ANNA, BERT, desk.Who("one person", "Ada", "Ben"))
    assert read(office, tokens.issue(office, ANNA).text).member == BERT
    assert before.serial in {one.serial for one in tokens.listed(office, BERT)}
    assert members.look_up(office, anna.row(), MemberLookup(member=ANNA)).member == BERT


@pytest.mark.parametrize(
    ("member", "until", "code"),
    [
        ("nobody", "", "MEMBER_UNKNOWN"),
        ("named by another system", "", "MEMBER_UNKNOWN"),
        (ANNA, "2026-03-01", "DAY_OVER"),
        (ANNA, "soon", "DAY_UNFIT"),
        (ANNA, "2199-12-31", "DAY_UNFIT"),
    ],
)
def test_a_token_that_cannot_be_is_not_signed(office, anna, member, until, code):
    anna.join("named by another system")
    anna.send()
    with pytest.raises(OfficeError) as refused:
        tokens.issue(office, member, until)
    assert refused.value.code == code
    assert tokens.listed(office) == []


def test_every_till_is_told_of_a_revoked_token_until_it_is_over(office, anna, till, clock):
    issued = tokens.issue(office, ANNA, "2026-03-10")
    assert told(office, anna).items == []
    assert tokens.revoke(office, issued.serial.lower()).member == ANNA
    tokens.revoke(office, issued.serial)  # again changes nothing
    mill = till("BBBBBB", "Mill")
    assert told(office, mill).items == [RevokeItem(issued.serial, "2026-03-10")]
    clock.pass_by(days=8)
    assert told(office, mill).items == [RevokeItem(issued.serial, "2026-03-10")]
    clock.pass_by(days=1)
    page = told(office, mill)
    assert (page.items, page.position > 0) == ([], True)
    assert [one.revoked_at for one in tokens.listed(office, ANNA)] == ["2026-03-02T09:00:00.000+00:00"]


def test_a_token_that_head_office_has_forgotten_can_be_revoked_for_ever(office, anna):
    assert tokens.revoke(office, "4K7QF2M9XA").member == ""
    assert told(office, anna).items == [RevokeItem("4K7QF2M9XA", LAST_DAY)]
    with pytest.raises(OfficeError) as refused:
        tokens.revoke(office, "4K7Q")
    assert refused.value.code == "SERIAL_UNFIT"


def test_who_is_forgotten_has_no_token_any_more_and_gets_none(office, anna):
    issued = tokens.issue(office, ANNA)
    members.erase(office, ANNA)
    assert [one.serial for one in told(office, anna).items] == [issued.serial]
    assert members.look_up(office, anna.row(), MemberLookup(member=ANNA)).member == ""
    with pytest.raises(OfficeError) as refused:
        tokens.issue(office, ANNA)
    assert refused.value.code == "MEMBER_UNKNOWN"


def test_a_till_asks_for_a_member_by_the_reference_that_a_token_names(office, anna, till, tell):
    mill = till("BBBBBB", "Mill")
    assert members.look_up(office, mill.row(), MemberLookup(member=ANNA)).member == ANNA
    assert tell.told(office, mill, ANNA).cards == [CARD]
    assert members.look_up(office, mill.row(), MemberLookup(member="nobody\x00")).member == ""


def test_tokens_that_were_signed_and_revoked_since_a_backup_are_so_after_it(
    office, anna, clock, tmp_path, request, tell
):
    first = tokens.issue(office, ANNA)
    kept = tokens.issue(office, ANNA)
    before = tokens.issue(office, ANNA)
    tokens.revoke(office, before.serial)
    restoring.backup(office, tmp_path / "one.backup")
    clock.pass_by(minutes=5)
    tokens.revoke(office, first.serial)
    later = tokens.issue(office, ANNA)
    url = ""
    if office.database.dialect != "sqlite":
        url = tell.new_database(request.getfixturevalue("postgres"), f"restored_{random.randrange(10**9)}")
    office.close()
    found = restoring.restore(office.folder, tmp_path / "one.backup", clock, random.Random(3).randbytes, url=url)
    listed = {one.serial: one for one in tokens.listed(found, ANNA)}
    assert {serial for serial, one in listed.items() if one.revoked_at} == {first.serial, before.serial}
    assert listed.keys() == {first.serial, kept.serial, before.serial, later.serial}
    assert {one.serial for one in told(found, anna).items} == {first.serial, before.serial}
    with found.database.reading() as connection:
        assert connection.scalar(select(schema.token.c.last_day).where(schema.token.c.serial == later.serial))
    found.close()


# -- the commands --------------------------------------------------------------------------------------------------------


@pytest.fixture
def typed(office, anna, clock, monkeypatch):
    monkeypatch.setattr(central_server.cli.basics, "now", clock)

    def run(*arguments, status=0):
        done = CliRunner().invoke(app, [*map(str, arguments), "--dir", str(office.folder)])
        assert done.exit_code == status, done.output
        return json.loads(done.stdout) if "--json" in arguments else done.output

    return run


def test_a_tokens_picture_is_read_back_as_the_token(typed, office, tmp_path):
    file, drawing = tmp_path / "anna.png", tmp_path / "anna.svg"
    issued = typed("token", CARD, "--png", file, "--svg", drawing, "--json")
    assert read(office, issued["text"]).member == ANNA
    assert [one.text for one in zxingcpp.read_barcodes(Image.open(file))] == [issued["text"]]
    assert drawing.read_text().startswith("<?xml")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "there already" in typed("token", CARD, "--png", file, status=2)


def test_tokens_are_issued_listed_and_revoked_as_people_type_it(typed):
    said = typed("token", "--member", ANNA, "--until", "2026-12-31")
    (listed,) = typed("token", "list", "--json")
    assert (listed["member"], listed["last_day"], listed["revoked_at"]) == (ANNA, "2026-12-31", "")
    assert listed["serial"] in said
    assert "through 2026-12-31" in typed("token", "list", "--card", CARD)
    assert "is revoked" in typed("token", "revoke", listed["serial"])
    assert "revoked 2026-03-02" in typed("token", "list")
    assert "does not know of it" in typed("token", "revoke", "4K7Q-F2M9-XA")
    assert "not by both" in typed("token", "issue", CARD, "--member", ANNA, status=2)
    assert "Whose token?" in typed("token", "issue", status=2)
    assert "Nobody has the card" in typed("token", "2900000000025", status=2)


def test_cards_are_blocked_listed_and_lifted_as_people_type_it(typed):
    assert "No card is blocked." in typed("card", "list")
    assert "is blocked (lost)" in typed("card", "block", CARD, "--why", "lost")
    assert "Nobody is known by it here" in typed("card", "block", "2900000000025", "--why", "stolen")
    listed = {one["card"]: one["why"] for one in typed("card", "list", "--json")}
    assert listed == {CARD: "lost", "2900000000025": "stolen"}
    assert "lost      since 2026-03-02 10:00" in typed("card", "list")
    lifted = typed("card", "unblock", CARD)
    assert "not blocked any more" in lifted
    assert "Nobody is known by it" not in lifted
    assert "Nobody is known by it here: who joins" in typed("card", "unblock", "2900000000025")
    assert "is not blocked" in typed("card", "unblock", CARD, status=2)
    assert "takes the place" in typed("card", "replace", CARD, "2900000000032", "--reason", "worn", "--by", "Ada")


def test_a_pass_says_what_to_put_into_the_wallet(typed):
    made = typed("pass", CARD, "--json")["rotatingBarcode"]
    assert made["valuePattern"] == f"{CARD}-{{totp_timestamp_seconds}}-{{totp_value_0}}"
    assert made["totpDetails"]["periodMillis"] == "30000"
    assert made["totpDetails"]["algorithm"] == "TOTP_SHA1"
    ((key, length),) = [(one["key"], one["valueLength"]) for one in made["totpDetails"]["parameters"]]
    assert (len(key), length) == (40, 8)
    assert typed("pass", CARD, "--json")["rotatingBarcode"] == made
    assert key not in typed("pass", CARD, "--new")
