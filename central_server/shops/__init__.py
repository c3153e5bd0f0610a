"""What belongs to a shop: its operators, its stock of cards, the ends of its days."""
