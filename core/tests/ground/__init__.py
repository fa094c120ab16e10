"""The ground under real processes: web, worker, run, each started as a person would, on a database of their own.

conftest.py makes the database (of the engine this test run uses) and starts processes; actor.py is the other process that changes
things; streams.py is a client of event streams.
"""
