"""The steps as they are printed and counted, and how long each may wait for what it needs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException
from typing import TypeVar

Found = TypeVar("Found")
LOOK_EVERY_S = 0.1


class Failed(Exception):
    """A step cannot go on; its words name what was wrong or what did not come."""


class Stopped(Exception):
    """A step has failed and has said so; those after it have nothing to stand on."""


@dataclass(frozen=True)
class Step:
    number: int
    name: str
    ok: bool
    seconds: float
    reason: str

    def __str__(self) -> str:
        line = f"{'✓' if self.ok else '✗'} {self.number:>2} {self.name} {self.seconds:.2f} s"
        return line if self.ok else f"{line}  {self.reason}"


class Steps:
    """Runs steps one after the other and says each as it ends."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._began = time.monotonic()
        self.done: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        except (Failed, OSError, HTTPException) as error:
            self._end(name, began, reason=words_of(error))
            raise Stopped from error
        except (LookupError, TypeError, ValueError) as error:  # an answer in a shape that nobody promised
            self._end(name, began, reason=f"an answer could not be read: {words_of(error)}")
            raise Stopped from error
        self._end(name, began)

    def _end(self, name: str, began: float, *, reason: str = "") -> None:
        step = Step(len(self.done) + 1, name, not reason, round(time.monotonic() - began, 3), reason)
        self.done.append(step)
        self._say(str(step))

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._began, 3)

    @property
    def ok(self) -> bool:
        return all(step.ok for step in self.done)

    def as_documents(self) -> list[dict[str, object]]:
        return [asdict(step) for step in self.done]


def words_of(error: Exception) -> str:
    if isinstance(error, Failed):
        return str(error)
    return f"{type(error).__name__}: {error}"


@dataclass(frozen=True)
class Patience:
    """How long one wait may last."""

    seconds: float

    def wait(self, what: str, look: Callable[[], Found | None]) -> Found:
        """The first true thing that `look` sees; fails with `what` did not come."""
        until = time.monotonic() + self.seconds
        while not (found := look()):
            if time.monotonic() > until:
                raise Failed(f"{what} did not come within {self.seconds:g} s")
            time.sleep(LOOK_EVERY_S)
        return found
