"""Templates of notices: the list, one letter in both languages, the mail inside its frame, and the button that sends a test."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting, holds
from backoffice.headers import POLICY
from backoffice.letters import shown, words
from backoffice.privacy import Personal, sees
from core.accounts.models import Locale
from core.errors import BidangilError
from core.notices.models import Status as NoticeStatus
from workflow.letters import trying
from workflow.letters.catalogue import Entry, entries
from workflow.models import Order

#: tests shown under a letter
LATEST = 6
#: nothing but the letter's own inline style; no script, no picture, no request, no form, no way out of the frame
FRAME_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
WIDTHS = {"desktop": _("Desktop"), "phone": _("Phone")}
SCHEMES = {"light": _("Light"), "dark": _("Dark")}


@dataclass(frozen=True)
class View:
    """How a letter is looked at, kept in the page's address."""

    width: str
    scheme: str
    order: str

    @classmethod
    def of(cls, request: HttpRequest) -> "View":
        asked = request.GET
        width, scheme = asked.get("width", ""), asked.get("scheme", "")
        return cls(
            width=width if width in WIDTHS else "desktop",
            scheme=scheme if scheme in SCHEMES else "light",
            order=asked.get("order", "").strip().upper()[:20],
        )


def may(request: HttpRequest) -> bool:
    return holds(request, trying.TESTERS)


def urls(site: Any) -> list[URLPattern]:
    def view(page: Callable[..., HttpResponse], *, method: str = "GET") -> Any:
        allowed = ["POST"] if method == "POST" else ["GET", "HEAD"]

        def framed(request: HttpRequest, **found: Any) -> HttpResponse:
            if not may(request):
                raise PermissionDenied
            if request.method not in allowed:
                return HttpResponseNotAllowed(allowed)
            if "kind" in found:
                found["entry"] = _entry(found.pop("kind"))
            return page(request, frame=site.each_context(request), **found)

        return site.admin_view(framed)

    return [
        path("letters/", view(overview), name="letters"),
        path("letters/<slug:kind>/", view(letter), name="letter"),
        path("letters/<slug:kind>/test/", view(test, method="POST"), name="letter_test"),
        path("letters/<slug:kind>/<slug:locale>/mail/", view(mail), name="letter_mail"),
    ]


def _entry(kind: str) -> Entry:
    entry = entries().get(kind)
    if entry is None:
        raise Http404
    return entry


# --- Pages ----------------------------------------------------------------------------------------------------------------


def overview(request: HttpRequest, *, frame: Mapping[str, Any]) -> HttpResponse:
    groups = [(words.GROUPS[group], letters) for group, letters in shown.every_letter().items()]
    context = {**frame, "title": _("Templates of notices"), "is_fullwidth": "1", "groups": groups}
    return render(request, "backoffice/letters/list.html", context)


def letter(request: HttpRequest, *, entry: Entry, frame: Mapping[str, Any]) -> HttpResponse:
    view = View.of(request)
    found, order, trouble = _shown(request, entry, view)
    tests = list(trying.tried_by(request.user, kind=entry.kind)[:LATEST])  # type: ignore[arg-type]
    context = {
        **frame,
        "title": found.title,
        "is_fullwidth": "1",
        "media": Media(js=["backoffice/letters.js"]),
        "shown": found,
        "view": view,
        "order": order,
        "trouble": trouble,
        "mail_query": request.GET.urlencode(),
        "widths": WIDTHS.items(),
        "schemes": SCHEMES.items(),
        "may_read_orders": _may_read_orders(request),
        "phone": trying.phone_of(request.user),  # type: ignore[arg-type]
        "press": secrets.token_hex(8),
        "most": trying.MOST,
        "tests": tests,
        "is_moving": any(test.status in (NoticeStatus.QUEUED, NoticeStatus.SENDING) for test in tests),
    }
    response = render(request, "backoffice/letters/letter.html", context)
    response["Content-Security-Policy"] = f"{POLICY}; frame-src 'self'"  # the letters stand in frames; no other page may have any
    return response


def mail(request: HttpRequest, *, entry: Entry, locale: str, frame: Mapping[str, Any]) -> HttpResponse:
    """The mail by itself, for its frame: a page that can do nothing but be read."""
    if locale not in Locale.values:
        raise Http404
    found, _order, _trouble = _shown(request, entry, View.of(request))
    html = next(version.html for version in found.versions if version.locale == locale)
    response = HttpResponse(html)
    response["Content-Security-Policy"] = FRAME_POLICY
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _shown(request: HttpRequest, entry: Entry, view: View) -> tuple[shown.Shown, Order | None, Any]:
    """The letter, the real order it is about if one was asked for, and why it is not about it."""
    if not view.order:
        return shown.about_sample(entry), None, ""
    if not _may_read_orders(request):
        raise PermissionDenied
    order = Order.objects.select_related("customer").filter(number=view.order).first()
    if order is None:
        return shown.about_sample(entry), None, _("There is no order with this number. You see the sample order.")
    found = shown.about_order(entry, order)
    if not found.is_written:
        return shown.about_sample(entry), None, _("This order has no such letter now. You see the sample order.")
    return found, order, ""


def _may_read_orders(request: HttpRequest) -> bool:
    """A letter says its reader's name and address, which cannot be masked in the middle of a sentence."""
    return request.user.has_perm("workflow.view_order") and all(sees(request, what) for what in Personal)


def test(request: HttpRequest, *, entry: Entry, frame: Mapping[str, Any]) -> HttpResponse:
    said = request.POST
    try:
        count = trying.send_test(
            entry.kind,
            by=acting(request),
            locales=said.getlist("locale"),
            channels=said.getlist("channel"),
            press=_press(said.get("press", "")),
        )
    except BidangilError as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("Queued: the test goes to you alone.") if count else _("This test is queued already."))
    return HttpResponseRedirect(f"{reverse('admin:letter', args=[entry.kind])}#letter-tests")


def _press(said: str) -> str:
    return said if len(said) == 16 and said.isascii() and said.isalnum() else secrets.token_hex(8)
