"""A large believable database for `manage.py seed_large`: `run.py` (start here), `people.py`, `orders.py` (one order's rows), `desk.py`
and `warehouse.py` (what lies beside its road), `tables.py` (rows written in bulk) and `words.py` (what people and products are called).

Orders are not walked through the real transitions, which would take days; what the rows say is the same, and the tests ask
`verify_audit` and `verify_invariants` for it.
"""
