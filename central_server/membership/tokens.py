"""Member tokens: signed here, checked by any till without asking, revoked here and told to every till."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec
from sqlalchemy import Connection, select, update

from central_server import schema
from central_server.database import keep
from central_server.errors import OfficeError
from central_server.office import Office
from central_server.tills import channels
from central_server.tills.roster import Event
from ledger.tokens import LAST_DAY, Token, is_reference, new_serial, read_serial, sign_token
from loyalty.days import day_before, months_after

MONTHS = 12


class Issued(msgspec.Struct, frozen=True):
    """A new token. `text` is what its code bears: whoever shows that is taken for the member."""

    serial: str
    member: str
    issued_on: str
    last_day: str
    text: str


class Listed(msgspec.Struct, frozen=True):
    """A token that head office knows of; '' where it was never revoked. Of one that a restore has forgotten, `member` is ''."""

    serial: str
    member: str
    issued_on: str
    last_day: str
    revoked_at: str


def issue(office: Office, member: str, until: str = "") -> Issued:
    """Signs a token for a member, good from today through `until`, else for a year.

    Raises OfficeError where nobody has this reference or the day does not fit.
    """

    def work(connection: Connection) -> Issued:
        table = schema.member.c
        row = connection.execute(select(table.merged_into, table.erased_at).where(table.member == member)).one_or_none()
        if row is None or row.erased_at:
            raise OfficeError(f"There is no member {member}.", hint="Name the card instead.", code="MEMBER_UNKNOWN")
        whom = row.merged_into or member
        if not is_reference(whom):
            raise OfficeError(
                f"{whom} is no reference that a token can name: those have sixteen characters.",
                hint="Nothing was signed. The member's card serves, and a wallet pass does: pos-central pass.",
                code="MEMBER_UNKNOWN",
            )
        today = office.today(connection)
        last_day = _last_day(until, today)
        token = Token(new_serial(office.random_bytes), whom, today, last_day)
        office.roster.remember(
            Event("token", member=whom, serial=token.serial, issued_on=token.issued_on, last_day=last_day)
        )
        keep(connection, schema.token, [{**msgspec.structs.asdict(token), "revoked_at": ""}])
        return Issued(**msgspec.structs.asdict(token), text=sign_token(office.signing, token))

    return office.database.write(work)


def revoke(office: Office, serial: str) -> Listed:
    """From now on no till that has heard accepts this token. One that head office has forgotten is revoked for ever.

    Raises OfficeError for what is no serial.
    """
    plain = read_serial(serial)
    if plain is None:
        raise OfficeError(
            f"{serial} is no serial of a token.", hint="It has ten characters, such as 4K7QF2M9XA.", code="SERIAL_UNFIT"
        )

    def work(connection: Connection) -> Listed:
        _revoke(office, connection, [plain])
        row = connection.execute(select(schema.token).where(schema.token.c.serial == plain)).one()
        return Listed(*row)

    return office.database.write(work)


def revoke_all(office: Office, connection: Connection, member: str) -> None:
    """All tokens of a member who is forgotten."""
    table = schema.token.c
    _revoke(office, connection, connection.scalars(select(table.serial).where(table.member == member)).all())


def listed(office: Office, member: str = "") -> list[Listed]:
    """The tokens of a member, or all that are not over, the latest first."""
    table = schema.token.c
    with office.database.reading() as connection:
        wanted = table.member == member if member else table.last_day >= office.today(connection)
        order = (table.issued_on.desc(), table.serial)
        return [Listed(*row) for row in connection.execute(select(schema.token).where(wanted).order_by(*order))]


def put_right(office: Office, connection: Connection) -> None:
    """After a restore: the tokens that were signed and revoked since the backup."""
    issued = [
        {
            "serial": one.serial,
            "member": one.member,
            "issued_on": one.issued_on,
            "last_day": one.last_day,
            "revoked_at": "",
        }
        for one in office.roster.events("token")
    ]
    keep(connection, schema.token, issued)
    at = {one.serial: one.at for one in office.roster.events("token revoked")}
    table = schema.token.c
    revoked = connection.execute(select(table.serial, table.revoked_at).where(table.revoked_at != "")).all()
    kept = {row.serial: row.revoked_at for row in revoked}
    unknown = [serial for serial in kept if serial not in at]  # the folder is an older copy than the database
    office.roster.remember(*(Event("token revoked", serial=serial, at=kept[serial]) for serial in unknown))
    for serial in sorted(at.keys() - kept.keys()):
        _revoke(office, connection, [serial], at[serial])


def _revoke(office: Office, connection: Connection, serials: Sequence[str], at: str = "") -> None:
    table, at = schema.token, at or office.time()
    office.roster.remember(*(Event("token revoked", serial=serial, at=at) for serial in serials))
    forgotten = {"member": "", "issued_on": "", "last_day": LAST_DAY, "revoked_at": ""}
    keep(connection, table, [{"serial": serial, **forgotten} for serial in serials])
    connection.execute(update(table).where(table.c.serial.in_(serials), table.c.revoked_at == "").values(revoked_at=at))
    channels.announce(connection, channels.REVOCATIONS, sorted(channels.REVOKE + serial for serial in serials))


def _last_day(until: str, today: str) -> str:
    if not until:
        return day_before(months_after(today, MONTHS))
    try:
        last_day = date.fromisoformat(until).isoformat()
    except ValueError as error:
        raise OfficeError(f"{until} is no day.", hint="Write it like 2027-12-31.", code="DAY_UNFIT") from error
    if last_day < today:
        raise OfficeError(f"{until} is over: today is {today}.", hint="Name a day to come.", code="DAY_OVER")
    if last_day > LAST_DAY:
        raise OfficeError(f"A token's last day is at most {LAST_DAY}.", code="DAY_UNFIT")
    return last_day
