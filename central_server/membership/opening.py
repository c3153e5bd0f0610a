"""Opening balances: members, points and tiers taken over from another system, out of one CSV file.

A line is one lot of one card: `card, points, expires_on`, and optionally `tier, tier_until, aliases, name` (aliases are further
cards, separated by spaces). `expires_on` is the first day without the points; a file may have `last_day`, the last day with them,
instead. Every problem of the file is told at once, each with its line, and nothing is taken over then.
The same file again changes nothing: each lot is a document of head office's own journal.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

import msgspec
from sqlalchemy import Connection, select

from central_server import schema
from central_server.applying import gives
from central_server.applying.books import Books
from central_server.database import among, keep, put
from central_server.errors import OfficeError
from central_server.membership import name_search
from central_server.membership.desk import give_tier
from central_server.membership.members import MAX_CARDS, MAX_FIELD
from central_server.office import Office
from ledger.entry import GiveBody
from ledger.identifiers import new_reference
from loyalty.card import CardRules, DamagedMemberCode, NotMemberCode, member_card
from loyalty.days import day_after
from loyalty.expiry import NEVER
from loyalty.sale import document_name
from loyalty.tiers import FOR_EVER

COLUMNS = ("card", "points", "expires_on", "last_day", "tier", "tier_until", "aliases", "name")
NEEDED = ("card", "points")
MOST_POINTS = 10**9
Problem = tuple[int, str]
"""A line of the file, and what is wrong there."""
AT_ONCE = 500
"""Members in one transaction."""


class Lot(msgspec.Struct, frozen=True):
    """`written` is the expiry as the file has it: where it has none, it is the programme's, and another one tomorrow."""

    line: int
    points: int
    expires_on: str
    written: str


class Opening(msgspec.Struct):
    """All that the file says of one member, under the card by which its lots are named."""

    card: str
    line: int
    lots: list[Lot]
    tier: str = ""
    tier_until: str = ""
    aliases: tuple[str, ...] = ()
    name: str = ""


class Taken(msgspec.Struct):
    """What was taken over; `again` lots had been before."""

    members: int = 0
    lots: int = 0
    points: int = 0
    again: int = 0


class FileProblems(OfficeError):
    """The file cannot be taken over. `problems` has a sentence for each reason, with its line."""

    code = "OPENING_UNFIT"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            f"{len(problems)} problem{'s' if len(problems) > 1 else ''}; nothing was taken over.",
            hint="Correct the file and read it again.",
            code="OPENING_UNFIT",
        )
        self.problems = [f"line {line}: {what}" for line, what in sorted(problems, key=lambda one: one[0])]


def read(office: Office, text: str, *, takes_any_card: bool = False) -> list[Opening]:
    """What the file says. Raises FileProblems with all that is wrong in it.

    `takes_any_card` is for cards of another system: numbers that are no cards by the programme's rules. A number that begins
    like a card of this programme and has a wrong check digit is never taken: it is a slip of the pen, and nobody could use it.
    """
    problems: list[Problem] = []
    with office.database.reading() as connection:
        program, today = office.program(connection), office.today(connection)
        assert program is not None, "init puts a programme in force"
        tiers, rules = [tier.name for tier in program.tier], program.cards.rules
        rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), restkey="", restval="")
        rows.fieldnames = [name.strip() for name in rows.fieldnames or []]
        _check_columns(rows.fieldnames, problems)
        if problems:
            raise FileProblems(problems)
        found: dict[str, Opening] = {}
        for line, row in _lines(rows, problems):
            said = {name: (row.get(name) or "").strip() for name in COLUMNS}
            wrong = [*_wrong(row, said, tiers, today), *_no_cards(said, rules, takes_any_card)]
            problems += [(line, what) for what in wrong]
            if wrong:
                continue
            points = int(said["points"])
            written = said["expires_on"] or (_after(said["last_day"]) if said["last_day"] else "")
            one = Opening(
                said["card"],
                line,
                [Lot(line, points, written or program.expire.expires_on(today), written)] if points else [],
                said["tier"],
                said["tier_until"] or (FOR_EVER if said["tier"] else ""),
                tuple(said["aliases"].split()),
                said["name"],
            )
            first = found.setdefault(one.card, one)
            if first is not one:
                problems += _joined(first, one)
        problems += _shared(found.values())
        problems += _strangers(connection, found.values())
        problems += _taken_before(connection, found.values())
    if problems:
        raise FileProblems(problems)
    return list(found.values())


