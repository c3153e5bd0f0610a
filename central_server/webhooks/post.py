"""One message posted to one address, in bounded time, and to no other machine than is meant.

The host's name is looked up once, every address that it has is checked, and exactly those are connected to: a name that is looked
up anew could mean another machine by then. Redirections are not followed. The status is the whole answer: the body is not read,
however large it is or slowly it comes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from central_server.webhooks.endpoints import why_not

if TYPE_CHECKING:
    import httpx

WITHIN_S = 15.0
"""From the look-up of the name to the status of the answer, whatever comes in between and however slowly."""
MOST_ADDRESSES = 3

Resolve = Callable[[str, int], Awaitable[list[str]]]
Leaves = Callable[[], Awaitable[None]]
"""Awaited when there is a connection, before the first byte of the message."""


class Answer(msgspec.Struct, frozen=True):
    """`why` is '' where it was taken."""

    why: str
    is_gone: bool = False


async def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host's name. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)  # SOCK_STREAM
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def trusted() -> ssl.SSLContext:
    """Whom this machine trusts, and the public authorities also where the system knows none."""
    import certifi

    found = ssl.create_default_context()
    found.load_verify_locations(cafile=certifi.where())
    return found


async def post(
    url: str,
    body: bytes,
    headers: dict[str, str],
    *,
    is_private: bool,
    trust: ssl.SSLContext,
    leaves: Leaves,
    within_s: float = WITHIN_S,
    resolve: Resolve = resolved,
) -> Answer:
    try:
        async with asyncio.timeout(within_s):
            return await _posted(url, body, headers, is_private, trust, leaves, within_s, resolve)
    except TimeoutError:
        return Answer(f"no answer within {within_s:g} seconds")


async def _posted(
    url: str,
    body: bytes,
    headers: dict[str, str],
    is_private: bool,
    trust: ssl.SSLContext,
    leaves: Leaves,
    within_s: float,
    resolve: Resolve,
) -> Answer:
    import httpx

    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        addresses = await resolve(host, parts.port or (443 if parts.scheme == "https" else 80))
    except OSError:
        return Answer(f"{host} has no address")
    for one in addresses:
        if why := why_not(ip_address(one.partition("%")[0]), is_private=is_private):
            return Answer(f"{host} is {one}, which {why}")
    sent = {**headers, "host": parts.netloc, "user-agent": "pos-central", "connection": "close"}

    async def trace(event: str, _: dict[str, Any]) -> None:
        # https://www.encode.io/httpcore/extensions/#trace
        if event == "http11.send_request_headers.started":
            await leaves()

    extensions: dict[str, Any] = {"trace": trace}
    if parts.scheme == "https":
        extensions["sni_hostname"] = host
    # A machine that is not there leaves time for the next of its addresses.
    addresses = addresses[:MOST_ADDRESSES]
    timeout = httpx.Timeout(None, connect=within_s / max(1, len(addresses)))
    async with httpx.AsyncClient(verify=trust, timeout=timeout, trust_env=False, follow_redirects=False) as client:
        for one in addresses:
            there = httpx.URL(url).copy_with(host=one)
            try:
                async with client.stream("POST", there, content=body, headers=sent, extensions=extensions) as answer:
                    return _understood(answer)
            except httpx.ConnectError as error:
                if "CERTIFICATE" in str(error).upper():
                    return Answer("its certificate is not trusted, has ended, or is for another name")
            except httpx.ConnectTimeout:
                pass
            except (httpx.HTTPError, httpx.InvalidURL):
                return Answer("it broke off, or answered something that is no HTTP")
    return Answer("it cannot be reached")


def _understood(answer: httpx.Response) -> Answer:
    status = answer.status_code
    if 200 <= status < 300:
        return Answer("")
    if status == 410:
        return Answer("it answered 410: it wants nothing any more", is_gone=True)
    if 300 <= status < 400:
        return Answer(f"it answered {status}, to go elsewhere, which is not followed")
    return Answer(f"it answered {status}")
