"""What members are asked to agree to, and what they agreed to: which text, how, when, and whether they took it back.

The tills' entries say it, and head office's own; here it stands by member, so that whoever writes to members asks `given` first.
A member has agreed where the latest word says so, by the time of the entry: the order in which tills are heard does not matter.
What was taken back at head office stands in the roster, too: a restored database does not write to people who said no.
(GDPR, article 7: agreeing must be provable, and taking back as easy as giving.)
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from typing import get_args

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, or_, select

from central_server import schema
from central_server.applying.books import Books, Origin
from central_server.database import add, keep
from central_server.errors import OfficeError
from central_server.office import Office
from central_server.tills import channels
from central_server.tills.roster import Event
from ledger.entry import ConsentBody, Entry
from ledger.identifiers import new_reference
from ledger.wire import ConsentTextItem
from loyalty.sale import document_name
from loyalty.words import Language

LONGEST_VERSION = 40
LONGEST_TEXT = 2000
OFFICE = "office"
"""The channel of what a person at head office writes down."""


class ConsentText(msgspec.Struct, frozen=True):
    """`texts`: language → text; `agree` is how many members agree to this one now."""

    version: str
    texts: dict[str, str]
    published_at: str
    agree: int = 0


class Contact(msgspec.Struct, frozen=True):
    """Somebody who agrees to be written to."""

    name: str
    phone: str
    text: str
    since: str


_encoder = msgspec.json.Encoder(order="sorted")
_texts = msgspec.json.Decoder(dict[str, str])


class Consent(msgspec.Struct, frozen=True):
    """Once that a member agreed to the text of a version, or took it back. `at` is UTC; `terminal` is '' at head office."""

    text: str
    is_given: bool
    channel: str
    at: str
    terminal: str
    operator: str


def of(connection: Connection, member: str) -> list[Consent]:
    """All that this member ever said of it, the latest first."""
    table = schema.shops.consent
    latest_first = select(table).where(table.c.member == member).order_by(table.c.at.desc(), table.c.is_given)
    return [_read(row) for row in connection.execute(latest_first.order_by(table.c.document)).all()]


def given(connection: Connection, member: str) -> bool:
    """Whether this member agrees now. Without it nothing of theirs is exported, and nobody writes to them."""
    said = of(connection, member)
    return bool(said) and said[0].is_given


def agreeing(channel: str = "") -> Select[tuple[str]]:
    """The members who agree now, for joining with others: what `given` says, of all of them at once. With a `channel`, of those
    who said so by it."""
    said = schema.shops.consent.c
    query = select(said.member).where(_is_latest_yes()).distinct()
    return query.where(said.channel == channel) if channel else query


def contacts(office: Office) -> list[Contact]:
    """Names and phone numbers of those who agree now, and of nobody else, by name: the list for whoever writes to members."""
    said, person = schema.shops.consent.c, schema.person.c
    query = (
        select(person.name, person.phone, said.text, said.at)
        .join_from(schema.shops.consent, schema.person, person.member == said.member)
        .where(_is_latest_yes())
        .order_by(person.name, person.phone)
    )
    with office.database.reading() as connection:
        return [Contact(row.name, row.phone, row.text, row.at) for row in connection.execute(query).all()]


# -- texts ---------------------------------------------------------------------------------------------------------------


def read_text(toml: str) -> ConsentText:
    """A text as a person writes it: `version`, and a table [text] with a text for each language. Raises OfficeError."""
    try:
        table = tomllib.loads(toml)
        version, texts = table.pop("version"), table.pop("text")
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise _unfit('it has a version = "…", and a table [text] with a text for each language') from error
    if table:
        raise _unfit(f"nothing but version and [text] is known, and it has {', '.join(sorted(table))}")
    if not isinstance(version, str) or not 0 < len(version) <= LONGEST_VERSION or not version.isprintable():
        raise _unfit(f"its version is a text of 1 to {LONGEST_VERSION} characters")
    if not isinstance(texts, dict) or not texts or not set(texts) <= set(get_args(Language)):
        raise _unfit(f"its languages are some of {', '.join(get_args(Language))}")
    for language, text in texts.items():
        if not isinstance(text, str) or not 0 < len(text.strip()) <= LONGEST_TEXT:
            raise _unfit(f"each text has 1 to {LONGEST_TEXT:,} characters, which that of {language} has not")
    return ConsentText(version, {language: " ".join(text.split()) for language, text in texts.items()}, "")


def publish(office: Office, text: ConsentText) -> bool:
    """From now on tills ask who joins for this one; False where it is published already. A version says one thing for ever:
    raises OfficeError where it is there with other words."""
    table = schema.shops.consent_text

    def work(connection: Connection) -> bool:
        known = {one.version: one for one in texts(connection)}.get(text.version)
        if known is not None:
            if known.texts == text.texts:
                return False
            raise OfficeError(
                f"Version {text.version} is published with other words, and members have agreed to those.",
                hint="Give these another version.",
                code="CONSENT_TEXT_DIFFERS",
            )
        row = {"version": text.version, "texts": _encoder.encode(text.texts).decode(), "published_at": office.time()}
        add(connection, table, [row])
        channels.announce(connection, channels.PROGRAM, [f"consent/{text.version}"])
        return True

    return office.database.write(work)


def texts(connection: Connection) -> list[ConsentText]:
    """Every text that was published, the latest first: the first is the one that tills ask for."""
    table, said = schema.shops.consent_text, schema.shops.consent.c
    agreed = select(said.text, func.count().label("members")).where(_is_latest_yes()).group_by(said.text)
    agree: dict[str, int] = dict(connection.execute(agreed).all())
    rows = connection.execute(select(table).order_by(table.c.published_at.desc(), table.c.version.desc())).all()
    return [
        ConsentText(row.version, _texts.decode(row.texts), row.published_at, agree.get(row.version, 0)) for row in rows
    ]


def text_of(connection: Connection, version: str) -> dict[str, str]:
    """What a version says, by language; nothing where it was never published here."""
    table = schema.shops.consent_text.c
    found = connection.scalar(select(table.texts).where(table.version == version))
    return _texts.decode(found) if found else {}


def asked_for(connection: Connection) -> ConsentTextItem | None:
    """The text that who joins is asked to agree to, as tills hear of it."""
    table = schema.shops.consent_text
    latest = select(table).order_by(table.c.published_at.desc(), table.c.version.desc()).limit(1)
    row = connection.execute(latest).one_or_none()
    return None if row is None else ConsentTextItem(row.version, _texts.decode(row.texts))


# -- what is written down ------------------------------------------------------------------------------------------------


def say(
    office: Office, member: str, *, is_given: bool, channel: str = OFFICE, operator: str = "", version: str = ""
) -> bool:
    """Writes down that a member agrees to a text, or takes it back, in head office's own journal; False where they said so
    before and nothing was written. Without a `version` it is the text asked for now. Raises OfficeError."""

    def work(connection: Connection) -> bool:
        books = Books(connection, office)
        whom = books.who(member)
        now = of(connection, whom)
        if not is_given and not (now and now[0].is_given):
            return False
        version_of = now[0].text if not is_given else version or getattr(asked_for(connection), "version", "")
        if version_of not in {one.version for one in texts(connection)} and is_given:
            raise OfficeError(
                f"There is no text {version_of}." if version_of else "No text was published yet.",
                hint="pos-central consent-text list shows them.",
                code="CONSENT_TEXT_UNKNOWN",
            )
        if is_given and now and now[0].is_given and now[0].text == version_of:
            return False
        reference = new_reference(office.random_bytes)
        if not is_given:
            office.roster.remember(Event("withdrawn", member=whom, why=version_of, serial=reference, at=office.time()))
        body = ConsentBody(version_of, is_given, channel, operator)
        origin = Origin(office.server, 0, "", office.time(), books.today)
        own = books.record(body, whom, origin, document=document_name("consent", whom, reference))
        recorded(books, own, body)
        books.flush()
        return True

    return office.database.write(work)


def put_right(office: Office, connection: Connection) -> None:
    """After a restore: who took their consent back at head office has taken it back, whatever the backup knew."""
    about = schema.member.c
    became: dict[str, str] = dict(
        connection.execute(select(about.member, about.merged_into).where(about.merged_into != "")).all()
    )
    lost = [
        {
            "member": became.get(event.member, event.member),
            "document": document_name("consent", event.member, event.serial),
            "text": event.why,
            "is_given": False,
            "channel": OFFICE,
            "at": event.at,
            "terminal": "",
            "operator": "",
        }
        for event in office.roster.events("withdrawn")
    ]
    keep(connection, schema.shops.consent, lost)


def recorded(books: Books, entry: Entry, body: ConsentBody) -> None:
    """Keeps what a member agreed to, or took back. Of a person who was forgotten nothing is kept."""
    member, about = books.who(entry.member), schema.member.c
    if books.connection.scalar(select(about.erased_at).where(about.member == member)):
        return
    envelope, now = entry.envelope, books.office.time()
    row = {
        "member": member,
        "document": envelope.document,
        "text": body.text,
        "is_given": body.is_given,
        "channel": body.channel,
        "at": min(_moment(envelope.recorded_at, now), now),  # from a clock that is ahead, nothing could take it back
        "terminal": "" if envelope.terminal == books.office.server else envelope.terminal,
        "operator": body.operator,
    }
    keep(books.connection, schema.shops.consent, [row])


def _is_latest_yes() -> ColumnElement[bool]:
    """Of a row: that it gives, and nothing later is there. Of a yes and a no of the same moment the no counts."""
    said, later = schema.shops.consent, schema.shops.consent.alias()
    is_later = or_(
        later.c.at > said.c.at,
        and_(later.c.at == said.c.at, later.c.is_given.is_(False)),
        and_(later.c.at == said.c.at, later.c.document < said.c.document),  # two of one moment are one
    )
    return and_(said.c.is_given.is_(True), ~exists().where(later.c.member == said.c.member, is_later))


def _moment(text: str, now: str) -> str:
    """A till's time as head office writes its own, so that they can be compared; `now` for what is none."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        return now
    return said.astimezone(UTC).isoformat(timespec="milliseconds") if said.tzinfo else now


def _unfit(what: str) -> OfficeError:
    return OfficeError(
        f"This is no text for consent: {what}.", hint="docs/consent.md has an example.", code="CONSENT_TEXT_UNFIT"
    )


def _read(row: Row[tuple[object, ...]]) -> Consent:
    return Consent(row.text, bool(row.is_given), row.channel, row.at, row.terminal, row.operator)
