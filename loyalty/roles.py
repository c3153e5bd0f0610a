"""Who may do what: one table, of which pages, commands and tests are made, at tills and at head office.

    Y yes    L limited    O of the own shop    P proposes    2 allows as the second person    M masked    R reads    F own figures

What "limited" means stands where it is done. Cashiers, supervisors and managers work at tills
(`pos_plugin.shop_day.operators`), the others at head office. An integrator's programs speak to a till's API with a key of
their own.
Whoever serves opens a ticket; those who look at tickets and answer them stand in rows of their own. `stock` is new cards: how
many are made, and to which shop they go. Whoever keeps segments also has them sent to other systems.
"""

from __future__ import annotations

from collections.abc import Iterable

ROLES = ("cashier", "supervisor", "manager", "marketing", "finance", "support", "auditor", "integrator")

_TABLE = """
sell             L Y Y - - - - -
enrol            Y Y Y - - Y - -
refund           L Y Y - - - - -
claim            L Y Y - - L - -
adjust           - P L2 P 2 P - -
block            P Y Y - - Y - -
merge            - P P - - 2 - -
personal_data    M M O - - Y M -
erase            - - P - - 2 - -
close_day        P Y Y - - - - -
training         - Y Y - - - - -
publish          - - - P 2 - - -
figures          F O O Y Y - Y -
ledger           - - O - Y R Y -
books            - - - - Y - R -
forfeit          - - P - 2 - - -
devices          - - P - - - - 2
stock            - - - P 2 - - -
tickets          - O O - - Y R -
answer           - O O - - Y - -
segments         - - - Y - - R R
"""

LEAVES: dict[str, dict[str, str]] = {
    row.split()[0]: dict(zip(ROLES, row.split()[1:], strict=True)) for row in _TABLE.strip().splitlines()
}
"""Action → role → what of it; "-" is nothing."""


def leave(role: str, action: str) -> str:
    """What this role may do of this action, as letters of the table; "" for nothing.

    >>> leave("manager", "adjust"), leave("auditor", "publish")
    ('L2', '')
    """
    return LEAVES[action].get(role, "").replace("-", "")


def may_any(role: str, actions: Iterable[str]) -> bool:
    return any(leave(role, action) for action in actions)
