"""Couriers asked about many parcels: one request a parcel as the seed does it, in batches one after the other, and as `workflow/tracking`
does it. The sandbox's FedEx takes 100 ms for every answer."""

import math
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.conf import settings

from core.management.bench import Place, Table, fleet, measured, table
from integrations.couriers import COURIERS, Courier
from integrations.sandbox.testing import Sandbox
from workflow import tracking
from workflow.models import Parcel

CODE, LATENCY_S = "fedex", 0.1
#: that many are asked one by one; more are reckoned from it
SAMPLE = 100
COLUMNS = ("way", "parcels", "wall s", "min", "max", "requests", "in flight", "SQL", "peak MB", "× the limit", "× as fast")
Way = Callable[[], object]


@table("polling")
def polling(place: Place) -> Table:
    sizes, rounds, sample = ((40,), 1, 4) if place.quick else ((1_000, 10_000), 3, SAMPLE)
    rows = []
    for size in sizes:
        numbers = place.sandbox.make_parcels(CODE, size, status="in_transit")
        Parcel.objects.update(next_poll_at=None)
        fleet.handed_over(numbers, courier=CODE)
        rows += list(_ways(place.sandbox, numbers, rounds=rounds, sample=min(sample, size)))
    budget = COURIERS[CODE].budget
    return Table(
        title=f"Polling: FedEx answers after {LATENCY_S * 1000:.0f} ms, up to {COURIERS[CODE].batch_size} numbers a request",
        columns=COLUMNS,
        rows=rows,
        notes=(
            f"One request a parcel was measured on {sample} parcels and reckoned from there: wall, requests and SQL.",
            "The limit is what latency and the number in flight allow: waves of requests times the latency.",
            "SQL counts statements without BEGIN and COMMIT. SQLite takes fewer values a statement, so there are more of them there.",
        ),
        facts={"latency_s": LATENCY_S, "in_flight": budget.in_flight, "batch": COURIERS[CODE].batch_size, "rounds": rounds},
    )


def _ways(sandbox: Sandbox, numbers: list[str], *, rounds: int, sample: int) -> Iterator[list[Any]]:
    ours, size = COURIERS[CODE], len(numbers)
    few = numbers[:sample]
    slowest = _row("one request a parcel, one after the other", sandbox, few, lambda: _one_by_one(few), rounds=1, of=size, courier=ours)
    base = slowest[2]
    yield [*slowest, 1.0]
    with _asked_by(replace(ours, budget=replace(ours.budget, in_flight=1, per_window=None))) as courier:
        row = _row("batches, one after the other", sandbox, numbers, _round, rounds=1, courier=courier)
        yield [*row, round(base / row[2], 1)]
    with _asked_by(ours):
        row = _row("batches, many in flight (ours)", sandbox, numbers, _round, rounds=rounds, courier=ours)
        yield [*row, round(base / row[2], 1)]


def _row(name: str, sandbox: Sandbox, numbers: list[str], way: Way, *, rounds: int, courier: Courier, of: int = 0) -> list[Any]:
    """Each round has all of its work: nothing is known yet."""
    runs = []
    for _round_number in range(rounds):
        _forget()
        sandbox.reset()
        sandbox.faults(CODE, "slow", seconds=LATENCY_S)
        runs.append(measured.run(way))
    asked = [request for request in sandbox.requests(CODE) if "trackingnumbers" in request["path"] and request["status"] == 200]
    most = fleet.most_in_flight(asked)
    share = (of or len(numbers)) / len(numbers)
    walls = [run.wall_s * share for run in runs]
    requests, wall_s = round(len(asked) * share), statistics.median(walls)
    limit_s = math.ceil(requests / max(most, 1)) * LATENCY_S
    spread = [round(value, 2) for value in (wall_s, min(walls), max(walls))]
    sql = round(runs[-1].statements * share)
    return [name, of or len(numbers), *spread, requests, most, sql, max(run.peak_mb for run in runs), round(wall_s / limit_s, 2)]


def _forget() -> None:
    from workflow.models import TrackingEvent

    TrackingEvent.objects.all().delete()
    Parcel.objects.filter(next_poll_at__isnull=False).update(answer_digest="", last_scan_at=None, status="pending", news_at=None)
    fleet.due_now()


def _round() -> None:
    done = tracking.poll_courier(CODE)
    if done is None or done.trouble:
        raise RuntimeError(f"the round did not happen: {done}")


def _one_by_one(numbers: list[str]) -> None:
    for parcel in Parcel.objects.filter(tracking_number__in=numbers, next_poll_at__isnull=False):
        found = COURIERS[CODE].track([parcel.tracking_number])
        tracking.take_in(parcel, found[parcel.tracking_number])


@contextmanager
def _asked_by(courier: Courier) -> Iterator[Courier]:
    """With as much time as it takes."""
    kept, patience = COURIERS[CODE], settings.JOB_TIMEOUT_S
    COURIERS[CODE], settings.JOB_TIMEOUT_S = courier, 3600
    try:
        yield courier
    finally:
        COURIERS[CODE], settings.JOB_TIMEOUT_S = kept, patience
