"""What can go wrong at head office.

CentralError      `code` for programs, `hint` says what to do; nothing was half done
├── OfficeError   the folder or its database cannot be used as it is
└── Refused       a request that is not carried out; `status` is HTTP's
"""

from __future__ import annotations


class CentralError(Exception):
    """`str()` is one sentence for a person."""

    code = "CENTRAL_ERROR"

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code or type(self).code


class OfficeError(CentralError):
    code = "OFFICE_UNUSABLE"


class Refused(CentralError):
    code = "REFUSED"

    def __init__(self, code: str, message: str, *, hint: str = "", status: int = 400) -> None:
        super().__init__(message, hint=hint, code=code)
        self.status = status
