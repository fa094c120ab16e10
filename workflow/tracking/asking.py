"""Asking one courier about many numbers: its largest batches, several in flight, within its budget. No database in here.

Answers come out as they arrive. Three kinds of trouble are kept apart:

- one number's: its own error, or found by halving when it spoils the answer of its whole batch;
- a batch's: the courier answers others, so those numbers are asked again later;
- the courier's (a refused key, a used-up quota, "too fast", several failures in a row): asking ends at once, `trouble` says why, and
  whatever was not answered is nobody's fault and left as it is.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from integrations.base import AuthRefused, BadAnswer, InvalidRequest, NotFound, ProviderError, RateLimited, Unavailable
from integrations.couriers import Courier, TrackingResult
from integrations.tracking import failed

log = logging.getLogger(__name__)

Batch = Sequence[str]
Results = dict[str, TrackingResult]

#: so many batches in a row without an answer are an outage
BREAK_AFTER = 5
#: says nothing about any number: an address that is not there, too (who does not know a number says so in a good answer)
NO_ANSWER = (Unavailable, BadAnswer, NotFound)
#: how many requests one round may spend on finding the numbers that spoil an answer
MOST_HALVINGS = 64


class Pace:
    """At most so many requests in so many seconds. Shared by the threads of one round."""

    def __init__(self, window: tuple[int, float] | None) -> None:
        self._most, self._seconds = window or (0, 0.0)
        self._lock = threading.Lock()
        self._begun: deque[float] = deque()

    def wait(self, *, until: float) -> bool:
        """Until the next request may go; False when that is too late."""
        while self._most:
            with self._lock:
                at = time.monotonic()
                while self._begun and self._begun[0] <= at - self._seconds:
                    self._begun.popleft()
                if len(self._begun) < self._most:
                    self._begun.append(at)
                    break
                pause = self._begun[0] + self._seconds - at
            if time.monotonic() + pause >= until:
                return False
            time.sleep(pause)
        return time.monotonic() < until


class Asking:
    """Iterate over it for (number, result). Afterwards: `trouble`, `requests`, `has_answered`, and `is_whole` (nothing was left out).

    No request begins after `ask_until`, none is waited for after `wait_until` (both by time.monotonic()), and there are at most
    `most_requests` of them.
    """

    def __init__(self, courier: Courier, numbers: Iterable[str], *, ask_until: float, wait_until: float, most_requests: int) -> None:
        self.trouble: ProviderError | None = None
        self.has_answered = False
        self.is_whole = True
        self.requests = 0
        self._courier = courier
        self._numbers = list(dict.fromkeys(numbers))
        self._ask_until, self._wait_until, self._most = ask_until, wait_until, most_requests
        self._pace = Pace(courier.budget.per_window)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._in_a_row = 0
        self._failed: list[tuple[Batch, ProviderError]] = []

    def __iter__(self) -> Iterator[tuple[str, TrackingResult]]:
        size = self._courier.batch_size
        batches = [self._numbers[start : start + size] for start in range(0, len(self._numbers), size)]
        pool = ThreadPoolExecutor(self._courier.budget.in_flight, thread_name_prefix=f"ask-{self._courier.code}")
        try:
            for batch, results in self._answers(pool, batches):
                yield from self._read(batch, results)
            self._call_it_an_outage()
            if self.trouble is None:
                yield from self._look_for_the_poison(pool)
        finally:
            self._stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)

    # --- asking

    def _answers(self, pool: ThreadPoolExecutor, batches: Sequence[Batch]) -> Iterator[tuple[Batch, Results]]:
        """In the order of their arrival; a batch that was not asked, or not answered in time, is left out."""
        arrived: SimpleQueue[tuple[Batch, Results | None]] = SimpleQueue()

        def ask(batch: Batch) -> None:
            arrived.put((batch, self._ask(batch)))

        for batch in batches:
            pool.submit(ask, batch)
        for _batch in batches:
            try:
                batch, results = arrived.get(timeout=max(0.0, self._wait_until - time.monotonic()))
            except Empty:
                self.is_whole = False
                return
            if results is None:
                self.is_whole = False
            elif self.trouble is None:
                yield batch, results

    def _ask(self, batch: Batch) -> Results | None:
        """In a thread of the pool. None: it was not asked."""
        if self._stopped.is_set() or not self._pace.wait(until=self._ask_until) or not self._spend():
            return None
        try:
            return self._courier.track(batch)
        except ProviderError as error:
            return _all_failed(batch, error)
        except Exception:  # a courier's module that trips over an answer is that answer's trouble alone
            log.exception("%s: an answer could not be read", self._courier.code)
            return _all_failed(batch, BadAnswer("the answer could not be read", provider=self._courier.code, code="unreadable"))

    def _spend(self) -> bool:
        with self._lock:
            if self.requests >= self._most:
                return False
            self.requests += 1
            return True

    # --- judging

    def _read(self, batch: Batch, results: Results) -> Iterator[tuple[str, TrackingResult]]:
        error = _error_of_all(batch, results)
        if isinstance(error, AuthRefused | RateLimited):
            self._stop(error)
        elif isinstance(error, NO_ANSWER) or (error is not None and len(batch) > 1):
            self._failed.append((batch, error))
            self._in_a_row += isinstance(error, NO_ANSWER)
            if self._in_a_row >= BREAK_AFTER:
                self._stop(error)
        else:
            self._in_a_row, self.has_answered = 0, True
            yield from ((number, results.get(number) or _left_out(number, self._courier.code)) for number in batch)

    def _stop(self, error: ProviderError) -> None:
        self.trouble, self.is_whole = error, False
        self._stopped.set()

    def _call_it_an_outage(self) -> None:
        """No answer at all: one that is down, or some batches in a row that make no sense."""
        down = next((error for _batch, error in self._failed if isinstance(error, Unavailable)), None)
        if self.trouble is None and not self.has_answered and (down or len(self._failed) >= BREAK_AFTER // 2 + 1):
            self._stop(down or self._failed[0][1])

    def _look_for_the_poison(self, pool: ThreadPoolExecutor) -> Iterator[tuple[str, TrackingResult]]:
        """The courier answers, but not about these: halve them until those that spoil it stand alone."""
        left, spoilt = MOST_HALVINGS, self._failed
        while spoilt:
            parts: list[Batch] = []
            for batch, error in spoilt:
                if len(batch) > 1 and isinstance(error, BadAnswer | InvalidRequest | NotFound) and left >= 2:
                    middle, left = len(batch) // 2, left - 2
                    parts += [batch[:middle], batch[middle:]]
                else:
                    yield from _all_failed(batch, error).items()
            self._failed = []
            for batch, results in self._answers(pool, parts):
                self._in_a_row = 0  # these are expected to fail
                yield from self._read(batch, results)
            spoilt = self._failed if self.trouble is None else []


def _all_failed(batch: Batch, error: ProviderError) -> Results:
    return {number: failed(number, error) for number in batch}


def _left_out(number: str, courier: str) -> TrackingResult:
    return failed(number, BadAnswer("the answer leaves this number out", provider=courier, code="left_out"))


def _error_of_all(batch: Batch, results: Results) -> ProviderError | None:
    """The error that every number of a batch has alike; None if one of them has another or none."""
    errors = [result.error if (result := results.get(number)) else None for number in batch]
    first = errors[0]
    same = first is not None and all(error is not None and (type(error), error.code) == (type(first), first.code) for error in errors)
    return first if same else None
