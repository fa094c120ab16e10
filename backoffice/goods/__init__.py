"""Restricted goods: `restriction_pages.py` (topics and their versions), `restriction_forms.py`, `screening_report.py`."""
