"""Head office: every terminal's journal in one place."""
