"""A process of its own that does what a test tells it, one JSON line at a time: the other writer, with its own connection."""

import contextlib
import importlib
import io
import json
import subprocess
import sys
from typing import Any


class Actor:
    """The test's side. `call` waits for the answer; `start` and `answer` do not, for a call that is meant to block."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "core.tests.ground.actor"]
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, function: str, *arguments: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([function, arguments]) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the actor ended"
        ok, value = json.loads(line)
        if not ok:
            raise RuntimeError(value)
        return value

    def call(self, function: str, *arguments: Any) -> Any:
        self.start(function, *arguments)
        return self.answer()

    def close(self) -> None:
        self.process.communicate(timeout=60)


# --- what it can do ---------------------------------------------------------------------------------------------------------


def run(code: str) -> str:
    """What the code prints: `manage.py shell -c` without its start."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(code, {"__name__": "elsewhere"})
    return said.getvalue()


def publish(channel: str, *numbers: int) -> list[int]:
    """One transaction a number."""
    from django.db import transaction

    from core.events import publish as append

    eids = []
    for number in numbers:
        with transaction.atomic():
            eids.append(append(channel, "order.state", {"order": "BD-TEST1-TEST1", "number": number}))
    return eids


def begin() -> None:
    from django.db import transaction

    transaction.atomic().__enter__()


def append(channel: str, number: int) -> int:
    from core.events import publish as append_event

    return append_event(channel, "order.state", {"order": "BD-TEST1-TEST1", "number": number})


def commit() -> None:
    from django.db import connection

    connection.in_atomic_block = False
    connection.commit()
    connection.set_autocommit(True)


def rollback() -> None:
    from django.db import connection

    connection.in_atomic_block = False
    connection.rollback()
    connection.set_autocommit(True)


def bulk(channel: str, count: int, size: int) -> None:
    """Many large events in one transaction, past publish(), for sheer volume."""
    from django.db import transaction
    from django_eventstream.models import Event, EventCounter

    with transaction.atomic():
        counter = EventCounter.objects.select_for_update().get(name=channel)
        first = counter.value + 1
        data = json.dumps({"filling": "x" * size})
        rows = [Event(channel=channel, type="order.state", data=data, eid=first + step) for step in range(count)]
        Event.objects.bulk_create(rows, batch_size=100)
        EventCounter.objects.filter(pk=counter.pk).update(value=first + count - 1)


def people(count: int, role: str = "") -> list[list[Any]]:
    """Users, staff when a role (or "no role") is named, with a bearer token and a session each: [id, token, session key]."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import Group
    from django.utils.crypto import get_random_string

    from core.accounts import tokens
    from core.accounts.models import User
    from core.events import make_channel, user_channel

    made = []
    for _number in range(count):
        name = get_random_string(12).lower()
        user = User(email=f"{name}@example.com", nickname=name, is_active=True, is_staff=bool(role))
        user.set_unusable_password()
        user.save()
        user.groups.set(Group.objects.filter(name=role))
        make_channel(user_channel(user.pk))
        session = import_module(settings.SESSION_ENGINE).SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        made.append([user.pk, tokens.issue(user), session.session_key])
    return made


def deactivate(user_id: int) -> None:
    from core.accounts.models import User

    User.objects.filter(pk=user_id).update(is_active=False)


def log_out(token: str) -> None:
    from core.accounts import tokens

    tokens.revoke(token)


def enqueue(function: str, *arguments: Any) -> str:
    from django_q.tasks import async_task

    return async_task(function, *arguments)


def queue_length() -> int:
    from django_q.models import OrmQ

    return OrmQ.objects.count()


def empty_queue() -> None:
    from django_q.models import OrmQ

    OrmQ.objects.all().delete()


def heartbeats() -> list[list[Any]]:
    from core.models import Heartbeat

    return [[row.name, row.pid, row.detail] for row in Heartbeat.objects.filter(pid__gt=0)]


def main() -> None:
    import django

    django.setup()
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = [True, getattr(importlib.import_module("core.tests.ground.actor"), name)(*arguments)]
        except Exception as error:
            answer = [False, repr(error)]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
