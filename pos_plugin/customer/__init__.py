"""What the customer sees besides the receipt: the line display, and a window of their own."""
