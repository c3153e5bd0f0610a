"""Head office behind its messages: what `central_server.app` does with each request, without HTTP.

Its database is a real SQLite file on a disk that may fail. A made one is kept per process, because making it takes a second.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from bench.simulator.disks import Disk, PowerCut, copy_database, fail_with
from bench.simulator.violation import require
from central_server import app
from central_server.applying import apply
from central_server.errors import CentralError, OfficeError
from central_server.errors import Refused as Refusal
from central_server.founding import init_office
from central_server.membership import members
from central_server.office import Office
from central_server.tills import auth, enrolment, feed, forfeits, grants, inbox, roll_call
from central_server.upkeep import restoring
from ledger.identifiers import RandomBytes
from ledger.wire import (
    Enrolment,
    FeedRequest,
    GrantRequest,
    MemberDetails,
    MemberLookup,
    WireError,
    unpack,
)
from loyalty.program import Program
from offline_store.sync import Refused, Unreachable

DATABASE = "central.db"


class HeadOffice:
    """One head office that can be ended, started, and restored. `version` counts what may have changed its books."""

    def __init__(
        self, folder: Path, now: Callable[[], datetime], random_bytes: RandomBytes, fault: Callable[[str], None]
    ) -> None:
        self.folder = folder
        self.disk = Disk(lambda kind: fault(f"server: {kind}"))
        self._now = now
        self._random_bytes = random_bytes
        self._wrong_codes = enrolment.WrongCodes()
        self.version = 0
        self.server_epoch = 1
        self.holders: set[tuple[str, str]] = set()
        """Every (terminal, epoch) that was ever granted anything, as far as this database and those before it say."""
        self.given_up: set[tuple[str, str]] = set()
        """Of those, the ones that were forfeited: nothing is granted to them, so nobody waits for them after any restore."""
        self.awaited: set[tuple[str, str]] = set()
        """Of those, the ones that have not said hello since the last restore, nor were given up by a person."""
        self.start()

    def start(self) -> None:
        """As `central_server.serving` does."""
        self.office = Office.open(self.folder, self._now, self._random_bytes)
        fail_with(self.office.database._engine, self.disk)
        self._books = sqlite3.connect(self.folder / DATABASE, isolation_level=None)
        apply.understand(self.office)
        app.apply_recorded(self.office)

    def stop(self) -> None:
        self._books.close()
        self.office.close()

    def restart(self) -> None:
        self.stop()
        self.disk.disarm()
        self.start()

    def look(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        """Looks at the file itself, past the product."""
        return self._books.execute(query, parameters).fetchall()

    def new_code(self, shop: str) -> str:
        return enrolment.new_code(self.office, shop)

    def expire(self) -> int:
        """As the expiry loop does; a failure puts it off."""
        self.version += 1
        try:
            return apply.expire_due(self.office)
        except SQLAlchemyError:
            return 0
        except PowerCut:
            self.restart()
            return 0

    def answer(self, address: str, terminal: str, body: bytes) -> bytes:
        """The answer's bytes. Raises what the till's link raises after the answer's status: Refused, or Unreachable."""
        if address != "feed":
            self.version += 1
        try:
            data = msgspec.json.encode(self._answer(address, terminal, body))
            if self.awaited and address in ("entries", "grants"):
                self._check_roll_call()
            return data
        except Refusal as refusal:
            if refusal.status >= 500:
                raise Unreachable(str(refusal)) from refusal
            raise Refused(refusal.code, str(refusal), hint=refusal.hint) from refusal
        except WireError as error:
            raise Refused(error.code, str(error)) from error
        except (CentralError, SQLAlchemyError) as error:
            if isinstance(error, SQLAlchemyError) and "disk" not in str(error):
                raise  # not one of ours
            raise Unreachable(f"Head office is in trouble ({type(error).__name__}).") from error
        except PowerCut:
            self.restart()
            raise Unreachable("No connection to head office (it went down).") from None

    def _answer(self, address: str, terminal: str, body: bytes) -> object:
        office = self.office
        if address == "enroll":
            return enrolment.enroll(office, self._wrong_codes, msgspec.json.decode(body, type=Enrolment))
        if address == "entries":
            reply = inbox.record(office, unpack(body))
            app.apply_recorded(office)
            return reply
        with office.database.reading() as connection:
            row = auth.terminal_row(connection, terminal)
        match address:
            case "feed":
                return feed.read(office, terminal, row.shop, msgspec.json.decode(body, type=FeedRequest))
            case "grants":
                return grants.grant(office, row, msgspec.json.decode(body, type=GrantRequest))
            case "members":
                return members.take_details(office, row, msgspec.json.decode(body, type=MemberDetails))
            case "members/lookup":
                return members.look_up(office, row, msgspec.json.decode(body, type=MemberLookup))
        raise ValueError(f"no such address: {address}")

    def has(self, hashes: list[str]) -> set[str]:
        """Which of these entries its file has."""
        marks = ",".join("?" * len(hashes))
        return {str(found) for (found,) in self.look(f"SELECT hash FROM inbox WHERE hash IN ({marks})", *hashes)}

    def back_up(self, target: Path) -> None:
        target.mkdir(exist_ok=True)
        copy_database(self.folder / DATABASE, target / DATABASE)

    def restore(self, backup: Path) -> None:
        """The database as it was, under a server epoch later than any before."""
        rows = self.look("SELECT DISTINCT terminal, epoch FROM granted")
        self.holders |= {(str(terminal), str(epoch)) for terminal, epoch in rows}
        self.stop()
        copy_database(backup / DATABASE, self.folder / DATABASE)
        restoring.declare_restored(self.folder, self._now, self._random_bytes).close()
        self.disk.disarm()
        self.version += 1
        self.start()
        self.server_epoch = self.office.server_epoch
        self.awaited = self.holders - self.given_up

    def excuse(self, terminal: str) -> None:
        """A person says that this till will never greet again. Does nothing where nobody waits for it."""
        self.disk.disarm()
        self.awaited = {one for one in self.awaited if one[0] != terminal}
        with suppress(OfficeError):
            roll_call.excuse(self.office, terminal)

    def _check_roll_call(self) -> None:
        """After a restore nothing is granted before every till that ever got a grant has greeted."""
        greeted = {
            str(terminal)
            for (terminal,) in self.look(
                "SELECT DISTINCT terminal FROM inbox WHERE kind = 'hello' AND document LIKE ?", f"%/{self.server_epoch}"
            )
        }
        self.awaited = {one for one in self.awaited if one[0] not in greeted}
        (given,) = self.look("SELECT count(*) FROM granted WHERE grant_id LIKE ?", f"{self.server_epoch}-%")[0]
        missing = sorted({terminal for terminal, _ in self.awaited})
        require(not missing or not given, f"head office has granted points while it awaits {missing}")

    # What a person does here is done again where a disk failed; so none fails.

    def use(self, rules: Program) -> None:
        """A programme comes into force, and the feed tells of it."""
        self.disk.disarm()
        self.version += 1
        with self.office.database.writing() as connection:
            self.office.put_program(connection, rules)

    def forfeit(self, terminal: str) -> dict[str, int]:
        """Gives a till up for lost; answers by member what was given back that the till may yet have spent."""
        self.disk.disarm()
        self.version += 1
        rows = self.look(
            "SELECT member, sum(points) FROM holding WHERE place IN ('escrow', 'granted') AND branch LIKE ? GROUP BY member",
            f"{terminal}/%",
        )
        there = {str(member): int(str(points)) for member, points in rows}
        gone = forfeits.forfeit(self.office, terminal)
        rows = self.look("SELECT epoch FROM forfeit WHERE terminal = ?", terminal)
        self.given_up |= {(terminal, str(epoch)) for (epoch,) in rows}
        require(
            gone == sum(there.values()),
            f"{gone} points of {terminal} are forfeited, {sum(there.values())} were there",
        )
        self.awaited = {one for one in self.awaited if one[0] != terminal}
        return there

    def write_off(self, member: str) -> int:
        self.disk.disarm()
        self.version += 1
        return forfeits.write_off(self.office, member)

    def erase(self, member: str) -> None:
        self.disk.disarm()
        self.version += 1
        members.erase(self.office, member)

    def revoke(self, terminal: str) -> None:
        self.disk.disarm()
        self.version += 1
        enrolment.revoke(self.office, terminal)


def made(folder: Path, shops: tuple[str, ...], program: str, now: Callable[[], datetime], template: Path) -> None:
    """A new head office's folder, copied from `template`, which is made first where there is none."""
    if not template.exists():
        building = template.with_name(template.name + ".new")
        init_office(building, now, random.Random(1).randbytes, shops=shops, program_text=program).close()
        building.rename(template)
    shutil.copytree(template, folder)
