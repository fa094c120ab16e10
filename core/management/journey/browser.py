"""A browser without a screen: cookies, redirects, forms sent as they stand on the page. Standard library only."""

import http.cookiejar
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterable
from http.client import HTTPResponse
from urllib.parse import urlencode, urlsplit

from core.management.journey.pages import Form, Page, Upload

ANSWER_S = 20.0


class Browser:
    """One person's, with cookies of its own. No proxy: what is walked is usually on this machine."""

    def __init__(self) -> None:
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies))
        self._opener.addheaders = [("User-Agent", "bidangil-journey"), ("Accept-Language", "en"), ("Accept", "text/html")]

    def get(self, url: str) -> Page:
        return self._open(urllib.request.Request(url))  # noqa: S310 - an address of the system that is walked

    def submit(self, page: Page, form: Form, *, press: tuple[str, str] | None = None) -> Page:
        """As a click: to the form's action, with the page as referrer; redirects are followed."""
        pairs, url = form.pairs(press), page.absolute(form.action)
        if form.method != "post":
            return self.get(f"{url}?{urlencode(pairs)}")
        parts = urlsplit(page.url)
        headers = {"Origin": f"{parts.scheme}://{parts.netloc}", "Referer": page.url}
        data = urlencode(pairs).encode()
        if form.takes_files:
            data, headers["Content-Type"] = multipart(pairs, form.uploads)
        return self._open(urllib.request.Request(url, data=data, headers=headers))  # noqa: S310

    def _open(self, request: urllib.request.Request) -> Page:
        try:
            with self._opener.open(request, timeout=ANSWER_S) as answer:
                return _page(answer)
        except urllib.error.HTTPError as answer:
            with answer:
                return _page(answer)
        except urllib.error.URLError as error:
            raise ConnectionError(f"{request.full_url}: {error.reason}") from error


def multipart(pairs: Iterable[tuple[str, str]], uploads: Iterable[Upload]) -> tuple[bytes, str]:
    """The body and its content type."""
    boundary = secrets.token_hex(16)
    parts = [(f'form-data; name="{name}"', value.encode()) for name, value in pairs]
    parts += [
        (f'form-data; name="{one.field}"; filename="{one.file_name}"\r\nContent-Type: {one.content_type}', one.content) for one in uploads
    ]
    body = b"".join(f"--{boundary}\r\nContent-Disposition: {head}\r\n\r\n".encode() + content + b"\r\n" for head, content in parts)
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _page(answer: HTTPResponse | urllib.error.HTTPError) -> Page:
    return Page(answer.geturl() or "", answer.status or 0, answer.read().decode(errors="replace"))
