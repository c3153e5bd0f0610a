"""A forgotten card on a receipt too small to earn anything: the claim stands all the same, and is no trouble."""

from __future__ import annotations

from ledger.entry import ClaimBody


def test_a_claim_of_a_sale_that_earned_nothing_is_taken(office, till, tell):
    one = till()
    sold = one.sale("1", 99)
    one.write(ClaimBody("sale/AAAAAA/1", one.program.id), "claim/AAAAAA/1", "m1")
    one.send()
    one.give_back(sold, "r1", 99)
    one.send()
    assert tell.notes(office) == []
    assert tell.figures(office, "m1") == {}
