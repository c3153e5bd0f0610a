"""Tills and head office: how they join, what they send and are told, and the rights that lie with them."""
