"""The customers' door: JSON under /api/v1, the pay page, and Stripe's webhook. It shows and asks; no rules live here.

`api.py` START HERE: the table of routers. `resources/` one file per resource, with its schemas and endpoints. `problems.py` every
error answer. `door.py` what each request passes before its endpoint. `idempotency.py` first answers kept. `pay.py`, `webhooks.py` the
two addresses outside /api/v1.
"""
