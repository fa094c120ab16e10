"""What customers and staff are told about an order: one function per event, in Korean and English side by side.

`quoting.py` from the request to the items payment, `delivering.py` from the purchase to the paid delivery, `on_the_road.py` from the
hand-over to the door, `changing.py` items that are sold out or dearer and refunds, `beside.py` questions and cancellations,
`reminding.py` reminders, `staff.py` the letters to ourselves. Who gets them, when and by which channel is `workflow/notices.py`. A new
letter: a function here with `@to_customer("<event>")` or `@to_staff("<event>")`.
"""

from workflow.letters import beside, changing, delivering, on_the_road, quoting, staff
from workflow.letters.about import About
from workflow.letters.registry import CUSTOMER, STAFF, Write

__all__ = ["CUSTOMER", "STAFF", "About", "Write", "beside", "changing", "delivering", "on_the_road", "quoting", "staff"]
