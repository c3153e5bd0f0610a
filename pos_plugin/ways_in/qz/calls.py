"""What a page may ask QZ Tray, and what it is told here. Whatever is no printing is refused in words.

A page shows the text of an error to the cashier and does not send the call again by itself (qz-tray.js rejects the promise).
"""

from __future__ import annotations

import json
import logging
import socket
import uuid
from typing import Any

import msgspec

from drivers.verdict import Outcome
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in.qz.jobs import Refused, job_of
from pos_plugin.ways_in.whole_jobs import with_rewards

log = logging.getLogger("pos_plugin")

VERSION = "2.2.6"
"""Whose protocol this is: qz-tray.js asks for it and speaks as that version understands."""
LONGEST_UID = 64
_NOT_HERE = {
    "serial": "opens no serial port",
    "usb": "opens no USB device",
    "hid": "opens no USB device",
    "file": "reads and writes no file",
    "socket": "opens no connection",
}


class NotACall(Exception):
    """A message that is none of QZ Tray's; `uid` is of the call where it can be told."""

    def __init__(self, sentence: str, uid: str | None = None) -> None:
        super().__init__(sentence)
        self.uid = uid


class Call(msgspec.Struct, frozen=True):
    """One message of a page. A `certificate`, also null, is the handshake; signature, timestamp and position are let be."""

    uid: str
    call: str
    params: dict[str, Any]
    is_handshake: bool


def read_call(text: str) -> Call:
    """Raises NotACall."""
    try:
        said = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise NotACall("The message is no JSON. Nothing was done with it.") from None
    uid = said.get("uid") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(uid, str) or not 0 < len(uid) <= LONGEST_UID:
        raise NotACall("The message is no call of QZ Tray's: it has no uid. Nothing was done with it.")
    call, params = said.get("call", ""), said.get("params")
    if not isinstance(call, str) or not isinstance(params, dict | None):
        raise NotACall("The call is none of QZ Tray's. Nothing was done with it.", uid)
    return Call(uid, call, params or {}, "certificate" in said)


def reply(what: dict[str, Any]) -> str:
    return msgspec.json.encode(what).decode()


def refusal(uid: str | None, sentence: str) -> dict[str, Any]:
    return {"uid": uid, "error": sentence}


class Calls:
    """Answers the calls of all pages; what takes long takes it in the thread that asks."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._name = terminal.config.qz.printer

    def answer(self, call: Call) -> dict[str, Any]:
        try:
            return {"uid": call.uid, "result": None if call.is_handshake else self._result(call)}
        except Refused as refused:
            return refusal(call.uid, str(refused))
        except Exception:
            log.exception("[qz] %s", call.call[:60])
            return refusal(
                call.uid, "The till could not do this; its log says why. Look at the paper before you repeat it."
            )

    def _result(self, call: Call) -> Any:
        match call.call:
            case "getVersion":
                return VERSION
            case "printers.find":
                return self._found(call.params.get("query"))
            case "printers.getDefault":
                return self._name
            case "printers.detail":
                driver = self._terminal.config.printer.profile
                return [{"name": self._name, "driver": driver, "default": True, "trays": []}]
            case "printers.startListening":
                self._listened(call.params.get("printerNames"))
                return None
            case "printers.getStatus" | "printers.stopListening":
                return None  # the socket knows who listens
            case "print":
                return self._print(call.params)
            case "networking.hostname":
                return socket.gethostname()
            case "networking.device" | "networking.devices" | "websocket.getNetworkInfo":
                return _network(call.call)
        kind = call.call.partition(".")[0]
        if kind in _NOT_HERE:
            raise Refused(f"This is the till's printer, not QZ Tray itself: it {_NOT_HERE[kind]} for a page.")
        raise Refused(f"Invalid function call: {call.call[:60] or 'NONE'}")

    def _found(self, query: object) -> str | list[str]:
        """All printers, or the one that QZ Tray would take for that name: the whole, its beginning, or a part of it."""
        if query is None:
            return [self._name]
        if isinstance(query, str) and self._is_meant(query):
            return self._name
        raise Refused(f"Specified printer could not be found. The one of this till is called {self._name}.")

    def _is_meant(self, name: str) -> bool:
        return bool(name.strip()) and name.strip().lower() in self._name.lower()

    def _listened(self, names: object) -> None:
        for name in names if isinstance(names, list) else [names]:
            if name is not None:
                self._found(name)

    def _print(self, params: dict[str, Any]) -> None:
        data, copies = job_of(params, self._terminal.config, self._is_meant)
        verdict = self._terminal.printer.print_for_host(with_rewards(self._terminal, data) * copies)
        if verdict.outcome is not Outcome.PRINTED:
            raise Refused(verdict.reason)

    def status_event(self) -> dict[str, Any]:
        """How the printer is, as QZ Tray tells it to whoever listens (StatusSession.java, NativePrinterStatus.java)."""
        status, severity, sentence = self._status()
        event = {
            "type": "ACTION",
            "printerName": self._name,
            "eventType": "PRINTER",
            "statusText": status,
            "severity": severity,
            "message": f"{status}: {sentence}",
        }
        return {"type": "PRINTER", "event": json.dumps(event)}

    @property
    def is_in_trouble(self) -> bool:
        spooler = self._terminal.printer.spooler
        return spooler is None or bool(spooler.trouble)

    def _status(self) -> tuple[str, str, str]:
        spooler = self._terminal.printer.spooler
        if spooler is None:
            return "NOT_AVAILABLE", "FATAL", "This till has no printer (till.toml)."
        if spooler.trouble:
            status, severity = _STATUSES.get(spooler.trouble_code, ("ERROR", "FATAL"))
            return status, severity, spooler.trouble
        if spooler.notice:
            return "PAPER_PROBLEM", "WARN", spooler.notice
        if not spooler.answers:
            return "UNKNOWN", "INFO", "The printer does not say how it is."
        return "OK", "INFO", "The printer is ready."


_STATUSES = {
    "cover_open": ("DOOR_OPEN", "WARN"),
    "paper_out": ("PAPER_OUT", "FATAL"),
    "offline": ("OFFLINE", "FATAL"),
    "absent": ("NOT_AVAILABLE", "FATAL"),
    "silent": ("NOT_AVAILABLE", "FATAL"),
    "busy": ("BUSY", "INFO"),
    "catching_up": ("BUSY", "INFO"),
}


def _network(call: str) -> Any:
    """This machine as NetworkDevice.java has it, as far as it can be told without asking anybody: pages name a till by it."""
    number = uuid.getnode()
    is_made_up = bool(number >> 40 & 1)
    mac = "" if is_made_up else ":".join(f"{number >> shift & 255:02X}" for shift in range(40, -8, -8))
    device = {"ip": "127.0.0.1", "mac": mac, "hostname": socket.gethostname(), "primary": True, "up": True}
    if call == "networking.devices":
        return [device]
    return device if call == "networking.device" else {"ipAddress": device["ip"], "macAddress": mac}
