"""The frame around every page: who gets in, which pages there are, the home page; the sidebar is `sidebar.py`. Unfold's settings
(core/settings.py) name the callbacks here."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from backoffice import courier_pages, hand_over, palette, roles_page, settings_page, show_page, warehouse_pages
from backoffice.bulk import moving, prices
from backoffice.goods import screening_report
from backoffice.imports import pages as imports
from backoffice.letters import pages as letters
from backoffice.money import unapplied
from backoffice.sidebar import navigation
from backoffice.signing_in import door, own, steps
from backoffice.today import page as today
from backoffice.today import promises
from workflow.transitions import roles_held

#: pages about oneself, open to staff who have no role (yet)
OWN_PAGES = frozenset({"logout", "password_change", "password_change_done", "jsi18n"}) | own.NAMES
#: pages that belong to no model; each module names its addresses
PAGES = (
    today,
    prices,
    moving,
    warehouse_pages,
    imports,
    hand_over,
    unapplied,
    screening_report,
    settings_page,
    promises,
    courier_pages,
    letters,
    roles_page,
    show_page,
    palette,
    steps,
    own,
)


class BackOffice(UnfoldAdminSite):
    """Staff without a role see nothing but their own account; what is refused is said on a page of ours, with its 403."""

    index_template = "backoffice/today/page.html"
    enable_nav_sidebar = True

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            match = request.resolver_match
            try:
                if not roles_held(request.user) and not (match and match.url_name in OWN_PAGES):  # type: ignore[arg-type]
                    raise PermissionDenied
                return view(request, *args, **kwargs)
            except PermissionDenied:
                return self.refused(request)

        return super().admin_view(guarded, cacheable)

    def get_urls(self) -> list[Any]:
        return [path for page in PAGES for path in page.urls(self)] + super().get_urls()

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Unfold's own loads every match of every list and remembers it for minutes."""
        return palette.search(request, pages=navigation(request))

    def refused(self, request: HttpRequest) -> HttpResponse:
        context = {**self.each_context(request), "title": _("Not for your role")}
        return render(request, "backoffice/refused.html", context, status=403)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().index(request, {"title": _("Today"), "home": today.overview(request), **(extra_context or {})})

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return door.sign_in(self, request)


# --- Unfold's callbacks ---------------------------------------------------------------------------------------------------


def environment(_request: HttpRequest) -> list[Any]:
    """The ribbon in the header; production has none, so that every other is seen at once."""
    names = {"local": [_("Local sandbox"), "info"], "test": [_("Test"), "warning"]}
    return names.get(settings.ENVIRONMENT, [])


def favicon(_request: HttpRequest) -> str:
    return static("backoffice/favicon.svg")
