"""Sessions that ran out are deleted daily (core/schedules.py)."""

from importlib import import_module

from django.conf import settings


def clear_expired() -> None:
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
