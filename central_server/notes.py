"""What a person at head office should see. A note never stops anything."""

from __future__ import annotations

from central_server.office import Office


def note_row(office: Office, terminal: str, number: int, entry: str, code: str, reason: str) -> dict[str, object]:
    """Something for a person to look at. Says what is odd, never a name or a number of a card."""
    return {
        "terminal": terminal,
        "number": number,
        "hash": entry,
        "code": code,
        "reason": reason.replace("\x00", "")[:500],
        "noted_at": office.time(),
    }
