"""Keys of the programs that may use the local API: shown once when they are made, kept as hashes, one file a till.

`api-keys.json` is `{"name": "sha256 of the key, hex"}`; taking a line out takes the key's permission away at once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
from pathlib import Path

from pos_plugin.errors import BadRequest, Conflict, TillError

FILE = "api-keys.json"
LONGEST_NAME = 40

log = logging.getLogger("pos_plugin")


def create(folder: Path, name: str) -> str:
    """A new key for the program `name`. It is not kept: this is the only time that anyone sees it.

    Raises BadRequest for a name that cannot be one, Conflict where the name has a key already, TillError where the file cannot
    be read or written.
    """
    if not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
        raise BadRequest("KEY_NAME", f"A key's name has 1 to {LONGEST_NAME} printable characters.")
    known = _read(folder)
    if name in known:
        raise Conflict(
            "KEY_EXISTS",
            f"There is a key named {name} already.",
            hint=f"Take it out of {FILE} first, or use another name.",
        )
    key = f"pos_{secrets.token_urlsafe(32)}"
    _write(folder, {**known, name: _hash(key)})
    return key


def remove(folder: Path, name: str) -> None:
    """Takes the key's permission away at once; a name without a key changes nothing."""
    known = _read(folder)
    if known.pop(name, None) is not None:
        _write(folder, known)


def check(folder: Path, key: str) -> str | None:
    """The name of the program whose key this is, or None. Takes as long for a wrong key as for a right one."""
    try:
        known = _read(folder)
    except TillError as error:
        log.error("%s", error)
        return None
    presented = _hash(key)
    found = None
    for name, kept in known.items():
        if hmac.compare_digest(kept.encode(), presented.encode()):
            found = name
    return found


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _read(folder: Path) -> dict[str, str]:
    file = folder / FILE
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise TillError("API_KEYS_UNREADABLE", f"{file} cannot be read.", hint="Restore it, or remove it.") from error
    if not isinstance(known, dict) or not all(isinstance(kept, str) for kept in known.values()):
        raise TillError("API_KEYS_UNREADABLE", f"{file} is no list of keys.", hint="Restore it, or remove it.")
    return known


def _write(folder: Path, keys: dict[str, str]) -> None:
    """Whole or not at all, readable by this user alone."""
    file, new = folder / FILE, folder / f"{FILE}.new"
    try:
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            json.dump(keys, out, indent=2)
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
    except OSError as error:
        raise TillError("API_KEYS_UNWRITABLE", f"{file} cannot be written.", hint="Run as the till's user.") from error
