"""Choosing lots: whoever spends takes the soonest expiry among what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.entry import Slice


def spendable(held: Iterable[Slice], today: str) -> list[Slice]:
    """The slices that can be spent today, soonest expiry first."""
    return sorted(
        (part for part in held if part.points > 0 and today < part.expires_on),
        key=lambda part: (part.expires_on, part.lot),
    )


def spent(held: Sequence[Slice], points: int) -> dict[str, int]:
    """The change to each lot when `points` are spent from `held` in its order; ValueError where they do not suffice."""
    changes: dict[str, int] = {}
    for part in held:
        if not points:
            break
        use = min(points, part.points)
        changes[part.lot] = changes.get(part.lot, 0) - use
        points -= use
    if points:
        raise ValueError(f"{points} points more than are held")
    return changes
