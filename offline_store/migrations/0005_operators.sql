-- Who may sign on at this till: as head office told, or made here where there is none.

-- `pin` is Argon2id in PHC form, '' for an operator who may not sign on any more; `member` is their own card or member reference.
CREATE TABLE operator (
    operator TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('cashier', 'supervisor', 'manager')),
    pin TEXT NOT NULL,
    member TEXT NOT NULL DEFAULT '',
    is_of_here INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- PINs tried since the last right one, before each is looked at; '' counts those of all operators since `since`.
CREATE TABLE tried_pin (
    operator TEXT PRIMARY KEY,
    tries INTEGER NOT NULL,
    since TEXT NOT NULL,
    locked_until TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The shifts of a business day, counted from 1 in the order in which they began.
CREATE TABLE shift (
    day TEXT NOT NULL,
    number INTEGER NOT NULL,
    operator TEXT NOT NULL,
    began_at TEXT NOT NULL,
    PRIMARY KEY (day, number)
) STRICT, WITHOUT ROWID;
