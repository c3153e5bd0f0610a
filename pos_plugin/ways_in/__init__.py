"""The protocols of other makers' devices, so that a till which speaks one of them finds it here and is not changed at all.

    door        who may come in: this machine, the web pages and the addresses that the shop has named
    doors       which of them are open, as till.toml says
    pictures    receipts that come as pictures, as dots of this printer
    whole_jobs  a whole job of theirs, read as a sale, with the rewards at its end

Each of the others is one protocol: requests in, prints and scans of the terminal out. None of them knows the ledger.
"""
