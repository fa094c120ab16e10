"""The outbox: effects are promised in the transaction of the change and done after it, at least once each, until done.

`promise()` writes one row per effect and queues one job; django-q2's ORM queue lives in the same database, so rows and job exist
exactly when the change does. `jobs.deliver` does them, `jobs.sweep` finds what was left, five starts without an end put a row into
quarantine where staff see it. Handlers are registered by name by the code that knows what they mean (`workflow/effects.py`).
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import transaction

#: name -> function(payload); filled at start-up by the apps that own the effects
HANDLERS: dict[str, Callable[[Mapping[str, Any]], None]] = {}


def handles(name: str) -> Callable[[Callable[[Mapping[str, Any]], None]], Callable[[Mapping[str, Any]], None]]:
    """Register the function that does the effect `name`. It may run twice: what it does outside carries a key or a unique row."""

    def register(function: Callable[[Mapping[str, Any]], None]) -> Callable[[Mapping[str, Any]], None]:
        if name in HANDLERS:
            raise RuntimeError(f"two handlers for effect {name}")
        HANDLERS[name] = function
        return function

    return register


def promise(names: Iterable[str], *, subject: str, payload: Mapping[str, Any]) -> None:
    """Write one effect row per name, in order, and queue the job that delivers them. Only inside a transaction."""
    from django_q.tasks import async_task

    from core.outbox.models import Effect

    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("effects are promised inside the transaction of the change")
    names = list(names)
    if not names:
        return
    batch = secrets.token_hex(16)
    Effect.objects.bulk_create(Effect(subject=subject, name=name, payload=dict(payload), batch=batch) for name in names)
    async_task("core.outbox.jobs.deliver", batch)
