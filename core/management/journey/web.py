"""JSON over HTTP: the customer's app, and a look at the sandbox's records."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlencode

from core.management.journey.browser import ANSWER_S
from core.management.journey.steps import Failed


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    data: Any


class Json:
    """Calls below one address; the token, once there is one, goes with each."""

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/")
        self.token = ""
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str, **query: object) -> Answer:
        return self.call("GET", path + (f"?{urlencode(query)}" if query else ""))

    def post(self, path: str, body: object = None, *, expect: int = 200, key: str = "") -> Answer:
        return self.call("POST", path, body, expect=expect, key=key)

    def call(self, method: str, path: str, body: object = None, *, expect: int = 200, key: str = "") -> Answer:
        answer = self.ask(method, path, body, key=key)
        if answer.status != expect:
            raise Failed(f"{method} {path} answered {answer.status} instead of {expect}{_problem(answer.data)}")
        return answer

    def ask(self, method: str, path: str, body: object = None, *, key: str = "") -> Answer:
        """Whatever the answer is."""
        headers = {"Accept": "application/json", "User-Agent": "bidangil-journey", "Accept-Language": "ko"}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.base + path, data=data, method=method, headers=headers)  # noqa: S310
        try:
            with self._opener.open(request, timeout=ANSWER_S) as answer:
                return _read(answer)
        except urllib.error.HTTPError as answer:
            with answer:
                return _read(answer)
        except urllib.error.URLError as error:
            raise ConnectionError(f"{request.full_url}: {error.reason}") from error


def picture(url: str) -> bytes:
    """What is behind a signed link, without any sign-in; fails where it is no picture."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers={"User-Agent": "bidangil-journey"})  # noqa: S310
    try:
        with opener.open(request, timeout=ANSWER_S) as answer:
            status, kind, content = answer.status, answer.headers.get_content_type(), answer.read()
    except urllib.error.HTTPError as answer:
        with answer:
            status, kind, content = answer.code, answer.headers.get_content_type(), b""
    except urllib.error.URLError as error:
        raise ConnectionError(f"{url}: {error.reason}") from error
    if status != 200 or not kind.startswith("image/") or not content:
        raise Failed(f"the photo's link answered {status} with {kind} and {len(content)} bytes")
    return bytes(content)


def _read(answer: HTTPResponse | urllib.error.HTTPError) -> Answer:
    body = answer.read()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    try:
        return Answer(answer.status or 0, headers, json.loads(body) if body else None)
    except ValueError:
        raise Failed(f"{answer.geturl()} answered {answer.status} with {headers.get('content-type')}, not JSON") from None


def _problem(data: object) -> str:
    if not isinstance(data, dict):
        return ""
    return f": {data.get('code') or ''} {data.get('detail') or data.get('title') or data}".rstrip()
