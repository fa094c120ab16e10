"""The order list and the order page.

`admin.py` the pages' addresses · `listing.py` the list · `page.py` what the order page shows · `journey.py` its stepper · `next_move.py`
whose move it is and what is missing · `moves.py` the buttons' dialogs (generated from the process table) · `beside.py` hold and question ·
`entries.py` what staff type in, with its forms in `forms.py` and `parcel_forms.py` · `history.py` events in words ·
`meanwhile.py` what others changed since · `desk.py` messages, notes, who looks after it and who is there · `customer_view.py` what the
customer sees.
"""