def take_over(
    office: Office, openings: Sequence[Opening], shops: Sequence[str], told: Callable[[int], None] = lambda done: None
) -> Taken:
    """Takes over what `read` has found; `told` hears how many members have been done. Cut off, it goes on where it was."""
    taken = Taken()
    for start in range(0, len(openings), AT_ONCE):
        part = openings[start : start + AT_ONCE]

        def work(connection: Connection, part: Sequence[Opening] = part) -> Taken:
            books, done = Books(connection, office), Taken()
            cards = [card for one in part for card in (one.card, *one.aliases)]
            owners = _owners(connection, cards)
            books.prefetch(set(owners.values()))
            for one in part:
                _take_over(books, one, owners, shops, done)
            books.flush()
            return done

        done = office.database.write(work)
        taken.members, taken.lots = taken.members + done.members, taken.lots + done.lots
        taken.points, taken.again = taken.points + done.points, taken.again + done.again
        told(start + len(part))
    return taken


def _take_over(books: Books, one: Opening, owners: dict[str, str], shops: Sequence[str], done: Taken) -> None:
    office, connection = books.office, books.connection
    owned = [owners[card] for card in (one.card, *one.aliases) if card in owners]
    member = books.who(owned[0]) if owned else new_reference(office.random_bytes)
    for shop in shops:
        books.know(member, shop, books.today)
    # The member first: cards name it, and the feed tells of both at once.
    rows = [{"card": card, "member": member} for card in (one.card, *one.aliases)]
    keep(connection, schema.card, rows)
    if one.name and not owned:
        put(connection, schema.person, [{"member": member, "name": one.name, "phone": ""}])
        name_search.keep_words(connection, member, one.name)
    if one.tier:
        # A document, too: a tier that a person has taken away since does not come back with the same file.
        body = GiveBody("tier", 0, about=f"{one.tier} until {one.tier_until}")
        is_new = gives.give(books, member, body, document_name("opening", one.card, f"{one.tier}-{one.tier_until}"))
        books.load(member)
        if is_new and books.histories.of(member).given.get(one.tier, "") < one.tier_until:
            give_tier(books, member, one.tier, one.tier_until)
    for document, lot in _documents(one):
        body = GiveBody("opening", lot.points, lot=gives.lot_of(document), expires_on=lot.expires_on)
        if gives.give(books, member, body, document):
            done.lots, done.points = done.lots + 1, done.points + lot.points
        else:
            done.again += 1
    books.changed(member)
    done.members += 1


def _documents(one: Opening) -> list[tuple[str, Lot]]:
    """Each lot's document: its card and expiry, and which it is of those alike."""
    seen: dict[str, int] = defaultdict(int)
    found = []
    for lot in one.lots:
        seen[lot.written] += 1
        found.append((document_name("opening", one.card, f"{lot.written or 'rule'}-{seen[lot.written]}"), lot))
    return found


# -- what can be wrong ------------------------------------------------------------------------------------------------------


