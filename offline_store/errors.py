"""What can go wrong with the till's file.

StoreError               `code` for programs, `hint` says what to do
├── StoreAbsent          no till in this folder
├── StoreExists          there is one already
├── StoreLocked          another process is the till of this folder
├── StoreDenied          this user may not read or write it
├── StoreFull            the disk is full; the transaction did not happen
├── StoreDamaged         the file is no till's file, or SQLite finds it corrupt
├── StoreNewer           written by a newer version of this program
├── StoreOlder           written by an older one, and not brought up to date yet
└── CommitUnknown        a COMMIT failed: it may or may not have happened; look the document up
"""

from __future__ import annotations


class StoreError(Exception):
    """The till's file did not do what was asked. `str()` is one sentence for a person, `hint` what that person can do."""

    code = "STORE_ERROR"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class StoreAbsent(StoreError):
    code = "STORE_ABSENT"


class StoreExists(StoreError):
    code = "STORE_EXISTS"


class StoreLocked(StoreError):
    code = "STORE_LOCKED"


class StoreDenied(StoreError):
    code = "STORE_DENIED"


class StoreFull(StoreError):
    code = "STORE_FULL"


class StoreDamaged(StoreError):
    code = "STORE_DAMAGED"


class StoreNewer(StoreError):
    code = "STORE_NEWER"


class StoreOlder(StoreError):
    code = "STORE_OLDER"


class CommitUnknown(StoreError):
    """COMMIT failed after the data may have reached the disk. The file has been reopened; look the document up before
    anything is done again, and never make a new id for it."""

    code = "COMMIT_UNKNOWN"
