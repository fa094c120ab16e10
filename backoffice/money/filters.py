"""What the money lists are narrowed by. Each follows an index, or looks at a bounded past."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from backoffice.pages import ChoiceFilter
from workflow.lookup import normalise_number
from workflow.models import Order


class FieldFilter(ChoiceFilter):
    """The rows whose `field` is the chosen value; by default the field of the parameter's name."""

    options: Any = ()
    field = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(self.options)

    def pick(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(**{self.field or str(self.parameter_name): value})


def order_pk(said: str) -> int | None:
    """The order of this number, however it is written."""
    number = normalise_number(said)
    return Order.objects.filter(number=number).values_list("pk", flat=True).first() if number else None
