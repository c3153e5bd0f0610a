"""Whom a person at head office may see, and how much of them: the letters of "see personal data" in the table of roles.

Y sees everybody, O the members of the own shop (all, for whoever works for all shops). M sees initials and the end of a card.
Whoever has no letter there may still know a member by a card that they were told: finance and marketing move points by it, and
see of the person no more than its last digits.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from central_server import schema
from central_server.errors import Refused
from central_server.membership import story as member_story
from central_server.membership.story import Summary
from central_server.pages.frame import Visit


def sees_all(visit: Visit) -> bool:
    """Names, numbers and cards as they are."""
    return bool(set(visit.leave("personal_data")) & {"Y", "O"})


def own_shop(visit: Visit) -> str:
    """The shop to which this person is bound; '' for none."""
    return visit.staff.shop if "O" in visit.leave("personal_data") else ""


def require_member(visit: Visit, connection: Connection, member: str) -> str:
    """Who a reference is now. Raises Refused for somebody of another shop, OfficeError where there is nobody."""
    found = member_story.who_is(connection, member)
    if not is_theirs(visit, connection, found):
        hint = "Support and head office see the members of all shops."
        raise Refused("NOT_ALLOWED", "This member is not of your shop.", hint=hint, status=403)
    return found


def is_theirs(visit: Visit, connection: Connection, member: str) -> bool:
    """Whether a member is known in the shop of whoever is bound to one."""
    shop, seen = own_shop(visit), schema.member_shop.c
    return not shop or connection.scalar(select(seen.shop).where(seen.member == member, seen.shop == shop)) is not None


def shown_card(visit: Visit, card: str) -> str:
    return card if sees_all(visit) else f"ends {card[-4:]}"


def shown_name(visit: Visit, name: str, card: str) -> str:
    """What somebody is called on a page: their name, "A. L., card ends 0018", or "Card ends 0018"."""
    end = f"card ends {card[-4:]}" if card else "no card"
    if sees_all(visit):
        return name or f"no name, {end}"
    return f"{initials(name)}, {end}" if name and visit.leave("personal_data") else end.capitalize()


def initials(name: str) -> str:
    """
    >>> initials("Ada Lovelace")
    'A. L.'
    """
    return " ".join(f"{part[0].upper()}." for part in name.split()[:3])


def title(visit: Visit, about: Summary) -> str:
    if about.is_erased:
        return "A member who was forgotten"
    return shown_name(visit, about.name, about.cards[0].card if about.cards else "")
