"""What head office can say of itself: reports, audits, files for others."""
