"""The money pages: look things up, decide on what waits. `shown.py` is what they have in common, `filters.py` what lists are narrowed by;
`refunds.py`, `unapplied.py` and `events.py` have buttons, the others only show. Fees: `backoffice/fee_pages.py`.
"""
