"""kill -9 of a till while it sells in three threads and prints: what it has acknowledged stands, once, and so does the rest."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from ledger.entry import SaleBody, read_entry
from loyalty.program import preset, read_program
from offline_store import journal, receipts, settings
from offline_store.store import Store
from offline_store.verify import verify
from pos_plugin.members.joining import join
from pos_plugin.papers.layout import Layout
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.quotes import Connection

TILLS = 4
KILLS = 31
THREADS = 3


class Aftermath:
    """What a till said before it was killed, over all its lives, and what its file says after each."""

    def __init__(self, folder: Path, seed: str) -> None:
        self.folder = folder
        self.draws = random.Random(seed)
        self.seed = seed
        self.sold: dict[tuple[int, int], int] = {}
        """(thread, sale) → the entry that was acknowledged."""
        self.papers: Counter[str] = Counter()
        self.told_otherwise = 0

    def hear(self, line: str) -> bool:
        """Whether it is an acknowledgement."""
        word, *rest = line.split()
        if word == "paper":
            self.papers[" ".join(rest)] += 1
            return False
        assert word == "sold", line
        thread, number, entry = map(int, rest)
        self.told_otherwise += self.sold.setdefault((thread, number), entry) != entry
        return True

    def starts(self) -> list[int]:
        """Where each thread goes on: with the sale whose answer it did not get, as a till would."""
        return [max((sale for one, sale in self.sold if one == thread), default=-1) + 1 for thread in range(THREADS)]

    def live_and_die(self, nursery, card: str, life: int) -> None:
        until = self.draws.randint(1, 24)
        nursery.bear(role="till", folder=str(self.folder), seed=f"{self.seed}/{life}", card=card, starts=self.starts())
        while until:
            until -= self.hear(nursery.hear())
        for line in nursery.kill():
            self.hear(line)

    def look(self) -> tuple[int, int, int]:
        """Opens the file as its owner: (lost, doubled, entries that were recorded and not acknowledged)."""
        with Store.open(self.folder) as store, store.read() as db:
            assert verify(db).problems == []
            found: Counter[tuple[int, int]] = Counter()
            numbers: dict[tuple[int, int], int] = {}
            for number, _, data in journal.every(db):
                body = read_entry(data).body
                if isinstance(body, SaleBody):
                    thread, _, sale = body.sale.sale_ref.partition(".")
                    found[int(thread), int(sale)] += 1
                    numbers[int(thread), int(sale)] = number
            lost = sum(numbers.get(sale) != number for sale, number in self.sold.items())
            doubled = sum(count - 1 for count in found.values()) + self.told_otherwise
            return lost, doubled, len(found.keys() - self.sold.keys())

    def paper(self) -> tuple[int, int]:
        """(receipts that came out twice, receipts that a person has to look at). Every other one is out, or waits."""
        with Store.open(self.folder) as store:
            unknown = store.write(receipts.mark_interrupted)
            with store.read() as db:
                states = dict(db.execute("SELECT number, state FROM print_job").fetchall())
                assert len(states) == db.execute("SELECT count(*) FROM print_job").fetchone()[0]
        unknown = sum(state == "unknown" for state in states.values())
        printed = {number for number, state in states.items() if state == "printed"}
        on_paper = {int(number) for number in self.papers}
        assert printed <= on_paper
        assert on_paper - printed <= {number for number, state in states.items() if state == "unknown"}
        return sum(count - 1 for count in self.papers.values()), unknown


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_killed_till_has_every_sale_it_acknowledged_once_and_its_chain_is_whole(tmp_path, new_nursery, tell, capsys):
    nursery = new_nursery()
    total: Counter[str] = Counter()
    for index in range(TILLS):
        till = Aftermath(tmp_path / f"till-{index}", f"killed till {index}")
        with Store.create(till.folder, random_bytes=till.draws.randbytes) as store:
            program = read_program(preset("points"))
            store.write(lambda db, program=program: settings.use_program(db, program, tell.AT.isoformat()))
            checkout = Checkout(
                store,
                layout=Layout(42),
                clock=lambda: tell.AT,
                random_bytes=till.draws.randbytes,
                connection=lambda: Connection(is_online=False, is_current=False),
            )
            join(checkout, tell.CARDS[0])
        for life in range(KILLS):
            till.live_and_die(nursery, tell.CARDS[0], life)
            lost, doubled, unheard = till.look()
            assert (lost, doubled) == (0, 0), f"till {index}, life {life}"
            assert unheard <= THREADS, (
                "each thread asks for one sale at a time, and asks again for one it heard nothing of"
            )
        twice, unknown = till.paper()
        assert twice == 0
        assert unknown <= KILLS, "no more receipts are unsure than the till was killed"
        total.update(
            kills=KILLS,
            acknowledged=len(till.sold),
            lost=lost,
            doubled=doubled,
            unknown=unknown,
            papers=len(till.papers),
        )
    with capsys.disabled():
        print(
            f"\nkilled tills: {total['kills']} kills, {total['acknowledged']} sales acknowledged, {total['lost']} lost, "
            f"{total['doubled']} doubled; {total['papers']} receipts on paper, none twice, {total['unknown']} unsure"
        )
