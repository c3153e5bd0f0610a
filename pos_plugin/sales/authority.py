"""Who does something at the till, and on whose word."""

from __future__ import annotations

import msgspec

from pos_plugin.errors import NotAllowed


class SignedOn(msgspec.Struct, frozen=True):
    """Who is on at this till, and in which shift of theirs."""

    operator: str
    name: str
    role: str
    shift: str


class Override(msgspec.Struct, frozen=True):
    """Somebody else's word: who allows it, their PIN, and why."""

    allowed_by: str = ""
    pin: str = ""
    reason: str = ""

    def __repr__(self) -> str:
        return f"Override({self.allowed_by!r})"


class Alone(msgspec.Struct, frozen=True):
    """How much of an action somebody may do without anybody's word: sales of so much, so many days old."""

    minor: int
    days: int


class By(msgspec.Struct, frozen=True):
    """Whose doing an entry is, and on whose word: by itself up to `alone`, and all of it where that is None."""

    operator: str = ""
    shift: str = ""
    approved_by: str = ""
    reason: str = ""
    alone: Alone | None = None

    def require_within(self, amount_minor: int, age_days: int) -> None:
        """Raises NotAllowed where so much of a sale so old is more than may be done alone."""
        if self.alone is None:
            return
        if amount_minor > self.alone.minor:
            raise needs_supervisor("This is more than a cashier may do alone.")
        if not 0 <= age_days <= self.alone.days:  # a sale of a day to come would never be old
            raise needs_supervisor("This sale is older than a cashier may touch alone.")


def needs_supervisor(why: str) -> NotAllowed:
    return NotAllowed(
        "SUPERVISOR_NEEDED",
        f"{why} Nothing was recorded.",
        hint="A supervisor or manager allows it with their PIN and a reason.",
    )
