"""What a till answers when it will not do what was asked.

    TillError            `code` for programs, `message` and `hint` for people; nothing was recorded
    ├── Unknown          no such member, sale, quote or receipt          (HTTP 404)
    ├── Conflict         the same name with other content, or too late   (HTTP 409)
    ├── BadRequest       what was asked makes no sense                   (HTTP 422)
    ├── NotAllowed       whoever is at the till may not do this alone    (HTTP 403)
    ├── TooOften         not now: too many tries                         (HTTP 429)
    └── PortInUse        the port of the till's page cannot be had (nothing was started)

The names of codes follow what tills' vendors use among themselves: ACCOUNT_INVALID, TRANSACTION_DOES_NOT_EXIST,
CANNOT_BE_REVERSED.
"""

from __future__ import annotations


class TillError(Exception):
    status = 400

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


class Unknown(TillError):
    status = 404


class Conflict(TillError):
    status = 409


class BadRequest(TillError):
    status = 422


class NotAllowed(TillError):
    status = 403


class TooOften(TillError):
    status = 429


class PortInUse(TillError):
    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            "PORT_IN_USE",
            f"Port {port} of {host} cannot be used: {reason}.",
            hint="Stop the program that has it (another till?), or choose another port in till.toml.",
        )
