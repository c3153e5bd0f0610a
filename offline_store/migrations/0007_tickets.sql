-- What members asked or complained of: the words wait here, sealed, until head office has them; then only how far it is.

CREATE TABLE ticket_outbox (
    ticket TEXT PRIMARY KEY,
    opened TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ticket (
    ticket TEXT PRIMARY KEY,
    member TEXT NOT NULL,
    topic TEXT NOT NULL,
    status TEXT NOT NULL,
    reply TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX ticket_member ON ticket (member);
