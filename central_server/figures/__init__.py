"""Figures: what the journals say about how the programme goes. docs/figures.md defines each; here is where they are computed.

facts      counts entries into sums, each once, whatever order they are heard in
sold       what one sale with its returns and claim comes to
moves      what one entry's postings are called
scope      the period, the shop and the window of a question, and which tills are still to be heard
baskets    sales, attach rate, baskets
customers  active, churn, retention, repeat purchase, value of a member, who is at risk
points     issued and redeemed, rates by month of issue, liability, cost
tiers      who moved between tiers, who renewed a paid one
closing    months that finance has closed
answers    all of it as one report
"""

from __future__ import annotations
