"""The endpoints that whoever runs the server has added: their addresses, and whether they are switched off.

One that takes nothing for three days is switched off by itself. It is the endpoint that is counted and not a message: of what is
sent each night no message grows that old.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection, delete, func, select, update

from central_server import schema
from central_server.database import add as add_rows
from central_server.errors import OfficeError
from central_server.office import Office
from central_server.webhooks import secrets

MOST_WEBHOOKS = 16
"""Each may be sent to at the same time as all others."""
LONGEST_URL = 500
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,29}")
SWITCHED_OFF_AFTER_S = 3 * 24 * 3600
FAILS_ON_S = 30 * 3600
"""Longer than the longest pause between two tries. After a longer time without one nobody knows how it was meanwhile, and the
days are counted anew."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
NAT64 = int(IPv6Address("64:ff9b::")) >> 32

Address = IPv4Address | IPv6Address


ON = {"off_at": "", "off_why": ""}
TAKES = {"failing_since": "", "failed_at": ""}


class Endpoint(msgspec.Struct, frozen=True):
    """`where` is scheme and host: the rest of an address is often a secret, too."""

    name: str
    where: str
    is_private: bool
    made_at: str
    off_at: str
    off_why: str


class Switched(msgspec.Struct, frozen=True):
    """An endpoint was switched on, or off and why. `by` is '' where head office did it by itself."""

    webhook: str
    at: str
    is_on: bool
    by: str
    why: str


def add(office: Office, name: str, url: str, *, is_private: bool = False) -> str:
    """Adds an endpoint; its new secret, which is shown this once. Raises OfficeError."""
    if not NAME.fullmatch(name):
        raise _unfit(f"An endpoint cannot be called {name[:40]!r}.", "Small letters, digits, - and _, at most 30.")
    check_url(url, is_private=is_private)
    row = {"webhook": name, "url": url, "is_private": is_private, "made_at": office.time()}

    def work(connection: Connection) -> str:
        names = {one.name for one in every(connection)}
        if name in names:
            raise _unfit(f"There is an endpoint {name} already.", "Choose another name, or remove that one first.")
        if len(names) >= MOST_WEBHOOKS:
            raise _unfit(f"There are {MOST_WEBHOOKS} endpoints already.", "Remove one that nobody needs.")
        add_rows(connection, schema.segments.webhook, [{**row, **ON, **TAKES}])
        return secrets.make(office, connection, name)

    return office.database.write(work)


def new_secret(office: Office, name: str, by: str) -> str:
    """A new secret for an endpoint, which is shown this once; those before it sign beside it for a day. Raises OfficeError."""

    def work(connection: Connection) -> str:
        one(connection, name)
        return secrets.make(office, connection, name, by)

    return office.database.write(work)


