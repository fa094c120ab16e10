"""One order's whole life, walked from outside, as the people do it: over HTTP only, nothing of the product is imported.

START HERE: `walk.py` holds the steps in their order. `customer.py` signs up, orders and follows the event stream (`stream.py`);
`staff.py` works in the admin's own pages (`browser.py`, `pages.py`: a browser without a screen); `paying.py` pays on the hosted page;
`courier.py` moves the parcels; `inbox.py` reads what was sent to whom; `proofs.py` looks back at the end. `steps.py` prints and counts.
The command is `core/management/commands/journey.py`.
"""
