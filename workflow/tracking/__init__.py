"""What couriers say, made true, for one parcel or for ten thousand at a time. Read in this order:

- `rounds.py`   one round of one courier: claimed, asked, stored; who rests and until when
- `resting.py`  a courier at rest, for a person who asks all the same
- `asking.py`   many requests at once within the courier's budget; one bad answer never stops the others, an outage stops them all
- `answers.py`  what an answer means for its parcel: rows to write, the next look, tasks for staff. No database
- `storing.py`  all of a round's answers in one transaction and a fixed number of statements
- `telling.py`  what was stored is told to people, and the order moves with its last parcel

The courier's words are kept as they come. Only "delivered" and "returned" end a parcel, an unknown code never does, and what was
delivered is never un-delivered by a machine.
"""

from workflow.tracking.resting import Rest, Why, resting
from workflow.tracking.rounds import due_couriers, poll_courier, poll_due
from workflow.tracking.storing import take_in
from workflow.tracking.telling import move_order, tell_news

__all__ = ["Rest", "Why", "due_couriers", "move_order", "poll_courier", "poll_due", "resting", "take_in", "tell_news"]
