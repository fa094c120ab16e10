"""Both doors and the two health pages; the event streams never come here, `core/asgi.py` answers them on the event loop."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from core import health

urlpatterns = [
    # locally, for who opens the bare address; elsewhere the customers' own pages live there
    *([] if settings.PRODUCTION else [path("", RedirectView.as_view(pattern_name="admin:index"))]),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("", include("customer_api.urls")),
]

# What fails before a view (a foreign host, a session that cannot be read): problem+json under /api, a plain page elsewhere.
handler400 = "customer_api.problems.handler400"
handler403 = "customer_api.problems.handler403"
handler404 = "customer_api.problems.handler404"
handler500 = "customer_api.problems.handler500"
