-- Pictures that receipts name: a shop's logo stands on every receipt, and here once.
CREATE TABLE picture (
    digest TEXT PRIMARY KEY,
    png BLOB NOT NULL
) STRICT;
