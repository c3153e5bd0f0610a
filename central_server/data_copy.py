"""All that head office has of one member, for that member: their right to a copy (GDPR, articles 15 and 20)."""

from __future__ import annotations

from typing import Any

import msgspec

from central_server import consents
from central_server.office import Office


def of(office: Office, member: str) -> dict[str, Any]:
    """Plain names, values that go into JSON. Of other members nothing but that they are one: "another member"."""
    with office.database.reading() as connection:
        return {"consents": [msgspec.structs.asdict(one) for one in consents.of(connection, member)]}
