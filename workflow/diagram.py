"""`docs/order-process.md`, printed from the process table: a diagram, the states, the transitions. Never written by hand."""

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.utils.translation import override

from workflow.fsm import Spec
from workflow.process import STEP_OF, TRANSITIONS, WAITS_ON, Effect, State, Write, roles_of

PATH = Path(settings.BASE_DIR) / "docs" / "order-process.md"

HEAD = """# The order process

Printed from `workflow/process.py` by `python manage.py order_process`; `--check` fails when it is stale. Change the process there.
"""


def document() -> str:
    with override("en"):
        parts = [HEAD, *_diagram(), "\n## States\n", *_states(), "\n## Transitions\n", *_transitions()]
    return "\n".join(parts) + "\n"


def _diagram() -> Iterator[str]:
    yield "```mermaid\nstateDiagram-v2"
    yield f"    [*] --> {State.QUOTE_REQUESTED.value}: request"
    for spec in TRANSITIONS.values():
        if spec.name != "cancel":  # possible from ten states: it would hide the rest
            yield from (f"    {source} --> {spec.target}: {spec.name}" for source in spec.sources)
    yield from (f"    {state} --> [*]" for state, waits in WAITS_ON.items() if waits == "nobody")
    yield "```"
    yield "\n`cancel` leads to `cancelled` from " + ", ".join(f"`{source}`" for source in TRANSITIONS["cancel"].sources) + "."


def _states() -> Iterator[str]:
    yield "| state | waits on | customer's step |\n| --- | --- | --- |"
    for state in State:
        step = STEP_OF.get(state)
        yield f"| `{state.value}` {state.label} | {WAITS_ON[state].label} | {step.label if step else 'the one reached'} |"


def _transitions() -> Iterator[str]:
    yield "| transition | from → to | who | only when | also written | then |\n| --- | --- | --- | --- | --- | --- |"
    for spec in TRANSITIONS.values():
        cells = (_name(spec), _way(spec), _who(spec), _when(spec), _names(Write, spec.also), _names(Effect, spec.then))
        yield "| " + " | ".join(cells) + " |"


def _name(spec: Spec) -> str:
    asks = f"({', '.join(spec.asks)})" if spec.asks else ""
    return f"`{spec.name}{asks}` {spec.doc}"


def _way(spec: Spec) -> str:
    return f"{', '.join(f'`{source}`' for source in spec.sources)} → `{spec.target}`"


def _who(spec: Spec) -> str:
    ways = {source: ", ".join(sorted(spec.by[source] | roles_of(spec, source))) for source in spec.sources}
    if len(set(ways.values())) == 1:
        return next(iter(ways.values()))
    return "; ".join(f"`{source}`: {who}" for source, who in ways.items())


def _when(spec: Spec) -> str:
    words = [f"{guard.name.replace('_', ' ')}{' (' + ', '.join(guard.only_for) + ')' if guard.only_for else ''}" for guard in spec.when]
    words += ["the checkout session is closed at Stripe first"] if spec.closes_attempt else []
    words += ["no hold"] if spec.stopped_by_hold else []
    return ", ".join(words) or "–"


def _names(kind: type[Write] | type[Effect], names: tuple[str, ...]) -> str:
    return ", ".join(str(kind(name).label) for name in names) or "–"
