-- What head office tells all tills of codes that nobody may use any more, and the keys of passes on phones.

-- Cards that are lost, stolen or replaced, by keyed hash: most are of members whom this shop never saw.
CREATE TABLE blocked_card (
    card_hash TEXT PRIMARY KEY,
    why TEXT NOT NULL,
    since TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Member tokens that were revoked before their last day.
CREATE TABLE revoked_token (
    serial TEXT PRIMARY KEY,
    last_day TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Secret: whoever reads a key here can make the codes of that pass.
CREATE TABLE pass_key (
    card TEXT PRIMARY KEY,
    member TEXT NOT NULL,
    key TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    period_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pass_of_member ON pass_key (member);

-- When the period began (seconds since 1970) whose code this till accepted last for a pass. Not head office's to forget.
CREATE TABLE pass_used (
    card TEXT PRIMARY KEY,
    begins_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
