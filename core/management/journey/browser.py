"""A browser without a screen: cookies, redirects, forms sent as they stand on the page. Standard library only."""

import http.cookiejar
import urllib.error
import urllib.request
from http.client import HTTPResponse
from urllib.parse import urlencode, urlsplit

from core.management.journey.pages import Form, Page

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
        data = urlencode(form.pairs(press))
        url = page.absolute(form.action)
        if form.method != "post":
            return self.get(f"{url}?{data}")
        parts = urlsplit(page.url)
        headers = {"Origin": f"{parts.scheme}://{parts.netloc}", "Referer": page.url}
        return self._open(urllib.request.Request(url, data=data.encode(), headers=headers))  # noqa: S310

    def _open(self, request: urllib.request.Request) -> Page:
        try:
            with self._opener.open(request, timeout=ANSWER_S) as answer:
                return _page(answer)
        except urllib.error.HTTPError as answer:
            with answer:
                return _page(answer)
        except urllib.error.URLError as error:
            raise ConnectionError(f"{request.full_url}: {error.reason}") from error


def _page(answer: HTTPResponse | urllib.error.HTTPError) -> Page:
    return Page(answer.geturl() or "", answer.status or 0, answer.read().decode(errors="replace"))
