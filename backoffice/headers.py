"""What the browser may do with a page of the back office: run our own scripts only, be framed by nobody, keep nothing.

`unsafe-eval` is Alpine's, which Unfold's menus are written in (docs/decisions/0011); no inline script ever runs. Inline styles are
Unfold's colours. What a page frames is our own, too: a letter as its reader sees it.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.accounts.staff_sessions import ADMIN

#: a photo's link leads on to the bucket, at S3 under its own host
PHOTOS = settings.S3_ENDPOINT_URL or (settings.S3_BUCKET and f"https://{settings.S3_BUCKET}.s3.{settings.S3_REGION}.amazonaws.com")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        f"img-src 'self' data: {PHOTOS}".rstrip(),
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


class AdminHeaders:
    """Middleware; a view that says more strictly what it wants keeps its word."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(ADMIN):
            response.headers.setdefault("Content-Security-Policy", POLICY)
            response["Cache-Control"] = "no-store"
            response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
            response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        return response
