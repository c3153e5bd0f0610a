"""A receiver of webhooks, and members that a segment has."""

from __future__ import annotations

import pytest

from central_server.segments import saved
from central_server.segments.conditions import Conditions
from tests.central.far_end import far_end
from tests.central.webhooks.sent import put_members


@pytest.fixture
def receiver():
    with far_end() as there:
        yield there


@pytest.fixture
def people(office):
    """Anna, Ben and Cleo have cards and agree; Dora does not."""
    put_members(office, ("anna", "ben", "cleo"))
    put_members(office, ("dora",), agree=False)
    saved.keep(office, "all", Conditions(), "ada")
