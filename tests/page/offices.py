"""A head office of a test, with one till of its shop Harbour."""

from __future__ import annotations

import random
from pathlib import Path

from central_server.founding import init_office
from central_server.office import Office
from loyalty.program import read_program
from tests.central.conftest import SHOPS, Clock, Till


def office_with_a_till(folder: Path, clock: Clock, rules: str) -> tuple[Office, Till]:
    """Open, and the till is enrolled. The office is the caller's to close."""
    init_office(folder, clock, random.Random(1).randbytes, program_text=rules, shops=SHOPS).close()
    office = Office.open(folder, clock, random.Random(2).randbytes)
    till = Till(office, "AAAAAA", "Harbour", read_program(rules))
    till.enroll()
    return office, till
