"""What of a member needs two people: what each such proposal is in a sentence, before and after, and how it is done.

A sentence names members by the end of a card, because whoever allows it may have no leave to see more.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from central_server import schema
from central_server.errors import OfficeError
from central_server.membership import cards, desk, members
from central_server.membership.desk import Who
from central_server.membership.story import who_is
from central_server.office import Office
from central_server.people.proposals import KINDS, Details, Kind
from central_server.reports import report
from central_server.tills import forfeits
from ledger.keys import card_hash
from loyalty.words import in_language

MEMBERS = ("member", "into", "to")
"""Where the details of a proposal have a member's reference."""


def called(connection: Connection, member: str) -> str:
    """How a sentence names a member: by the end of their first card."""
    numbers = report.cards_of(connection, [who_is(connection, member)]).get(who_is(connection, member), [])
    return f"the member whose card ends {numbers[0][-4:]}" if numbers else f"the member {member}, who has no card"


def _balance(office: Office, connection: Connection, member: str) -> int:
    return report.balance_of(connection, who_is(connection, member), office.today(connection)).balance


def points_of(details: Details) -> int:
    """Raises OfficeError for what is no number of points."""
    try:
        return int(details.get("points", "").replace(",", "").strip())
    except ValueError as error:
        raise OfficeError(
            "That is no number of points.", hint="Write it like 250, or -40 to take.", code="POINTS_UNFIT"
        ) from error


# -- points by hand ------------------------------------------------------------------------------------------------------


def _adjust_sentence(office: Office, details: Details) -> str:
    points = points_of(details)
    with office.database.reading() as connection:
        whom, before = called(connection, details["member"]), _balance(office, connection, details["member"])
    what = f"Give {points:,} points to" if points > 0 else f"Take {-points:,} points from"
    why = " as goodwill" if details.get("goodwill") else ""
    return f"{what} {whom}{why}: balance {before:,} → {before + points:,}."


def _adjust(office: Office, details: Details, who: Who) -> str:
    is_goodwill = bool(details.get("goodwill"))
    done = desk.adjust(
        office, details["member"], points_of(details), who, is_goodwill=is_goodwill, document=details["case"]
    )
    return f"The balance was {done.before:,} and is {done.after:,}."


def to_reinstate(office: Office, connection: Connection, member: str) -> int:
    """How many points could come back now, by the programme's own rule."""
    program, today = office.program(connection), office.today(connection)
    assert program is not None, "init puts a programme in force"
    holding, lot = schema.holding.c, schema.lot.c
    rows = connection.execute(
        select(holding.points, lot.expires_on)
        .join_from(schema.holding, schema.lot, (lot.member == holding.member) & (lot.lot == holding.lot))
        .where(holding.member == who_is(connection, member), holding.place == "expired")
    )
    return sum(int(row.points) for row in rows if program.expire.can_come_back(row.expires_on, today))


def _reinstate_sentence(office: Office, details: Details) -> str:
    with office.database.reading() as connection:
        whom, before = called(connection, details["member"]), _balance(office, connection, details["member"])
        back = to_reinstate(office, connection, details["member"])
    return f"Bring back {back:,} expired points of {whom}: balance {before:,} → {before + back:,}."


def _reinstate(office: Office, details: Details, who: Who) -> str:
    done = desk.reinstate(office, details["member"], who)
    return f"{done.points:,} points are back, until {done.last_day}; the balance was {done.before:,} and is {done.after:,}."


def _tier_sentence(office: Office, details: Details) -> str:
    with office.database.reading() as connection:
        whom, program = called(connection, details["member"]), office.program(connection)
    tier = program.tier_named(details["tier"]) if program else None
    title = in_language(tier.title) if tier else details["tier"]
    if details.get("take"):
        return f"Take the tier {title}, which was given, from {whom}."
    return f"Give {whom} the tier {title} through {details['until']}."


def _tier(office: Office, details: Details, who: Who) -> str:
    until = None if details.get("take") else desk.last_day(details["until"])
    desk.set_tier(office, details["member"], details["tier"], until, who)
    return "The tier is taken away." if until is None else f"The tier is theirs through {details['until']}."


