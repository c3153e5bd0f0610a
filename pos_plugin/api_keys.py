"""Keys of the programs that may use the local API: shown once when they are made, kept as hashes, one file a till.

`api-keys.json` holds for each name either the key's SHA-256 in hex, of a key that may do everything for ever, or
`{"sha256", "may": [rights], "until": day}`. Taking a line out takes the key's permission away at once.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from pos_plugin.errors import BadRequest, Conflict, TillError

FILE = "api-keys.json"
LONGEST_NAME = 40
MOST_KEYS = 500
RIGHTS = ("read", "sell", "refund", "members", "print", "drawer")
WORDS = ("list", "remove")
"""Of the command: no key can have one of these as its name."""

log = logging.getLogger("pos_plugin")


class Kept(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A key as its file knows it. `may` is empty for every right, `until` the last day on which it is good, "" for ever."""

    sha256: str
    may: tuple[str, ...] = ()
    until: str = ""


class ApiKey(msgspec.Struct, frozen=True):
    """Whose key it is and what it may do; one that is over may do nothing."""

    name: str
    may: frozenset[str] = frozenset(RIGHTS)
    until: str = ""
    is_over: bool = False


_file = msgspec.json.Decoder(dict[str, str | Kept])


class Keys:
    """The keys of one till. The file is read again when it has changed, so a key that is taken out is refused at once."""

    def __init__(self, folder: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._folder = folder
        self._file = str(folder / FILE)
        self._clock = clock
        self._read_at: tuple[int, int, int] | None = None
        self._known: dict[str, tuple[str, Kept]] = {}

    def find(self, key: str) -> ApiKey | None:
        """Whose key this is; None for a wrong one. Looked up by its hash: how long that takes tells nothing of any key."""
        try:
            known = self._current()
        except TillError as error:
            log.error("%s", error)
            return None
        name, kept = known.get(_hash(key), ("", None))
        return _api_key(name, kept, self._clock()) if kept else None

    def _current(self) -> dict[str, tuple[str, Kept]]:
        try:
            seen = os.stat(self._file)  # a tenth of the time, at every request
        except OSError:
            at = None
        else:
            at = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
        if at is None or at != self._read_at:
            self._known = {kept.sha256: (name, kept) for name, kept in _read(self._folder).items()}
            self._read_at = at
        return self._known


def create(folder: Path, name: str, *, may: Sequence[str] = (), until: str = "") -> str:
    """A new key for the program `name`. It is not kept: this is the only time that anyone sees it.

    `may` are some of RIGHTS, none for all; `until` is its last day. Raises BadRequest for a name, right or day that cannot be
    one, Conflict where the name has a key already, TillError where the file cannot be read or written.
    """
    if not (0 < len(name) <= LONGEST_NAME and name.isprintable()) or name in WORDS:
        raise BadRequest(
            "KEY_NAME", f"A key's name has 1 to {LONGEST_NAME} printable characters, and is not {' or '.join(WORDS)}."
        )
    if wrong := [right for right in may if right not in RIGHTS]:
        raise BadRequest(
            "KEY_RIGHTS", f"There is no right {wrong[0][:LONGEST_NAME]!r}.", hint=f"Choose of: {', '.join(RIGHTS)}."
        )
    known = _read(folder)
    if name in known:
        raise Conflict(
            "KEY_EXISTS",
            f"There is a key named {name} already.",
            hint=f"Take it out first (pos-plugin api-key remove {name}), or use another name.",
        )
    if len(known) >= MOST_KEYS:
        raise Conflict("KEY_EXISTS", f"There are {MOST_KEYS} keys already.", hint="Take out those that nobody uses.")
    key = f"pos_{secrets.token_urlsafe(32)}"
    _write(folder, {**known, name: Kept(_hash(key), tuple(dict.fromkeys(may)), _day(until))})
    return key


def remove(folder: Path, name: str) -> bool:
    """Takes the key's permission away at once; False where the name has none, which changes nothing."""
    known = _read(folder)
    if known.pop(name, None) is None:
        return False
    _write(folder, known)
    return True


def listed(folder: Path, now: datetime | None = None) -> list[ApiKey]:
    """Every key of the till by name, none of them in the clear. Raises TillError where the file cannot be read."""
    now = now or datetime.now(UTC)
    return [_api_key(name, kept, now) for name, kept in sorted(_read(folder).items())]


def check(folder: Path, key: str) -> ApiKey | None:
    """Whose key this is, or None. For one look; who asks again and again has `Keys`."""
    return Keys(folder).find(key)


def _api_key(name: str, kept: Kept, now: datetime) -> ApiKey:
    may = frozenset(kept.may or RIGHTS)
    # By this machine's calendar, as the person meant who wrote the day down.
    return ApiKey(name, may, kept.until, bool(kept.until) and now.astimezone().date().isoformat() > kept.until)


def _day(until: str) -> str:
    if not until:
        return ""
    try:
        return date.fromisoformat(until).isoformat()
    except ValueError:
        raise BadRequest("KEY_DAY", f"{until[:LONGEST_NAME]!r} is no day.", hint="Write it like 2027-01-31.") from None


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _read(folder: Path) -> dict[str, Kept]:
    file = folder / FILE
    try:
        known = _file.decode(file.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise TillError("API_KEYS_UNREADABLE", f"{file} cannot be read.", hint="Restore it, or remove it.") from error
    except ValueError as error:
        raise TillError(
            "API_KEYS_UNREADABLE", f"{file} is no list of keys.", hint="Restore it, or remove it."
        ) from error
    return {name: kept if isinstance(kept, Kept) else Kept(kept) for name, kept in known.items()}


def _write(folder: Path, keys: dict[str, Kept]) -> None:
    """Whole or not at all, readable by this user alone. A key without limits is written as it always was."""
    file, new = folder / FILE, folder / f"{FILE}.new"
    plain = {name: kept if kept.may or kept.until else kept.sha256 for name, kept in keys.items()}
    try:
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            json.dump(msgspec.to_builtins(plain), out, indent=2)
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
    except OSError as error:
        raise TillError("API_KEYS_UNWRITABLE", f"{file} cannot be written.", hint="Run as the till's user.") from error
