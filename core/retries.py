"""Running again what the database gave up for a lock."""

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import OperationalError, transaction

P = ParamSpec("P")
R = TypeVar("R")

#: lock wait timeout, deadlock, record changed since read: somebody else was quicker, a second try may succeed
RETRYABLE = {1205, 1213, 1020}


def retried(function: Callable[P, R]) -> Callable[P, R]:
    """Run again, at most three times, what the database gave up for a lock; only at the outermost level, where all of it is undone."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(3):
            try:
                return function(*args, **kwargs)
            except OperationalError as error:
                outermost = not transaction.get_connection().in_atomic_block
                if attempt == 2 or not outermost or not error.args or error.args[0] not in RETRYABLE:
                    raise
                time.sleep(random.uniform(0.02, 0.1) * 2**attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    return run
