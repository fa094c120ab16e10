"""The signed addresses of a photo, for the page or app that shows it now; they run out."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils.timezone import now

from workflow.models import Photo


class Links(NamedTuple):
    url: str
    small_url: str
    expires_at: datetime


def links(photo: Photo) -> Links:
    return Links(f"/{photo.key}", f"/{photo.small_key}", now() + timedelta(minutes=10))
