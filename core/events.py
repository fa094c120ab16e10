"""Events to people's screens: `publish()` into a channel within the change's transaction, and the reader that feeds open streams.

django-eventstream is the store (its two tables) and the format (its encoding). Its listener is not used: it holds a thread and a
database connection per stream. Here one `Reader` per web process asks the database for all of them. The streams themselves, with
who may open one, are core/web/streams.py.

Ids per channel have no gaps and become visible in order: whoever publishes holds the channel's counter row until commit.
"""

import asyncio
import json
import logging
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import F, Q
from django.utils import timezone
from django_eventstream.models import Event, EventCounter
from django_eventstream.utils import sse_encode_event

STAFF_CHANNEL = "staff"
#: Contract: everything missed in 24 hours can be replayed; trimming runs hourly and keeps a little more.
KEPT_FOR = timedelta(hours=25)

#: Events read at one go.
PAGE = 500

KIND = re.compile(r"[a-z]+(\.[a-z_]+)*")
log = logging.getLogger(__name__)


# --- The store: plain functions for anybody -------------------------------------------------------------------------------


def user_channel(user_id: int) -> str:
    return f"user:{user_id}"


def make_channel(channel: str) -> None:
    """The channel's counter row; called when a person is made. Safe to call again, and beside others."""
    make_channels([channel])


def make_channels(channels: Iterable[str]) -> None:
    # INSERT IGNORE: a second maker waits for the first and loses nothing, where get-or-create would break its transaction.
    EventCounter.objects.bulk_create([EventCounter(name=channel) for channel in sorted(channels)], ignore_conflicts=True)


def publish(channel: str, kind: str, data: dict[str, Any]) -> int:
    """Append one event to the channel inside the current transaction and return its id; a rollback leaves nothing.

    The counter row stays locked until commit, so publish last, and to one person's channel before the staff's.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("publish() belongs into the transaction of the change it tells of")
    if not KIND.fullmatch(kind):
        raise ValueError(f"not an event kind: {kind!r}")
    counter = EventCounter.objects.filter(name=channel)
    if not counter.update(value=F("value") + 1, updated=timezone.now()):
        make_channel(channel)
        counter.update(value=F("value") + 1, updated=timezone.now())
    eid = counter.values_list("value", flat=True).get()
    # A JSON string, ASCII, on one line: a dict would be streamed as Python writes it, and a name must not forge a field.
    Event.objects.create(channel=channel, type=kind, data=json.dumps(data, cls=DjangoJSONEncoder), eid=eid)
    return eid


def publish_many(messages: Iterable[tuple[str, str, dict[str, Any]]]) -> None:
    """Append many (channel, kind, data) at once, in their order within each channel. People's channels by name, staff's last of all."""
    if not connection.in_atomic_block:
        raise RuntimeError("publish_many() belongs into the transaction of the change it tells of")
    waiting: dict[str, list[tuple[str, str]]] = {}
    for channel, kind, data in messages:
        if not KIND.fullmatch(kind):
            raise ValueError(f"not an event kind: {kind!r}")
        waiting.setdefault(channel, []).append((kind, json.dumps(data, cls=DjangoJSONEncoder)))
    staff = waiting.pop(STAFF_CHANNEL, None)
    for names in _in_steps(sorted(waiting), PAGE):
        _append({name: waiting[name] for name in names})
    if staff:
        _append({STAFF_CHANNEL: staff})


def _append(waiting: dict[str, list[tuple[str, str]]]) -> None:
    ends = _count_up({channel: len(said) for channel, said in waiting.items()})
    rows = [
        (channel, kind, data, ends[channel] - len(said) + place)
        for channel, said in waiting.items()
        for place, (kind, data) in enumerate(said, start=1)
    ]
    for step in _in_steps(rows, 1000):
        _insert(step)


def _insert(rows: Sequence[tuple[str, str, str, int]]) -> None:
    """As the ORM's bulk_create, which takes many times as long over thousands of rows."""
    created = connection.ops.adapt_datetimefield_value(timezone.now())
    values = ", ".join(["(%s, %s, %s, %s, %s)"] * len(rows))
    statement = f"INSERT INTO {Event._meta.db_table} (channel, type, data, eid, created) VALUES {values}"  # noqa: S608 - our own names
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for row in rows for value in (*row, created)])


def _count_up(more: dict[str, int]) -> dict[str, int]:
    """Raise each channel's counter by so much; what they stand at then."""
    counters = EventCounter.objects.filter(name__in=list(more))
    make_channels(more.keys() - set(counters.values_list("name", flat=True)))
    for step in sorted(set(more.values())):
        names = [name for name, count in more.items() if count == step]
        EventCounter.objects.filter(name__in=names).update(value=F("value") + step, updated=timezone.now())
    return dict(counters.values_list("name", "value"))


def position(channel: str) -> int:
    """The id of the channel's newest event, 0 before the first; read it before the data it is handed out with."""
    return EventCounter.objects.filter(name=channel).values_list("value", flat=True).first() or 0


