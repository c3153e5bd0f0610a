"""Accidents, end to end: what docs/recovery.md says to do is done here, and what may be promised must hold."""

import shutil
from datetime import timedelta

import pytest
from sqlalchemy import select

from central_server import schema
from central_server.errors import OfficeError
from ledger.wire import GrantRequest
from offline_store import journal, members
from offline_store.sync import Refused
from pos_plugin import doctor
from pos_plugin.sales.returns import void

CARD, OTHER_CARD, THIRD_CARD = "2900000000018", "2900000000025", "2900000000032"
PERSON = {"name": "Anna Bell", "phone": "+49 170 1234567"}


def personal(world):
    with world.office.database.reading() as connection:
        return [connection.execute(select(table)).all() for table in (schema.person, schema.phone)]


def awaited(world):
    answer = world.ask("roll-call", status=1 if world.type("roll-call") else 0)
    return {one["terminal"] for one in answer["awaited"]}


def test_without_an_accident_the_chain_is_sound(either):
    one, two = either.till("Harbour"), either.till("Mill")
    one.sell(500, CARD)
    either.quiet()
    two.sell(100, CARD, redeem=200)
    either.check()
    assert [(row["card"], row["balance"]) for row in either.ask("members")] == [(CARD, 500 - 200 + 98)]


# -- head office restored ------------------------------------------------------------------------------------------------


def a_day_that_the_backup_lacks(world):
    """(backup, tills): since the backup there were an enrolment, a revocation, grants taken and spent, one told and not taken,
    a merge, an erasure, returns, and sales on either side of a cut network."""
    one, two, stolen = world.till("Harbour"), world.till("Mill"), world.till("Mill")
    back = one.sell(80, CARD)
    one.sell(420, CARD)
    one.member(OTHER_CARD, **PERSON)
    one.sell(300, OTHER_CARD)
    stolen.sell(10)
    world.quiet()
    two.member(CARD)
    world.quiet()
    file = world.backup()
    world.pass_by(hours=20)
    late = world.till("Harbour")
    assert world.type("revoke", stolen.name) == 0
    stolen.leave()
    assert two.fetch(200) == 200
    assert late.fetch(100) == 100
    two.link.is_cut = late.link.is_cut = True
    two.sell(100, CARD, redeem=150)
    late.sell(1, CARD, redeem=60)
    with one.store.read() as db:
        epoch = journal.identity(db).epoch
    assert one.link.grant(GrantRequest("told", epoch, one.member(CARD), 30)).points == 30  # and it never reads of it
    for till in (one, two):
        till.member(THIRD_CARD)
        till.sell(20, THIRD_CARD)
    two.link.is_cut = False
    void(one.checkout, one.name, back.sale_ref)
    world.quiet_of(one, two)  # two have joined with one card: they are merged
    assert world.type("erase", OTHER_CARD) == 0
    world.quiet_of(one, two)
    assert two.fetch(70) == 70
    two.link.is_cut = True
    two.sell(1, CARD, redeem=70)
    return file, one, two, late, stolen


def test_head_office_restored_from_yesterday_hears_all_of_it_again(either):
    file, one, two, late, stolen = a_day_that_the_backup_lacks(either)
    either.restore(file)
    assert either.ask("status")["server_epoch"] > 1_700_000_000
    assert awaited(either) == {one.name, two.name, late.name}
    either.quiet_of(one)
    assert awaited(either) == {two.name, late.name}
    assert one.fetch(10) == 0
    assert "restored from a backup" in one.sync.why_not_granted
    two.link.is_cut = False
    either.quiet_of(one, two)
    assert one.fetch(10) == 0
    assert two.fetch(10) == 0
    late.link.is_cut = False
    either.quiet()
    assert awaited(either) == set()
    either.check()
    assert one.fetch(10) == 10
    either.check()
    assert personal(either) == [[], []]
    assert OTHER_CARD not in {row["card"] for row in either.ask("members")}
    with one.store.read() as db:
        assert members.member_of_card(db, OTHER_CARD) is None
    assert [row["revoked"] for row in either.ask("status")["terminals"] if row["terminal"] == stolen.name] == [True]
    with pytest.raises(Refused) as refused:
        either.found(stolen.folder).step()
    assert refused.value.code == "TERMINAL_REVOKED"
    either.tills.pop().store.close()
    assert either.notes() == {}


