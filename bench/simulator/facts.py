"""What happened, kept apart from the product's books and added up as simply as possible.

Facts are the entries that tills have committed, each compared with what its host had asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from bench.simulator.memory import effect
from bench.simulator.rules import came_back
from ledger.entry import ClaimBody, Entry, ReturnBody, SaleBody
from loyalty.program import Program
from loyalty.sale import Return


class Facts:
    """Every entry that any till committed, with the shop in which it happened, and the rules it may have followed."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.shops: dict[str, str] = {}
        self.programs: dict[str, Program] = {}
        """By their ids."""
        self.awarded: Counter[str] = Counter()
        """What each member was ever awarded; returns take nothing of it back."""
        self.redeemed: Counter[str] = Counter()
        """What each member ever redeemed, less what returns restored."""

    def add(self, entry: Entry, shop: str) -> None:
        self.entries[entry.hash] = entry
        self.shops[entry.hash] = shop
        match entry.body:
            case SaleBody(awarded=awarded, redeemed=redeemed):
                self.awarded[entry.member] += awarded
                self.redeemed[entry.member] += redeemed
            case ClaimBody(awarded=awarded):
                self.awarded[entry.member] += awarded
            case ReturnBody(restored=restored):
                self.redeemed[entry.member] -= restored
            case _:
                pass

    def net(
        self, hashes: Iterable[str], first: Mapping[tuple[str, str], tuple[str, str]] | None = None
    ) -> Counter[str]:
        """Each member's points if exactly these entries had happened, expiry aside: no lots, no places, no order.

        A document counts once for each content. `first` says which sale (and which claim) head office heard first, where two
        disks wrote different ones: (shop, sale) → (hash of the sale, hash of the claim).
        """
        first = first or {}
        sales: dict[tuple[str, str], dict[object, Entry]] = {}
        backs: dict[tuple[str, str], dict[str, Return]] = {}
        claims: dict[tuple[str, str], dict[str, Entry]] = {}
        for name in hashes:
            entry = self.entries[name]
            shop = self.shops[name]
            match entry.body:
                case SaleBody(sale=sale, redeemed=redeemed):
                    key = (shop, sale.document)
                    known = sales.setdefault(key, {})
                    if first.get(key, ("", ""))[0] == name:
                        known[entry.member, repr(sale), redeemed] = entry
                    known.setdefault((entry.member, repr(sale), redeemed), entry)
                case ReturnBody(back=back, sale=document):
                    backs.setdefault((shop, document), {})[repr((entry.member, back))] = back
                case ClaimBody(sale=document):
                    claims.setdefault((shop, document), {})[name] = entry
                case _:
                    pass
        net: Counter[str] = Counter()
        for key, contents in sales.items():
            for entry in contents.values():
                net[entry.member] += effect(entry)
            chosen = next((one for one in contents.values() if one.hash == first.get(key, ("",))[0]), None)
            sold = chosen or next(iter(contents.values()))
            assert isinstance(sold.body, SaleBody)
            owner, awarded = sold.member, sold.body.awarded
            if not owner and key in claims:
                claim = claims[key].get(first.get(key, ("", ""))[1]) or next(iter(claims[key].values()))
                assert isinstance(claim.body, ClaimBody)
                owner, awarded = claim.member, claim.body.awarded
                net[owner] += awarded
            if owner and key in backs:
                rules = self.programs[sold.body.program]
                taken, restored = came_back(rules, sold.body.sale, awarded, sold.body.redeemed, backs[key].values())
                net[owner] += restored - taken
        del net[""]
        return net
