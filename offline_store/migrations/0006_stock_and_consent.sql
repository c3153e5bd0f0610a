-- Card stock, and what members are asked to agree to.

-- A shop that was ever sent a batch takes no other cards for new members.
CREATE TABLE card_batch (
    batch TEXT PRIMARY KEY,
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Cards of those batches that head office knows to be nobody's; those that are somebody's here stand in card as well.
CREATE TABLE stock_card (
    card TEXT PRIMARY KEY,
    batch TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX stock_card_by_batch ON stock_card (batch);

-- The text that who joins is asked to agree to: one row, or none. texts: language to text, JSON.
CREATE TABLE consent_text (
    version TEXT PRIMARY KEY,
    texts TEXT NOT NULL
) STRICT, WITHOUT ROWID;
