"""The money machine: random walks of everything that can happen to an order's money, over the real code and the real sandbox.

`walks.py` START HERE: the rules, one method for each thing that people, Stripe, workers and time can do. `world.py` what they act on,
`workers.py` the queue and its deaths, `checks.py` what must be true when all is settled, reckoned without the product's own sums.
"""
