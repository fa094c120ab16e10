"""Start-up checks: where ENVIRONMENT=production a missing or unsafe setting stops the start, naming the variable, never its value.

`manage.py check --deploy` runs Django's own list beside them; `core/settings.py` itself refuses what is missing altogether.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

#: what stands in the code for local use and must never guard real money
LOCAL_ONLY = ("sandbox", "sk_test_", "whsec_sandbox", "django-insecure")
CREDENTIALS = (
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRETS",
    "FEDEX_CLIENT_SECRET",
    "EMS_SERVICE_KEY",
    "SENS_SECRET_KEY",
    "TWILIO_AUTH_TOKEN",
)
SECURE_BASES = ("STRIPE_API_BASE", "FEDEX_BASE_URL", "SENS_BASE_URL", "TWILIO_BASE_URL")


@register()
def production_settings(**_kwargs: Any) -> list[CheckMessage]:
    """Errors that keep every command, `web` and `worker` from starting in production."""
    if not settings.PRODUCTION:
        return []
    return [Error(f"{name}: {why}", id="bidangil.E001") for name, why in _unsafe()]


def _unsafe() -> Iterator[tuple[str, str]]:
    if settings.DEBUG:
        yield "DEBUG", "must be off in production"
    if len(settings.SECRET_KEY) < 50 or len(set(settings.SECRET_KEY)) < 10:
        yield "SECRET_KEY", "must be at least 50 random characters"
    if not settings.MYSQL:
        yield "DATABASE_URL", "must name a MySQL or MariaDB database"
    if not settings.HTTPS:
        yield "PUBLIC_BASE_URL", "must begin with https://"
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        yield "ALLOWED_HOSTS", "must name the hosts that are served"
    for name in CREDENTIALS:
        said = getattr(settings, name)
        if any(part.startswith(LOCAL_ONLY) for part in ([said] if isinstance(said, str) else said)):
            yield name.removesuffix("S") if name == "STRIPE_WEBHOOK_SECRETS" else name, "is the sandbox's or a test credential"
    for name in SECURE_BASES:
        if urlsplit(getattr(settings, name)).scheme != "https":
            yield name, "must begin with https://"
    if settings.S3_ENDPOINT_URL and urlsplit(settings.S3_ENDPOINT_URL).scheme != "https":
        yield "S3_ENDPOINT_URL", "must begin with https://"
