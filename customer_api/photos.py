"""/photos/{token}: a picture behind a signed link, for `<img>` on customers' and staff's pages. The link is the permission."""

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from customer_api import problems
from workflow import photos

CONTENT_TYPE = photos.CONTENT_TYPE


@require_safe
def photo(request: HttpRequest, token: str) -> HttpResponseBase:
    """The bytes themselves, or the way to the bucket for a minute; nothing here can be a page or run."""
    try:
        seen = photos.see(token)
    except Exception as error:  # whatever it is: a picture's place is no place for a page
        return problems.of_exception(error)
    answer: HttpResponseBase
    if seen.file is None:
        answer = HttpResponse(status=302, headers={"Location": str(seen.redirect)})
    else:
        answer = FileResponse(seen.file, content_type=CONTENT_TYPE)
        answer["Content-Disposition"] = f'inline; filename="{seen.file_name}"'
    # A kept redirect must not lead to a link of the bucket's that has run out: half of its time.
    answer["Cache-Control"] = f"private, max-age={seen.lifetime_s if seen.file else seen.lifetime_s // 2}"
    answer["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["X-Robots-Tag"] = "noindex"
    return answer
