"""Fills in the examples of local-api.md and wire-format.md from the running code: `python docs/make_examples.py`.

A till and a head office in temporary folders, their clock and randomness fixed. In local-api.md every ```http block is sent to
the till, and the ```json block after it becomes the answer. In wire-format.md the block after `<!-- made: NAME -->` becomes
what was recorded on the wire under that name. A test makes them again and compares.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec

from central_server.applying import apply
from central_server.care import tickets
from central_server.founding import init_office
from central_server.membership import members as details
from central_server.membership import name_search
from central_server.office import Office
from central_server.tills import auth, enrolment, feed, grants, inbox
from drivers.document import decode_document
from ledger.entry import read_entry
from ledger.keys import SigningKey, batch_message, grant_message, is_signed, request_message
from ledger.postings import postings
from ledger.wire import (
    BatchReply,
    Enrolled,
    Enrolment,
    FeedReply,
    FeedRequest,
    GrantItem,
    GrantReply,
    GrantRequest,
    MemberDetails,
    MemberFound,
    MemberLookup,
    MemberSearch,
    MembersFound,
    TicketItem,
    TicketOpened,
    TicketTaken,
    TicketTold,
    enrolment_message,
    unpack,
)
from loyalty.program import preset, read_program
from loyalty.sale import LineItem, Sale
from offline_store import journal, receipts, settings
from offline_store import tickets as known_tickets
from offline_store.store import Store
from offline_store.sync import Sync
from pos_plugin import api_keys
from pos_plugin.config import Config, Shop
from pos_plugin.local_api.server import Server
from pos_plugin.members.joining import join
from pos_plugin.papers.layout import Layout
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.quotes import Connection
from pos_plugin.terminal import Terminal

DOCS = Path(__file__).parent
CARD = "2900000000018"
PROGRAM = read_program(preset("points"))
SURVEY = """
[[accrual]]
name = "survey"
title = "Survey"
on = "activity"
activity = "survey"
points = 20
"""


class Clock:
    """Saturday 21 November 2026, a quarter past six in the evening, Berlin time; moved by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 17, 15, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


