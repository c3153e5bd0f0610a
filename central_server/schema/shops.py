"""The tables of a shop's day: its operators, closings, card stock, and what its members agreed to."""

from __future__ import annotations
