"""One seed's world: its clock, its head office and tills, its facts, and its trace. What happens in it is `steps`' business."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from bench.simulator.allowances import Allowances
from bench.simulator.facts import Facts
from bench.simulator.hazards import Hazards
from bench.simulator.network import Wire
from bench.simulator.office import HeadOffice, made
from bench.simulator.oracle import Oracle
from bench.simulator.rules import PROGRAM, program
from bench.simulator.shoppers import SHOPPERS, Shopper
from bench.simulator.till import Host, Till
from offline_store import settings

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SHOPS = ("Harbour", "Mill")


class World:
    """Everything under one seed. `folder` is empty and its own; `template` is shared by all seeds of a process."""

    def __init__(self, seed: int, hazards: Hazards, folder: Path, template: Path, *, is_traced: bool = False) -> None:
        draw = Random(f"world {seed}")
        self.seed, self.hazards, self.folder, self.template = seed, hazards, folder, template
        self.now = START
        self.step = 0
        self.lines: list[str] = []
        """The trace."""
        self.is_traced = is_traced
        self.faults: Counter[str] = Counter()
        """What went wrong, by kind."""
        self.policy = (
            "floor_limit" if "floor limit" in hazards else "online_only" if "online only" in hazards else "escrow"
        )
        self.stands = "standing" in hazards and self.policy != "online_only"
        """Whether a share of members' points stands at tills."""
        self.program = program(1, self.policy, stands=self.stands)
        self.facts = Facts()
        self.facts.programs |= {self.program.id: self.program, PROGRAM.id: PROGRAM}
        self.allowances = Allowances()
        self.erased: set[str] = set()
        """Members who were forgotten."""
        self.joined: set[int] = set()
        """Households that have joined anywhere."""
        settings._parsed.clear()  # what an earlier seed has read must not change what this one asks its disk
        made(folder / "office", SHOPS, PROGRAM.text, self.clock, template / "office")
        self.office = HeadOffice(folder / "office", self.clock, self._bytes("office"), self.fault)
        if self.program != PROGRAM:
            self.office.use(self.program)
        self.backup: Path | None = None
        """Of head office's database."""
        self.oracle = Oracle(self.office, self.facts, hazards, self.say)
        self.shoppers: tuple[Shopper, ...] = SHOPPERS[: draw.choice((2, 3, 4, 6))]
        self.tills: list[Till] = []
        self.retired: list[Till] = []
        self.made_tills = 0
        for _ in range(draw.choice((2, 2, 3))):
            self.tills.append(self.new_till(SHOPS[self.made_tills % 2]))

    def clock(self) -> datetime:
        return self.now

    def wait(self, draw: Random, least_s: float, most_s: float) -> None:
        self.now += timedelta(seconds=round(draw.uniform(least_s, most_s), 1))

    def say(self, line: str) -> None:
        if self.is_traced:
            self.lines.append(line.replace(str(self.folder), ""))

    def fault(self, what: str) -> None:
        """`what` is the kind, after whose it is: "till 1: cut". Tills' are counted together, head office's apart."""
        self.faults[what if what.startswith("server") else what.rpartition(": ")[2]] += 1
        self.say(f"    ! {what}")

    def new_till(self, shop: str, host: Host | None = None) -> Till:
        """A new machine, enrolled by a person whose own telephone works."""
        till = self.place_till(shop, host)
        till.create(self.template / "till")
        till.start()
        till.store.write(lambda db: settings.use_program(db, self.program, self.now.isoformat()))
        till.wire.is_mended = True
        self.office.disk.disarm()
        till.sync.enroll(self.office.new_code(shop))
        till.wire.is_mended = False
        # A head office that has forgotten a till refuses it for good: it is backed up again after an enrolment.
        self.backup = None
        return till

    def place_till(self, shop: str, host: Host | None = None) -> Till:
        """A machine with a wire and nothing on its disk; at a counter whose host was there before, or at a new one."""
        self.made_tills += 1
        number = self.made_tills
        label = f"till {number}"
        till = Till(
            label,
            shop,
            host or Host(str(number)),
            self.folder / f"till-{number}",
            now=self.clock,
            random_bytes=self._bytes(label),
            fault=self.fault,
        )
        till.wire = Wire(
            self.office.answer,
            lambda: till.setting("terminal"),
            self.hazards,
            self.clock,
            lambda kind: self.fault(f"{label}: {kind}"),
            lambda request, answer: self.oracle.heard(till, request, answer),
        )
        return till

    def replace_till(self, till: Till) -> Till:
        """It is never seen again; a new one takes its place at the counter."""
        till.retire()
        new = self.new_till(till.shop, till.host)
        self.tills[self.tills.index(till)] = new
        self.retired.append(till)
        self.office.excuse(till.terminal_name)
        self.allowances.for_lost(till.memory.journal)
        return new

    def restart_till(self, till: Till) -> None:
        """After its power went."""
        self.say(f"    {till.label} starts again")
        till.restart()

    def close(self) -> None:
        for till in self.tills:
            till.stop()
        self.office.stop()

    def _bytes(self, whose: str) -> Callable[[int], bytes]:
        return Random(f"bytes {self.seed} {whose}").randbytes
