"""Both doors and the two health pages; the event streams never come here, `core/asgi.py` answers them on the event loop."""

from django.contrib import admin
from django.urls import include, path

from core import health

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("", include("customer_api.urls")),
]
