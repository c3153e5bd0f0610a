"""Programme versions that take effect later, and surprises whose secret is committed to beforehand."""

import json
import random

import msgspec
import pytest
from typer.testing import CliRunner

from central_server.cli import app
from central_server.errors import OfficeError
from central_server.programs import publishing, surprises
from central_server.tills import channels, feed
from ledger.wire import FeedRequest
from loyalty.award import award
from loyalty.program import preset, read_program
from loyalty.standing import Standing
from loyalty.surprise import Luck, seed_hash, terminal_key

PLAIN = preset("points")


def version(number, effective="", more=""):
    text = PLAIN.replace("version = 1", f"version = {number}")
    if effective:
        text = f'effective = "{effective}"\n{text}'
    return read_program(text + more)


def publish(office, program):
    with office.database.writing() as connection:
        hashed = surprises.bind(office, connection, program)
        office.put_program(connection, program)
    return hashed


def in_force(office):
    with office.database.reading() as connection:
        return office.program(connection).version, [one.version for one in office.programs_to_come(connection)]


def told(office, till, after=0):
    page = feed.read(office, till.name, till.shop, FeedRequest({channels.PROGRAM: after})).channels[channels.PROGRAM]
    return [(read_program(item.text).version, item.surprise_key) for item in page.items]


def test_a_version_to_come_is_told_at_once_and_in_force_from_its_shop_local_time(office, till, clock):
    one = till()
    # 09:00 UTC is 10:00 in Berlin.
    publish(office, version(2, "2026-03-02T12:00"))
    assert in_force(office) == (1, [2])
    assert [number for number, _ in told(office, one)] == [1, 2]
    clock.pass_by(hours=1, minutes=59)
    assert in_force(office) == (1, [2])
    clock.pass_by(minutes=1)
    assert in_force(office) == (2, [])
    assert [number for number, _ in told(office, one)] == [2]


def test_versions_to_come_take_turns_by_their_times_and_one_without_comes_at_once(office, till, clock):
    publish(office, version(4, "2026-05-01T00:00"))
    publish(office, version(3, "2026-04-01T00:00"))
    assert in_force(office) == (1, [3, 4])
    publish(office, version(2))
    assert in_force(office) == (2, [3, 4])
    clock.pass_by(days=31)
    assert in_force(office) == (3, [4])
    publish(office, version(5))  # corrects what has just begun; what is to come stays
    assert in_force(office) == (5, [4])
    clock.pass_by(days=31)
    assert in_force(office) == (4, [])


def test_a_version_that_is_published_twice_comes_once(office, clock):
    publish(office, version(2, "2026-05-01T00:00"))
    publish(office, version(2, "2026-05-01T00:00"))
    assert in_force(office) == (1, [2])


# -- surprises -------------------------------------------------------------------------------------------------------------

SURPRISE = """
[surprise]
title = "A surprise"
points = 50
mean = 3
at_least_every = 5
"""


@pytest.fixture
def lucky(office, till):
    one = till()
    one.program = version(2, more=SURPRISE)
    one.hashed = publish(office, one.program)
    return one


def draw(one, office, count, member="anna", cheat=""):
    """Sales as a till draws them, with the key that the feed told it."""
    ((_, key),) = [item for item in told(office, one) if item[0] == 2]
    drawn = 0
    for _ in range(count):
        sold = one.sale(f"{member}{len(one.journal)}", 1000, member)
        one.journal.pop()
        standing = Standing(terminal=one.name, counts={f"surprise/{one.name}": drawn} if drawn else {})
        won = award(one.program, sold.body.sale, 0, standing, Luck(bytes.fromhex(key), member))
        if cheat == "wins" and won.points == 10:
            won = msgspec.structs.replace(won, points=60)
        body = msgspec.structs.replace(
            sold.body, standing=standing, awarded=won.points, effects=won.effects, expires_on=won.expires_on
        )
        one.write(body, sold.envelope.document, member)
        drawn += cheat != "draws again"
    one.send()


def test_the_seed_is_made_once_for_its_owner_alone_and_its_hash_is_shown(office, lucky):
    file = office.folder / "surprise.key"
    assert file.stat().st_mode & 0o077 == 0
    seed = bytes.fromhex(file.read_text())
    assert seed_hash(seed) == lucky.hashed
    assert publish(office, version(3, more=SURPRISE)) == lucky.hashed
    assert bytes.fromhex(file.read_text()) == seed


def test_each_till_gets_its_own_key_and_nothing_of_the_seed(office, lucky, till):
    other = till("BBBBBB")
    seed = bytes.fromhex((office.folder / "surprise.key").read_text())
    keys = {told(office, one)[0][1] for one in (lucky, other)}
    assert keys == {terminal_key(seed, one.name).hex() for one in (lucky, other)}
    assert len(keys) == 2
    assert seed.hex() not in keys


def test_a_till_without_surprises_gets_no_key(office, till):
    assert told(office, till()) == [(1, "")]


