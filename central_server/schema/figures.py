"""The tables of figures: what sales come to by day, shop, operator and member. All of it is derived, and can be made anew."""

from __future__ import annotations
