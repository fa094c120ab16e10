"""The three kinds of import, and who may bring in which."""

from django.utils.translation import gettext_lazy as _

from workflow.imports import arrivals, prices, tracking
from workflow.imports.kind import Kind
from workflow.models import ImportBatch
from workflow.transitions import By, TransitionRefused

KINDS: dict[str, Kind] = {str(kind.code): kind for kind in (prices.KIND, tracking.KIND, arrivals.KIND)}


def kind_of(batch: ImportBatch) -> Kind:
    return KINDS[batch.kind]


def allowed(by: By) -> list[Kind]:
    return [kind for kind in KINDS.values() if by.roles & kind.roles]


def check_allowed(kind: Kind, by: By) -> None:
    if not by.roles & kind.roles:
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
