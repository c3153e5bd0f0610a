"""What entries of tills and of head office mean for members' points, and what is kept of it."""
