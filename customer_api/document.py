"""What django-ninja does not say by itself in the OpenAPI document: the form of every error, idempotency keys, no defaults made up."""

from typing import Any

PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. `code` is stable and meant for programs, `detail` and `message` are for people, in the caller's language.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "code": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "code", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "code", "errors"],
}
KEYED = {"request_order", "cancel_order", "renew_order", "confirm_delivery", "save_address", "open_checkout"}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "The same key and body within 48 hours get the first answer again; another body gets 409.",
}


def finished(document: dict[str, Any]) -> dict[str, Any]:
    document["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    said = {"description": "Any error", "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = said
            if operation["operationId"] in KEYED:
                operation["parameters"].append(KEY)
    return document
