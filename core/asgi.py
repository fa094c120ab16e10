"""The front door of the web process: the two event streams stay on the event loop, everything else goes to Django in threads.

`manage.py web` starts it; any other ASGI server can. What it is made of: core/web/, from front.py on.
"""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

from django.core.wsgi import get_wsgi_application


def build() -> Any:
    site = get_wsgi_application()
    from core.web.front import FrontDoor  # needs the applications that the line above has loaded

    return FrontDoor(site)


application = build()
