"""A caller of the API as apps and browsers are: JSON out, JSON back, CSRF enforced."""

import json
from typing import Any

from django.test import Client

from core.accounts import tokens
from core.accounts.models import User

BASE = "/api/v1"
ADDRESS = {
    "line1": "1600 Amphitheatre Parkway",
    "line2": "Apt 5",
    "city": "Mountain View",
    "state": "CA",
    "postal_code": "94043",
    "country": "US",
}
RECIPIENT = {"name": "Kim Minji", "phone": "+1 650 555 0100"}


def wanted(*urls: str, **fields: Any) -> dict[str, Any]:
    """The body of POST /orders."""
    urls = urls or ("https://smartstore.naver.com/shop/products/1",)
    return {"items": [{"url": url} for url in urls], "address": ADDRESS, "recipient": RECIPIENT, **fields}


class Caller:
    """`token`: as an app. Without one: as a browser, which sends the CSRF token it was given."""

    def __init__(self, *, token: str | None = None, language: str = "en") -> None:
        self.http = Client(enforce_csrf_checks=True, raise_request_exception=False)
        self.token = token
        self.language = language

    def __call__(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str) -> "Answer":
        sent = {"accept-language": self.language, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        kind = sent.pop("content-type", "application/json")
        return Answer(self.http.generic(method, BASE + path, data, content_type=kind, headers=sent))

    def get(self, path: str, **headers: str) -> "Answer":
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> "Answer":
        return self("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> "Answer":
        return self("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> "Answer":
        return self("DELETE", path, **headers)


class Answer:
    def __init__(self, response: Any) -> None:
        self.response = response
        self.status = response.status_code
        self.headers = response.headers
        self.body = response.content
        self.json = json.loads(response.content) if response.content and "json" in self.headers["Content-Type"] else None

    def __repr__(self) -> str:
        return f"{self.status} {self.body.decode(errors='replace')}"

    def __getitem__(self, name: str) -> Any:
        return self.json[name]

    def is_problem(self, status: int, code: str) -> bool:
        """Whether this is problem+json with exactly our members."""
        assert self.status == status, self
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert sorted(self.json) == ["code", "detail", "errors", "status", "title", "type"]
        assert self.json["status"] == status
        assert all(sorted(error) == ["code", "field", "message"] for error in self.json["errors"])
        assert self.json["code"] == code, self
        return True

    @property
    def fields(self) -> dict[str, str]:
        return {error["field"]: error["code"] for error in self.json["errors"]}


def app_of(user: User, **options: Any) -> Caller:
    return Caller(token=tokens.issue(user), **options)
