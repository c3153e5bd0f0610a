"""Versions of the programme: what was, is and will be in force, and what another would have made of it."""