def test_honest_draws_check_and_each_way_to_steer_them_is_seen(office, lucky):
    draw(lucky, office, 12, "anna")
    assert {one.body.awarded for one in lucky.journal[1:]} == {10, 60}  # some have won
    seed = bytes.fromhex((office.folder / "surprise.key").read_text())
    assert list(surprises.checked(office, seed)) == []
    draw(lucky, office, 6, "bert", cheat="wins")
    found = list(surprises.checked(office, seed))
    assert {(one.member, one.what) for one in found} == {("bert", "points")}
    draw(lucky, office, 3, "carl", cheat="draws again")
    assert {one.what for one in surprises.checked(office, seed) if one.member == "carl"} == {"draw"}


def undrawn(one, ref, *, heard):
    """A sale without a draw, at a till that says up to where it had heard of members by then."""
    one.standing = Standing(feed_position=heard, terminal=one.name)
    one.sale(ref, 1000, "anna")
    one.send()


def found(office):
    seed = bytes.fromhex((office.folder / "surprise.key").read_text())
    return [(one.terminal, one.number, one.what) for one in surprises.checked(office, seed)]


def test_a_sale_that_was_not_drawn_though_it_should_have_been_is_seen(office, lucky):
    undrawn(lucky, "1", heard=7)
    assert found(office) == [("AAAAAA", 2, "drawn")]


def test_what_a_till_sold_before_it_had_heard_from_head_office_need_not_be_drawn(office, lucky, till):
    late = till("BBBBBB")
    late.program = lucky.program
    draw(lucky, office, 3)
    undrawn(late, "alone", heard=0)
    assert found(office) == []
    draw(late, office, 2, "carl")
    assert found(office) == []


def test_a_till_that_stops_drawing_is_seen_whatever_it_says_that_it_has_heard(office, lucky):
    draw(lucky, office, 2)
    undrawn(lucky, "on", heard=0)
    assert found(office) == [("AAAAAA", 4, "drawn")]


def test_after_the_seed_was_revealed_nothing_need_be_drawn_and_what_was_sold_before_still_must(office, lucky, clock):
    draw(lucky, office, 2)
    undrawn(lucky, "before", heard=7)
    clock.pass_by(hours=1)
    seed = surprises.reveal(office)
    assert [one.number for one in surprises.checked(office, bytes.fromhex(seed))] == [4]
    lucky.recorded_at = "2026-03-02T11:00:00.000+00:00"
    undrawn(lucky, "after", heard=7)
    assert [one.number for one in surprises.checked(office, bytes.fromhex(seed))] == [4]


def test_another_seed_is_none_of_ours(office, lucky):
    with pytest.raises(OfficeError) as error:
        list(surprises.checked(office, random.Random(3).randbytes(32)))
    assert error.value.code == "SEED_UNKNOWN"


def test_what_is_revealed_draws_no_more_and_the_next_programme_gets_a_new_seed(office, lucky):
    draw(lucky, office, 6, "anna")
    before = told(office, lucky)
    seed = surprises.reveal(office)
    assert seed_hash(bytes.fromhex(seed)) == lucky.hashed
    assert list(surprises.checked(office, bytes.fromhex(seed))) == []
    assert told(office, lucky) == [(2, "")] != before
    with pytest.raises(OfficeError) as error:
        publish(office, lucky.program)
    assert error.value.code == "SEED_REVEALED"
    assert publish(office, version(3, more=SURPRISE)) != lucky.hashed
    assert told(office, lucky)[0][1] != ""
    surprises.reveal(office)
    with pytest.raises(OfficeError) as error:
        surprises.reveal(office)
    assert error.value.code == "SEED_ABSENT"


def test_a_programme_that_names_another_seeds_hash_is_refused(office, till):
    with pytest.raises(OfficeError) as error:
        publish(office, version(2, more=SURPRISE + f'seed_hash = "{"0" * 64}"\n'))
    assert error.value.code == "SEED_DIFFERS"
    assert not (office.folder / "surprise.key").exists()
    assert in_force(office) == (1, [])


# -- as people type it -----------------------------------------------------------------------------------------------------


