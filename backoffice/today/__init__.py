"""The home page: what waits and for whom (`cards.py`), figures (`charts.py`), the machines (`machines.py`), and the promises behind the
clocks (`promises.py`). Start at `page.py`."""
