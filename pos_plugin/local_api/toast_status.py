"""The till's codes in the words of Toast's loyalty contract, for whoever speaks that at `PATH`.

The names are those of its error handling page (doc.toasttab.com, "Error handling" of the loyalty integration): 200 is ACCEPT, an
account that is not found is 404, everything else that is known is 400, and only a failure inside is 500.
"""

from __future__ import annotations

PATH = "/v1/toast"

STATUSES: dict[str, tuple[int, str]] = {
    "ACCOUNT_INVALID": (404, "ERROR_ACCOUNT_INVALID"),
    "CARD_BLOCKED": (404, "ERROR_ACCOUNT_INVALID"),
    "TRANSACTION_DOES_NOT_EXIST": (400, "ERROR_TRANSACTION_DOES_NOT_EXIST"),
    "CANNOT_BE_REVERSED": (400, "ERROR_TRANSACTION_CANNOT_BE_REVERSED"),
    "RETURN_DIFFERS": (400, "ERROR_TRANSACTION_CANNOT_BE_REVERSED"),
    "TRANSACTION_TYPE": (400, "ERROR_INVALID_TOAST_TRANSACTION_TYPE"),
    "INVALID": (400, "ERROR_INVALID_INPUT_PROPERTIES"),
    "CONTENT_TYPE": (400, "ERROR_INVALID_INPUT_PROPERTIES"),
    "BODY_TOO_LARGE": (400, "ERROR_INVALID_INPUT_PROPERTIES"),
    "CURRENCY": (400, "ERROR_INVALID_INPUT_PROPERTIES"),
    "NEGATIVE": (400, "ERROR_INVALID_INPUT_PROPERTIES"),
    "LINE_TWICE": (400, "ERROR_INVALID_INPUT_PROPERTIES"),
    "TOO_LARGE": (400, "ERROR_INVALID_INPUT_PROPERTIES"),
    "NAME": (400, "ERROR_INVALID_INPUT_PROPERTIES"),
    "KEY_UNKNOWN": (400, "ERROR_INVALID_TOKEN"),
    "KEY_EXPIRED": (400, "ERROR_INVALID_TOKEN"),
    "KEY_MAY_NOT": (400, "ERROR_INVALID_TOKEN"),
    "NOT_AT_THE_PAGE": (400, "ERROR_INVALID_TOKEN"),
    "NOT_SIGNED_IN": (400, "ERROR_INVALID_TOKEN"),
}
KEPT = (408, 429, 500, 503)
"""Statuses that say when to try again, and stay."""


def in_toasts_words(status: int, code: str) -> tuple[int, str]:
    """Status and transactionStatus of a refusal; ERROR is what Toast has for everything that has no name.

    >>> in_toasts_words(404, "ACCOUNT_INVALID"), in_toasts_words(409, "OWN_CARD")
    ((404, 'ERROR_ACCOUNT_INVALID'), (400, 'ERROR'))
    """
    return STATUSES.get(code) or (status if status in KEPT else 400, "ERROR")
