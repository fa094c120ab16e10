"""Staff's way in: the password (`door.py`), then a code of their app or, the first time, its setting up (`steps.py`); and the page
under one's own account where it is set up, renewed and given up (`own.py`). The rules: `core/accounts/two_steps.py`.
"""
