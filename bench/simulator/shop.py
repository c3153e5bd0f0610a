"""What happens in shops: customers with and without their cards, goods that come back, receipts, and a host that asks again.

What a till refuses is part of life, and answered as a line of the trace.
"""

from __future__ import annotations

from datetime import timedelta
from random import Random

from bench.simulator.disks import PowerCut
from bench.simulator.loops import exchange, print_out
from bench.simulator.rules import PROGRAM, day_of
from bench.simulator.shoppers import Shopper
from bench.simulator.till import Asked, Till
from bench.simulator.violation import require
from bench.simulator.world import World
from ledger.identifiers import receipt_reference
from loyalty.sale import LineItem, Return, ReturnedLine, Sale, document_name
from offline_store import receipts
from offline_store.errors import StoreError
from pos_plugin.errors import TillError
from pos_plugin.members.joining import join
from pos_plugin.sales.claims import claim
from pos_plugin.sales.returns import take_back
from pos_plugin.sales.returns import void as void_sale

# -- customers


def visit(world: World, _: Till, draw: Random) -> str:
    """A household shops where it likes to, whatever till this step had been drawn for."""
    shopper = draw.choices(world.shoppers, [one.baskets for one in world.shoppers])[0]
    tills = _favourites(world, shopper)
    till = draw.choices(tills, [*shopper.shares, 1][: len(tills)])[0]
    till.draw_from(draw)
    try:
        said = _shop(world, till, shopper, draw)
    except PowerCut:
        world.restart_till(till)
        said = "the power went"
    finally:
        if not till.disk.is_off:
            world.oracle.audit(till)
    return f"{till.label}, household {shopper.household}: {said}"


def _favourites(world: World, shopper: Shopper) -> list[Till]:
    """The tills in the order in which this household likes them."""
    first = shopper.household % len(world.tills)
    return [*world.tills[first:], *world.tills[:first]][: len(shopper.shares) + 1]


def _shop(world: World, till: Till, shopper: Shopper, draw: Random) -> str:
    # The loop's last try was a moment ago. Where it was not, the till counts as offline; a wrong clock would hide that.
    tries = "wrong clock" in world.hazards or draw.random() < 0.55
    exchanged = exchange(world, till) if tries else "no exchange"
    world.wait(draw, 1, 40)
    member = "" if draw.random() < 0.12 else _scanned(world, till, shopper)
    sale = _basket(till, shopper, draw)
    wish = 0
    if member and draw.random() < 0.55:
        wish = draw.choice((10**6, draw.randint(1, 300), draw.randint(1, 1500)))
    said = _sell(world, till, Asked(sale, member, wish), draw)
    if draw.random() < 0.7:
        world.wait(draw, 1, 3)
        print_out(till)
    return f"{exchanged}; {said}"


def _scanned(world: World, till: Till, shopper: Shopper) -> str:
    """The member of the card; one who is nowhere known joins, and with "double join" also one whom only this till does not
    know. Answers '' where nobody joins."""
    found = till.terminal.scanned(shopper.card)
    if found.kind == "unknown card" and (shopper.household not in world.joined or "double join" in world.hazards):
        if shopper.household in world.joined:
            world.fault("double join")
        world.joined.add(shopper.household)
        join(till.checkout, shopper.card, name="Ada Lovelace" if shopper.household % 2 else "")
        found = till.terminal.scanned(shopper.card)
    return found.member


