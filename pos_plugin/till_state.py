"""How a till is, for its page and for programs that ask: head office, printer, scanners, and who is at it. Knows no sale."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from ledger.identifiers import receipt_reference
from loyalty.card import LOW_STOCK
from loyalty.program import Program
from loyalty.words import in_language
from offline_store import card_stock, consents, journal, receipts, settings
from pos_plugin.sales.quotes import Connection
from pos_plugin.terminal import Terminal


def shown(terminal: Terminal) -> dict[str, Any]:
    """Everything the page shows that is not the sale itself."""
    with terminal.store.read() as db:
        who, shop = journal.identity(db), settings.get(db, "shop")
        program = settings.program_in_force(db, terminal.clock())
        last, _ = journal.head(db)
        acknowledged = int(settings.get(db, "acknowledged", "0"))
        seen = settings.get(db, "server_time")
        jobs = receipts.shown_jobs(db)
        stock, asked = card_stock.stock(db), consents.text(db)
        waiting = sum(job.state in ("waiting", "not printed", "started") for job in jobs)
    connection = terminal.head_office.connection()
    since = connection.since or (datetime.fromisoformat(seen) if seen else None)
    return {
        "event": terminal.events.number,
        "till": {"terminal": who.terminal, "shop": shop, "enrolled": bool(shop)},
        "program": {
            "id": program.id,
            "currency": program.currency,
            "time_zone": program.time_zone,
            "points": program.redeem.points,
            "worth_minor": program.redeem.worth_minor,
            "claim_days": program.claim.within_days,
            "charities": [
                {"name": one.name, "title": in_language(one.title)}
                for one in (program.giving.charities if program.giving else [])
            ],
        },
        "network": {
            "configured": terminal.head_office.sync is not None,
            "online": connection.is_online,
            "since": since.astimezone(program.zone).isoformat(timespec="minutes") if since else "",
            "unsent": last - acknowledged,
            "text": _network_text(terminal, connection, since.astimezone(program.zone) if since else None),
        },
        "printer": {
            "configured": terminal.printer.spooler is not None,
            "trouble": terminal.printer.spooler.trouble if terminal.printer.spooler else "",
            "code": terminal.printer.spooler.trouble_code if terminal.printer.spooler else "",
            "notice": terminal.printer.spooler.notice if terminal.printer.spooler else "",
            "asked": terminal.printer.spooler is not None and terminal.printer.spooler.asked,
            "answers": terminal.printer.spooler is not None and terminal.printer.spooler.answers,
            "waiting": waiting,
            "jobs": [
                {
                    "job": job.job,
                    "reference": receipt_reference(who.terminal, job.number),
                    "copy": job.copy,
                    "state": job.state,
                    "reason": job.reason,
                    "can_go_on": terminal.printer.spooler is not None and terminal.printer.spooler.can_go_on(job.job),
                }
                for job in jobs
            ],
        },
        "display": {
            "configured": terminal.display is not None,
            "trouble": terminal.display.trouble if terminal.display else "",
        },
        "cards": {"kept": stock.is_kept, "left": stock.left, "low": stock.is_kept and stock.left <= LOW_STOCK},
        "consent": {
            "version": asked.version if asked else "",
            "text": asked.text_in(terminal.checkout.layout.language) if asked else "",
            "texts": asked.texts if asked else {},
        },
        "prints_for_others": _prints_for_others(terminal),
        "lane": _lane(terminal, program),
        "printed": [msgspec.to_builtins(note) for note in terminal.printed_sales.notes],
        "operators": terminal.operators.shown(),
        "scanners": [msgspec.to_builtins(reader.state) for reader in terminal.readers],
        "scans": msgspec.to_builtins(terminal.scans),
    }


def _prints_for_others(terminal: Terminal) -> bool:
    """Whether another till may print through this one, so that a sale may be told of when it is printed."""
    config = terminal.config
    return bool(config.intercept.listen or config.epos.port or config.qz.port or config.odoo.port or config.cloudprnt)


def _lane(terminal: Terminal, program: Program) -> dict[str, str] | None:
    """Who is at the till, for a sale that is told of when it is printed."""
    there = terminal.lane.now
    if there is None:
        return None
    return {"card": there.card, "since": there.since.astimezone(program.zone).isoformat(timespec="minutes")}


def _network_text(terminal: Terminal, connection: Connection, since: datetime | None) -> str:
    if connection.is_online:
        return "Connected to head office."
    if terminal.head_office.sync is None:
        return "Not connected to a head office. Keep selling and scanning."
    problem = (
        f"{terminal.head_office.sync.problem} "
        if terminal.head_office.sync.problem and terminal.head_office.sync.problem.code != "UNREACHABLE"
        else ""
    )
    when = f" since {since:%a %H:%M}" if since else ""
    return f"{problem}No connection{when}. Keep selling and scanning. Use only the points shown."
