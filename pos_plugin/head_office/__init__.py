"""Head office as a till sees it: joining it, the wire to it, and what is sent and asked there."""
