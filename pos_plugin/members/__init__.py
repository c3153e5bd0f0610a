"""What a till does for a member beside a sale: joining, another card, activities, the balance on paper, tickets."""