def _lines(rows: csv.DictReader[str], problems: list[Problem]) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with its line, as far as the file is CSV."""
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        problems.append((rows.line_num, f"from here on the file is no CSV ({error})"))


def _check_columns(names: Sequence[str], problems: list[Problem]) -> None:
    if len(names) == 1 and (mark := next((mark for mark in ";\t|" if mark in names[0]), "")):
        what = {";": "semicolons", "\t": "tabs"}.get(mark, "bars")
        problems.append((1, f"the columns are parted by {what}; save the file as CSV that is parted by commas"))
        return
    for name in names:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1, cutoff=0.5)
            problems.append((1, f"there is no column {name}" + (f"; did you mean {near[0]}?" if near else "")))
    problems += [(1, f"the column {name} is missing") for name in NEEDED if name not in names]
    problems += [(1, f"the column {name} stands twice") for name in sorted({*names}) if list(names).count(name) > 1]
    if "expires_on" in names and "last_day" in names:
        problems.append((1, "expires_on and last_day say the same, a day apart; keep one of them"))


def _no_cards(said: dict[str, str], rules: CardRules, takes_any_card: bool) -> Iterator[str]:
    for card in (said["card"], *said["aliases"].split()):
        if not card:
            continue  # told already
        match member_card(rules, card):
            case DamagedMemberCode():
                yield f"card {card} has a wrong check digit; nobody could use it"
            case NotMemberCode() if not takes_any_card:
                yield f"{card} is no card by the programme's [cards]; --any-card takes cards of another system, too"


def _wrong(row: dict[str, str], said: dict[str, str], tiers: list[str], today: str) -> list[str]:
    wrong: list[str] = []
    if "" in row:
        wrong.append("it has more fields than the first line has columns")
    wrong += [
        f"{card!r} is no card: 1 to 64 printable characters"
        for card in (said["card"], *said["aliases"].split())
        if not 1 <= len(card) <= 64 or not card.isprintable()
    ]
    if len(said["aliases"].split()) >= MAX_CARDS:
        wrong.append(f"a member has at most {MAX_CARDS} cards")
    points = said["points"]
    if not points.isascii() or not points.isdigit() or len(points) > 20 or int(points) > MOST_POINTS:
        wrong.append(f"points must be a whole number, 0 to {MOST_POINTS:,}, not {points[:40]!r}")
    wrong += [
        f'{name} must be a day such as "2027-12-31", not {said[name]!r}'
        for name in ("expires_on", "last_day", "tier_until")
        if said[name] and not _is_day(said[name])
    ]
    if said["expires_on"] and _is_day(said["expires_on"]) and said["expires_on"] <= today:
        wrong.append(f"these points expired on {said['expires_on']}, the first day without them")
    if said["last_day"] and _is_day(said["last_day"]) and said["last_day"] < today:
        wrong.append(f"these points could be used through {said['last_day']}, which is over")
    if said["tier"] and said["tier"] not in tiers:
        near = difflib.get_close_matches(said["tier"], tiers, n=1)
        wrong.append(f"the programme has no tier {said['tier']}" + (f"; did you mean {near[0]}?" if near else ""))
    if said["tier_until"] and not said["tier"]:
        wrong.append("tier_until goes with a tier")
    if len(said["name"]) > MAX_FIELD or not said["name"].isprintable():
        wrong.append(f"a name has at most {MAX_FIELD} printable characters")
    return wrong


def _after(last_day: str) -> str:
    """The first day without points that can be used through this one; the last of all days has none after it."""
    return NEVER if last_day == NEVER else day_after(last_day)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _joined(first: Opening, again: Opening) -> list[Problem]:
    """Another line of a card: one more lot. What else it says must be the same, or nothing."""
    first.lots += again.lots
    wrong = []
    for name in ("tier", "tier_until", "aliases", "name"):
        was, now = getattr(first, name), getattr(again, name)
        if not was:
            setattr(first, name, now)
        elif now and now != was:
            wrong.append((again.line, f"card {first.card} has another {name} than in line {first.line}"))
    return wrong


def _shared(openings: Iterable[Opening]) -> list[Problem]:
    wrong, whose = list[Problem](), dict[str, Opening]()
    for one in openings:
        for card in dict.fromkeys((one.card, *one.aliases)):
            other = whose.setdefault(card, one)
            if other is not one:
                wrong.append((one.line, f"card {card} is that of line {other.line}, too; write it as an alias of one"))
    return wrong


def _strangers(connection: Connection, openings: Iterable[Opening]) -> list[Problem]:
    """Cards of one line that are known here already, as those of several members."""
    every = list(openings)
    owners = _owners(connection, [card for one in every for card in (one.card, *one.aliases)])
    return [
        (one.line, "its cards belong to several members here; merge them first")
        for one in every
        if len({owners[card] for card in (one.card, *one.aliases) if card in owners}) > 1
    ]


def _taken_before(connection: Connection, openings: Iterable[Opening]) -> list[Problem]:
    """Lots that have been taken over with other points."""
    documents = {document: (one, lot) for one in openings for document, lot in _documents(one)}
    known = gives.known(connection, documents)
    if not known:
        return []
    points = gives.points_of(connection, known)
    return [
        (
            lot.line,
            f"of card {one.card} {points[document]} points to {lot.expires_on} were taken over before, not {lot.points}",
        )
        for document, (one, lot) in documents.items()
        if document in points and points[document] != lot.points
    ]


def _owners(connection: Connection, cards: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(cards), AT_ONCE):
        rows = connection.execute(
            select(schema.card.c.card, schema.card.c.member).where(
                among(connection, schema.card.c.card, cards[start : start + AT_ONCE])
            )
        )
        found.update((card, member) for card, member in rows)
    return found
