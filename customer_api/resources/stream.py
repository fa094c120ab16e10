"""The event stream's entry in the document. The path itself is answered on the event loop (core/web/streams.py) and never comes here."""

from django.http import HttpRequest
from ninja import Router

from core.errors import NotFound

router = Router(tags=["Events"])

DOCUMENT = {
    "parameters": [
        {
            "name": "Last-Event-ID",
            "in": "header",
            "required": False,
            "schema": {"type": "integer"},
            "description": "Everything missed since, up to 24 hours, comes first; also as the parameter `last_event_id`.",
        }
    ],
    "responses": {200: {"description": "The stream.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
}


@router.get("/events", openapi_extra=DOCUMENT)
def follow_events(request: HttpRequest) -> None:
    """What happens to this person's orders, as it happens: `order.state`, `order.item`, `order.invoice`, `shipment.status` …

    Each event has an `id` that only grows and JSON data with at least `order`, `state`, `step` and `at`. Open it at the
    `Event-Stream-Position` of an answer of GET /orders. After a `reset` event, read the orders again.
    """
    raise NotFound