def typed(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_publishing_revealing_and_checking_from_the_command_line(tmp_path):
    folder, file = tmp_path / "office", tmp_path / "new.toml"
    assert typed("init", "--dir", folder, "--shop", "Harbour").exit_code == 0
    file.write_text(version(2, more=SURPRISE).text)
    done = typed("program", "publish", "--dir", folder, file, "--yes")
    assert done.exit_code == 0, done.output
    assert "is in force" in done.stdout
    assert "SHA-256" in done.stdout
    file.write_text(version(3, "2999-01-01T04:00").text)
    assert "takes effect at 2999-01-01T04:00" in typed("program", "publish", "--dir", folder, file, "--yes").stdout
    listed = json.loads(typed("program", "list", "--dir", folder, "--json").stdout)
    assert [(one["program"][:8], one["in_force"], one["state"]) for one in listed] == [
        ("points-1", False, "past"),
        ("points-2", True, "in force"),
        ("points-3", False, "to come"),
    ]
    told = json.loads(typed("surprise", "reveal", "--dir", folder, "--yes", "--json").stdout)
    assert seed_hash(bytes.fromhex(told["seed"])) == told["seed_hash"]
    assert "as this secret says" in typed("surprise", "check", "--dir", folder, told["seed"]).stdout
    assert typed("surprise", "check", "--dir", folder, "no hex").exit_code == 2
    file.write_text("nonsense = 1")
    wrong = typed("program", "publish", "--dir", folder, file)
    assert wrong.exit_code == 2
    assert "nonsense" in wrong.output


@pytest.fixture
def folder(tmp_path):
    assert typed("init", "--dir", tmp_path / "office", "--shop", "Harbour").exit_code == 0
    return tmp_path / "office"


def write(folder, program):
    file = folder.parent / f"{program.id}.toml"
    file.write_text(program.text, encoding="utf-8-sig")  # as some editors write it
    return file


def states(folder):
    return {
        one["program"]: one["state"] for one in json.loads(typed("program", "list", "--dir", folder, "--json").stdout)
    }


def test_publishing_tells_doubts_and_what_will_be_in_force_and_asks(folder):
    doubtful = version(2, "2999-01-01T04:00", '\n[segments]\nstudent = "Students"\n')
    first = version(1)
    asked = CliRunner().invoke(
        app, ["program", "publish", "--dir", str(folder), str(write(folder, doubtful))], input="n\n"
    )
    assert asked.exit_code == 1
    for line in (
        'segment "student" is used by no rule',
        f"In force now:     {first.id}",
        f"To be published:  {doubtful.id}, at 2999-01-01T04:00, by the shops' clocks",
        "Publish it?",
    ):
        assert line in asked.stderr
    assert states(folder) == {first.id: "in force"}
    done = typed("program", "publish", "--dir", folder, write(folder, doubtful), "--yes", "--json")
    assert json.loads(done.stdout)["doubts"] != []
    assert states(folder) == {first.id: "in force", doubtful.id: "to come"}
    again = typed("program", "publish", "--dir", folder, write(folder, first))
    assert (again.exit_code, again.stdout) == (0, f"{first.id} is in force already.\n")


def test_a_version_that_is_not_above_the_one_in_force_is_refused_with_other_text(folder):
    two, other_two, one = version(2), version(2, more="# another\n"), version(1, more="# older\n")
    typed("program", "publish", "--dir", folder, write(folder, two), "--yes")
    for late in (other_two, one, version(1)):
        refused = typed("program", "publish", "--dir", folder, write(folder, late), "--yes")
        assert refused.exit_code == 2
        assert f"would follow {two.id}, which is in force" in refused.stderr
        assert "version = 3 into the file" in refused.stderr
    later = version(5, "2999-01-01T04:00")
    typed("program", "publish", "--dir", folder, write(folder, later), "--yes")
    refused = typed("program", "publish", "--dir", folder, write(folder, version(5)), "--yes")
    assert "to come with other text. Write version = 6" in refused.stderr
    assert typed("init", "--dir", folder, "--program", write(folder, other_two)).exit_code == 2
    assert states(folder) == {version(1).id: "past", two.id: "in force", later.id: "to come"}


def test_one_goes_back_by_publishing_what_was_shown_as_a_new_version(folder):
    typed("program", "publish", "--dir", folder, write(folder, version(2, more="# a mistake\n")), "--yes")
    shown = typed("program", "show", "--dir", folder, version(1).id)
    assert shown.stdout == PLAIN
    file = folder.parent / "back.toml"
    file.write_text(shown.stdout.replace("version = 1", "version = 3"))
    assert typed("program", "publish", "--dir", folder, file, "--yes").stdout == f"{version(3).id} is in force.\n"
    assert typed("program", "show", "--dir", folder).stdout == version(3).text
    wrong = typed("program", "show", "--dir", folder, version(1).id[:-1])
    assert wrong.exit_code == 2
    assert f"Did you mean {version(1).id}?" in wrong.stderr


def test_the_currency_stays_once_a_till_is_enrolled(office, till):
    dollars = read_program(version(2).text.replace('currency = "EUR"', 'currency = "USD"'))
    with office.database.reading() as connection:
        publishing.check(office, connection, dollars)  # nobody sells yet
    till()
    with pytest.raises(OfficeError) as error:
        publishing.publish(office, dollars)
    assert error.value.code == "PROGRAM_CURRENCY"
    assert in_force(office) == (1, [])


def test_a_preset_is_published_by_its_name_and_what_cannot_be_read_is_told_plainly(folder):
    assert " is in force." in typed("program", "publish", "--dir", folder, "stamp-card", "--yes").stdout
    for name, told in (
        ("pionts", "neither a file nor a preset of this name. Did you mean points?"),
        (folder / "none.toml", "there is no such file."),
        (folder, "is a directory."),
    ):
        wrong = typed("program", "publish", "--dir", folder, name, "--yes")
        assert wrong.exit_code == 2
        assert told in wrong.stderr
        assert "Error" not in wrong.stderr
    file = folder.parent / "latin.toml"
    file.write_bytes(PLAIN.encode() + b"# caf\xe9")
    assert "it is not UTF-8. Save it as UTF-8." in typed("program", "publish", "--dir", folder, file).stderr
