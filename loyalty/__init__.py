"""The programme, pure: what a sale earns, what points are worth, what a return takes back."""
