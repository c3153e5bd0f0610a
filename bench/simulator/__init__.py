"""The deterministic simulator: tills and a head office, all of them the product's own code, under every accident we know.

    python -m bench.simulator --seeds 200 --from 0 [--steps 30] [--hazards a,b] [--markdown] [--trace SEED]

One seed is one world: two or three tills on real SQLite files, a head office on another, shoppers who go to several shops, and
a network, disks, printers and clocks that fail when the seed says so. There are no threads and no clock of the machine, so the
same seed does the same again, to the byte. After its steps everything is mended and handed over, and what must hold is checked.

A seed, from outside to inside:

    running.py     seeds, one by one or on several processors
    steps.py       the table of all actions, and a seed from its first step to the mending at its end
    shop.py        what happens in shops: visits, claims, returns, receipts, a host that asks again
    accidents.py   what breaks: wires, printers, clocks, machines; copied disks, restored databases
    decisions.py   what people decide at head office: other rules, erasing, writing off, forfeits, revocations
    loops.py       the product's threads, a turn at a time
    hazards.py     the accidents' names: how often each comes, and what can no longer be promised beside it
    shoppers.py    who shops where, and for how much

What they happen to:

    world.py       one seed's clock, tills, head office, facts and trace
    till.py        one till: the real terminal without its threads, with a disk, a printer, a clock and a host that fail
    office.py      head office behind its messages, with a database that fails
    network.py     the wire between them
    disks.py       faults of SQLite: power cuts, ambiguous commits, full disks

How it is judged:

    oracle.py      what tills are told and what they commit, after every step
    entries.py     each committed entry, beside what was asked for and the rules
    slips.py       every figure on every receipt, computed again
    checks.py      what must hold in the end
    facts.py       what happened, kept naively and apart from the product's books
    memory.py      what one till's disk has by now, and so what its receipts must say
    rules.py       the shop's programme, and its text book rule
    allowances.py  what may be spent twice after accidents that cannot be undone
    violation.py   what a seed ends with where something does not hold
"""
