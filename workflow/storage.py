"""How long an order's goods lie with us on the customer's time, and what that costs by the dated fee policy.

The clock is two columns of the order (`storage_used_s`, `storage_since`), tended with the promise's in `Order.tend_clock`: it begins anew
when the goods come or come back, runs while the customer has to pay, to answer or to decide, and stands while we work or hold the order.
Here is what it says: days, the fee, the steps ahead. The terms are those of the paid items quote, as for the rest of the delivery bill.

A day counts once it has begun. The fee stops growing at the end of storage: from there on a person decides (`disposal.py`). It carries
no card fee: a letter that says "₩500 a day" must be true to the won. Bills follow it in `storage_bills.py`, notices in `reminders.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils.timezone import now

from workflow.models import FeePolicy, InvoiceKind, InvoiceStatus, Order, Quote
from workflow.process import STORED

DAY = timedelta(days=1)
#: how many days before each step the customer is told
LEADS = (7, 3, 1)


@dataclass(frozen=True)
class Terms:
    """`max_days` includes what staff granted beyond the policy."""

    free_days: int
    krw_per_day: int
    max_days: int

    @classmethod
    def of(cls, policy: FeePolicy, *, extra_days: int = 0) -> "Terms":
        return cls(policy.storage_free_days, policy.storage_krw_per_day, policy.storage_max_days + extra_days)

    @property
    def has_fee(self) -> bool:
        return self.krw_per_day > 0 and self.free_days < self.max_days

    def fee_days(self, used: timedelta) -> int:
        """Days begun beyond the free ones, up to the end of storage."""
        return max(0, min(begun_days(used), self.max_days) - self.free_days) if self.has_fee else 0

    def fee_krw(self, used: timedelta) -> int:
        return self.fee_days(used) * self.krw_per_day


def begun_days(used: timedelta) -> int:
    """By whole seconds, as the clock keeps them when it stops: what was billed while it ran must not be more than it shows then."""
    return -(-timedelta(seconds=used // timedelta(seconds=1)) // DAY)


@dataclass(frozen=True)
class Storage:
    """The clock of one order, looked at `at`."""

    used: timedelta
    terms: Terms
    runs: bool
    at: datetime

    @property
    def days(self) -> int:
        return begun_days(self.used)

    @property
    def fee_days(self) -> int:
        return self.terms.fee_days(self.used)

    @property
    def fee_krw(self) -> int:
        return self.terms.fee_krw(self.used)

    @cached_property
    def free_until(self) -> datetime | None:
        """If the clock goes on running; None while it stands."""
        return self._moment(self.terms.free_days)

    @cached_property
    def ends_at(self) -> datetime | None:
        return self._moment(self.terms.max_days)

    def _moment(self, days: int) -> datetime | None:
        return self.at + (days * DAY - self.used) if self.runs else None

    @property
    def is_over(self) -> bool:
        return self.used >= self.terms.max_days * DAY

    @property
    def tone(self) -> str:
        if self.is_over:
            return "bad"
        return "staff" if self.used > (self.terms.max_days - max(LEADS)) * DAY or self.fee_days else "plain"


def used(order: Order, *, at: datetime) -> timedelta:
    running = at - order.storage_since if order.storage_since else timedelta()
    return timedelta(seconds=order.storage_used_s) + max(running, timedelta())


def storage_of(order: Order, *, at: datetime | None = None, policy: FeePolicy | None = None) -> Storage | None:
    """None where nothing lies with us. Without `policy`, reads the order's invoices with their quotes."""
    if order.state not in STORED:
        return None
    policy = policy or _policy_of(order)
    if policy is None:
        return None
    at = at or now()
    terms = Terms.of(policy, extra_days=order.storage_extra_days)
    return Storage(used=used(order, at=at), terms=terms, runs=order.storage_since is not None, at=at)


def _policy_of(order: Order) -> FeePolicy | None:
    paid = [one for one in order.invoices.all() if one.kind == InvoiceKind.ITEMS and one.status == InvoiceStatus.PAID]
    return max(paid, key=lambda invoice: invoice.number).quote.policy if paid else None


def stay(order: Order) -> str:
    """Names this stay of the goods with us: an order may come back and begin another."""
    return f"storage-{int(order.storage_began_at.timestamp()) if order.storage_began_at else 0}"


# --- Many orders ----------------------------------------------------------------------------------------------------------


def running(at: datetime, *, within: timedelta = timedelta(), only_ending: bool = False) -> Iterator[tuple[Order, Storage]]:
    """The orders whose clock runs and may be `within` this of the end of the free days (`only_ending`: of the end of storage), or beyond
    it; the oldest first. One range of an index that holds nothing but running clocks; few statements."""
    policies = {policy.pk: policy for policy in FeePolicy.objects.all()}
    ends = [
        policy.storage_max_days if only_ending else min(policy.storage_free_days, policy.storage_max_days) for policy in policies.values()
    ]
    found = _long_enough(at, days=min(ends, default=0), within=within)
    for order in found.select_related("customer").order_by("pk").iterator(chunk_size=500):
        policy = policies.get(order.storage_policy)  # type: ignore[attr-defined]
        storage = storage_of(order, at=at, policy=policy) if policy else None
        if storage is not None:
            yield order, storage


def ending(*, within_days: int, most: int = 1000) -> list[int]:
    """The orders whose storage ends within so many days, or is over; the oldest first, at most so many."""
    near = running(now(), within=timedelta(days=within_days), only_ending=True)
    found = (order.pk for order, seen in near if seen.used > (seen.terms.max_days - within_days) * DAY)
    return list(islice(found, most))


def count_ending(*, within_days: int) -> tuple[int, int, datetime | None]:
    """How many orders `ending` finds, how many of them are over, and since when the first lies here. Two statements; only what has lain
    here long enough is read, and of that only the clock."""
    at, policies = now(), {policy.pk: policy for policy in FeePolicy.objects.all()}
    least = min((policy.storage_max_days for policy in policies.values()), default=0) - within_days
    # of what stood still in between, the day it began is the earliest that its days may be counted from
    long_here = Q(storage_since__lte=at - least * DAY) | Q(storage_used_s__gt=0, storage_began_at__lte=at - least * DAY)
    columns = ("state", "storage_used_s", "storage_since", "storage_extra_days")
    ending, over, since = 0, 0, []
    for order in _long_enough(at, days=max(least, 0), within=timedelta()).filter(long_here).only(*columns).iterator():
        policy = policies.get(order.storage_policy)  # type: ignore[attr-defined]
        seen = storage_of(order, at=at, policy=policy) if policy else None
        if seen is not None and seen.used > (seen.terms.max_days - within_days) * DAY:
            ending, over = ending + 1, over + (seen.used > seen.terms.max_days * DAY)
            since.append(at - seen.used)
    return ending, over, min(since, default=None)


def _long_enough(at: datetime, *, days: int, within: timedelta) -> QuerySet[Order]:
    """By the shortest terms there are. Of what stood still in between some time is counted already: each of those is looked at."""
    begun = Q(storage_since__lte=at - days * DAY + within) | Q(storage_since__isnull=False, storage_used_s__gt=0)
    paid = Quote.objects.filter(order=OuterRef("pk"), invoices__kind=InvoiceKind.ITEMS, invoices__status=InvoiceStatus.PAID)
    return Order.objects.filter(begun).annotate(storage_policy=Subquery(paid.order_by("-version").values("policy_id")[:1]))
