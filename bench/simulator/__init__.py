"""The deterministic simulator: tills and a head office, all of them the product's own code, under every accident we know.

    python -m bench.simulator --seeds 200 --from 0 [--steps 30] [--hazards a,b] [--markdown] [--trace SEED]

One seed is one world: two or three tills on real SQLite files, a head office on another, shoppers who go to several shops, and
a network, disks, printers and clocks that fail when the seed says so. There are no threads and no clock of the machine, so the
same seed does the same again, to the byte. After its steps everything is mended and handed over, and what must hold is checked.

    world.py     what happens, step by step, and the mending at the end
    hazards.py   the accidents: what each may do, and what can no longer be promised beside it
    till.py      one till: the real terminal without its threads, with a disk, a printer, a clock and a host that fail
    office.py    head office behind its messages, with a database that fails
    disks.py     faults of SQLite: power cuts, ambiguous commits, full disks
    network.py   the wire between them
    shoppers.py  who shops where, and for how much
    facts.py     what happened, kept naively and apart from the product's books
    slips.py     every figure on every receipt, computed again from the facts
    checks.py    what must hold in the end
    running.py   seeds, one by one or on several processors
"""