def _write_off_sentence(office: Office, details: Details) -> str:
    with office.database.reading() as connection:
        found = report.balance_of(connection, who_is(connection, details["member"]), office.today(connection))
        whom = called(connection, details["member"])
    after = found.balance + found.owed
    return f"Book {found.owed:,} points that {whom} owes as the shop's loss: balance {found.balance:,} → {after:,}."


def _write_off(office: Office, details: Details, who: Who) -> str:
    return f"{forfeits.write_off(office, details['member']):,} points are booked as the shop's loss."


# -- two members ---------------------------------------------------------------------------------------------------------


def _merge_sentence(office: Office, details: Details) -> str:
    with office.database.reading() as connection:
        if who_is(connection, details["member"]) == who_is(connection, details["into"]):
            raise OfficeError("They are one member already.", hint="Nothing was changed.", code="MERGED_ALREADY")
        gone, stays = called(connection, details["member"]), called(connection, details["into"])
        one, two = (_balance(office, connection, details[name]) for name in ("member", "into"))
    return f"{gone} and {stays} are one person: balances {one:,} and {two:,} → {one + two:,}.".capitalize()


def _merge(office: Office, details: Details, who: Who) -> str:
    desk.merge(office, details["member"], details["into"], who)
    return "They are one member now, with the points, debt, history and cards of both."


def _transfer_sentence(office: Office, details: Details) -> str:
    points = points_of(details)
    with office.database.reading() as connection:
        giver, to = called(connection, details["member"]), called(connection, details["to"])
        one, two = (_balance(office, connection, details[name]) for name in ("member", "to"))
    moves = f"{one:,} → {one - points:,} and {two:,} → {two + points:,}"
    return f"Transfer {points:,} points from {giver} to {to}: balances {moves}."


def _transfer(office: Office, details: Details, who: Who) -> str:
    desk.transfer(office, details["member"], details["to"], points_of(details), who)
    return "The points are transferred, each with its own expiry."


# -- cards and the person ------------------------------------------------------------------------------------------------


def card_named(office: Office, connection: Connection, member: str, name: str) -> str:
    """The member's card of this keyed hash: a form names a card by it, so that no page has a number that its reader may not
    see."""
    numbers = report.cards_of(connection, [who_is(connection, member)]).get(who_is(connection, member), [])
    for card in numbers:
        if card_hash(office.phone_key, card) == name:
            return card
    raise OfficeError("The member has no such card.", hint="Open the page again.", code="CARD_UNKNOWN")


def _block_sentence(office: Office, details: Details) -> str:
    with office.database.reading() as connection:
        card = card_named(office, connection, details["member"], details["card"])
    return f"Block the card that ends {card[-4:]}: {details['why']}."


def _block(office: Office, details: Details, who: Who) -> str:
    with office.database.reading() as connection:
        card = card_named(office, connection, details["member"], details["card"])
    cards.block(office, card, details["why"])
    return f"The card that ends {card[-4:]} is blocked; every till hears of it."


def _erase_sentence(office: Office, details: Details) -> str:
    with office.database.reading() as connection:
        whom, balance = called(connection, details["member"]), _balance(office, connection, details["member"])
    return f"Forget name, phone number and cards of {whom} for good; {balance:,} points cannot be used by anybody then."


def _erase(office: Office, details: Details, who: Who) -> str:
    members.erase(office, details["member"])
    return "Name, phone number and cards are forgotten. Backups made before still have them."


def _copy_sentence(office: Office, details: Details) -> str:
    with office.database.reading() as connection:
        return f"Hand out a copy of all that is kept of {called(connection, details['member'])}."


def _copy(office: Office, details: Details, who: Who) -> str:
    return "Who proposed it, and who allowed it, can fetch the copy from the member's page for seven days."


KINDS["adjust"] = Kind("adjust", _adjust_sentence, _adjust)
KINDS["reinstate"] = Kind("adjust", _reinstate_sentence, _reinstate)
KINDS["tier"] = Kind("adjust", _tier_sentence, _tier)
KINDS["write_off"] = Kind("forfeit", _write_off_sentence, _write_off)
KINDS["merge"] = Kind("merge", _merge_sentence, _merge)
KINDS["transfer"] = Kind("merge", _transfer_sentence, _transfer)
KINDS["block"] = Kind("block", _block_sentence, _block)
KINDS["erase"] = Kind("erase", _erase_sentence, _erase)
KINDS["data_copy"] = Kind("erase", _copy_sentence, _copy)
