"""Measurements: each beside a peer in the same run, printed as a ratio with its target. Not part of the wheel."""
