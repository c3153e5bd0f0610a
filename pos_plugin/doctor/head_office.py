"""Head office: whether it answers, whether this till belongs to it, whether the clocks agree."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from loyalty.typed import typed
from pos_plugin.doctor.finding import WAIT_S, Finding, Till

MOST_ANSWER_BYTES = 65_536
CLOCK_MAY_DIFFER_S = 120
CLOCK_MAY_HAVE_DIFFERED_S = 600
"""So far from head office's at the last contact: an answer may have been slow, and a clock that was set since is right now."""


def head_office(till: Till) -> Iterator[Finding]:
    from offline_store import settings
    from offline_store.sync import SyncError
    from pos_plugin.head_office.server_link import HttpLink

    if till.config is None or till.store is None:
        return
    url = till.config.server.url
    with till.store.read() as db:
        shop, ahead_s = settings.get(db, "shop"), int(settings.get(db, "clock_ahead_s", "0"))
    if not url and shop:
        do = "Write its address as url under [server] in till.toml."
        yield Finding("Head office", False, f"this till belongs to shop {shop}, but till.toml names no head office", do)
        return
    if not url:
        yield Finding("Head office", True, "none: this till works alone (pos-plugin enroll URL CODE joins one)")
        return
    if shop:
        yield Finding("Enrolment", True, f"this till belongs to shop {shop}")
    else:
        do = f"Ask head office for a one-time code: pos-plugin enroll {url} CODE --store {typed(till.folder)}"
        yield Finding("Enrolment", False, "this till is not enrolled with its head office", do)
    try:
        HttpLink(url, "", lambda: None).close()  # type: ignore[arg-type, return-value]
        server_time = _health(url)
    except SyncError as error:
        yield Finding("Head office", False, str(error), error.hint)
        if abs(ahead_s) > CLOCK_MAY_HAVE_DIFFERED_S:
            found = f"at the last contact it was {difference(ahead_s)} head office's"
            yield Finding("Clock", False, found, f"See whether it is right now. {SET_CLOCK}")
        return
    yield Finding("Head office", True, f"{url} answers")
    yield from _clock(till, server_time)


def _health(url: str) -> str:
    """Head office's time as it tells it; raises SyncError where nothing answers there, or something else."""
    import httpx
    import msgspec

    from offline_store.sync import Nonsense, Unreachable

    data = b""
    try:
        with (
            httpx.Client(timeout=WAIT_S, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", f"{url.rstrip('/')}/v1/health") as response,
        ):
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > MOST_ANSWER_BYTES:
                    break
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Unreachable(
            f"{url} does not answer ({type(error).__name__}).",
            hint="See that this machine has a network and that the address in till.toml is right. Selling goes on meanwhile.",
        ) from error
    try:
        answer = msgspec.json.decode(data)
        time = answer["server_time"]
        datetime.fromisoformat(time).astimezone(UTC)
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise Nonsense(
            f"What answers at {url} is no head office of this programme (status {response.status_code}).",
            hint="Check the address in till.toml.",
        ) from error
    return str(time)


def _clock(till: Till, server_time: str) -> Iterator[Finding]:
    ahead_s = (till.clock() - datetime.fromisoformat(server_time).astimezone(UTC)).total_seconds()
    if abs(ahead_s) <= CLOCK_MAY_DIFFER_S:
        yield Finding("Clock", True, "it agrees with head office's")
        return
    yield Finding("Clock", False, f"it is {difference(ahead_s)} head office's", SET_CLOCK)


SET_CLOCK = f"Let the system set it: {'w32tm /resync' if sys.platform == 'win32' else 'sudo timedatectl set-ntp true'}"


def difference(ahead_s: float) -> str:
    """How far a clock is from another, as in "75 minutes ahead of"."""
    minutes = round(abs(ahead_s) / 60)
    how_much = f"{minutes:,} minutes" if minutes < 120 else f"{minutes // 60:,} hours"
    return f"{how_much} {'ahead of' if ahead_s > 0 else 'behind'}"
