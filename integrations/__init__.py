"""The outside world, one module per provider: plain values in, plain dataclasses out, one family of errors (`base.ProviderError`).

Nothing here knows of orders or the database. What all clients share is in `base.py`; a new courier is a module like `ems.py` and one
line in `couriers.py`; `sandbox/` is the stand-in for all of them and shares no code with the clients.
"""
