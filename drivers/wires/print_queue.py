"""A queue of CUPS or of another print server, by IPP. Knows no printer language.

A queue carries nothing back, and its "completed" says that the bytes were handed on, not that they are on paper. What it
can say is that it did not take a job at all, or gave it up.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn
from urllib.parse import quote

from drivers.errors import DeviceAbsent, DeviceDenied, DeviceError, DeviceTimeout
from drivers.wires import ipp
from drivers.wires.protocol import WriteBroken, WriteStalled, not_open

_RAW = "application/vnd.cups-raw"  # as it is: no filter of the server may touch it
_USER = "till"  # who may cancel the job again
_STATE = ("printer-is-accepting-jobs", "printer-state", "printer-state-reasons", "printer-state-message")
_JOB = ("job-state", "job-state-reasons", "job-printer-state-message", "time-at-processing")
_STOPPED = 5  # of a printer
_ENDED = {7: "canceled", 8: "aborted", 9: "completed"}  # of a job
_OPEN_S = 3.0
_POLL_S = 0.1
_TAKE_BACK_S = 1.0  # of a write's time, kept for taking the job back
_PIECE_BYTES = 16384
_LONGEST_ANSWER = 1 << 20

# RFC 8011 5.4.12; in the order in which one of several is told.
_REASONS = {
    "cover-open": "The queue says that the cover is open.",
    "door-open": "The queue says that the cover is open.",
    "interlock-open": "The queue says that the cover is open.",
    "media-empty": "The queue says that the paper is out.",
    "media-needed": "The queue says that the paper is out.",
    "media-jam": "The queue says that paper is jammed.",
    "offline": "The queue says that the printer is offline.",
    "shutdown": "The queue says that the printer is switched off.",
    "timed-out": "The queue says that the printer does not answer.",
    "connecting-to-device": "The queue is still trying to reach the printer.",
    "paused": "The queue is stopped.",
}


class QueueWire:
    """One write is one job: it returns when the queue has handed the job on, and takes it back when the time is up.

    A job that was taken back before the queue had begun with it is a write of which nothing was sent.
    """

    answers = False
    connects_per_job = False
    hides_power_cuts = True
    resumes = False

    def __init__(
        self,
        host: str,
        port: int,
        path: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._address = f"{f'[{host}]' if ':' in host else host}:{port}"
        self._path = path
        self._client: Any = None  # an httpx.Client

    @property
    def name(self) -> str:
        return f"ipp://{self._address}{self._path}"

    @property
    def is_open(self) -> bool:
        return self._client is not None

    def open(self, timeout_s: float | None = None) -> None:
        self.close()
        self._client = client()  # the first one loads httpx, which is no time of the server's
        give_up = self._clock() + (_OPEN_S if timeout_s is None else min(timeout_s, _OPEN_S))
        try:
            state = self._state(give_up)
            if state.status == ipp.NOT_FOUND:
                hint = "Check the queue's name; lpstat -p lists those of this machine."
                raise DeviceAbsent(f"There is no queue {self.name}.", hint=hint)
            if not state.is_success:
                raise DeviceDenied(f"The queue {self.name} refuses this till.", hint="Allow it at the print server.")
            if state.get("printer-is-accepting-jobs") == (False,):
                raise DeviceAbsent(
                    f"The queue {self.name} takes no jobs.", hint="Type cupsaccept and the queue's name."
                )
            if state.number("printer-state") == _STOPPED:  # it would take the job, and print it whenever it is started
                raise DeviceAbsent(f"The queue {self.name} is stopped.", hint="Type cupsenable and the queue's name.")
        except DeviceError as error:
            self.close()
            if isinstance(error, DeviceTimeout):
                raise DeviceAbsent(str(error), hint=error.hint) from error
            raise

    def write(self, data: bytes, timeout_s: float) -> None:
        if self._client is None:
            raise not_open(self.name)
        give_up = self._clock() + timeout_s
        about = {
            "printer-uri": self.name,
            "requesting-user-name": _USER,
            "job-name": "receipt",
            "document-format": _RAW,
        }
        head = ipp.request(ipp.PRINT_JOB, about)
        try:
            answer = self._asked(head, give_up, data)
        except _NeverSent as error:
            raise WriteBroken(str(error), sent=0, hint=error.hint) from error
        except DeviceTimeout as error:
            raise WriteStalled(str(error), sent=len(data), hint=error.hint) from error
        except DeviceError as error:
            raise WriteBroken(str(error), sent=len(data), hint=error.hint) from error
        job = answer.number("job-id")
        if not answer.is_success or job is None:
            message = f"The queue {self.name} refused the job. {answer.text('status-message')}".strip()
            raise WriteBroken(message, sent=0, hint="Look at the queue's page at the print server.")
        self._follow(job, len(data), give_up - min(_TAKE_BACK_S, timeout_s / 2), give_up)

    def read(self, timeout_s: float) -> bytes:
        if self._client is None:
            raise not_open(self.name)
        self._sleep(max(timeout_s, 0))
        return b""

    def trouble(self, timeout_s: float) -> str:
        if self._client is None:
            return ""
        try:
            return sentence(self._state(self._clock() + timeout_s))
        except DeviceError as error:
            return str(error)

    def close(self, drain_s: float = 0.0) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _follow(self, job: int, size: int, until: float, give_up: float) -> None:
        """Waits until the queue is done with a job. Raises when it gave it up, or was not done in time."""
        try:
            while (state := self._job(job, give_up)).number("job-state") not in _ENDED:
                if self._clock() + _POLL_S >= until:
                    self._take_back(job, size, give_up)
                self._sleep(_POLL_S)
        except WriteStalled:
            raise
        except DeviceError as error:
            raise WriteBroken(str(error), sent=size, hint=error.hint) from error
        end = _ENDED[state.number("job-state") or 0]
        if end != "completed":
            message = f"The queue {self.name} gave the job up ({end}). {state.text('job-printer-state-message')}"
            sent = size if _was_begun(state) else 0
            raise WriteBroken(message.strip(), sent=sent, hint="Look at the queue's page at the print server.")

    def _take_back(self, job: int, size: int, give_up: float) -> NoReturn:
        printer = self._state(give_up)
        about: ipp.Attributes = {"printer-uri": self.name, "job-id": job, "requesting-user-name": _USER}
        is_back = self._asked(ipp.request(ipp.CANCEL_JOB, about), give_up).is_success
        state = self._job(job, give_up)
        if is_back and not _was_begun(state):
            message = f"The queue {self.name} did not come to the job in time; it was taken back."
            raise WriteStalled(f"{message} {sentence(printer)}".strip(), sent=0, hint="See what the queue waits for.")
        message = f"The queue {self.name} was not done with the job in time."
        hint = "Look for an open cover, missing paper or a blinking light."
        raise WriteStalled(f"{message} {sentence(printer)}".strip(), sent=size, hint=hint)

    def _state(self, give_up: float) -> ipp.Answer:
        about: ipp.Attributes = {"printer-uri": self.name, "requested-attributes": _STATE}
        return self._asked(ipp.request(ipp.GET_PRINTER_ATTRIBUTES, about), give_up)

    def _job(self, job: int, give_up: float) -> ipp.Answer:
        about: ipp.Attributes = {
            "printer-uri": self.name,
            "job-id": job,
            "requesting-user-name": _USER,
            "requested-attributes": _JOB,
        }
        answer = self._asked(ipp.request(ipp.GET_JOB_ATTRIBUTES, about), give_up)
        if not answer.is_success:
            raise DeviceAbsent(f"The queue {self.name} knows nothing of the job any more.")
        return answer

    def _asked(self, head: bytes, give_up: float, document: bytes = b"") -> ipp.Answer:
        url = f"http://{self._address}{quote(self._path)}"
        return asked(self._client, url, head, give_up, document, clock=self._clock)


class _NeverSent(DeviceAbsent):
    """No connection, or a server that would not read the request: nothing of it was taken."""


def client() -> Any:
    import httpx

    # A print server is not behind a proxy. What is spoken is never TLS, and to load certificates takes 15 ms at each opening.
    return httpx.Client(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def asked(
    client: Any,
    url: str,
    head: bytes,
    give_up: float,
    document: bytes = b"",
    *,
    clock: Callable[[], float] = time.monotonic,
) -> ipp.Answer:
    """One request to a print server and its answer. Raises DeviceAbsent, DeviceTimeout, or DeviceDenied."""
    import httpx

    def body() -> Iterator[bytes]:
        yield head
        for start in range(0, len(document), _PIECE_BYTES):
            _remaining_s(give_up, clock)
            yield document[start : start + _PIECE_BYTES]

    where = httpx.URL(url).netloc.decode()
    try:
        bound = httpx.Timeout(_remaining_s(give_up, clock))
        headers = {"content-type": "application/ipp", "content-length": str(len(head) + len(document))}
        with client.stream("POST", url, content=body(), headers=headers, timeout=bound) as reply:
            if reply.status_code in (401, 403, 426):
                hint = "Allow this till at the print server (cupsctl, or the Allow lines of cupsd.conf)."
                raise DeviceDenied(f"The print server at {where} refuses this till.", hint=hint)
            if reply.status_code != 200:
                kind = _NeverSent if reply.status_code < 500 else DeviceAbsent
                raise kind(f"The print server at {where} answers {reply.status_code}.", hint="Check the address.")
            received = b""
            for piece in reply.iter_bytes():
                _remaining_s(give_up, clock)
                received += piece
                if len(received) > _LONGEST_ANSWER:
                    raise ipp.IppUnreadable("it is too long")
        return ipp.answer(received)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        hint = "See that CUPS runs there, and that the address is right."
        raise _NeverSent(f"The print server at {where} cannot be reached.", hint=hint) from error
    except (httpx.TimeoutException, TimeoutError) as error:
        raise DeviceTimeout(
            f"The print server at {where} did not answer in time.", hint="Look at its queue."
        ) from error
    except httpx.HTTPError as error:
        raise DeviceAbsent(f"The print server at {where} broke off.", hint="Look at its queue.") from error
    except ipp.IppUnreadable as error:
        raise DeviceAbsent(
            f"What answers at {where} is no print server: {error}.", hint="Check the address."
        ) from error


def sentence(state: ipp.Answer) -> str:
    """What the state of a queue says about its printer; '' where it says nothing to mind."""
    told = [str(reason) for reason in state.get("printer-state-reasons")]
    bare = {reason.removesuffix("-error").removesuffix("-warning").removesuffix("-report") for reason in told}
    return next((text for reason, text in _REASONS.items() if reason in bare), "")


def _was_begun(state: ipp.Answer) -> bool:
    """Unless the queue says that it never began, it began."""
    return state.get("time-at-processing") != (None,)


def _remaining_s(give_up: float, clock: Callable[[], float]) -> float:
    remaining_s = give_up - clock()
    if remaining_s <= 0:
        raise TimeoutError
    return remaining_s
