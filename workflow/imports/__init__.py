"""Files that staff bring in: prices, tracking numbers, arrivals. Read in this order:

`files.py`     is it a file we read at all, and small enough: before anything is unpacked
`sheets.py`    its rows as texts; `cells.py` what the texts mean; `columns.py` which column is which
`kinds.py`     the three kinds, each in a module of its own: what a row says, and whether it may be entered
`staging.py`   an uploaded file becomes a batch of staged rows: the only state there is, bound to who brought it
`checking.py`  every row is checked and shows what it would change
`applying.py`  one transaction: orders locked in the order of their ids, every row looked at again, one joined UPDATE per table,
               one event per order; all or nothing
`undoing.py`   what changed goes back where nothing changed since
`moving.py`    orders that are complete now make their next move, each in a transaction of its own

A process that is killed leaves its batch claimed, and its transaction undone: `ImportBatch.was_interrupted`.
"""
