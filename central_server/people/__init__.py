"""Who works at head office: accounts, sessions, roles, and what needs a second person."""
