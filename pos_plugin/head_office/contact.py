"""Head office, as this till sees it: whether it can be asked now, what is asked of it, and the loop that sends and receives.

No sale waits for it longer than a moment: what is not answered by then is done without.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import datetime
from typing import TYPE_CHECKING

from ledger.identifiers import RandomBytes
from ledger.keys import SigningKey, phone_hash
from ledger.wire import CardReplaced, CardReplacement, MemberLookup, MembersFound
from offline_store import journal, members, settings
from offline_store.errors import StoreError
from offline_store.store import Store
from offline_store.sync import NotEnrolled, Sync, SyncError
from offline_store.sync import Refused as SyncRefused
from pos_plugin.errors import BadRequest, Conflict
from pos_plugin.head_office.server_link import HttpLink
from pos_plugin.sales.quotes import Connection

if TYPE_CHECKING:
    from pos_plugin.head_office.enrolling import Connected

log = logging.getLogger("pos_plugin")

SYNC_EVERY_S = 5.0
SYNC_SLOWEST_S = 15.0
ONLINE_FOR_S = 30.0
CURRENT_FOR_S = 60.0
RIGHTS_WAIT_S = 2.0
"""How long a quote waits for more rights; after that it says what is held."""
CHANGE_WAIT_S = 10.0
"""How long a person waits for a change at head office that no sale waits for."""


class HeadOffice:
    """`link` and `sync` are None until this till is connected. `changed` is told when something was sent or received."""

    def __init__(
        self,
        store: Store,
        url: str,
        *,
        clock: Callable[[], datetime],
        random_bytes: RandomBytes,
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._random_bytes = random_bytes
        self._changed = changed
        self._asking = ThreadPoolExecutor(2, thread_name_prefix="head-office")
        self._connecting = threading.Lock()
        self._to_sync = threading.Event()
        self.link: HttpLink | None = None
        self.sync: Sync | None = None
        if url:
            with store.read() as db:
                who = journal.identity(db)
            self.link = HttpLink(url, who.terminal, lambda: SigningKey(store.secret_key()))
            self.sync = Sync(store, self.link, clock=clock, random_bytes=random_bytes)

    def connection(self) -> Connection:
        sync = self.sync
        if sync is None or sync.last_contact is None:
            return Connection(is_online=False, is_current=False)
        now = self._clock()
        heard_s = (now - sync.last_contact).total_seconds()
        fed_s = (now - sync.last_feed).total_seconds() if sync.last_feed else CURRENT_FOR_S
        is_online = sync.problem is None and heard_s < ONLINE_FOR_S
        return Connection(is_online, is_online and fed_s < CURRENT_FOR_S, sync.last_contact)

    def connect(self, address: str, code: str) -> Connected:
        """Enrols this till with a one-time code; from here on it sends and receives. Raises as `enrolling.connect`."""
        from pos_plugin.head_office.enrolling import connect

        with self._connecting:
            done = connect(self._store, address, code, clock=self._clock, random_bytes=self._random_bytes)
            before, self.link, self.sync = self.link, done.link, done.sync
            if before is not None:
                before.close()
        self._to_sync.set()
        return done

    def soon(self) -> None:
        """There is something to send."""
        self._to_sync.set()

    # -- what is asked

    def fetch_rights(self, member: str, points: int) -> str:
        """Asks for more rights to spend a member's points here; answers why there are none, "" where there are."""
        sync = self.sync
        if sync is None:
            return ""
        late = threading.Event()
        asked = self._asking.submit(sync.fetch_rights, member, points, late.is_set)
        try:
            asked.result(RIGHTS_WAIT_S)
        except (FutureTimeout, SyncError, StoreError) as error:
            late.set()
            log.info("rights not fetched in time: %s", type(error).__name__)
            return "Head office did not answer in time."
        return sync.why_not_granted

    def look_up_card(self, card: str) -> str | None:
        return self._look_up(MemberLookup(card=card))

    def look_up_phone(self, phone: str) -> str | None:
        with self._store.read() as db:
            key = settings.get(db, "phone_key")
            if not key:
                return None
            hashed = phone_hash(key, phone)
            known = members.member_of_phone(db, hashed)
        return known or self._look_up(MemberLookup(phone_hash=hashed))

    def look_up_member(self, member: str) -> str | None:
        with self._store.read() as db:
            current = members.current(db, member)
            is_known = db.execute("SELECT 1 FROM member WHERE member = ?", (current,)).fetchone() is not None
        return current if is_known else self._look_up(MemberLookup(member=member))

    def _look_up(self, lookup: MemberLookup) -> str | None:
        if self.sync is None or not self.connection().is_online:
            return None
        try:
            return self._asking.submit(self.sync.look_up, lookup).result(RIGHTS_WAIT_S)
        except (FutureTimeout, SyncError, StoreError):
            return None

    def search_by_name(self, name: str) -> MembersFound:
        """Members by name: nobody else keeps names. Raises Conflict where it cannot be asked now."""
        if self.sync is not None and self.connection().is_online:
            try:
                return self._asking.submit(self.sync.search, name).result(RIGHTS_WAIT_S)
            except SyncRefused as refused:
                raise BadRequest(refused.code, str(refused), hint=refused.hint) from refused
            except (FutureTimeout, SyncError, StoreError):
                pass
        raise Conflict(
            "NAMES_OFFLINE",
            "Names are known at head office alone, which cannot be asked now.",
            hint="Scan the card, or look the member up by phone number.",
        )

    def replace_card(self, replacement: CardReplacement) -> CardReplaced:
        """Raises SyncError, or TimeoutError; then it may be done or not."""
        if self.sync is None:
            raise NotEnrolled("This till has no head office.")
        return self._asking.submit(self.sync.replace_card, replacement).result(CHANGE_WAIT_S)

    # -- the loop

    def exchange(self, needs_rights: Callable[[str], bool], stopping: threading.Event) -> None:
        """Sends and receives until `stopping`: what was recorded at once, what head office has to say every few seconds."""
        pause_s = SYNC_EVERY_S
        while not stopping.is_set():
            self._to_sync.clear()
            sync = self.sync
            if sync is None:  # until this till is connected
                self._to_sync.wait(SYNC_EVERY_S)
                continue
            was_online = self.connection().is_online
            try:
                progress = sync.step(needs_rights)
                pause_s = max(progress.wait_s, SYNC_EVERY_S if not progress.unsent else 0.0)
                if progress.uploaded or progress.received:
                    self._changed()
            except SyncError as error:
                log.info("sync: %s", error)
                pause_s = min(SYNC_SLOWEST_S, pause_s * 2) if pause_s else SYNC_EVERY_S
            if self.connection().is_online != was_online:
                self._changed()
            if self._to_sync.wait(pause_s):
                # A sale wakes the exchange, but a head office that does not answer is not asked again at every sale.
                stopping.wait(0.05 if sync.problem is None else 2.0)

    def close(self) -> None:
        self._asking.shutdown(wait=False, cancel_futures=True)
        if self.link is not None:
            self.link.close()
