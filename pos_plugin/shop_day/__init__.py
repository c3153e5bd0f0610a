"""Who works at the till, and the end of the shop's day."""
