"""Double entry, pure: entries and their chain, posting rules, lots, wire messages."""
