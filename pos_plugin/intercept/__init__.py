"""The till prints through us, and nothing of it changes but for the rewards that a sale's receipt ends with.

    papers            what a piece of paper says, what that is, and what head office's ledger is told of it
    stream            a till's bytes in, the printer's bytes out; the block goes in before the feeds and the cut
    recognition       a paper as the shop taught it: sale, return, void, or none of these
    relay             a process of its own in front of the printer, so that it goes on when the ledger cannot
    printed_sales     the ledger's side: the sale is recorded, and the block of its receipt answered

It fails open: whatever happens here, the printer gets what the till has sent.
"""
