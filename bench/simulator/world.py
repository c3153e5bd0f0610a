"""One seed's world: who does what, step by step, and the mending and handing over at the end.

Every step draws from a generator of its own. An action answers a line for the trace; what a till refuses or cannot do is part
of life and of the trace, and what it should not have done raises `Violation`.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from bench.simulator import checks
from bench.simulator.disks import PowerCut, copy_database
from bench.simulator.facts import (
    PROGRAM,
    Facts,
    Heard,
    Memory,
    Violation,
    a_month_after,
    came_back,
    day_of,
    effect,
    points_of,
    program,
    require,
)
from bench.simulator.hazards import HAZARDS, Hazards
from bench.simulator.network import Wire
from bench.simulator.office import HeadOffice, made
from bench.simulator.shoppers import SHOPPERS, Shopper
from bench.simulator.slips import check_slip
from bench.simulator.till import Asked, Host, Till
from drivers.document import decode_document
from ledger.entry import ClaimBody, Entry, OpenBody, ReturnBody, SaleBody, TakeBody, read_entry
from ledger.identifiers import receipt_reference
from ledger.wire import BatchReply, FeedReply, FeedRequest, GrantItem, MemberItem, RenewItem, unpack
from loyalty.card import ean13_check_digit
from loyalty.program import Program
from loyalty.sale import LineItem, Return, ReturnedLine, Sale, document_name
from offline_store import receipts, settings
from offline_store.errors import StoreError
from offline_store.store import FILE, KEY
from offline_store.sync import SyncError
from pos_plugin.claims import claim
from pos_plugin.errors import TillError
from pos_plugin.joining import join
from pos_plugin.quotes import Completed
from pos_plugin.returns import take_back
from pos_plugin.returns import void as void_sale

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SHOPS = ("Harbour", "Mill")
MOST_TILLS = 5
LIFE: dict[str, float] = {
    "visit": 22,
    "exchange": 5,
    "claims": 1.5,
    "printing": 2,
    "person": 1.5,
    "hand over": 1,
    "keeping": 1,
}
"""What happens in any world, and how often."""

Draw = random.Random


class World:
    """Everything under one seed. `folder` is empty and its own; `template` is shared by all seeds of a process."""

    def __init__(self, seed: int, hazards: Hazards, folder: Path, template: Path, *, is_traced: bool = False) -> None:
        draw = Draw(f"world {seed}")
        self.seed, self.hazards, self.folder = seed, hazards, folder
        self.now = START
        self.step = 0
        self.is_mended = False
        self.lines: list[str] = []
        self.is_traced = is_traced
        self.faults: Counter[str] = Counter()
        self.facts = Facts()
        policy = "floor_limit" if "floor limit" in hazards else "online_only" if "online only" in hazards else "escrow"
        self.policy, self.stands = policy, "standing" in hazards and policy != "online_only"
        self.program = program(1, policy, stands=self.stands)
        self.facts.programs[self.program.id] = self.program
        self.forfeited: Counter[str] = Counter()
        """What was given back to members although a till that was given up for lost may have spent it."""
        self.renewed: dict[tuple[str, str], int] = {}
        """(terminal, member) → the last entry whose floor limit head office has renewed."""
        self.erased: set[str] = set()
        self.awarded: Counter[str] = Counter()
        self.redeemed: Counter[str] = Counter()
        self.allowed: Counter[str] = Counter()
        """What accidents that cannot be undone let be spent once more, by member."""
        self.joined: dict[int, str] = {}
        self.retired: list[Till] = []
        self.backup: Path | None = None
        self.random = draw
        settings._parsed.clear()  # what an earlier seed has read must not change what this one asks its disk
        made(folder / "office", SHOPS, PROGRAM.text, self.clock, template / "office")
        self.office = HeadOffice(folder / "office", self.clock, self._bytes("office"), self.fault)
        if self.program != PROGRAM:
            self.office.use(self.program)
        self.facts.programs[PROGRAM.id] = PROGRAM
        self.shoppers: tuple[Shopper, ...] = SHOPPERS[: draw.choice((2, 3, 4, 6))]
        self.template = template
        self.tills: list[Till] = []
        self.made_tills = 0
        for _ in range(draw.choice((2, 2, 3))):
            self.tills.append(self._new_till(SHOPS[self.made_tills % 2], Host(str(self.made_tills + 1))))
        self.choices = {**LIFE, **{name: HAZARDS[name].weight for name in hazards.on if HAZARDS[name].weight}}
        self.names = sorted(self.choices)
        self.weights = [self.choices[name] for name in self.names]

    # -- what everything needs

    def clock(self) -> datetime:
        return self.now

    def _bytes(self, whose: str) -> Callable[[int], bytes]:
        return Draw(f"bytes {self.seed} {whose}").randbytes

    def fault(self, what: str) -> None:
        self.faults[what.rpartition(": ")[2] if not what.startswith("server") else what] += 1
        self.say(f"    ! {what}")

    def say(self, line: str) -> None:
        if self.is_traced:
            self.lines.append(line.replace(str(self.folder), ""))

    def wait(self, draw: Draw, least_s: float, most_s: float) -> None:
        self.now += timedelta(seconds=round(draw.uniform(least_s, most_s), 1))

    def _new_till(self, shop: str, host: Host) -> Till:
        """A new machine, enrolled by a person whose own telephone works."""
        self.made_tills += 1
        label = f"till {self.made_tills}"
        till = self._placed(label, shop, host)
        till.folder.mkdir()
        shutil.copy(_till_template(self.template), till.folder / FILE)
        till.create()
        till.start()
        till.store.write(lambda db: settings.use_program(db, self.program, self.now.isoformat()))
        till.wire.is_mended = True
        self.office.disk.disarm()
        till.sync.enroll(self.office.new_code(shop))
        till.wire.is_mended = self.is_mended
        self.backup = (
            None  # a head office that has forgotten a till refuses it for good: backed up again after an enrolment
        )
        return till

    def _placed(self, label: str, shop: str, host: Host) -> Till:
        till = Till(
            label,
            shop,
            host,
            self.folder / label.replace(" ", "-"),
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
            lambda request, answer: self._heard(till, request, answer),
        )
        return till

    # -- what tills are told, and what they write

    def _heard(self, till: Till, request: bytes, answer: object) -> None:
        till.heard_at = self.now
        match answer:
            case BatchReply(head=head, head_number=number) if number:
                sent = [hashlib.sha256(data).hexdigest() for data in unpack(request).entries]
                there = self.office.has([*sent, head])
                require(
                    head in there, f"{till.label}: entry {number} is acknowledged, and head office has not recorded it"
                )
                missing = len(set(sent) - there) if head == sent[-1] else 0
                require(
                    not missing, f"{till.label}: {missing} entries are acknowledged that head office has not recorded"
                )
            case FeedReply(channels=channels, server_epoch=epoch):
                asked = msgspec.json.decode(request, type=FeedRequest)
                channel, own = f"members/{till.shop}", f"grants/{till.setting('terminal')}"
                till.fed = (self.now, self.office.version)
                if self.hazards.keeps("known"):
                    for item in (one for page in channels.values() for one in page.items if isinstance(one, GrantItem)):
                        self._granted_before_told(till, item)
                if channel in channels and channels[channel].items:
                    page = channels[channel]
                    (waiting,) = self.office.look("SELECT count(*) FROM branch WHERE applied_number < head_number")[0]
                    there_now = (
                        None
                        if waiting
                        else frozenset(str(row[0]) for row in self.office.look("SELECT hash FROM inbox"))
                    )
                    told = [Heard(item, there_now) for item in page.items if isinstance(item, MemberItem)]
                    till.pages.append((channel, epoch, asked.positions[channel], page.position, [*told]))
                if own in channels and channels[own].items:
                    page = channels[own]
                    renewals = [item for item in page.items if isinstance(item, RenewItem)]
                    for renewal in renewals:
                        key = till.setting("terminal"), renewal.member
                        self.renewed[key] = max(self.renewed.get(key, 0), renewal.number)
                    till.pages.append((own, epoch, asked.positions[own], page.position, [*renewals]))
            case _:
                pass

    def _granted_before_told(self, till: Till, item: GrantItem) -> None:
        """A grant that is told has left the member's available points, unless its take has been recorded already."""
        if self.office.look("SELECT 1 FROM inbox WHERE document = ?", f"take/{item.grant}"):
            return
        if item.epoch != till.setting("epoch"):
            return
        if self.office.look("SELECT 1 FROM forfeit WHERE terminal = ? AND epoch = ?", item.terminal, item.epoch):
            return
        booked = self.office.look(
            "SELECT lot, points FROM holding WHERE place = 'granted' AND branch = ?", f"{item.terminal}/{item.epoch}"
        )
        debited = {str(lot): int(str(points)) for lot, points in booked}
        for part in item.slices:
            require(
                debited.get(part.lot, 0) >= part.points,
                f"{till.label} is told of a grant of {part.points} points that head office has not debited",
            )

    def harvest(self, till: Till) -> None:
        """Looks at the till's file for what it has committed since, and compares it with what was asked and told."""
        memory = till.memory
        epoch = int(till.setting("server_epoch", "0"))
        if epoch != memory.server_epoch:
            memory.server_epoch = epoch
            memory.positions.clear()
        positions = dict(till.eyes.execute("SELECT channel, position FROM feed_position").fetchall())
        for channel, told_in, start, end, told in till.pages:
            if told_in == epoch and start == memory.positions.get(channel, 0) and end <= positions.get(channel, 0):
                memory.positions[channel] = end
                for one in told:
                    if isinstance(one, Heard):
                        memory.heard[one.item.member] = one
                    elif one.number <= len(memory.journal) and memory.journal[one.number - 1].hash == one.hash:
                        memory.renewed[one.member] = max(memory.renewed.get(one.member, 0), one.number)
        till.pages.clear()
        acknowledged = int(till.setting("acknowledged", "0"))
        for entry in memory.journal:
            if isinstance(entry.body, TakeBody) and entry.number <= acknowledged:
                memory.counted_takes.add(entry.number)
        rows = till.eyes.execute(
            "SELECT data, document FROM entry LEFT JOIN receipt USING (number) WHERE number > ? ORDER BY number",
            (len(memory.journal),),
        ).fetchall()
        for data, document in rows:
            entry = read_entry(data)
            self._committed(till, entry)
            memory.journal.append(entry)
            if isinstance(entry.body, TakeBody) and entry.number <= acknowledged:
                memory.counted_takes.add(entry.number)
            if document is not None and self.hazards.keeps("receipts"):
                check_slip(
                    memory,
                    entry,
                    decode_document(document).text(),
                    today=self._today(till),
                    acknowledged=acknowledged,
                    fed_ago=self.now - till.fed[0] if till.fed else None,
                    facts=self.facts if self._sums_are_plain() else None,
                    rules=self.facts.programs[till.setting("program")],
                )
            self.say(f"    {till.label} #{entry.number} {entry.kind} {entry.envelope.document} {_moves(entry)}")

    def _sums_are_plain(self) -> bool:
        return self.hazards.keeps("sums")

    def _today(self, till: Till) -> str:
        heard = till.setting("server_time")
        return day_of(max(till.clock(), datetime.fromisoformat(heard)) if heard else till.clock())

    def _committed(self, till: Till, entry: Entry) -> None:
        memory, where = till.memory, f"{till.label}, entry {entry.number}"
        last = memory.journal[-1].hash if memory.journal else "0" * 64
        require(entry.number == len(memory.journal) + 1, f"{where}: its number does not follow {len(memory.journal)}")
        require(entry.envelope.prev == last, f"{where}: it does not follow the entry before it")
        match entry.body:
            case SaleBody() as body:
                asked = till.host.sales.get(body.sale.sale_ref)
                require(asked is not None and asked.sale == body.sale, f"{where}: the host made no such sale")
                assert asked is not None
                require(
                    body.redeemed <= asked.redeem, f"{where}: it redeems {body.redeemed}, asked were {asked.redeem}"
                )
                rules = self.facts.programs[body.program]
                right = points_of(rules, body.sale.total_minor, body.redeemed) if entry.member else 0
                require(body.awarded == right, f"{where}: it awards {body.awarded} points; by the rules it is {right}")
                if right:
                    day = a_month_after(body.sale.business_day)
                    require(body.expires_on == day, f"{where}: its points end on {body.expires_on}, not on {day}")
                self._spent_in_order(till, entry, body)
                self._spent_by_policy(till, entry, body, rules, where)
            case ReturnBody() as body:
                self._right_return(till, entry, body, where)
            case ClaimBody() as body:
                member = till.host.claims.get(entry.envelope.document)
                require(member is not None, f"{where}: nobody claimed this sale")
            case _:
                pass
        if entry.hash not in self.facts.entries:
            self.facts.add(entry, till.shop)
            self._count(entry, where)

    def _count(self, entry: Entry, where: str) -> None:
        match entry.body:
            case SaleBody(awarded=awarded, redeemed=redeemed):
                self.awarded[entry.member] += awarded
                self.redeemed[entry.member] += redeemed
            case ClaimBody(awarded=awarded):
                self.awarded[entry.member] += awarded
            case ReturnBody(restored=restored):
                self.redeemed[entry.member] -= restored
            case _:
                return
        if self.hazards.keeps("escrow") and "double join" not in self.hazards:
            awarded, redeemed = self.awarded[entry.member], self.redeemed[entry.member]
            require(redeemed <= awarded, f"{where}: {redeemed} points have been redeemed of {awarded} ever awarded")

    def _spent_in_order(self, till: Till, entry: Entry, body: SaleBody) -> None:
        """The soonest expiry among what the till holds is spent first."""
        if not body.redeemed:
            return
        days, today = till.memory.expiries(), self._today(till)
        held = till.memory.held().get(entry.member, Counter())
        need, expected = body.redeemed, {}
        for lot in sorted(
            (lot for lot, left in held.items() if left > 0 and today < days[lot]), key=lambda one: (days[one], one)
        ):
            use = min(need, held[lot])
            if use:
                expected[lot] = -use
                need -= use
        spent = {lot: change for lot, change in entry.envelope.esc.items() if change < 0}
        where = f"{till.label}, entry {entry.number}"
        require(need == body.floor, f"{where}: it spends {body.redeemed} points, {need} more than this till holds")
        require(spent == expected, f"{where}: it spends {spent}; in the order of their days it is {expected}")

    def _spent_by_policy(self, till: Till, entry: Entry, body: SaleBody, rules: Program, where: str) -> None:
        """What the programme allows a till that cannot reach head office."""
        offline = rules.offline
        if body.floor:
            spent = till.memory.floor_used(entry.member) + body.floor
            require(
                spent <= offline.floor_limit,
                f"{where}: {spent} points on the floor limit since it was renewed, {offline.floor_limit} are allowed",
            )
        if offline.policy == "online_only":
            require(not any(change > 0 for change in entry.envelope.esc.values()), f"{where}: its award stays here")
            if body.redeemed and "wrong clock" not in self.hazards:
                ago = self.now - till.heard_at if till.heard_at else None
                require(
                    ago is not None and ago < timedelta(seconds=60),
                    f"{where}: it redeems points while offline; head office was heard {ago} ago",
                )

    def _right_return(self, till: Till, entry: Entry, body: ReturnBody, where: str) -> None:
        asked = till.host.backs.get(entry.envelope.document)
        same = asked is not None and msgspec.structs.replace(asked, is_void=body.back.is_void) == body.back
        require(same, f"{where}: the host took no such goods back")
        sold = next(one for one in till.memory.journal if one.envelope.document == body.sale)
        assert isinstance(sold.body, SaleBody)
        awarded = sold.body.awarded
        claimed = document_name("claim", body.back.till, body.back.sale_ref)
        for one in till.memory.journal:
            if one.envelope.document == claimed and isinstance(one.body, ClaimBody):
                awarded = one.body.awarded
        before = [
            one.body.back
            for one in till.memory.journal
            if isinstance(one.body, ReturnBody) and one.body.sale == body.sale
        ]
        rules = self.facts.programs[sold.body.program]
        was = came_back(rules, sold.body.sale, awarded, sold.body.redeemed, before) if before else (0, 0)
        now = came_back(rules, sold.body.sale, awarded, sold.body.redeemed, [*before, body.back])
        right = (now[0] - was[0], now[1] - was[1])
        said = (body.taken, body.restored)
        require(said == right, f"{where}: it takes and restores {said}; all returns together make it {right}")

    # -- a step

    def run(self, steps: int) -> None:
        """Everything, with its checks. Raises Violation."""
        for self.step in range(steps):
            draw = Draw(f"{self.seed} {self.step}")
            name = draw.choices(self.names, self.weights)[0]
            till = draw.choice(self.tills)
            self._arm(draw, till)
            self.say(f"{self.step:3} {self.now:%d %b %H:%M:%S} {till.label} {name}")
            self._attempt(till, draw, ACTIONS[name])
            self.wait(draw, 60, 7200)
        self.say(f"--- mended {self.now:%d %b %H:%M:%S}")
        self.finish()

    def _attempt(self, till: Till, draw: Draw, action: Callable[[World, Till, Draw], str]) -> None:
        till.wire.draw = till.paper.draw = draw
        try:
            self.say(f"    {action(self, till, draw)}")
        except PowerCut:
            self.reboot(till)
        except (StoreError, SyncError, TillError) as error:
            self.say(f"    {type(error).__name__} {error.code}: {error}")
        if till in self.tills:
            self.harvest(till)

    def _arm(self, draw: Draw, till: Till) -> None:
        hazards = self.hazards
        if "power" in hazards and draw.random() < 0.08:
            till.disk.arm(draw.choice(("power cut", "power cut", "cut after commit")), draw.randint(1, 20))
        if "commit unclear" in hazards and draw.random() < 0.08:
            till.disk.arm(draw.choice(("commit failed", "commit failed, but stands")), draw.randint(1, 3))
        if "disk full" in hazards and draw.random() < 0.06:
            till.disk.arm("disk full", draw.randint(1, 12))
        if "server power" in hazards and draw.random() < 0.06:
            self.office.disk.arm(draw.choice(("power cut", "power cut", "cut after commit")), draw.randint(1, 30))
        if "server disk" in hazards and draw.random() < 0.06:
            fault = draw.choice(("commit failed", "commit failed, but stands", "disk full"))
            self.office.disk.arm(fault, draw.randint(1, 4 if "commit" in fault else 30))

    def reboot(self, till: Till) -> None:
        self.say(f"    {till.label} starts again")
        till.restart()

    # -- life

    def exchange(self, till: Till) -> str:
        """What the till's loop does every few seconds."""
        try:
            progress = till.sync.step(till.checkout.needs_rights)
            return f"sent {progress.uploaded}, received {progress.received}, unsent {progress.unsent}"
        except SyncError as error:
            return f"{type(error).__name__}: {error}"
        finally:
            if not till.disk.is_off:
                self.harvest(till)

    def visit(self, till: Till, draw: Draw) -> str:
        shopper = draw.choices(self.shoppers, [one.baskets for one in self.shoppers])[0]
        till = draw.choices(self._favourites(shopper), [*shopper.shares, 1][: len(self._favourites(shopper))])[0]
        till.wire.draw = till.paper.draw = draw
        try:
            said = self._visit(till, shopper, draw)
        except PowerCut:
            self.reboot(till)
            said = "the power went"
        finally:
            if not till.disk.is_off:
                self.harvest(till)
        return f"{till.label}, household {shopper.household}: {said}"

    def _favourites(self, shopper: Shopper) -> list[Till]:
        """The tills in the order in which this household likes them."""
        first = shopper.household % len(self.tills)
        return [*self.tills[first:], *self.tills[:first]][: len(shopper.shares) + 1]

    def _visit(self, till: Till, shopper: Shopper, draw: Draw) -> str:
        # The loop's last try was a moment ago. Where it was not, the till counts as offline; a wrong clock would hide that.
        tries = "wrong clock" in self.hazards or draw.random() < 0.55
        exchanged = self.exchange(till) if tries else "no exchange"
        self.wait(draw, 1, 40)
        member = "" if draw.random() < 0.12 else self._scanned(till, shopper)
        sale = self._basket(till, shopper, draw)
        wish = 0
        if member and draw.random() < 0.55:
            wish = draw.choice((10**6, draw.randint(1, 300), draw.randint(1, 1500)))
        said = self._sell(till, sale, member, wish, draw)
        if draw.random() < 0.7:
            self.wait(draw, 1, 3)
            self.print_out(till)
        return f"{exchanged}; {said}"

    def _scanned(self, till: Till, shopper: Shopper) -> str:
        """The member of the card; one who is nowhere known joins. With "double join" so does one whom only this till does not
        know."""
        card = card_of(shopper)
        found = till.terminal.scanned(card)
        if found.kind == "unknown card" and (shopper.household not in self.joined or "double join" in self.hazards):
            if shopper.household in self.joined:
                self.fault("double join")
            self.joined.setdefault(shopper.household, till.label)
            join(till.checkout, card, name="Ada Lovelace" if shopper.household % 2 else "")
            found = till.terminal.scanned(card)
        return found.member

    def _basket(self, till: Till, shopper: Shopper, draw: Draw, ago: timedelta = timedelta()) -> Sale:
        low, middle, high = shopper.basket_minor
        total = round(draw.triangular(low // 2, high * 2, middle))
        first = draw.randint(0, total)
        lines = (LineItem("1", first, sku="a"), LineItem("2", total - first, quantity_milli=2000, sku="b"))
        at = till.clock() - ago
        local = at.astimezone(PROGRAM.zone).replace(tzinfo=None)
        reference = str(len(till.host.sales) + 1)
        return Sale(
            till.host.name,
            reference,
            local.isoformat(timespec="seconds"),
            day_of(at),
            "EUR",
            total,
            lines,
            operator="1",
        )

    def _sell(self, till: Till, sale: Sale, member: str, wish: int, draw: Draw) -> str:
        """Quote and commit, as a host does; what it is not sure of it hands over again later."""
        asked = till.host.sales.setdefault(sale.sale_ref, Asked(sale, member, wish))
        try:
            quote = till.checkout.quote(sale, asked.member, asked.redeem)
            if draw.random() < 0.05:
                return "the customer left"
            self.wait(draw, 1, 20)
            done = till.checkout.commit(quote.quote_id, key=f"key {till.host.name} {sale.sale_ref}")
        except (StoreError, TillError) as error:
            return f"sale {sale.sale_ref}: {error.code}: {error}"
        self._answered(asked, done)
        if "repeat" in self.hazards and draw.random() < 0.4:
            self.fault("repeat")
            if draw.random() < 0.5:
                quote = till.checkout.quote(sale, asked.member, asked.redeem)
            again = till.checkout.commit(quote.quote_id, key=f"key {till.host.name} {sale.sale_ref}")
            require(again == done, f"{till.label}: sale {sale.sale_ref} told again was answered {again}, first {done}")
        return (
            f"sale {sale.sale_ref} of {sale.total_minor}: +{done.earned_points} -{done.redeem_points}"
            f"{'' if quote.online else ' offline'}"
        )

    def _answered(self, asked: Asked, done: Completed) -> None:
        asked.number, asked.reference = done.number, done.reference

    def print_out(self, till: Till) -> None:
        while till.spooler.step():
            pass

    def claims(self, till: Till, draw: Draw) -> str:
        """A forgotten card."""
        left = [one for one in till.host.sales.values() if one.number and not one.member][-4:]
        if not left:
            return "nothing to claim"
        asked = draw.choice(left)
        member = self._scanned(till, draw.choice(self.shoppers))
        if not member:
            return "card not known"
        till.host.claims.setdefault(document_name("claim", asked.sale.till, asked.sale.sale_ref), member)
        done = claim(till.checkout, asked.reference, member)
        return f"claimed sale {asked.sale.sale_ref}: +{done.earned_points}"

    def returns(self, till: Till, draw: Draw) -> str:
        sold = [one for one in till.host.sales.values() if one.number][-8:]
        if not sold:
            return "nothing was sold"
        again = [one for one in sold if any(back.sale_ref == one.sale.sale_ref for back in till.host.backs.values())]
        sale = draw.choice(again if again and draw.random() < 0.5 else sold).sale
        kind = draw.choice(("void", "all", "amount", "amount", "line", "piece"))
        reference = f"r{draw.randint(1, 3)}" if draw.random() < 0.2 else f"s{self.step}"
        if kind == "void":
            back = Return(sale.till, sale.sale_ref, "void", is_void=True)
            till.host.backs.setdefault(back.document, back)
            done = void_sale(till.checkout, sale.till, sale.sale_ref)
        else:
            lines = {"line": (ReturnedLine("1"),), "piece": (ReturnedLine("2", 1000),)}.get(kind, ())
            amount = draw.randint(1, max(1, sale.total_minor)) if kind == "amount" else None
            back = Return(sale.till, sale.sale_ref, reference, lines=lines, amount_minor=amount)
            back = till.host.backs.setdefault(back.document, back)
            done = take_back(till.checkout, back)
        return f"{kind} of sale {sale.sale_ref}: takes {done.taken_points}, restores {done.restored_points}"

    def printing(self, till: Till, draw: Draw) -> str:
        self.print_out(till)
        return f"{len(till.paper.pieces)} pieces of paper so far"

    def person(self, till: Till, draw: Draw) -> str:
        """Somebody looks at prints that are not certain, or wants a receipt again."""
        if till.memory.journal and draw.random() < 0.3:
            entry = draw.choice(till.memory.journal)
            till.terminal.reprint(receipt_reference(entry.envelope.terminal, entry.number))
            return f"asks for receipt {entry.number} again"
        return f"settles {self.settle_prints(till)} prints"

    def settle_prints(self, till: Till) -> int:
        with till.store.read() as db:
            jobs = [job for job in receipts.shown_jobs(db, 100) if job.state == "unknown"]
        for job in jobs:
            reference = receipt_reference(till.setting("terminal"), job.number)
            till.terminal.settle_print(job.job, came_out=(reference, job.copy) in till.paper.pieces)
        return len(jobs)

    def hand_over(self, till: Till, draw: Draw) -> str:
        """The host tells of sales again that it got no answer for."""
        left = [one for one in till.host.sales.values() if not one.number]
        return self._tell_late(till, draw.choice(left), draw) if left else "nothing is left"

    def _tell_late(self, till: Till, asked: Asked, draw: Draw) -> str:
        if asked.member:
            for shopper in self.shoppers:
                if till.terminal.scanned(card_of(shopper)).member == asked.member:
                    break
        return self._sell(till, asked.sale, asked.member, asked.redeem, draw)

    def keeping(self, till: Till, draw: Draw) -> str:
        return f"head office expires the points of {self.office.expire()} members"

    # -- accidents

    def cut(self, till: Till, draw: Draw) -> str:
        if till.wire.is_cut and draw.random() < 0.5:
            till.wire.cut_until = None
            return "the network is back"
        hours = draw.choice((1, 6, 24, 72))
        till.wire.cut_until = self.now + timedelta(hours=hours)
        self.fault(f"{till.label}: cut")
        return f"the network is cut for {hours} hours"

    def paper(self, till: Till, draw: Draw) -> str:
        till.paper.fails = not till.paper.fails
        return f"the printer {'fails' if till.paper.fails else 'works'}"

    def late_sale(self, till: Till, draw: Draw) -> str:
        """The host hands over a sale from before: one this journal does not have, or one made while the plugin was down."""
        self.fault(f"{till.label}: late sale")
        here = {entry.envelope.document for entry in till.memory.journal}
        lost = [one for one in till.host.sales.values() if one.sale.document not in here]
        if lost and draw.random() < 0.7:
            return self._tell_late(till, draw.choice(lost), draw)
        shopper = draw.choice(self.shoppers)
        found = till.terminal.scanned(card_of(shopper))
        sale = self._basket(till, shopper, draw, ago=timedelta(hours=draw.choice((1, 20, 200))))
        return self._sell(till, sale, found.member, draw.choice((0, 100)), draw)

    def months(self, till: Till, draw: Draw) -> str:
        self.now += timedelta(days=draw.randint(3, 25))
        return f"it is {self.now:%d %b}"

    def wrong_clock(self, till: Till, draw: Draw) -> str:
        hours = draw.choice((0, 0, 1, -1, 24 * 365, -24 * 365))
        till.skew = timedelta(hours=hours)
        if hours:
            self.fault(f"{till.label}: wrong clock")
        return f"the clock is {hours:+} hours wrong"

    def image_disk(self, till: Till, draw: Draw) -> str:
        if till.image is None or draw.random() < 0.4:
            folder = till.folder.with_name(till.folder.name + "-image")
            till.copy_folder(folder)
            till.image = (folder, till.memory.copy())
            return "an image of its disk is taken"
        self.fault(f"{till.label}: image")
        folder, memory = till.image
        till.stop()
        lost = till.memory.journal
        copy_database(folder / FILE, till.folder / FILE)
        till.memory = memory.copy()
        till.disk.disarm()
        till.pages.clear()
        till.is_copied = True
        till.start()
        self._allow_copy(memory)
        self._mark_lost(lost)
        return f"its disk is restored to entry {len(memory.journal)} of {len(lost)}"

    def clone(self, till: Till, draw: Draw) -> str:
        if len(self.tills) >= MOST_TILLS:
            return "enough tills"
        self.fault(f"{till.label}: clone")
        self.made_tills += 1
        twin = self._placed(f"till {self.made_tills}", till.shop, Host(str(self.made_tills)))
        till.copy_folder(twin.folder)
        twin.memory = till.memory.copy()
        twin.is_copied = till.is_copied = True
        self._allow_copy(till.memory)
        self.tills.append(twin)
        twin.start()
        return f"its folder goes on as {twin.label}, too"

    def destroyed(self, till: Till, draw: Draw) -> str:
        if self.made_tills >= MOST_TILLS + 2:
            return "enough is broken"
        self.fault(f"{till.label}: destroyed")
        return self._replace(till)

    def _replace(self, till: Till) -> str:
        self._discard(till)
        new = self._new_till(till.shop, till.host)
        self.tills[self.tills.index(till)] = new
        self.retired.append(till)
        self.office.excuse(till.terminal_name)
        self._mark_lost(till.memory.journal)
        return f"{new.label} takes its place"

    def _discard(self, till: Till) -> None:
        till.terminal_name = till.setting("terminal")
        till.disk.disarm()
        till.stop()

    def server_restored(self, till: Till, draw: Draw) -> str:
        if self.backup is None or draw.random() < 0.4:
            self.backup = self.folder / "backup"
            self.office.back_up(self.backup)
            return "head office's database is backed up"
        self.fault("server restored")
        # What has been granted since may be granted once more, and so may what the tills hold.
        for member, points in self.office.look("SELECT member, sum(points) FROM granted GROUP BY member"):
            self.allowed[str(member)] += int(str(points))
        for one in self.tills:
            self._allow_copy(one.memory)
        self.office.restore(self.backup)
        for one in self.retired:
            self.office.excuse(one.terminal_name)
        return "head office's database is restored"

    def _allow_copy(self, memory: Memory) -> None:
        """What a second copy of this disk can spend once more: its rights, coming ones, redemptions that it can still void."""
        for places in (memory.held(), memory.pending()):
            for member, lots in places.items():
                self.allowed[member] += sum(points for points in lots.values() if points > 0)
        for entry in memory.journal:
            if isinstance(entry.body, SaleBody):
                self.allowed[entry.member] += entry.body.redeemed

    def _mark_lost(self, journal: list[Entry]) -> None:
        """What a lost disk had awarded may have been heard of by a head office that was restored since."""
        for entry in journal:
            self.allowed[entry.member] += max(0, effect(entry))

    # -- what a person does at head office

    def update(self, till: Till, draw: Draw) -> str:
        """Other rules come into force; by the feed, and so at each till at another time."""
        self.fault("update")
        self.program = program(self.program.version + 1, self.policy, stands=self.stands)
        self.facts.programs[self.program.id] = self.program
        self.office.use(self.program)
        self.backup = None  # a head office that never saw a sale's rules goes by what the tills found
        return f"version {self.program.version} of the programme comes into force"

    def erase(self, till: Till, draw: Draw) -> str:
        """A member wants to be forgotten; the household may join again later."""
        members = [
            str(member)
            for (member,) in self.office.look(
                "SELECT member FROM member WHERE merged_into = '' AND erased_at = '' ORDER BY joined_at, member"
            )
        ]
        if not members:
            return "nobody is there to be forgotten"
        self.fault("erase")
        member = draw.choice(members)
        cards = {str(card) for (card,) in self.office.look("SELECT card FROM card WHERE member = ?", member)}
        self.office.erase(member)
        self.erased.add(member)
        for shopper in self.shoppers:
            if card_of(shopper) in cards:
                self.joined.pop(shopper.household, None)
        return f"member {member} is forgotten"

    def write_off(self, till: Till, draw: Draw) -> str:
        owing = [
            str(member) for (member,) in self.office.look("SELECT member FROM member WHERE debt > 0 ORDER BY member")
        ]
        if not owing:
            return "nobody owes anything"
        self.fault("write off")
        member = draw.choice(owing)
        return f"{self.office.write_off(member)} points that {member} owes are written off"

    def forfeit(self, till: Till, draw: Draw) -> str:
        """A till is given up for lost, and lives on: it hears of it at once, or after days."""
        self.fault(f"{till.label}: forfeit")
        if draw.random() < 0.7:
            till.wire.cut_until = self.now + timedelta(hours=draw.choice((6, 24, 72)))
        return f"{self._forfeit(till.setting('terminal'))} points are forfeited"

    def _forfeit(self, terminal: str) -> int:
        gone = self.office.forfeit(terminal)
        self.forfeited.update(gone)
        self.allowed.update(gone)
        return sum(gone.values())

    def revoked(self, till: Till, draw: Draw) -> str:
        """A till is stolen: from now on nothing of it is taken; another takes its place."""
        if self.made_tills >= MOST_TILLS + 2:
            return "enough is broken"
        terminal = till.setting("terminal")
        if any(one is not till and one.setting("terminal") == terminal for one in self.tills):
            return "it has a twin"
        self.fault(f"{till.label}: revoked")
        till.disk.disarm()  # whatever befalls it, it does not come back
        self.office.revoke(terminal)
        query = "SELECT count(*) FROM inbox WHERE terminal = ?"
        before = self.office.look(query, terminal)
        till.wire.cut_until = None
        self.exchange(till)
        require(self.office.look(query, terminal) == before, f"{till.label} is revoked, and its entries are taken")
        if "forfeit" in self.hazards:
            self._forfeit(terminal)
        return self._replace(till)

    def excuse(self, till: Till, draw: Draw) -> str:
        """Head office is restored, one till is away, and a person goes on without it; it comes back after all."""
        waiting = sorted({terminal for terminal, _ in self.office.awaited})
        if waiting and draw.random() < 0.6:
            self.fault("excuse")
            terminal = draw.choice(waiting)
            self.office.excuse(terminal)
            return f"head office goes on without terminal {terminal}"
        if self.backup is not None:
            till.wire.cut_until = self.now + timedelta(hours=draw.choice((24, 72)))
        return self.server_restored(till, draw)

    # -- the end

    def finish(self) -> None:
        """Everything is mended, restarted and handed over; then what must hold is checked."""
        self.is_mended = True
        for till in self.tills:
            till.wire.deliver_late()
        self.office.restart()
        for till in self.tills:
            till.wire.mend()
            till.skew = timedelta()
            till.paper.fails = False
            till.restart()
            self.harvest(till)
        # Rights stay where they are at first, so that both sides' figures can be compared.
        self._drain(lambda member: True)
        checks.same_rights(self, of_twins=False)
        self._drain(lambda member: False)
        if self.office.expire():
            while self.office.expire():
                pass
            self._drain(lambda member: False)
        if self.stands and self.hazards.keeps("escrow"):
            checks.what_stands_is_called_back(self)
            self._drain(lambda member: False)
        for till in self.tills:
            for _ in range(3):
                self.print_out(till)
                self.settle_prints(till)
            self.harvest(till)
        checks.everything(self)

    def _drain(self, keeps: Callable[[str], bool]) -> None:
        at_rest: dict[str, int] = {}
        for round_ in range(12):
            moved = 0
            for till in self.tills:
                if at_rest.get(till.label) == self.office.version:
                    continue  # nothing has happened at head office since it had nothing to say
                progress = till.sync.step(keeps)
                self.harvest(till)
                mine = progress.uploaded + progress.received + progress.unsent
                moved += mine
                if not mine:
                    at_rest[till.label] = self.office.version
                self.say(f"    {till.label} round {round_}: sent {progress.uploaded}, received {progress.received}")
            self.now += timedelta(seconds=5)
            if not moved:
                return
        raise Violation("the tills and head office do not come to rest")

    def close(self) -> None:
        for till in self.tills:
            till.stop()
        self.office.stop()


def card_of(shopper: Shopper) -> str:
    first = f"29{shopper.household:010d}"
    return first + ean13_check_digit(first)


def _moves(entry: Entry) -> str:
    changes = " ".join(f"{lot[:4]}{change:+}" for lot, change in entry.envelope.esc.items())
    return f"{effect(entry):+} [{changes}]" + (" opens an epoch" if isinstance(entry.body, OpenBody) else "")


def _till_template(template: Path) -> Path:
    """A till's file with its tables and without a name; `Store.create` makes one of it."""
    folder = template / "till"
    if not folder.exists():
        from offline_store.store import Store

        Store.create(folder).close()
        import sqlite3

        with sqlite3.connect(folder / FILE) as file:
            file.execute("DELETE FROM setting")
        file.close()
        (folder / KEY).unlink()
    return folder / FILE


ACTIONS: dict[str, Callable[[World, Till, Draw], str]] = {
    "visit": World.visit,
    "exchange": lambda world, till, _: world.exchange(till),
    "claims": World.claims,
    "printing": World.printing,
    "person": World.person,
    "hand over": World.hand_over,
    "keeping": World.keeping,
    "returns": World.returns,
    "cut": World.cut,
    "paper": World.paper,
    "late sale": World.late_sale,
    "months": World.months,
    "wrong clock": World.wrong_clock,
    "image": World.image_disk,
    "clone": World.clone,
    "destroyed": World.destroyed,
    "server restored": World.server_restored,
    "update": World.update,
    "erase": World.erase,
    "write off": World.write_off,
    "forfeit": World.forfeit,
    "revoked": World.revoked,
    "excuse": World.excuse,
}
