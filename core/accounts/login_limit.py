"""At most five wrong passwords in fifteen minutes for one address, from wherever they come and at whichever door; known and unknown
addresses alike. Wrong codes of the second step are counted the same way, for a person.

A try is written down under the row's lock before it is judged, so that a hundred at once are five judged and ninety-five refused.
"""

import hashlib
import time

from django.db import transaction
from django.utils.timezone import now

from core.accounts.models import WrongPasswords, normalise_email
from core.errors import TooManyRequests
from core.retries import retried

MOST, WINDOW_S = 5, 15 * 60


def digest_of(email: str) -> str:
    return hashlib.sha256(normalise_email(email).encode()).hexdigest()


@retried
@transaction.atomic
def count_try(email: str) -> float:
    """Note a try and return its mark, or raise TooManyRequests with the time until the next one is free."""
    WrongPasswords.objects.get_or_create(address=digest_of(email))
    row = WrongPasswords.objects.select_for_update().get(address=digest_of(email))
    moment = time.time()
    recent = [tried for tried in row.tried_at if tried > moment - WINDOW_S]
    if len(recent) >= MOST:
        raise TooManyRequests(code="too_many_logins", headers={"Retry-After": str(int(recent[0] + WINDOW_S - moment) + 1)})
    row.tried_at, row.changed_at = [*recent, moment], now()
    row.save()
    return moment


@retried
@transaction.atomic
def forgive(email: str, mark: float) -> None:
    """The try was right: it does not count. Wrong ones before it still do."""
    row = WrongPasswords.objects.select_for_update().get(address=digest_of(email))
    row.tried_at = [tried for tried in row.tried_at if tried != mark]
    row.save()
