-- The till's file. Entries are what happened; every other table is derived from them, or can be fetched or done again.

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE program (
    id TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    since TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The journal. `data` is what is hashed, sent and kept.
CREATE TABLE entry (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    data BLOB NOT NULL
) STRICT;
CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry BEGIN
    SELECT RAISE(ABORT, 'a journal entry is never changed; record a new one that names it');
END;
CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON entry BEGIN
    SELECT RAISE(ABORT, 'a journal entry is never deleted');
END;

-- Natural keys: what has happened once happens no second time.
CREATE TABLE document (
    document TEXT PRIMARY KEY,
    number INTEGER NOT NULL REFERENCES entry
) STRICT, WITHOUT ROWID;

-- What a host called its request, so that the same request again gets the first answer.
CREATE TABLE request (
    key TEXT PRIMARY KEY,
    number INTEGER NOT NULL REFERENCES entry
) STRICT, WITHOUT ROWID;

CREATE TABLE posting (
    member TEXT NOT NULL,
    number INTEGER NOT NULL REFERENCES entry,
    commodity TEXT NOT NULL,
    account TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (member, number, commodity, account)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER posting_is_never_changed BEFORE UPDATE ON posting BEGIN
    SELECT RAISE(ABORT, 'a posting is never changed');
END;
CREATE TRIGGER posting_is_never_deleted BEFORE DELETE ON posting BEGIN
    SELECT RAISE(ABORT, 'a posting is never deleted');
END;

-- What moved a member's balance: the accounts that belong to the member wherever the points lie.
CREATE VIEW movement AS
    SELECT member, number, amount FROM posting WHERE account IN ('available', 'granted', 'escrow', 'owed');

-- Entries of a member that moved no points but may count for something: with those in `posting`, all of the member's.
CREATE TABLE unposted (
    member TEXT NOT NULL,
    number INTEGER NOT NULL REFERENCES entry,
    PRIMARY KEY (member, number)
) STRICT, WITHOUT ROWID;

-- Lots this till knows of. `held` can be spent here and nowhere else; `elsewhere` is awarded or released to head office.
CREATE TABLE lot (
    member TEXT NOT NULL,
    lot TEXT NOT NULL,
    expires_on TEXT NOT NULL,
    held INTEGER NOT NULL CHECK (held >= 0),
    elsewhere INTEGER NOT NULL CHECK (elsewhere >= 0),
    PRIMARY KEY (member, lot)
) STRICT, WITHOUT ROWID;

-- Points awarded here that cannot be spent before a day. They lie with head office, and count in the balance.
CREATE TABLE vesting (
    member TEXT NOT NULL,
    lot TEXT NOT NULL,
    number INTEGER NOT NULL REFERENCES entry,
    usable_from TEXT NOT NULL,
    points INTEGER NOT NULL CHECK (points >= 0),
    PRIMARY KEY (member, lot)
) STRICT, WITHOUT ROWID;

-- Grants taken in the journal that the server has not acknowledged yet: they cannot be spent before.
CREATE TABLE pending_take (
    number INTEGER PRIMARY KEY REFERENCES entry,
    member TEXT NOT NULL,
    slices TEXT NOT NULL
) STRICT;

-- Points of a member that stay here while the till is online, until head office calls them back.
CREATE TABLE standing (
    member TEXT PRIMARY KEY,
    points INTEGER NOT NULL CHECK (points > 0)
) STRICT, WITHOUT ROWID;

-- What was spent on the floor limit since head office last renewed it.
CREATE TABLE floor_spent (
    member TEXT NOT NULL,
    number INTEGER NOT NULL REFERENCES entry,
    points INTEGER NOT NULL CHECK (points > 0),
    PRIMARY KEY (member, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipt (
    number INTEGER PRIMARY KEY REFERENCES entry,
    document BLOB NOT NULL
) STRICT;

CREATE TABLE print_job (
    job INTEGER PRIMARY KEY,
    number INTEGER NOT NULL REFERENCES receipt,
    copy INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'started', 'printed', 'not printed', 'unknown', 'dropped')),
    code TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT ''
) STRICT;

-- Members as the last feed told of them. `includes` is this journal's last entry in those figures; later ones are added.
CREATE TABLE member (
    member TEXT PRIMARY KEY,
    joined_on TEXT NOT NULL DEFAULT '',
    as_of TEXT NOT NULL DEFAULT '',
    includes INTEGER NOT NULL DEFAULT 0,
    points TEXT NOT NULL DEFAULT '[]',
    debt INTEGER NOT NULL DEFAULT 0,
    initials TEXT NOT NULL DEFAULT '',
    merged_into TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- What members ever did, as sums (JSON, '' is nothing): `told` by head office, `own` what this journal's entries after the one
-- that it `includes` up to the entry `upto` add up to. `profile`: who they are.
CREATE TABLE history (
    member TEXT PRIMARY KEY,
    includes INTEGER NOT NULL DEFAULT 0,
    told TEXT NOT NULL DEFAULT '',
    profile TEXT NOT NULL DEFAULT '',
    own TEXT NOT NULL DEFAULT '',
    upto INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- The entry that keeps all of a member's points alive for longest, where the programme extends them.
CREATE TABLE kept_alive (
    member TEXT PRIMARY KEY,
    number INTEGER NOT NULL REFERENCES entry,
    day TEXT NOT NULL,
    extends_to TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Few have become another, and most questions only ask whether one has.
CREATE INDEX merged_member ON member (member, merged_into) WHERE merged_into <> '';

CREATE TABLE card (
    card TEXT PRIMARY KEY,
    member TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX card_of_member ON card (member);

CREATE TABLE phone (
    phone_hash TEXT PRIMARY KEY,
    member TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX phone_of_member ON phone (member);

-- Details of members who joined here, until head office has them.
CREATE TABLE member_outbox (
    member TEXT PRIMARY KEY,
    details TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE feed_position (
    channel TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
