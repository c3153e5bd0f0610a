"""Moments as people read them: by the shops' clocks, whose zone the programme names. All that is stored is in UTC."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from central_server.office import utc_text


def local(moment: str, zone: ZoneInfo) -> str:
    """A moment as the shops' clocks show it, to the second; as it stands where it is none, or is local already.

    >>> local("2026-07-01T09:30:00.000+00:00", ZoneInfo("Europe/Berlin"))
    '2026-07-01T11:30:00'
    """
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    if len(moment) <= len("2026-07-01"):  # a day has no time of its own
        return moment
    at = at.astimezone(zone).replace(tzinfo=None) if at.tzinfo else at
    return at.isoformat(timespec="seconds")


def shown(moment: str, zone: ZoneInfo) -> str:
    """
    >>> shown("2026-07-01T22:30:00.000+00:00", ZoneInfo("Europe/Berlin"))
    '2026-07-02 00:30'
    """
    return local(moment, zone)[:16].replace("T", " ")


def begins(day: str, zone: ZoneInfo) -> str:
    """The moment at which a day begins by the shops' clocks, as it is stored: what is before it in the alphabet was earlier.

    >>> begins("2026-07-01", ZoneInfo("Europe/Berlin"))
    '2026-06-30T22:00:00.000+00:00'
    """
    return utc_text(datetime.combine(date.fromisoformat(day), time(), tzinfo=zone))
