"""The tables of head office, for SQLite and PostgreSQL alike. Written by `central_server.migrations`, never at serve.

Laid out so that an existing engine can distribute them: what belongs to a member leads with the member in its key, documents
lead with the shop, what a terminal sent leads with the terminal, and nothing in the hot path takes a number from a sequence.
Cards, phones and names are directories: they lead with what is looked up, and name the member.

The ledger's tables are named here; those of the other rooms in modules of their own: `people`, `shops`, `care`, `figures`,
`segments`.
"""

from __future__ import annotations

from central_server.schema import care as care
from central_server.schema import figures as figures
from central_server.schema import people as people
from central_server.schema import segments as segments
from central_server.schema import shops as shops
from central_server.schema.columns import metadata as metadata
from central_server.schema.ledger import (
    blocked_card as blocked_card,
)
from central_server.schema.ledger import (
    branch as branch,
)
from central_server.schema.ledger import (
    card as card,
)
from central_server.schema.ledger import (
    chain as chain,
)
from central_server.schema.ledger import (
    document as document,
)
from central_server.schema.ledger import (
    enroll_code as enroll_code,
)
from central_server.schema.ledger import (
    feed_channel as feed_channel,
)
from central_server.schema.ledger import (
    feed_item as feed_item,
)
from central_server.schema.ledger import (
    floor_owed as floor_owed,
)
from central_server.schema.ledger import (
    follow_up as follow_up,
)
from central_server.schema.ledger import (
    forfeit as forfeit,
)
from central_server.schema.ledger import (
    forfeited as forfeited,
)
from central_server.schema.ledger import (
    grant as grant,
)
from central_server.schema.ledger import (
    holding as holding,
)
from central_server.schema.ledger import (
    inbox as inbox,
)
from central_server.schema.ledger import (
    journal as journal,
)
from central_server.schema.ledger import (
    lot as lot,
)
from central_server.schema.ledger import (
    member as member,
)
from central_server.schema.ledger import (
    member_history as member_history,
)
from central_server.schema.ledger import (
    member_shop as member_shop,
)
from central_server.schema.ledger import (
    name_word as name_word,
)
from central_server.schema.ledger import (
    note as note,
)
from central_server.schema.ledger import (
    pass_key as pass_key,
)
from central_server.schema.ledger import (
    person as person,
)
from central_server.schema.ledger import (
    phone as phone,
)
from central_server.schema.ledger import (
    posting as posting,
)
from central_server.schema.ledger import (
    profile as profile,
)
from central_server.schema.ledger import (
    program as program,
)
from central_server.schema.ledger import (
    rule_count as rule_count,
)
from central_server.schema.ledger import (
    sale as sale,
)
from central_server.schema.ledger import (
    setting as setting,
)
from central_server.schema.ledger import (
    shop as shop,
)
from central_server.schema.ledger import (
    terminal as terminal,
)
from central_server.schema.ledger import (
    token as token,
)
from central_server.schema.ledger import (
    undone as undone,
)
from central_server.schema.ledger import (
    vesting as vesting,
)

VERSION = "0018"
"""The newest migration: the only version of the tables that this program serves."""
