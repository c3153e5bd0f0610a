"""What runs beside a server: sends what is due, each endpoint by itself, so that one that never answers holds up no other.

All of it is one thread. Whatever is broken off with the server is in the table, and is sent by the next one, under the same id.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from central_server.office import Office
from central_server.segments import saved
from central_server.webhooks import deliveries
from central_server.webhooks.deliveries import Delivery
from central_server.webhooks.endpoints import MOST_WEBHOOKS
from central_server.webhooks.post import WITHIN_S, Resolve, post, resolved, trusted

LOOKS_EVERY_S = 5.0
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts no certificate: for http, which has none."""

log = logging.getLogger("central_server")


class Sender:
    """`settle` waits until what was begun is done, of all endpoints or of these; a server never does."""

    def __init__(
        self,
        office: Office,
        *,
        within_s: float = WITHIN_S,
        resolve: Resolve = resolved,
        trust: Callable[[], ssl.SSLContext] = trusted,
    ) -> None:
        self._office, self._within_s, self._resolve = office, within_s, resolve
        self._trust = trust
        self._trusted: ssl.SSLContext | None = None
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def begin(self) -> None:
        """Puts up what is due this night, and begins with every endpoint that has something due and is idle."""
        for webhook in await asyncio.to_thread(self._due):
            if webhook not in self._under_way:
                task = asyncio.create_task(self._drain(webhook))
                self._under_way[webhook] = task
                task.add_done_callback(lambda _, done=webhook: self._under_way.pop(done, None))  # type: ignore[misc]

    async def settle(self, *webhooks: str) -> None:
        await asyncio.gather(*(task for name, task in self._under_way.items() if name in webhooks or not webhooks))

    async def stop(self) -> None:
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _due(self) -> list[str]:
        saved.send_nightly(self._office)
        return deliveries.due(self._office)

    async def _drain(self, webhook: str) -> None:
        """One message after the other, until none is due: an endpoint never has two at once from here."""
        try:
            while (taken := await asyncio.to_thread(deliveries.take, self._office, webhook)) is not None:
                await self._send(taken)
        except Exception as error:
            # What was taken is taken again once its time is over.
            log.error("webhook %s is put off: %s", webhook, type(error).__name__)

    async def _send(self, one: Delivery) -> None:
        if self._trusted is None and one.url.startswith("https:"):
            self._trusted = await asyncio.to_thread(self._trust)
        try:
            answer = await post(
                one.url,
                one.body,
                one.headers(),
                is_private=one.is_private,
                trust=self._trusted or NOBODY,
                leaves=lambda: asyncio.to_thread(deliveries.leaves, self._office, one),
                within_s=self._within_s,
                resolve=self._resolve,
            )
        except asyncio.CancelledError:
            deliveries.let_go(self._office, one)
            raise
        if not answer.why:
            await asyncio.to_thread(deliveries.sent, self._office, one)
            return
        log.warning("webhook %s: %s", one.webhook, answer.why)
        await asyncio.to_thread(deliveries.failed, self._office, one, answer.why, is_gone=answer.is_gone)


def send_until(office: Office, stopped: threading.Event) -> None:
    """The thread of a server."""
    asyncio.run(_send_until(office, stopped))


async def _send_until(office: Office, stopped: threading.Event) -> None:
    # Names are looked up in these threads, too, and one that is not found keeps its thread for a while.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * MOST_WEBHOOKS + 2, "webhooks"))
    sender = Sender(office)
    while not stopped.is_set():
        try:
            await sender.begin()
        except Exception as error:
            log.error("webhooks are put off: %s", type(error).__name__)
        await asyncio.to_thread(stopped.wait, LOOKS_EVERY_S)
    await sender.stop()
