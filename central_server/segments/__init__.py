"""Saved segments: whom head office means, said once; how many and who that is now; sent to other systems."""
