"""Budgets of rules and stock of rewards: what all members have had together, and what the tills hear of it."""

import msgspec
import pytest
from sqlalchemy import select, text

from central_server import schema
from central_server.applying.books import Books, Origin
from central_server.migrations import migrate
from central_server.tills import channels, feed
from ledger.wire import FeedRequest
from loyalty.program import preset, read_program
from loyalty.standing import Effects, Standing

LIMITED = (
    preset("points")
    + """
[[accrual]]
name = "opening"
title = "Opening days"
points = 40
budget_points = 100

[[reward]]
name = "mug"
title = "A mug"
points = 0
kind = "gift"
stock = 2
limits = [{ uses = 1, per = "year" }]
"""
)
MUG = {"mug/uses/ever": 1, "mug/uses/2026": 1}


@pytest.fixture
def limited(office, till, tell):
    one = till()
    one.program = tell.use(office, LIMITED)
    return one


def program_channel(office, till, after=0):
    return feed.read(office, till.name, till.shop, FeedRequest({channels.PROGRAM: after})).channels[channels.PROGRAM]


def gone(office, till):
    return [item.gone for item in program_channel(office, till).items]


def sums(office):
    with office.database.reading() as connection:
        return dict(connection.execute(select(schema.rule_count.c.name, schema.rule_count.c.amount)).all())


def take_mug(till, ref, member):
    sold = till.sale(ref, 1000, member)
    till.journal.pop()
    counts = {**sold.body.effects.counts, **MUG}
    effects = msgspec.structs.replace(sold.body.effects, counts=counts)
    return till.write(msgspec.structs.replace(sold.body, reward="mug", effects=effects), sold.envelope.document, member)


def test_a_budget_that_all_members_have_spent_is_told_and_told_again_once_some_came_back(office, limited):
    heard = program_channel(office, limited).position
    limited.sale("1", 1000, "anna")
    last = limited.sale("2", 1000, "bert")
    limited.send()
    assert sums(office) == {"opening/points/ever": 80}
    assert program_channel(office, limited, heard).items == [], "nothing has changed for anybody yet"
    limited.sale("3", 1000, "carl")
    limited.send()
    page = program_channel(office, limited, heard)
    assert ([item.gone for item in page.items], sums(office)) == ([["opening"]], {"opening/points/ever": 120})
    assert page.position > heard
    limited.sale("4", 1000, "dora")  # a till that has not heard of it
    limited.send()
    assert program_channel(office, limited, page.position).items == [], "it is gone already"
    limited.give_back(last, "r1")
    limited.send()
    assert program_channel(office, limited, page.position).items == [], "120 of 100 are still spent"
    limited.give_back(limited.journal[1], "r2")
    limited.send()
    assert [item.gone for item in program_channel(office, limited, page.position).items] == [[]]
    assert sums(office) == {"opening/points/ever": 80}


def test_a_stock_that_is_gone_is_told_to_every_till_and_a_whole_return_puts_one_back(office, limited, till):
    other = till("BBBBBB", "Mill")
    limited.standing = other.standing = Standing(gone=("opening",))
    other.program = limited.program
    first = take_mug(limited, "1", "anna")
    take_mug(other, "2", "bert")
    limited.send()
    other.send()
    assert gone(office, limited) == gone(office, other) == [["mug"]]
    limited.give_back(first, "r1", 400)
    limited.send()
    assert gone(office, limited) == [["mug"]]
    limited.give_back(first, "r2")
    limited.send()
    assert (gone(office, limited), sums(office)) == ([[]], {"mug/uses/ever": 1})


def test_a_return_heard_before_its_sale_counts_once(office, limited, till):
    other = till("BBBBBB")
    other.program = limited.program
    sold = limited.sale("1", 1000, "anna")
    other.give_back(sold, "r")
    other.send()
    assert sums(office) == {}
    limited.sale("2", 1000, "bert")
    limited.send()
    assert sums(office) == {"opening/points/ever": 40}


def test_two_members_who_are_one_have_had_what_they_had(office, limited):
    limited.sale("1", 1000, "anna")
    limited.sale("2", 1000, "bert")
    limited.send()
    with office.database.writing() as connection:
        books = Books(connection, office)
        books.merge("anna", "bert", Origin(office.server, 0, "", office.time(), books.today), "1-anna-bert")
        books.flush()
    assert sums(office) == {"opening/points/ever": 80}
    limited.sale("3", 1000, "anna")
    limited.send()
    assert gone(office, limited) == [["opening"]]


def test_the_next_version_goes_on_counting_and_more_budget_frees_the_rule(office, limited, tell):
    for number in range(3):
        limited.sale(str(number), 1000, "anna")
    limited.send()
    coming = LIMITED.replace("version = 1", "version = 2").replace("budget_points = 100", "budget_points = 160")
    with office.database.writing() as connection:
        office.put_program(connection, read_program(f'effective = "2026-05-01T00:00"\n{coming}'))
    assert gone(office, limited) == [["opening"], []]
    heard = program_channel(office, limited).position
    limited.sale("4", 1000, "anna")
    limited.send()
    told = [item.gone for item in program_channel(office, limited, heard).items]
    assert told == [["opening"], ["opening"]], "of the one to come, too, though nothing has changed in the one in force"


def test_what_counts_for_a_while_is_not_summed(office, limited):
    sold = limited.sale("1", 1000, "anna")
    limited.journal.pop()
    effects = Effects(counts={"mug/uses/2026": 1, "surprise/AAAAAA": 3, "opening/points/ever": 40})
    limited.write(msgspec.structs.replace(sold.body, effects=effects), sold.envelope.document, "anna")
    limited.send()
    assert sums(office) == {"opening/points/ever": 40}


def test_a_programme_without_budget_or_stock_has_nothing_that_is_gone(office, till):
    one = till()
    one.sale("1", 1000, "anna")
    one.send()
    assert (gone(office, one), sums(office)) == ([[]], {})
    assert b"gone" not in msgspec.json.encode(program_channel(office, one).items[0])


def test_a_database_from_before_is_summed_from_its_histories(office, limited):
    for number, member in enumerate(("anna", "bert", "bert")):
        take_mug(limited, str(number), member)
    limited.send()
    known = sums(office)
    assert known == {"opening/points/ever": 120, "mug/uses/ever": 3}
    with office.database.writing() as connection:
        connection.execute(text("DROP TABLE rule_count"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
        migrate(connection, "0003")
    assert sums(office) == known
