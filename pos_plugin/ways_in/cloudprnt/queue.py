"""The queue of one cloud till, one step at a time: poll; fetch the job that waits; print it; say what became of it.

What was printed is confirmed. What was not stays with the cloud till, which hears why, and is tried again once the printer can.
What is unknown is never printed again by itself: it is confirmed with an error, and a person looks. A job that is offered again
after any of that is known by its token and only confirmed; one without a token, by its content, and only where it was the last.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from drivers.verdict import Outcome
from pos_plugin.config import printer_profile
from pos_plugin.ways_in.cloudprnt import papers
from pos_plugin.ways_in.cloudprnt.far_end import FarEnd, Poll, TooLarge, Unreached
from pos_plugin.ways_in.cloudprnt.kept import Job, Kept, KeptUnreadable
from pos_plugin.ways_in.whole_jobs import with_rewards

if TYPE_CHECKING:
    from pos_plugin.terminal import Terminal

SLOWEST_S = 300.0
NEXT_S = 0.2
"""Between two jobs that wait."""
MOST_ALIKE, ALIKE_WITHIN_S = 3, 60
"""Of jobs without a token: a cloud till that forgets nothing would print one without end."""
MOST_ACTIONS = 16
LONGEST_TOKEN, LONGEST_ID = 512, 63
PRINTED = "200 OK"

log = logging.getLogger("pos_plugin")


class CloudQueue:
    """One thread steps it. `trouble` says in words why nothing comes from there; "" while all is well."""

    def __init__(self, terminal: Terminal, far_end: FarEnd, kept: Kept, *, every_s: int) -> None:
        self._terminal = terminal
        self._far_end = far_end
        self._kept = kept
        self._every_s = every_s
        self._profile = printer_profile(terminal.config.printer)
        self._failures = 0
        self._far_end.unique_id = kept.unique_id(far_end.url)
        self.host = far_end.host
        self.trouble = ""

    def step(self) -> float:
        """One poll and what follows from it; how many seconds until the next."""
        try:
            wait_s = self._poll()
        except (Unreached, TooLarge, KeptUnreadable) as error:
            self._failures += 1
            self._say(f"{error} Jobs wait there and are asked for again.")
            return min(self._every_s * 2.0 ** min(self._failures - 1, 10), SLOWEST_S)
        self._failures = 0
        return wait_s

    def close(self) -> None:
        self._far_end.close()

    def _poll(self) -> float:
        code = self._status_code()
        poll = self._tell(code)
        if poll.clientAction:
            poll = self._tell(code, [self._done(action) for action in poll.clientAction[:MOST_ACTIONS]])
        if not poll.jobReady or not code.startswith("2"):
            # A printer that is offline fetches nothing (the guide's note on jobReady).
            self._say("" if code.startswith("2") else self._printer_trouble())
            return self._every_s
        return self._work(poll)

    def _tell(self, code: str, results: list[dict[str, Any]] | None = None) -> Poll:
        return self._far_end.poll({"statusCode": quote(code), "printingInProgress": False, "clientAction": results})

    # -- one job

    def _work(self, poll: Poll) -> float:
        token = "" if poll.jobToken is None else str(poll.jobToken)
        if len(token) > LONGEST_TOKEN:
            raise Unreached(f"{self.host} names a job with {len(token):,} letters.")
        if token and (earlier := self._kept.by_token(self._far_end.url, token)):
            return self._again(poll, earlier)
        offered = [one.partition(";")[0].strip().lower() for one in poll.mediaTypes or [papers.TEXT]]
        wanted = next((one for one in papers.media_types(self._profile) if one in offered), "")
        if not wanted:
            return self._unprintable(
                poll, "510 Incompatible media type", "It is for Star printers alone. Nothing was printed."
            )
        try:
            fetched = self._far_end.fetch(poll, wanted)
        except TooLarge as error:
            return self._unprintable(poll, "521 Job too large", f"{error} Nothing was printed.")
        if fetched.status != 200:
            why = f"It cannot be fetched: status {fetched.status}. Nothing was printed."
            return self._unprintable(poll, "520 The job could not be downloaded", why)
        digest = hashlib.sha256(fetched.data).hexdigest()
        now_s = int(self._terminal.clock().timestamp())
        if not token and (last := self._kept.last(self._far_end.url)) and last.digest == digest:
            alike = self._kept.alike(self._far_end.url, digest, now_s - ALIKE_WITHIN_S)
            if alike >= MOST_ALIKE or _is_open(last):
                return self._again(poll, last)
        try:
            data = papers.job(
                fetched.data,
                fetched.media_type,
                fetched.charset,
                fetched.headers,
                self._profile,
                self._terminal.config.printer.width_columns,
                self._terminal.config.drawer,
            )
        except papers.NotPrintable as error:
            return self._unprintable(poll, error.code, str(error))
        return self._print(poll, data, self._kept.start(self._far_end.url, token, digest, now_s))

    def _print(self, poll: Poll, data: bytes, job: Job) -> float:
        verdict = self._terminal.printer.print_for_host(with_rewards(self._terminal, data))
        match verdict.outcome:
            case Outcome.PRINTED:
                self._kept.end(job, "printed", PRINTED)
                self._say("")
            case Outcome.UNKNOWN:
                self._kept.end(job, "unknown", _code(verdict.code, "Look at the paper"))
                self._say(f"A job of {self.host}: {verdict.reason} It is not printed again by itself.")
            case Outcome.NOT_PRINTED:
                self._kept.forget(self._far_end.url, job)
                if verdict.code in ("too_large", "nothing"):
                    return self._unprintable(poll, "521 Job too large", verdict.reason)
                self._say(f"A job of {self.host}: {verdict.reason} It waits there and is tried again.")
                self._tell(_code(verdict.code))
                return self._every_s
        self._far_end.confirm(poll, job.code)
        self._kept.told(job)
        return NEXT_S

    def _again(self, poll: Poll, job: Job) -> float:
        """It was worked on, and the cloud till did not hear so, or offers it once more: it hears it now."""
        if job.state == "started":  # what became of it could not be written down while this till runs
            job.state, job.code = "unknown", _code("", "Look at the paper")
        how = "was printed" if job.state == "printed" else "may be printed in part or in full: look at the paper"
        self._say(f"A job of {self.host} is offered again. It {how}. It is not printed again by itself.")
        self._far_end.confirm(poll, job.code)
        self._kept.told(job)
        return self._every_s

    def _unprintable(self, poll: Poll, code: str, why: str) -> float:
        """It never can be printed here: the cloud till hears so, that the jobs behind it come."""
        self._say(f"A job of {self.host} cannot be printed. {why}")
        self._far_end.confirm(poll, code)
        return self._every_s

    # -- how the printer is, and what else is asked

    def _status_code(self) -> str:
        spooler = self._terminal.printer.spooler
        if spooler is None:
            return "400 No printer"
        if spooler.trouble:
            return _code(spooler.trouble_code)
        return "211 Paper low" if spooler.notice else PRINTED

    def _printer_trouble(self) -> str:
        spooler = self._terminal.printer.spooler
        return spooler.trouble if spooler else "This till has no printer (till.toml)."

    def _done(self, action: dict[str, Any]) -> dict[str, Any]:
        """What Client Action in the guide asks of a printer; the rest is for devices that are not here."""
        request, options = str(action.get("request", ""))[:LONGEST_ID], action.get("options")
        result: object = ""
        match request:
            case "ClientType":
                result = "pos-plugin"
            case "ClientVersion":
                result = "1.0"
            case "Encodings":
                result = ";".join(papers.media_types(self._profile))
            case "GetPollInterval":
                result = str(self._every_s)
            case "PageInfo":
                # Eight dots a millimetre, as every printer of receipts has them.
                dots = self._profile.room_dots(self._terminal.config.printer.width_columns)
                width = {"paperWidth": "58" if dots < 440 else "80", "printWidth": str(dots // 8)}
                result = {**width, "horizontalResolution": "8", "verticalResolution": "8"}
            case "SetID":
                if isinstance(options, str) and len(options) <= LONGEST_ID and options.isprintable():
                    self._kept.set_unique_id(self._far_end.url, options)
                    self._far_end.unique_id = options
                    result = "OK"
        return {"request": request, "result": result}

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            log.warning("[[cloudprnt]] %s", trouble)
        self.trouble = trouble


def _is_open(job: Job) -> bool:
    return not job.is_told or job.state == "unknown"


_CODES = {
    "paper_out": "410 Out of paper",
    "cutter": "411 Paper jam",
    "cover_open": "420 Cover open",
}


def _code(trouble: str, more: str = "") -> str:
    """Printer Status Codes in the guide; what is 4 and something else is the printer's trouble in general."""
    code = _CODES.get(trouble, "400 Printer error")
    return f"{code}; {more}" if more else code
