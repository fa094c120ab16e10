"""Stripe, API version 2026-10-28.endive, as far as a shop with Checkout Sessions needs it: stateful and as strict as the real one.

Where to look:
    api.py          the door: key, version, parameters, idempotency, then the operation; the table of operations
    parameters.py   form bodies and queries -> checked values (`parameter_unknown`, `parameter_missing` ...)
    idempotency.py  what a repeated key answers
    sessions.py     Checkout Sessions: create, read, expire; their lines and total in lines.py
    payments.py     what happens when somebody pays, is declined, pays later (the objects it makes: payment_objects.py)
    refunds.py disputes.py
    events.py       every change makes an Event
    webhooks.py     Events are signed and delivered, again and again until somebody says 2xx
    ledger.py       the objects in the books: find, save, lists with cursors, expansion
"""

API_VERSION = "2026-10-28.endive"