@pytest.mark.slow
def test_a_restored_head_office_that_starts_again_still_waits_and_then_no_longer(world):
    file, one, two, late, _ = a_day_that_the_backup_lacks(world)
    world.restore(file)
    world.quiet_of(one)
    world.stop()
    world.start()
    assert one.fetch(10) == 0
    two.link.is_cut = late.link.is_cut = False
    world.quiet()
    assert one.fetch(10) == 10
    world.quiet()
    new = world.till("Mill")  # enrolled in this life of head office: it has nothing to greet for
    assert new.fetch(20) == 20
    world.quiet()
    world.stop()
    world.start()
    assert awaited(world) == set()
    assert new.fetch(20) == 20
    world.check()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("either", "spent"),
    [("sqlite", 100), ("sqlite", 40), ("sqlite", 0), pytest.param("postgres", 100, marks=pytest.mark.postgres)],
    indirect=["either"],
)
def test_going_on_without_a_till_costs_what_it_had_spent_twice(either, spent):
    """What it held and had not spent comes back when it greets, and makes good what the shop bore at first."""
    one, late = either.till("Harbour"), either.till("Mill")
    one.sell(500, CARD)
    either.quiet()
    file = either.backup()
    assert late.fetch(100) == 100
    late.link.is_cut = True
    if spent:
        late.sell(spent // 100 or 1, CARD, redeem=spent)
    either.restore(file)
    assert either.type("roll-call", "--without", one.name) == 2  # nothing was granted there: nobody waits for it
    assert either.type("roll-call") == 1
    assert either.type("roll-call", "--without", late.name) == 0
    assert "the shop's loss" in either.typed.stdout
    either.quiet_of(one)
    assert one.fetch(500) == 500
    one.sell(5, CARD, redeem=500)
    either.quiet_of(one)
    late.link.is_cut = False
    either.quiet()
    either.check(losses=spent, overspent=spent)
    assert either.notes()["loss"] == 1


@pytest.mark.slow
def test_what_is_granted_after_a_till_was_excused_and_came_back_is_an_ordinary_grant(world):
    one, late = world.till(), world.till()
    one.sell(500, CARD)
    world.quiet()
    file = world.backup()
    late.fetch(10)
    late.link.is_cut = True
    world.restore(file)
    assert world.type("roll-call", "--without", late.name) == 0
    late.link.is_cut = False
    world.quiet()
    file = world.backup()
    assert late.fetch(100) == 100
    late.link.is_cut = True
    late.sell(1, CARD, redeem=100)
    world.pass_by(hours=1)
    world.restore(file)
    late.link.is_cut = False
    world.quiet()
    world.check()


def test_the_whole_machine_is_lost_and_keys_and_last_backup_make_it_anew(world):
    safe = world.tmp_path / "in the safe"
    safe.mkdir()
    for name in ("office.json", *(key.name for key in world.folder.glob("*.key"))):
        shutil.copy(world.folder / name, safe)
    one, two = world.till(), world.till("Mill")
    one.sell(500, CARD)
    one.member(OTHER_CARD, **PERSON)
    world.quiet()
    assert two.fetch(100) == 100
    gone = world.till()
    assert world.type("revoke", gone.name) == 0
    gone.leave()
    assert world.type("erase", OTHER_CARD) == 0
    file = world.backup()
    two.link.is_cut = True
    two.sell(1, CARD, redeem=100)
    assert one.fetch(50) == 50
    world.stop()
    shutil.rmtree(world.folder)
    shutil.move(safe, world.folder)
    world.restore(file)
    assert awaited(world) == {one.name, two.name}, "one was granted points since the backup, which only it knows"
    world.quiet_of(one)
    assert one.fetch(500) == 0
    two.link.is_cut = False
    world.quiet()
    world.check()
    assert one.fetch(10) == 10
    assert personal(world) == [[], []]
    assert [row["revoked"] for row in world.ask("status")["terminals"]].count(True) == 1


def test_a_database_put_back_without_a_word_is_not_served(either):
    one, two = either.till(), either.till("Mill")
    one.sell(500, CARD)
    either.quiet()
    either.stop()
    was = either.copy_of_the_database()
    either.start()
    assert two.fetch(100) == 100
    two.link.is_cut = True
    two.sell(1, CARD, redeem=100)
    either.stop()
    either.put_back(was)
    with pytest.raises(OfficeError, match="put back to an earlier state") as refused:
        either.start()
    assert refused.value.code == "DATABASE_RESTORED"
    assert "pos-central restored" in refused.value.hint
    assert either.type("serve", "--port", "0") == 1
    assert either.type("restored") == 0
    either.start()
    assert awaited(either) == {two.name}
    either.quiet_of(one)
    assert one.fetch(100) == 0
    two.link.is_cut = False
    either.quiet()
    either.check()
    assert one.fetch(100) == 100


def test_restored_said_where_nothing_was_lost_costs_a_round_of_greetings(either):
    one, two = either.till(), either.till("Mill")
    one.sell(500, CARD)
    assert one.fetch(50) == 50
    either.quiet()
    either.stop()
    assert either.type("restored") == 0
    assert either.type("restored") == 0
    either.start()
    assert awaited(either) == {one.name}
    either.quiet()
    either.check()
    assert two.fetch(50) == 50


# -- a till ----------------------------------------------------------------------------------------------------------------


def test_a_tills_disk_dies_and_its_points_are_the_members_again(world):
    one, dead = world.till(), world.till("Mill")
    one.sell(500, CARD)
    world.quiet()
    assert dead.fetch(200) == 200
    dead.link.is_cut = True
    unsent = dead.sell(40, CARD)
    dead.leave()
    assert one.fetch(500) == 300
    assert world.type("find", unsent.reference) == 1
    assert "the receipt is the evidence" in world.typed.stderr
    assert world.ask("forfeit", dead.name, "--yes") == {"terminal": dead.name, "points": 200}
    assert [row["forfeited"] for row in world.ask("status")["terminals"] if row["terminal"] == dead.name] == [True]
    assert one.fetch(500) == 500
    new = world.till("Mill")
    new.sell(40, CARD)  # claimed with the receipt, typed in by hand
    world.check()


@pytest.mark.slow
@pytest.mark.parametrize(("spent", "earned"), [(200, 0), (60, 1)])  # of 2.00 with 60 points 1.40 is paid: 1 point
def test_a_till_that_was_given_up_and_turns_up_costs_what_it_spent_twice(world, spent, earned):
    one, lost = world.till(), world.till("Mill")
    one.sell(500, CARD)
    world.quiet()
    lost.fetch(200)
    lost.link.is_cut = True
    lost.sell(2, CARD, redeem=spent)
    world.ask("forfeit", lost.name, "--yes")
    one.fetch(500)
    one.sell(5, CARD, redeem=500)
    world.quiet_of(one)
    lost.link.is_cut = False
    world.quiet()
    world.check(losses=spent - earned, overspent=spent - earned)
    told = [one for one in doctor.examine(lost.folder) if one.what == "Epoch"]
    assert ["given up for lost" in one.found for one in told] == [True]


def test_a_till_put_back_to_an_old_image_goes_on_as_a_new_epoch(world):
    one, other = world.till(), world.till("Mill")
    one.sell(500, CARD)
    world.quiet()
    assert one.fetch(200) == 200
    image = one.image("image")
    first = one.sell(2, CARD, redeem=200)
    world.quiet()
    one.put_back(image)
    one.link.is_cut = True
    second = one.sell(2, CARD, redeem=200)  # the image still holds what was spent
    assert first.reference == second.reference
    one.link.is_cut = False
    world.quiet()
    found = world.ask("find", first.reference)
    assert [row["is_fork"] for row in found] == [False, True]
    assert {row["document"].rpartition("/")[2] for row in found} == {first.sale_ref, second.sale_ref}
    assert found[0]["cards"] == [CARD]
    world.check()  # the member had 300 more: they paid
    assert [(row["card"], row["balance"]) for row in world.ask("members")] == [(CARD, 100)]
    told = [row for row in doctor.examine(one.folder) if row.what == "Epoch"]
    assert [(row.ok, "put back from an image" in row.found) for row in told] == [(False, True)]
    world.ask("forfeit", one.name, "--yes")
    world.quiet()
    world.check()
    assert other.fetch(100) == 100


def test_twins_cost_no_more_than_the_disk_held(world):
    one, other = world.till(), world.till("Mill")
    one.sell(500, CARD)
    world.quiet()
    assert one.fetch(200) == 200
    one.link.is_cut = True
    twin = world.found(one.image("twin"))
    twin.link.is_cut = True
    assert other.fetch(300) == 300
    other.sell(3, CARD, redeem=300)
    one.sell(2, CARD, redeem=200)
    twin.sell(2, CARD, redeem=200)
    one.link.is_cut = twin.link.is_cut = False
    world.quiet_of(other, one, twin)
    twin.leave()  # a person stops it, as doctor says
    world.quiet()
    world.check(debts=200, overspent=200)
    assert world.ask("write-off", CARD) == {"card": CARD, "points": 200}
    world.check(losses=200, overspent=200)


def test_a_stolen_key_speaks_for_nobody_any_more(world):
    one, stolen = world.till(), world.till("Mill")
    one.sell(500, CARD)
    world.quiet()
    stolen.fetch(100)
    assert world.type("revoke", stolen.name) == 0
    stolen.sell(50, CARD)
    with pytest.raises(Refused) as refused:
        stolen.step()
    assert refused.value.code == "TERMINAL_REVOKED"
    stolen.leave()
    assert world.ask("forfeit", stolen.name, "--yes")["points"] == 100
    new = world.till("Mill")
    assert new.fetch(500) == 500
    new.sell(5, CARD, redeem=500)
    world.check()


def test_a_member_erased_while_shops_are_offline_stays_erased(either):
    one, two = either.till(), either.till("Mill")
    one.member(CARD, **PERSON)
    one.sell(500, CARD)
    either.quiet()
    two.member(CARD)
    either.quiet()
    file = either.backup()
    two.link.is_cut = True
    two.member(OTHER_CARD)
    two.sell(30, CARD)
    assert either.type("erase", CARD) == 0
    either.quiet_of(one)
    with one.store.read() as db:
        assert members.member_of_card(db, CARD) is None
    two.sell(20, CARD)  # it has not heard of it
    two.link.is_cut = False
    either.quiet()
    assert personal(either) == [[], []]
    with two.store.read() as db:
        assert members.member_of_card(db, CARD) is None
    either.check()
    either.restore(file)
    assert personal(either) == [[], []]
    either.check()
    assert {row["card"] for row in either.ask("members")} == {OTHER_CARD}


@pytest.mark.slow
def test_a_member_erased_after_being_merged_is_not_brought_back_by_a_restore(world):
    one, two = world.till(), world.till("Mill")
    one.member(CARD, **PERSON)
    world.quiet()
    file = world.backup()
    two.link.is_cut = True
    two.member(CARD)
    two.sell(50, CARD)
    two.link.is_cut = False
    world.quiet()  # the two are one, whichever of them
    assert world.type("erase", CARD) == 0
    world.quiet()
    world.restore(file)
    assert personal(world) == [[], []]
    assert world.ask("members") == []
    world.quiet()
    assert personal(world) == [[], []]
    assert world.ask("members") == []
    world.check()


# -- clocks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (timedelta(hours=1), "60 minutes ahead of"),
        (timedelta(days=365), "8,760 hours ahead of"),
        (timedelta(hours=-1), "60 minutes behind"),
        (timedelta(days=-365), "8,760 hours behind"),
    ],
    ids=["an hour fast", "a year fast", "an hour slow", "a year slow"],
)
def test_a_tills_wrong_clock_is_seen_and_costs_nothing(world, error, words, tmp_path):
    one, other = world.till(), world.till("Mill")
    one.sell(500, CARD)
    world.quiet()
    one.fetch(200)
    one.link.is_cut = True
    one.clock_error = error
    for _ in range(3):
        world.pass_by(minutes=5)
        one.sell(10)
    one.sell(10, CARD)
    one.link.is_cut = False
    world.quiet()
    for _ in range(3):
        world.pass_by(minutes=5)
        one.sell(10)
        world.quiet()
    world.check()
    assert world.notes()["clock"] == (1 if error > timedelta() else 0)  # a slow one goes by head office's last word
    (one.folder / "till.toml").write_text('[server]\nurl = "http://127.0.0.1:1"\n')
    told = [row for row in doctor.examine(one.folder, clock=one.clock) if row.what == "Clock"]
    assert [(row.ok, words in row.found) for row in told] == [(False, True)]
    one.clock_error = timedelta()
    world.pass_by(minutes=15)
    one.sell(10)
    world.quiet()
    assert [row for row in doctor.examine(one.folder, clock=one.clock) if row.what == "Clock"] == []
    assert other.fetch(400) == 400
    world.check()


def test_head_offices_clock_a_year_fast_is_undone_by_a_restore(world):
    one = world.till()
    one.sell(500, CARD)
    world.quiet()
    file = world.backup()
    world.office_clock_error = timedelta(days=365)
    one.step()
    day = one.sell(10, CARD)
    world.quiet()
    assert "2027-11-21" in str(one.entries()[-1].envelope.recorded_at)
    assert day.number
    world.office_clock_error = timedelta()
    world.restore(file)
    world.quiet()
    one.sell(10, CARD)
    assert one.entries()[-1].envelope.recorded_at.startswith("2026-11-21")
    world.check()
