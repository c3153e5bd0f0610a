"""Star CloudPRNT: a cloud till keeps print jobs for a Star printer that polls, and this till is that printer.

    queue    one cloud till's queue: poll, fetch, print, confirm
    far_end  the three requests, each bounded
    papers   a job as the bytes of this till's printer
    kept     what must outlast a power cut: the printer's address, and the last jobs worked on

Rules and codes are those of Star's CloudPRNT Protocol Guide 2.4.0 (POST, GET, DELETE, printer status codes).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pos_plugin.terminal import Terminal
    from pos_plugin.ways_in.cloudprnt.queue import CloudQueue

log = logging.getLogger("pos_plugin")


def open_queues(terminal: Terminal) -> list[CloudQueue]:
    """The queues in the settings. One that cannot be polled is told of and left out: the till sells all the same."""
    from pos_plugin.ways_in.cloudprnt.far_end import FarEnd, NoAddress
    from pos_plugin.ways_in.cloudprnt.kept import Kept, KeptUnreadable
    from pos_plugin.ways_in.cloudprnt.queue import CloudQueue

    opened: list[CloudQueue] = []
    wanted = [one for one in terminal.config.cloudprnt if one.url]
    try:
        kept = Kept(terminal.store.folder) if wanted else None
    except KeptUnreadable as error:
        log.error("[[cloudprnt]] %s", error)
        return opened
    for set_up in wanted:
        assert kept is not None
        try:
            opened.append(CloudQueue(terminal, FarEnd(set_up.url, kept.mac), kept, every_s=set_up.every_s))
        except NoAddress as error:
            log.error("[[cloudprnt]] %s", error)
    return opened
