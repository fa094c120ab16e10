"""Stripe's error answers."""

from typing import Any


class StripeRefusal(Exception):
    """An error answer. `executed` says whether the operation had begun: only then an idempotency key keeps it."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        executed: bool = True,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.executed = executed
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"message": self.message, "type": self.kind}
        if self.code:
            error |= {"code": self.code, "doc_url": f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"}
        if self.param:
            error["param"] = self.param
        return {"error": error}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeRefusal:
    """A parameter failed its check: nothing has begun."""
    return StripeRefusal(message, param=param, code=code, executed=False)


def missing(param: str) -> StripeRefusal:
    return invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")


def no_such(what: str, object_id: str, *, param: str) -> StripeRefusal:
    return StripeRefusal(f"No such {what}: '{object_id}'", status=404, code="resource_missing", param=param)


def api_error() -> StripeRefusal:
    return StripeRefusal("An unknown error occurred. The sandbox was asked to fail here.", status=500, kind="api_error")


def rate_limited() -> StripeRefusal:
    return StripeRefusal(
        "Testmode request rate limit exceeded, the rate limits in testmode are lower.", status=429, code="rate_limit", executed=False
    )


def bad_key(shown: str) -> StripeRefusal:
    return StripeRefusal(
        f"Invalid API Key provided: {shown}" if shown else "You did not provide an API key. Use HTTP Bearer auth.",
        status=401,
        executed=False,
    )
