"""The staff's door. It shows, searches, and calls `workflow`; no rule of the business lives here.

START at `admin.py` (every page there is), `site.py` (the frame around them), `orders/` (the order list and the order page).
"""