def trim(older_than: timedelta = KEPT_FOR, *, batch: int = 1000) -> int:
    """Delete events past their time in short steps; returns how many. An hourly job (core/schedules.py)."""
    old = Event.objects.filter(created__lt=timezone.now() - older_than).order_by("created")
    trimmed = 0
    while ids := list(old.values_list("id", flat=True)[:batch]):
        trimmed += Event.objects.filter(id__in=ids).delete()[0]
    return trimmed


class Resumption(NamedTuple):
    """Where a stream starts; `reset` means that something before it can no longer be replayed."""

    start: int
    reset: bool


def resume(channel: str, last_id: int | None) -> Resumption:
    """Where a client that saw `last_id` goes on. A quiet channel whose last event was trimmed is not a reset."""
    newest = position(channel)
    if last_id is None or last_id == newest:
        return Resumption(newest, reset=False)
    next_kept = Event.objects.filter(channel=channel, eid__gt=last_id).order_by("eid").values_list("eid", flat=True).first()
    if last_id < newest and next_kept == last_id + 1:
        return Resumption(last_id, reset=False)
    return Resumption(newest, reset=True)


class Message(NamedTuple):
    channel: str
    eid: int
    text: bytes


def encode(kind: str, data: str, eid: int) -> bytes:
    return sse_encode_event(kind, data, event_id=eid).encode()


def messages_after(seen: dict[str, int], *, limit: int = PAGE) -> list[Message]:
    """What is newer than `seen` in these channels, in each channel in order; at most `limit`, the rest comes next time."""
    newer = Q()
    for channel, eid in seen.items():
        newer |= Q(channel=channel, eid__gt=eid)
    rows = Event.objects.filter(newer).order_by("eid").values_list("channel", "eid", "type", "data")
    return [Message(channel, eid, encode(kind, data, eid)) for channel, eid, kind, data in rows[:limit]]


# --- The reader: one per web process, on its event loop -------------------------------------------------------------------


class Listener:
    """One open stream's mailbox. `last` is the newest id it was given; a mailbox that overflows ends its stream."""

    CAPACITY = 1000

    def __init__(self, *, channel: str, last: int) -> None:
        self.channel = channel
        self.last = last
        self.texts: deque[bytes] = deque()
        self.overflowed = False
        self.wake = asyncio.Event()

    def offer(self, message: Message) -> None:
        if message.eid <= self.last or self.overflowed:
            return
        if len(self.texts) >= self.CAPACITY:
            self.overflowed = True
            self.texts.clear()
        else:
            self.last = message.eid
            self.texts.append(message.text)
        self.wake.set()

    def take(self) -> bytes:
        """Everything that waits, as one piece of the stream."""
        self.wake.clear()
        waiting = b"".join(self.texts)
        self.texts.clear()
        return waiting


class Reader:
    """Looks for news of the followed channels in one thread over one connection, and only while somebody listens.

    All its state is touched on the event loop only. A listener reads its backlog first and follows from there: the reader then
    starts at the oldest point any listener of the channel stands at, and listeners drop what they already have. So nothing is lost
    and nothing comes twice, whatever commits in between.
    """

    POLL_S = 0.075
    RETRY_S = 1.0

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = {}
        self._seen: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="events")

    def follow(self, listener: Listener) -> None:
        self._listeners.setdefault(listener.channel, set()).add(listener)
        self._seen[listener.channel] = min(self._seen.get(listener.channel, listener.last), listener.last)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._read())

    def leave(self, listener: Listener) -> None:
        followers = self._listeners.get(listener.channel, set())
        followers.discard(listener)
        if not followers:
            self._listeners.pop(listener.channel, None)
            self._seen.pop(listener.channel, None)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._listeners:
                await loop.run_in_executor(self._thread, _let_go)
                if not self._listeners:
                    self._task = None
                    return
            asked = dict(self._seen)
            try:
                news = await loop.run_in_executor(self._thread, _news, asked)
            except Exception as error:  # whatever it is: a reader that dies silences every stream of the process
                log.warning("streams wait for the database", exc_info=not isinstance(error, DatabaseError))
                await loop.run_in_executor(self._thread, _let_go)
                await asyncio.sleep(self.RETRY_S)
                continue
            self._hand_out(news, asked)
            await asyncio.sleep(self.POLL_S)

    def _hand_out(self, news: list[Message], asked: dict[str, int]) -> None:
        reached: dict[str, int] = {}
        for message in news:
            reached[message.channel] = message.eid
            for listener in self._listeners.get(message.channel, ()):
                # One that stands further back than we asked from would miss what lies between: it is served by the next reading.
                if listener.last >= asked[message.channel]:
                    listener.offer(message)
        for channel, eid in reached.items():
            # Somebody who follows from further back since we asked has lowered it: then these are read once more.
            if self._seen.get(channel) == asked[channel]:
                self._seen[channel] = eid


def _news(seen: dict[str, int]) -> list[Message]:
    """In the reader's thread: the counters of all channels first, then the events of those that moved."""
    news: list[Message] = []
    for names in _in_steps(list(seen), 500):
        counters = EventCounter.objects.filter(name__in=names).values_list("name", "value")
        moved = [name for name, value in counters if value > seen[name]]
        for some in _in_steps(moved, 50):
            news += messages_after({name: seen[name] for name in some})
    return news


def _let_go() -> None:
    """In the reader's thread, whose connection it is."""
    connection.close()


def _in_steps(things: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]
