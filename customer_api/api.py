"""START HERE: the customers' API and its table of routers. A later resource gets one file in `resources/` and one line below."""

from typing import Any

import orjson
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver
from ninja import NinjaAPI
from ninja.operation import Operation
from ninja.renderers import BaseRenderer

from customer_api import problems, security
from customer_api.document import finished
from customer_api.door import JsonParser, door
from customer_api.resources import addresses, auth, cancellation, checkout, inspections, me, order_history, orders, prices, receipt, stream

ROUTERS = (
    ("/auth", auth.router),
    ("", me.router),
    ("/me/addresses", addresses.router),
    ("", prices.router),
    ("/orders", orders.router),
    ("/orders", order_history.router),
    ("/orders", checkout.router),
    ("/orders", cancellation.router),
    ("/orders", inspections.router),
    ("/orders", receipt.router),
    ("", stream.router),
)


class Renderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data)


class CustomerAPI(NinjaAPI):
    """django-ninja, with every address behind the door (door.py) and the document completed (document.py)."""

    def _get_urls(self) -> list[URLResolver | URLPattern]:
        patterns = super()._get_urls()
        for pattern in patterns:
            assert isinstance(pattern, URLPattern)
            pattern.callback = door(pattern.callback)
        return patterns

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **where: Any) -> Any:
        return finished(super().get_openapi_schema(**where))


api = CustomerAPI(
    title="Bidangil",
    version="1",
    description=(
        "Ordering from Korean shops. Apps send `Authorization: Bearer <token>`; browsers their session cookie and, with every change, "
        "the header `X-CSRFToken`, both from `/auth/login` and `/auth/session`. Errors are `application/problem+json`. "
        "POSTs that create or pay take an `Idempotency-Key`."
    ),
    urls_namespace="customer_api",
    auth=security.PEOPLE,
    parser=JsonParser(),
    renderer=Renderer(),
    openapi_extra={"info": {"license": {"name": "MIT"}}},
)
problems.install(api)
for prefix, router in ROUTERS:
    api.add_router(prefix, router)
