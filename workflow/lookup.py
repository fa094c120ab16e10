"""Finding an order by what people hold in their hand: its number, the customer's e-mail, a tracking or a shop's order number.

Exact look-ups over indexes only, each a query of its own: an OR over joined tables would read them all.
"""

import re

from django.db.models import Q

from core.accounts.models import User, normalise_email
from integrations.tracking_numbers import normalise
from workflow.models import Item, Order, Parcel

#: more orders than this under one tracking or shop number are not one person's question
MOST = 200
#: Crockford's base 32 reads these letters as the digits they look like
ALIKE = str.maketrans({"I": "1", "L": "1", "O": "0"})


def normalise_number(text: str) -> str:
    """`bd 1o2il abcde` -> `BD-10211-ABCDE`; empty if it cannot be an order number."""
    letters = re.sub(r"[^0-9A-Z]", "", text.upper()).removeprefix("BD").translate(ALIKE)
    return f"BD-{letters[:5]}-{letters[5:]}" if len(letters) == 10 else ""


def matching(text: str) -> Q:
    """The orders that `text` names exactly."""
    text = text.strip()
    if "@" in text:
        return Q(customer__in=list(User.objects.filter(email=normalise_email(text)).values_list("pk", flat=True)))
    number = normalise_number(text)
    found = set(Order.objects.filter(number=number).values_list("pk", flat=True)) if number else set()
    if tracking := normalise(text):
        found |= set(Parcel.objects.filter(tracking_number=tracking).values_list("order_id", flat=True)[:MOST])
    found |= set(Item.objects.filter(shop_order_number=text).values_list("order_id", flat=True)[:MOST])
    return Q(pk__in=sorted(found))
