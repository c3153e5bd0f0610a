"""Members beside their points: who they are, their cards, what they agreed to, and what a person does for them."""
