"""Everything of the customers' door; core/urls.py includes it at the root."""

from django.urls import path, re_path

from customer_api import pay, photos, webhooks
from customer_api.api import api
from customer_api.door import door, unknown

urlpatterns = [
    path("api/v1/", api.urls),
    re_path(r"^api(/.*)?$", door(unknown)),
    path("pay/<str:token>", pay.pay, name="pay"),
    path("pay/<str:token>/wait", pay.wait, name="pay_wait"),
    path("photos/<str:token>", photos.photo, name="photo"),
    path("webhooks/stripe", webhooks.stripe),
    re_path(r"^webhooks(/.*)?$", door(unknown)),
]
