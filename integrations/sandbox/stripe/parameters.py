"""From a form body or query string to checked values.

Stripe's forms nest with brackets: `line_items[0][price_data][currency]=usd`, `expand[]=payment_intent`. What may be sent is listed in
`specs/stripe-parameters-2026-10-28.json` (JSON schemas); here text is turned into the schema's types and the first error is said in
Stripe's words. What a schema cannot say (limits that hang together, amounts) is checked by the operation itself.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from integrations.sandbox.stripe.errors import StripeRefusal, invalid, missing

Parameters = dict[str, Any]
Schema = dict[str, Any]

_SPEC = Path(__file__).parent.parent / "specs" / "stripe-parameters-2026-10-28.json"
_INTEGER = re.compile(r"-?\d{1,18}\Z")
METADATA_KEYS, METADATA_KEY_LENGTH, METADATA_VALUE_LENGTH = 50, 40, 500


def read_parameters(operation: str, text: str) -> Parameters:
    """`operation` is e.g. "POST /v1/refunds"."""
    schema = _schemas()[operation]
    values: Parameters = _as_schema_says(parse_form(text), schema)
    _check(operation, values)
    return values


def parse_form(text: str) -> Parameters:
    """Brackets to nested dicts; list positions stay keys ("0", "1") until the schema says that a list is meant."""
    root: Parameters = {}
    for name, value in parse_qsl(text, keep_blank_values=True, strict_parsing=False, encoding="utf-8", errors="replace"):
        head, *rest = re.split(r"\[", name)
        keys = [head, *(part.removesuffix("]") for part in rest)]
        _put(root, keys, value, name=name)
    return root


def _put(root: Parameters, keys: list[str], value: str, *, name: str) -> None:
    place = root
    for depth, key in enumerate(keys[:-1]):
        place = place.setdefault(key or str(len(place)), {})
        if not isinstance(place, dict) or depth > 20:
            raise invalid(f"Invalid request: '{name}' clashes with another parameter", param=keys[0])
    place[keys[-1] or str(len(place))] = value


@cache
def _schemas() -> dict[str, Schema]:
    operations: dict[str, Schema] = json.loads(_SPEC.read_text("utf-8"))["operations"]
    return operations


@cache
def _validator(operation: str) -> Draft202012Validator:
    return Draft202012Validator(_schemas()[operation])


def _as_schema_says(value: Any, schema: Schema) -> Any:
    if "anyOf" in schema:
        tried = [(_as_schema_says(value, option), option) for option in schema["anyOf"]]
        return next((made for made, option in tried if Draft202012Validator(option).is_valid(made)), tried[-1][0])
    kind = schema.get("type")
    if kind == "object" and isinstance(value, dict):
        known = schema.get("properties", {})
        return {key: _as_schema_says(item, known[key]) if key in known else item for key, item in value.items()}
    if kind == "array" and isinstance(value, dict) and all(key.isdigit() for key in value):
        return [_as_schema_says(value[key], schema["items"]) for key in sorted(value, key=int)]
    if kind == "integer" and isinstance(value, str) and _INTEGER.match(value):
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


def _check(operation: str, values: Parameters) -> None:
    errors = sorted(
        _validator(operation).iter_errors(values), key=lambda error: (error.validator != "additionalProperties", list(map(str, error.path)))
    )
    if errors:
        raise _in_stripes_words(errors[0])
    _check_texts(values, path=[])


def _in_stripes_words(error: ValidationError) -> StripeRefusal:
    param = bracketed(list(error.absolute_path))
    if error.validator == "additionalProperties":
        unknown = sorted(set(error.instance) - set(error.schema["properties"]))[0]
        param = bracketed([*error.absolute_path, unknown])
        return invalid(f"Received unknown parameter: {param}", param=param, code="parameter_unknown")
    if error.validator == "required":
        absent = next(name for name in error.validator_value if name not in error.instance)
        return missing(bracketed([*error.absolute_path, absent]))
    if error.instance == "":
        return _empty(param)
    if error.validator == "enum":
        return invalid(f"Invalid {param}: must be one of {', '.join(map(str, error.validator_value))}", param=param)
    if error.validator == "maxLength":
        return invalid(f"Invalid string: {_shortened(error.instance)}; must be at most {error.validator_value} characters", param=param)
    if error.validator == "type" and error.validator_value == "integer":
        return invalid(f"Invalid integer: {_shortened(error.instance)}", param=param, code="parameter_invalid_integer")
    return invalid(f"Invalid {_kind_of(error)}: {_shortened(error.instance)}", param=param)


def _kind_of(error: ValidationError) -> str:
    return str(error.validator_value) if error.validator == "type" else "value"


def _shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:20]}...{text[-20:]}"


def _empty(param: str) -> StripeRefusal:
    return invalid(
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; however '{param}' cannot "
        f"be unset. You should remove '{param}' from your request or supply a non-empty value.",
        param=param,
        code="parameter_invalid_empty",
    )


def _check_texts(value: Any, *, path: list[str | int]) -> None:
    """What the schemas do not say: no empty text anywhere, and the limits of metadata wherever it stands."""
    if isinstance(value, dict):
        if path and path[-1] == "metadata":
            _check_metadata(value, path=path)
            return
        for key, item in value.items():
            _check_texts(item, path=[*path, key])
    elif isinstance(value, list):
        for position, item in enumerate(value):
            _check_texts(item, path=[*path, position])
    elif value == "" and path[-1] != "metadata":
        raise _empty(bracketed(path))


def _check_metadata(metadata: dict[str, str], *, path: list[str | int]) -> None:
    param = bracketed(path)
    if len(metadata) > METADATA_KEYS:
        raise invalid(f"You can only specify up to {METADATA_KEYS} metadata keys, you have {len(metadata)}.", param=param)
    for key, value in metadata.items():
        if len(key) > METADATA_KEY_LENGTH:
            raise invalid(f"Metadata keys can be at most {METADATA_KEY_LENGTH} characters: '{_shortened(key)}'", param=param)
        if len(value) > METADATA_VALUE_LENGTH:
            raise invalid(
                f"Metadata values can have up to {METADATA_VALUE_LENGTH} characters, "
                f"but you passed in a value that is {len(value)} characters.",
                param=bracketed([*path, key]),
            )


def bracketed(path: list[Any]) -> str:
    return str(path[0]) + "".join(f"[{part}]" for part in path[1:]) if path else ""
