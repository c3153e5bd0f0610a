"""What members say to the shop: tickets, and feedback on what they bought."""
