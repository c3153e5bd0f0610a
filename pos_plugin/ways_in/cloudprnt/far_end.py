"""The requests of a CloudPRNT printer, each bounded in time and size. Knows HTTP, and nothing of paper.

https, and http to this machine alone. Redirects are not followed, and other addresses that an answer names are used only where
they are on the same host: a cloud till is no way to have this machine ask others.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from pos_plugin.papers.host_prints import LARGEST_JOB

if TYPE_CHECKING:
    import httpx

LARGEST_ANSWER = 64 * 1024
STEP_S = 10.0
WHOLE_S = 30.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class NoAddress(Exception):
    """The address in the settings is none that may be polled."""


class Unreached(Exception):
    """No answer, or none that a cloud till gives: it is asked again later, and nothing is lost."""


class TooLarge(Exception):
    """What was asked for is larger than what is taken."""


class Poll(msgspec.Struct):
    """The answer to a POST (JSON Response in the guide, whose names these are). What this printer has not, it does not read."""

    jobReady: bool | None = False
    mediaTypes: list[str] | None = None
    jobToken: str | int | None = None
    deleteMethod: str | None = None
    clientAction: list[dict[str, Any]] | None = None
    jobGetUrl: str | None = None
    jobConfirmationUrl: str | None = None


class Fetched(msgspec.Struct):
    """The answer to a GET."""

    status: int
    media_type: str
    charset: str
    headers: dict[str, str]
    data: bytes


class FarEnd:
    """One cloud till. Raises NoAddress. Every request raises Unreached; `fetch` also TooLarge."""

    def __init__(self, url: str, mac: str, *, whole_s: float = WHOLE_S) -> None:
        try:
            parts = urlsplit(url)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            is_address = False
        if not is_address:
            raise NoAddress("url is no address of a cloud till; write https://…")
        self.host = parts.hostname or ""
        if parts.scheme == "http" and self.host not in LOOPBACK:
            raise NoAddress(f"{self.host} is to be polled without encryption; write https://…")
        self.url, self.mac, self.unique_id = url, mac, ""
        self._is_encrypted = parts.scheme == "https"
        self._whole_s = whole_s
        self._client: httpx.Client | None = None

    def poll(self, said: dict[str, Any]) -> Poll:
        body = {"status": "23 6 0 0 0 0 0 0 0", "printerMAC": self.mac, "uniqueID": self.unique_id, **said}
        status, _, data = self._ask("POST", self.url, LARGEST_ANSWER, json=body)
        if status != 200:
            raise Unreached(f"{self.host} answers with status {status}.")
        try:
            return msgspec.json.decode(data, type=Poll)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise Unreached(f"What answers at {self.host} is no cloud till for Star printers.") from None

    def fetch(self, poll: Poll, media_type: str) -> Fetched:
        url = self._with(poll.jobGetUrl, {"type": media_type, **self._token(poll)})
        status, headers, data = self._ask("GET", url, LARGEST_JOB)
        if status >= 500:
            raise Unreached(f"{self.host} answers with status {status} where the job should be.")
        named = headers.get("content-type", "").lower()
        found, _, parameters = named.partition(";")
        charset = parameters.partition("charset=")[2].strip(' ";').split(";")[0]
        return Fetched(status, found.strip() or media_type, charset or "utf-8", headers, data)

    def confirm(self, poll: Poll, code: str) -> None:
        asked = {"code": code, **self._token(poll)}
        if (poll.deleteMethod or "").upper() == "GET":
            status, _, _ = self._ask("GET", self._with(poll.jobConfirmationUrl, asked) + "&delete", LARGEST_ANSWER)
        else:
            status, _, _ = self._ask("DELETE", self._with(poll.jobConfirmationUrl, asked), LARGEST_ANSWER)
        if status >= 300 and status != 404:  # what is not there any more is cleared
            raise Unreached(f"{self.host} answers with status {status} to what became of a job.")

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _token(self, poll: Poll) -> dict[str, str]:
        return {} if poll.jobToken in (None, "") else {"token": str(poll.jobToken)}

    def _with(self, other: str | None, asked: dict[str, str]) -> str:
        import httpx

        try:
            ours, made = httpx.URL(self.url), httpx.URL(urljoin(self.url, other or ""))
            # As httpx reads it, who will ask: two readers of one address may see two hosts.
            is_ours = (made.scheme, made.host, made.port) == (ours.scheme, ours.host, ours.port)
        except (httpx.InvalidURL, ValueError):
            is_ours = False
        if not is_ours:
            raise Unreached(f"{self.host} names an address on another host, which is not asked.")
        identity = {"uid": self.unique_id} if self.unique_id else {}
        # A space as %20, as in the guide: a server that reads the address itself does not take "+" for one.
        query = urlencode({**identity, "mac": self.mac, **asked}, quote_via=quote).encode()
        return str(made.copy_with(query=made.query + b"&" + query if made.query else query, fragment=None))

    def _ask(self, method: str, url: str, largest: int, **more: Any) -> tuple[int, dict[str, str], bytes]:
        import httpx

        if self._client is None:
            # A small answer that comes packed could become one without end, so that none is unpacked.
            plain = {"Accept-Encoding": "identity", "User-Agent": "pos-plugin"}
            self._client = httpx.Client(
                timeout=STEP_S, follow_redirects=False, trust_env=False, headers=plain, verify=self._is_encrypted
            )
        deadline = time.monotonic() + self._whole_s
        try:
            with self._client.stream(method, url, **more) as response:
                if response.headers.get("content-encoding", "identity").lower() != "identity":
                    raise Unreached(f"{self.host} packs its answers, which it was not asked for.")
                data = bytearray()
                for chunk in response.iter_raw():
                    data += chunk
                    if time.monotonic() > deadline:
                        raise Unreached(f"{self.host} answers too slowly.")
                    if len(data) > largest:
                        raise TooLarge(f"The answer of {self.host} is larger than {largest:,} bytes.")
                return response.status_code, cast(dict[str, str], dict(response.headers)), bytes(data)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise Unreached(f"No connection to {self.host} ({type(error).__name__}).") from None
