"""How `process.py` declares a transition, on top of django-fsm: who may, when, and what follows, kept as data beside the method.

Nothing here knows the process itself. `transitions.perform` runs what is declared; see docs/decisions/0001 for why the state field
and `refresh_from_db` are our own.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from django.db import models
from django.utils.functional import Promise
from django_fsm import FSMField, FSMFieldDescriptor
from django_fsm import transition as fsm_transition

Text = str | Promise


class StateDescriptor(FSMFieldDescriptor):
    """Refuses a change of state by assignment, but not loading one (refresh, an unchanged value in full_clean)."""

    def __set__(self, instance: Any, value: Any) -> None:
        field, attributes = self.field, instance.__dict__
        loading = attributes.get("_state_loading")
        if field.protected and field.name in attributes and not loading and value != attributes[field.name]:
            raise AttributeError(f"{field.name} changes only through transitions")
        field.set_proxy(instance, value)
        field.set_state(instance, value)


class StateField(FSMField):
    descriptor_class = StateDescriptor


class StateModel(models.Model):
    """A model whose protected state can be refreshed without switching the protection off for the whole process."""

    class Meta:
        abstract = True

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        self.__dict__["_state_loading"] = True
        try:
            super().refresh_from_db(*args, **kwargs)
        finally:
            self.__dict__.pop("_state_loading", None)


@dataclass(frozen=True)
class Guard:
    """A fact that must hold. `check(order)` is true when it does; `reason` tells people what is missing.

    `only_for` limits it to some actors; `code` is what the customer API answers with.
    """

    name: str
    check: Callable[[Any], bool]
    reason: Text
    code: str
    only_for: frozenset[str]
    #: what of this order is missing, by its names; the reason is followed by them
    names: Callable[[Any], Sequence[str]] | None = None
    #: Django's templates call whatever can be called, and would show nothing where a page says `guard.reason`
    do_not_call_in_templates: ClassVar[bool] = True

    def __call__(self, order: Any) -> bool:
        return self.check(order)

    def about(self, order: Any) -> "Guard":
        """The guard as it reads for this order, where it names things."""
        named = self.names(order) if self.names else ()
        return replace(self, reason=f"{self.reason} {', '.join(named)}") if named else self


def guard(
    reason: Text, *, code: str = "not_ready", only_for: Collection[str] = (), names: Callable[[Any], Sequence[str]] | None = None
) -> Callable[[Callable[[Any], bool]], Guard]:
    """Turn a function of the order into a guard; its first argument is what people read when it does not hold."""

    def make(check: Callable[[Any], bool]) -> Guard:
        return Guard(name=check.__name__, check=check, reason=reason, code=code, only_for=frozenset(only_for), names=names)

    return make


Actors = Collection[str]


@dataclass(frozen=True)
class Spec:
    """Everything the table says of one transition."""

    name: str
    label: Text
    doc: str
    sources: tuple[str, ...]
    target: str
    by: Mapping[str, frozenset[str]]  # per source state
    when: tuple[Guard, ...]
    also: tuple[str, ...]
    then: tuple[str, ...]
    #: facts a person gives with it: name -> form kind ("reason", "krw", "datetime", "proof")
    asks: Mapping[str, str]
    #: a payment attempt must be closed at Stripe first; asking for the transition starts that
    closes_attempt: str
    #: refused while the order is on hold
    stopped_by_hold: bool
    #: who needs a written proof for it (a person standing in for Stripe or the courier)
    proof_from: frozenset[str]
    #: shown as dangerous, asks for confirmation
    destructive: bool

    @property
    def actors(self) -> frozenset[str]:
        return frozenset().union(*self.by.values())


def transition(
    *,
    label: Text,
    source: str | Sequence[str],
    target: str,
    by: Actors | Mapping[str, Actors],
    when: Sequence[Guard] = (),
    also: Sequence[str] = (),
    then: Sequence[str] = (),
    asks: Mapping[str, str] | None = None,
    closes_attempt: str = "",
    stopped_by_hold: bool = False,
    proof_from: Actors = (),
    destructive: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declare a transition of the field `state`; the decorated method only sets fields of the order."""
    sources = (source,) if isinstance(source, str) else tuple(source)
    per_source = by if isinstance(by, Mapping) else dict.fromkeys(sources, by)

    def declare(method: Callable[..., None]) -> Callable[..., None]:
        spec = Spec(
            name=method.__name__,
            label=label,
            doc=" ".join((method.__doc__ or "").split()),
            sources=sources,
            target=target,
            by={state: frozenset(per_source[state]) for state in sources},
            when=tuple(when),
            also=tuple(also),
            then=tuple(then),
            asks=dict(asks or {}),
            closes_attempt=closes_attempt,
            stopped_by_hold=stopped_by_hold,
            proof_from=frozenset(proof_from),
            destructive=destructive,
        )
        return fsm_transition(  # type: ignore[no-any-return]
            field="state",
            source=list(sources),
            target=target,
            conditions=[guard.check for guard in when if not guard.only_for],
            permission=f"workflow.{method.__name__}",
            custom={"spec": spec},
        )(method)

    return declare


def specs_of(model: type[Any]) -> Iterator[Spec]:
    """The transitions a class declares, in the order they stand in the file."""
    for method in vars(model).values():
        meta = getattr(method, "_django_fsm", None)
        if meta is not None:
            yield next(iter(meta.transitions.values())).custom["spec"]