def check_url(url: str, *, is_private: bool) -> None:
    """Raises OfficeError for an address to which nothing may be sent. A host's name is looked up when something is sent."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise _unfit("This is no address.", "Write it like https://crm.example/hooks/loyalty.") from error
    if not host or len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise _unfit("This is no address.", "Write it like https://crm.example/hooks/loyalty.")
    if parts.username or parts.password or parts.fragment:
        raise _unfit("An address has no name, password or # in it.", "The signature says who sends.")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise _unfit("Members' data goes over https only.", "http is for this machine itself: http://127.0.0.1.")
    try:
        address = ip_address(host)
    except ValueError:
        if host != "localhost":
            return
        address = ip_address("127.0.0.1")
    if why := why_not(address, is_private=is_private):
        raise _unfit(f"{host} {why}.", "If you mean it: --private.")


def why_not(address: Address, *, is_private: bool) -> str:
    """Why nothing is sent to an address, '' where it may be. What is private is allowed by `is_private`; what is nobody's own
    machine (a cloud's metadata at 169.254.169.254, a whole group) never is."""
    address = _meant(address)
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return "is no address of a single machine that can be reached"
    if address.is_global or is_private:
        return ""
    return "is an address of this machine or of a private network"


def _meant(address: Address) -> Address:
    """The IPv4 address that some IPv6 addresses stand for (RFC 4291, 3056, 6052)."""
    if isinstance(address, IPv4Address):
        return address
    if int(address) >> 32 == NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def every(connection: Connection) -> list[Endpoint]:
    table = schema.segments.webhook
    rows = connection.execute(select(table).order_by(table.c.webhook)).all()
    return [
        Endpoint(row.webhook, where(row.url), bool(row.is_private), row.made_at, row.off_at, row.off_why)
        for row in rows
    ]


def where(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def one(connection: Connection, name: str) -> Endpoint:
    """Raises OfficeError where there is none."""
    for endpoint in every(connection):
        if endpoint.name == name:
            return endpoint
    raise OfficeError(
        f"There is no endpoint {name[:40]}.", hint="pos-central webhook list shows them.", code="WEBHOOK_UNKNOWN"
    )


def open_one(connection: Connection, name: str) -> Endpoint:
    """One that is not switched off. Raises OfficeError."""
    endpoint = one(connection, name)
    if endpoint.off_at:
        raise OfficeError(
            f"The endpoint {name} is switched off: {endpoint.off_why}.",
            hint="Nothing was sent. Somebody switches it on again: Segments, Endpoints.",
            code="WEBHOOK_OFF",
        )
    return endpoint


def remove(office: Office, name: str) -> None:
    """With its secrets and all that waits for it. Raises OfficeError."""

    def work(connection: Connection) -> None:
        one(connection, name)
        secrets.end(connection, name, office.time())
        for table in (schema.segments.webhook, schema.segments.nightly, schema.segments.delivery):
            connection.execute(delete(table).where(table.c.webhook == name))

    office.database.write(work)


def taken(connection: Connection, name: str) -> None:
    """It has taken something: what failed before does not count any more."""
    table = schema.segments.webhook
    connection.execute(update(table).where(table.c.webhook == name, table.c.failing_since != "").values(**TAKES))


def not_taken(office: Office, connection: Connection, name: str, why: str) -> None:
    """It has not taken something. Switches it off once that has been so for three days."""
    table, at = schema.segments.webhook, office.time()
    row = connection.execute(select(table).where(table.c.webhook == name).with_for_update()).one_or_none()
    if row is None:
        return  # removed meanwhile
    goes_on = row.failing_since and row.failed_at >= office.later(-FAILS_ON_S)
    since = row.failing_since if goes_on else at
    connection.execute(update(table).where(table.c.webhook == name).values(failing_since=since, failed_at=at))
    if since <= office.later(-SWITCHED_OFF_AFTER_S):
        switch_off(connection, name, f"it took nothing for three days; at last, {why}", at)


def switch_off(connection: Connection, name: str, why: str, at: str) -> None:
    """Where it is on. Also of an endpoint that was removed meanwhile: then nothing is done."""
    table = schema.segments.webhook
    change = update(table).where(table.c.webhook == name, table.c.off_at == "")
    if connection.execute(change.values(off_at=at, off_why=why)).rowcount:
        _note(connection, Switched(name, at, False, "", why))


def switch_on(office: Office, name: str, by: str) -> None:
    """What waits for it is sent now, and its three days begin anew. Raises OfficeError."""
    table = schema.segments.webhook

    def work(connection: Connection) -> None:
        one(connection, name)
        change = update(table).where(table.c.webhook == name, table.c.off_at != "")
        if connection.execute(change.values(**ON, **TAKES)).rowcount:
            _note(connection, Switched(name, office.time(), True, by, ""))

    office.database.write(work)


def switched(connection: Connection, most: int) -> list[Switched]:
    """The latest first; also of endpoints that were removed."""
    table = schema.segments.webhook_switch.c
    order = (table.at.desc(), table.webhook, table.number.desc())
    columns = (table[name] for name in Switched.__struct_fields__)
    return [Switched(*row) for row in connection.execute(select(*columns).order_by(*order).limit(most))]


def _note(connection: Connection, done: Switched) -> None:
    table = schema.segments.webhook_switch
    last = connection.scalar(select(func.max(table.c.number)).where(table.c.webhook == done.webhook)) or 0
    add_rows(connection, table, [{**msgspec.structs.asdict(done), "number": last + 1}])


def _unfit(message: str, hint: str) -> OfficeError:
    return OfficeError(message, hint=f"{hint} Nothing was added.", code="WEBHOOK_UNFIT")