def _basket(till: Till, shopper: Shopper, draw: Random, ago: timedelta = timedelta()) -> Sale:
    low, middle, high = shopper.basket_minor
    total = round(draw.triangular(low // 2, high * 2, middle))
    first = draw.randint(0, total)
    lines = (LineItem("1", first, sku="a"), LineItem("2", total - first, quantity_milli=2000, sku="b"))
    at = till.clock() - ago
    made_at = at.astimezone(PROGRAM.zone).replace(tzinfo=None).isoformat(timespec="seconds")
    reference = str(len(till.host.sales) + 1)
    return Sale(till.host.name, reference, made_at, day_of(at), "EUR", total, lines, operator="1")


def claims(world: World, till: Till, draw: Random) -> str:
    """A forgotten card."""
    left = [one for one in till.host.sales.values() if one.number and not one.member][-4:]
    if not left:
        return "nothing to claim"
    asked = draw.choice(left)
    member = _scanned(world, till, draw.choice(world.shoppers))
    if not member:
        return "card not known"
    till.host.claims.setdefault(document_name("claim", asked.sale.till, asked.sale.sale_ref), member)
    done = claim(till.checkout, asked.reference, member)
    return f"claimed sale {asked.sale.sale_ref}: +{done.earned_points}"


def returns(world: World, till: Till, draw: Random) -> str:
    """Goods come back, in every way a return can be told; now and then again, or under a name that was used before."""
    sold = [one for one in till.host.sales.values() if one.number][-8:]
    if not sold:
        return "nothing was sold"
    again = [one for one in sold if any(back.sale_ref == one.sale.sale_ref for back in till.host.backs.values())]
    sale = draw.choice(again if again and draw.random() < 0.5 else sold).sale
    kind = draw.choice(("void", "all", "amount", "amount", "line", "piece"))
    reference = f"r{draw.randint(1, 3)}" if draw.random() < 0.2 else f"s{world.step}"
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


# -- the host


def _sell(world: World, till: Till, wanted: Asked, draw: Random) -> str:
    """Quote and commit, as a host does; what it is not sure of it hands over again later, as it was asked first."""
    sale = wanted.sale
    asked = till.host.sales.setdefault(sale.sale_ref, wanted)
    key = f"key {till.host.name} {sale.sale_ref}"
    try:
        quote = till.checkout.quote(sale, asked.member, asked.redeem)
        if draw.random() < 0.05:
            return "the customer left"
        world.wait(draw, 1, 20)
        done = till.checkout.commit(quote.quote_id, key=key)
    except (StoreError, TillError) as error:
        return f"sale {sale.sale_ref}: {error.code}: {error}"
    asked.number, asked.reference = done.number, done.reference
    if "repeat" in world.hazards and draw.random() < 0.4:
        world.fault("repeat")
        if draw.random() < 0.5:
            quote = till.checkout.quote(sale, asked.member, asked.redeem)
        again = till.checkout.commit(quote.quote_id, key=key)
        require(again == done, f"{till.label}: sale {sale.sale_ref} told again was answered {again}, first {done}")
    return (
        f"sale {sale.sale_ref} of {sale.total_minor}: +{done.earned_points} -{done.redeem_points}"
        f"{'' if quote.online else ' offline'}"
    )


def hand_over(world: World, till: Till, draw: Random) -> str:
    """The host tells of sales again that it got no answer for."""
    left = [one for one in till.host.sales.values() if not one.number]
    return _tell_late(world, till, draw.choice(left), draw) if left else "nothing is left"


def late_sale(world: World, till: Till, draw: Random) -> str:
    """The host hands over a sale from before: one this journal does not have, or one made while the plugin was down."""
    world.fault(f"{till.label}: late sale")
    here = {entry.envelope.document for entry in till.memory.journal}
    lost = [one for one in till.host.sales.values() if one.sale.document not in here]
    if lost and draw.random() < 0.7:
        return _tell_late(world, till, draw.choice(lost), draw)
    shopper = draw.choice(world.shoppers)
    member = till.terminal.scanned(shopper.card).member
    sale = _basket(till, shopper, draw, ago=timedelta(hours=draw.choice((1, 20, 200))))
    return _sell(world, till, Asked(sale, member, draw.choice((0, 100))), draw)


def _tell_late(world: World, till: Till, asked: Asked, draw: Random) -> str:
    if asked.member:  # the till asks head office about a card that it does not know
        for shopper in world.shoppers:
            if till.terminal.scanned(shopper.card).member == asked.member:
                break
    return _sell(world, till, asked, draw)


# -- receipts


def printing(world: World, till: Till, draw: Random) -> str:
    print_out(till)
    return f"{len(till.paper.pieces)} pieces of paper so far"


def person(world: World, till: Till, draw: Random) -> str:
    """Somebody looks at prints that are not certain, or wants a receipt again."""
    if till.memory.journal and draw.random() < 0.3:
        entry = draw.choice(till.memory.journal)
        till.terminal.printer.reprint(receipt_reference(entry.envelope.terminal, entry.number))
        return f"asks for receipt {entry.number} again"
    return f"settles {settle_prints(till)} prints"


def settle_prints(till: Till) -> int:
    """Somebody says of each print that is not certain whether its paper is there. Answers how many there were."""
    with till.store.read() as db:
        jobs = [job for job in receipts.shown_jobs(db, 100) if job.state == "unknown"]
    for job in jobs:
        reference = receipt_reference(till.setting("terminal"), job.number)
        till.terminal.printer.settle(job.job, came_out=(reference, job.copy) in till.paper.pieces)
    return len(jobs)
