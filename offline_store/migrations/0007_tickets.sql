-- What members asked or complained of: the words wait here, sealed, until head office has them; then only how far it is. What the member
-- was told waits beside it, until head office has that, too.

CREATE TABLE ticket_outbox (
    ticket TEXT PRIMARY KEY,
    opened TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ticket (
    ticket TEXT PRIMARY KEY,
    member TEXT NOT NULL,
    topic TEXT NOT NULL,
    status TEXT NOT NULL,
    reply TEXT NOT NULL,
    answer INTEGER NOT NULL,
    told INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ticket_told (
    ticket TEXT NOT NULL,
    answer INTEGER NOT NULL,
    told TEXT NOT NULL,
    PRIMARY KEY (ticket, answer)
) STRICT, WITHOUT ROWID;

CREATE INDEX ticket_member ON ticket (member);