def chance(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes  # noqa: S311 - the same examples each time


def sale(sale_ref: str, *lines: LineItem) -> Sale:
    total = sum(line.amount_minor for line in lines)
    return Sale("1", sale_ref, "2026-11-21T18:15:00", "2026-11-21", "EUR", total, lines, "Kim")


# The local API.


@contextmanager
def till(folder: Path) -> Iterator[Terminal]:
    """A till without a network that has sold to somebody who had left the card at home, and twice to a member."""
    clock = Clock()
    store = Store.create(folder, random_bytes=chance(2026))
    program = read_program(preset("points") + SURVEY)
    store.write(lambda db: settings.use_program(db, program, (clock() - timedelta(days=1)).isoformat()))
    config = Config(shop=Shop(header=["Corner Shop"], footer=["Thank you"]))
    with Terminal(store, config, clock=clock, random_bytes=chance(7)) as terminal:
        checkout = terminal.checkout
        member = join(checkout, CARD).member
        hamper, soap = LineItem("1", 22000, name="Hamper"), LineItem("1", 1200, name="Soap")
        for sold, who, line in (("1014", "", hamper), ("1015", member, hamper), ("1016", member, soap)):
            checkout.commit(checkout.quote(sale(sold, line), who).quote_id)
        store.write(
            lambda db: receipts.mark(db, 1, "unknown", "silent", "The printer stopped answering. Look at the paper.")
        )
        told = TicketItem("8RGAFGG4", member, "points", "answered", "They are on your card now.", 2)
        store.write(lambda db: known_tickets.apply_item(db, told))
        clock.at += timedelta(minutes=5)
        yield terminal


_EXCHANGE = re.compile(r"```http\n(?P<asked>.*?)```\n(?:\n```json\n(?P<answered>.*?)```)?", re.DOTALL)


def local_api(text: str) -> str:
    """`text` of local-api.md with every answer as the till gives it now."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "till"
        with till(folder) as terminal, Server(terminal, 0) as server:
            headers = {"Authorization": f"Bearer {api_keys.create(folder, 'front-till')}"}
            with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as client:
                quotes = [""]
                made = _EXCHANGE.sub(lambda found: _answered(client, quotes, found), text)
                return made.replace(str(folder), "till")


def _answered(client: httpx.Client, quotes: list[str], asked_before: re.Match[str]) -> str:
    """The exchange with its answer. Quotes have random names: an address under /v1/quotes/ is that of the last one."""
    named = re.sub("(?<= /v1/quotes/)[0-9a-z]{16}", quotes[-1], asked_before.group(0))
    found = _EXCHANGE.fullmatch(named)
    assert found is not None
    whole = found.group(0)
    if found["answered"] is None:
        return whole
    head, _, body = found["asked"].strip().partition("\n\n")
    first, *more = head.splitlines()
    method, path = first.split(" ", 1)
    headers = dict(line.split(": ", 1) for line in more)
    if body:
        headers["Content-Type"] = "application/json"
    answer = client.request(method, path, headers=headers, content=body.encode() or None).json()
    if path == "/v1/quotes":
        quotes.append(answer["quote_id"])
    shown = json.dumps(answer, indent=2, ensure_ascii=False)
    return f"{whole[: found.start('answered')]}{shown}\n{whole[found.end('answered') :]}"


# The wire.


class Wiretap:
    """A head office in this process as the till's link; keeps every message under the name of what it is."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.heard: list[tuple[str, Any]] = []
        self._wrong_codes = enrolment.WrongCodes()

    def _both(self, name: str, asked: Any, answer: Any) -> Any:
        self.heard += [(name, asked), (f"{name}-reply", answer)]
        return answer

    def _terminal(self) -> Any:
        with self.office.database.reading() as connection:
            return auth.terminal_row(connection, self.all("enrolment")[0].terminal)

    def all(self, name: str) -> list[Any]:
        return [message for heard, message in self.heard if heard == name]

    def enroll(self, enrolment_asked: Enrolment) -> Enrolled:
        answer = enrolment.enroll(self.office, self._wrong_codes, enrolment_asked)
        return self._both("enrolment", enrolment_asked, answer)

    def send(self, batch: bytes) -> BatchReply:
        reply = self._both("batch", batch, inbox.record(self.office, unpack(batch)))
        apply.apply_pending(self.office)
        return reply

    def feed(self, request: FeedRequest) -> FeedReply:
        terminal = self._terminal()
        return self._both("feed", request, feed.read(self.office, terminal.terminal, terminal.shop, request))

    def grant(self, request: GrantRequest) -> GrantReply:
        return self._both("grant", request, grants.grant(self.office, self._terminal(), request))

    def details(self, about: MemberDetails) -> None:
        self._both("details", about, details.take_details(self.office, self._terminal(), about))

    def lookup(self, lookup: MemberLookup) -> MemberFound:
        return self._both("lookup", lookup, details.look_up(self.office, self._terminal(), lookup))

    def search(self, search: MemberSearch) -> MembersFound:
        return self._both("search", search, name_search.search(self.office, self._terminal(), search))

    def ticket(self, opened: TicketOpened) -> TicketTaken:
        return self._both("ticket", opened, tickets.take(self.office, self._terminal(), opened))

    def told(self, told: TicketTold) -> TicketTaken:
        return self._both("told", told, tickets.take_told(self.office, self._terminal(), told))


def wire_examples() -> dict[str, str]:
    """Name → text of every example in wire-format.md: a till sells offline, is enrolled, sends, and asks for rights."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as name:
        office = init_office(Path(name) / "office", clock, chance(1), shops=["corner-shop"])
        with closing(office), Store.create(Path(name) / "till", random_bytes=chance(2026)) as store:
            store.write(lambda db: settings.use_program(db, PROGRAM, (clock() - timedelta(days=1)).isoformat()))
            checkout = Checkout(
                store,
                layout=Layout(),
                clock=clock,
                random_bytes=chance(7),
                connection=lambda: Connection(is_online=False, is_current=False),
            )
            member = join(checkout, CARD).member
            basket = sale(
                "1017", LineItem("1", 1196, quantity_milli=2000, name="Olive oil"), LineItem("2", 449, name="Green tea")
            )
            checkout.commit(checkout.quote(basket, member).quote_id)
            clock.at += timedelta(minutes=5)
            wiretap = Wiretap(office)
            sync = Sync(store, wiretap, clock=clock, random_bytes=chance(11))
            sync.enroll(enrolment.new_code(office, "corner-shop"))
            sync.step()
            clock.at += timedelta(minutes=1)
            sync.fetch_rights(member, 10, lambda: False)
            return dict(_wire_examples(office, store, wiretap))


def _wire_examples(office: Office, store: Store, wiretap: Wiretap) -> Iterator[tuple[str, str]]:
    key = SigningKey(store.secret_key())
    with store.read() as db:
        who = journal.identity(db)
        entries = {read_entry(data).kind: read_entry(data) for _, _, data in journal.every(db)}
        receipt = receipts.document(db, entries["sale"].number)
    assert receipt is not None
    for kind, one in entries.items():
        yield f"entry {kind}", one.data.decode()
        yield f"hash {kind}", one.hash
        moves = [f"{move.account:<10} {move.amount:>+4}" for move in postings(one)]
        yield f"postings {kind}", "\n".join(moves) or "none"
    yield "receipt", decode_document(receipt).text()
    enrolled = wiretap.all("enrolment")[0]
    message = enrolment_message(enrolled.code, enrolled.terminal, enrolled.public_key)
    assert is_signed(key.public, message, enrolled.proof)
    yield "enrolment", _pretty(enrolled)
    yield "enrolment signed", message.decode()
    yield "enrolment-reply", _pretty(wiretap.all("enrolment-reply")[0])
    batch = unpack(wiretap.all("batch")[0])
    last = read_entry(batch.entries[-1])
    message = batch_message(batch.terminal, batch.epoch, last.number, last.hash)
    assert is_signed(key.public, message, batch.signature)
    shown = msgspec.to_builtins(batch) | {"entries": [f"… {len(data)} bytes …" for data in batch.entries]}
    yield "batch", json.dumps(shown, indent=2, ensure_ascii=False)
    yield "batch signed", message.decode()
    yield "batch-reply", _pretty(wiretap.all("batch-reply")[0])
    request = wiretap.all("feed")[0]
    nonce = auth.new_nonce(office)
    body = msgspec.json.encode(request)
    signed = request_message("/v1/feed", who.terminal, nonce.nonce, body)
    yield "nonce", _pretty(nonce)
    yield "request signed", signed.decode()
    yield (
        "request",
        f"POST /v1/feed\nX-Terminal: {who.terminal}\nX-Nonce: {nonce.nonce}\nX-Signature: {key.sign(signed)}\n\n{body.decode()}",
    )
    # The programme's text is in the first page; the second has the member.
    first = msgspec.to_builtins(wiretap.all("feed-reply")[0])
    first["channels"]["program"]["items"][0]["text"] = 'name = "points"\nversion = 1\n…'
    yield "feed program", json.dumps(first, indent=2, ensure_ascii=False)
    yield "feed members", next(_pretty(one) for one in wiretap.all("feed-reply") if _items(one, "members/"))
    yield "grant", _pretty(wiretap.all("grant")[0])
    yield "grant-reply", _pretty(wiretap.all("grant-reply")[0])
    granted: GrantItem = next(item for one in wiretap.all("feed-reply") for item in _items(one, "grants/"))
    parts: list[list[object]] = [[part.lot, part.points, part.expires_on] for part in granted.slices]
    message = grant_message(granted.grant, granted.terminal, granted.epoch, granted.member, parts)
    assert is_signed(office.signing.public, message, granted.signature)
    yield "feed grants", _pretty(granted)
    yield "grant signed", message.decode()
    yield "details", _pretty(wiretap.all("details")[0])
    yield "details-reply", _pretty(wiretap.all("details-reply")[0])


def _items(reply: FeedReply, prefix: str) -> list[Any]:
    return [item for name, page in reply.channels.items() if name.startswith(prefix) for item in page.items]


def _pretty(message: Any) -> str:
    return json.dumps(msgspec.to_builtins(message), indent=2, ensure_ascii=False)


_MADE = re.compile(r"(?P<lead><!-- made: (?P<name>[^>]+) -->\n```\w*\n)(?P<shown>.*?)(?P<end>\n```)", re.DOTALL)


def wire_format(text: str) -> str:
    """`text` of wire-format.md with every example as the code makes it now."""
    made = wire_examples()
    return _MADE.sub(lambda found: found["lead"] + made[found["name"]] + found["end"], text)


MADE: dict[str, Callable[[str], str]] = {"local-api.md": local_api, "wire-format.md": wire_format}


def main() -> None:
    for name, make in MADE.items():
        file = DOCS / name
        file.write_text(make(file.read_text(encoding="utf-8")), encoding="utf-8")
        print(file)


if __name__ == "__main__":
    main()
