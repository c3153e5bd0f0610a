"""Connecting this till to a head office with a one-time code: the command's way, and the page's.

All of it or nothing. The settings name the address before the code is used, because a code works once and a disk may be full;
what does not come about puts them back. Where only the answer was lost, the same code typed again gets it again. The till sells
on meanwhile, and what it has recorded is sent afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from ledger.identifiers import RandomBytes
from ledger.keys import SigningKey
from ledger.wire import Enrolled
from offline_store import journal, settings
from offline_store.store import Store
from offline_store.sync import Nonsense, Sync, SyncError, Unreachable
from pos_plugin.config import FILE, NO_NAME, ConfigError, put_in_place, read_config, write_server_url, write_shop_name
from pos_plugin.errors import BadRequest, Conflict
from pos_plugin.head_office.server_link import LOOPBACK, HttpLink

STILL_GOOD = "The same code can be typed again; this till sells on meanwhile."


@dataclass(frozen=True)
class Connected:
    """What head office said, its address, and the exchange with it, of which nothing has been done yet."""

    enrolled: Enrolled
    url: str
    link: HttpLink
    sync: Sync


def connect(
    store: Store, typed: str, code: str, *, clock: Callable[[], datetime], random_bytes: RandomBytes
) -> Connected:
    """Enrols this till at the head office of this address, and writes the address into its settings.

    Raises BadRequest for what can be no address, SyncError where head office does not answer or will not, Conflict or ConfigError
    where the settings cannot be written. Nothing has changed then.
    """
    url = address_of(typed)
    with store.read() as db:
        who, shop = journal.identity(db), settings.get(db, "shop")
    if shop:
        raise Conflict(
            "ALREADY_ENROLLED",
            f"This till belongs to shop {shop} already. Nothing was changed.",
            hint="A till for another shop gets a folder of its own: pos-plugin init.",
        )
    try:
        link = HttpLink(url, who.terminal, lambda: SigningKey(store.secret_key()))
    except SyncError as error:
        raise BadRequest("ADDRESS_UNFIT", str(error), hint=error.hint) from None
    sync = Sync(store, link, clock=clock, random_bytes=random_bytes)
    try:
        read_config(store.folder)  # what a person has broken meanwhile is said before the code is used
        with _settings_put_back(store.folder):
            write_server_url(store.folder, url)
            enrolled = sync.enroll(code.strip())
    except Unreachable as error:
        link.close()
        is_certificate = "certificate" in str(error)
        said = str(error) if is_certificate or error.__cause__ is None else f"Nothing answers at {url}."
        do = error.hint if is_certificate else "Check the address, the network, and that head office runs."
        raise Unreachable(said, hint=f"{do} {STILL_GOOD}") from error
    except Nonsense as error:
        link.close()
        raise Nonsense(
            str(error),
            hint="Nothing was changed. Check the address; if it is right, bring head office and this till to the same version.",
        ) from error
    except BaseException:
        link.close()
        raise
    with suppress(ConfigError, OSError):  # a name on receipts is not worth undoing it
        if read_config(store.folder).shop.header == NO_NAME:
            write_shop_name(store.folder, enrolled.shop)
    return Connected(enrolled, url, link, sync)


def address_of(typed: str) -> str:
    """Head office's address, of what a person types: without its scheme, or copied from a browser that shows a page of it.

    Raises BadRequest.

    >>> address_of("loyalty.example"), address_of("127.0.0.1:8360/"), address_of("https://loyalty.example/office/members")
    ('https://loyalty.example', 'http://127.0.0.1:8360', 'https://loyalty.example')
    """
    text = typed.strip()
    try:
        if "://" not in text:
            is_here = urlsplit(f"//{text}").hostname in LOOPBACK
            text = f"{'http' if is_here else 'https'}://{text}"
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_address = False
    if not is_address or re.search(r'[\s"\\\x00-\x1f\x7f?#@]', text):
        raise BadRequest(
            "ADDRESS_UNFIT",
            f"{typed.strip()} is no address of a head office. Nothing was changed.",
            hint="Write it as head office has told you, like https://loyalty.example or http://127.0.0.1:8360.",
        )
    return re.sub(r"/office(/.*)?$", "", text).rstrip("/")


@contextmanager
def _settings_put_back(folder: Path) -> Iterator[None]:
    """The settings file as it was, where the block fails. Raises Conflict where it cannot be written to."""
    file = folder / FILE
    try:
        before = file.read_bytes() if file.exists() else None
        yield
    except BaseException as error:
        with suppress(OSError):
            if before is None:
                file.unlink(missing_ok=True)
            elif file.read_bytes() != before:
                put_in_place(file, before)
        if isinstance(error, OSError):
            raise Conflict(
                "SETTINGS_NOT_WRITTEN",
                f"Head office's address cannot be written into {FILE}: {error.strerror}. Nothing was changed.",
                hint="Make room, or let this till's user write into its folder; then type the same code again.",
            ) from error
        raise
