"""Sales of the past: from other systems' files into the journal, or through a programme to see what it would have given."""
