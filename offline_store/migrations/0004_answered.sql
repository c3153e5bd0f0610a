-- What a host's request under a key was answered, so that the same request again gets the same answer, also after a restart.

-- `asked` is a keyed hash of the request; `reply` is NULL while it is being done, and where the till stopped in the middle.
CREATE TABLE answered (
    key TEXT PRIMARY KEY,
    asked BLOB NOT NULL,
    at TEXT NOT NULL,
    reply BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX answered_at ON answered (at);

-- A sale's rewards in the lines that its host was given for its own receipt (JSON), in the row that is written anyway.
ALTER TABLE receipt ADD COLUMN rewards TEXT;
