"""The till's one SQLite file."""
