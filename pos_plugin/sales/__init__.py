"""Sales: what one earns and takes, quoted and recorded; taken back, claimed for a forgotten card, put on hold."""
