"""A till's own backup put back, as docs/recovery.md says: nothing is spent twice, and nothing is missing in the end."""

from pos_plugin import backing_up, doctor

CARD = "2900000000018"


def put_back(till, file):
    till.store.close()
    done = backing_up.restore(till.folder, file, till.clock(), till.world.random.randbytes)
    till.reopen()
    return done


def test_a_till_restored_from_its_backup_gives_up_what_it_held_and_hears_of_the_rest(world, tmp_path):
    one = world.till("Harbour")
    one.sell(500, CARD)
    world.quiet()
    assert one.fetch(100) == 100
    file = tmp_path / "till.backup"
    kept = backing_up.backup(one.folder, file)
    one.sell(10, CARD, redeem=60)
    one.step()  # head office has it; the backup has not
    before = one.place()
    done = put_back(one, file)
    assert (done.kept, done.given_up) == (kept, 100)
    assert one.place() != before
    assert one.held() == 0, "what lay here may have been spent since"
    world.quiet()
    assert world.ask("status")["terminals"][0]["branches"] > 1
    assert (one.fetch(50), one.sell(10, CARD, redeem=50).redeem_points) == (50, 50)
    world.quiet()
    world.check()
    found = {finding.what: finding for finding in doctor.examine(one.folder)}
    assert "began a new epoch" in found["Epoch"].found


def test_a_till_that_lost_nothing_costs_its_restore_a_new_epoch_and_no_points(world, tmp_path):
    one = world.till("Harbour")
    one.sell(500, CARD)
    world.quiet()
    one.fetch(100)
    world.quiet()
    file = tmp_path / "till.backup"
    backing_up.backup(one.folder, file)
    put_back(one, file)
    world.quiet()
    assert [row["balance"] for row in world.ask("members")] == [500]
    assert one.fetch(100) == 100
    world.check()
    assert world.notes() == {}
