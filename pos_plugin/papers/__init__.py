"""What a till prints: receipts and slips, how they look, the queue to the printer, and what the printer said of it."""
