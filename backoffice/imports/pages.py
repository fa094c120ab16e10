"""The addresses of the imports' pages. What is pressed is decided by `workflow/imports/`; a refusal comes back as a message."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from backoffice.access import acting, background
from backoffice.imports import shown, templates
from core.errors import BidangilError, Invalid
from workflow.imports import applying, claims, moving, staging, undoing
from workflow.imports.files import MOST_BYTES, FileTooLarge
from workflow.imports.kind import Kind
from workflow.imports.kinds import KINDS, allowed
from workflow.models import ImportBatch

#: the name of what came without a file
PASTED = "pasted.csv"


def may(request: HttpRequest) -> bool:
    return bool(allowed(acting(request)))


def urls(site: Any) -> list[URLPattern]:
    def view(page: Callable[..., HttpResponse], method: Any = require_GET) -> Any:
        def framed(request: HttpRequest, **found: Any) -> HttpResponse:
            if not may(request):
                raise PermissionDenied
            return method(page)(request, frame=site.each_context(request), **found)

        return site.admin_view(framed)

    return [
        path("imports/", view(overview, require_http_methods(["GET", "HEAD", "POST"])), name="imports"),
        path("imports/template/<slug:kind>.<slug:form>", view(template), name="imports_template"),
        path("imports/sample/<slug:kind>/", view(sample), name="imports_sample"),
        path("imports/<int:pk>/", view(batch_page, require_http_methods(["GET", "HEAD"])), name="imports_batch"),
        path("imports/<int:pk>/progress/", background(view(progress)), name="imports_progress"),
        path("imports/<int:pk>/errors.csv", view(errors), name="imports_errors"),
        path("imports/<int:pk>/confirm/", view(confirm, require_POST), name="imports_confirm"),
        path("imports/<int:pk>/check/", view(check, require_POST), name="imports_check"),
        path("imports/<int:pk>/discard/", view(discard, require_POST), name="imports_discard"),
        path("imports/<int:pk>/undo/", view(undo, require_POST), name="imports_undo"),
        path("imports/<int:pk>/move/", view(move, require_POST), name="imports_move"),
    ]


def overview(request: HttpRequest, *, frame: Mapping[str, Any]) -> HttpResponse:
    """Bring a file, and the log."""
    refused: BidangilError | None = None
    if request.method == "POST":
        try:
            return to_batch(_bring(request))
        except BidangilError as error:
            refused = error
    context = {**frame, "title": _("Imports"), "is_fullwidth": "1", "refused": refused, **shown.overview(request)}
    context["pasted"] = request.POST.get("pasted", "")
    context["chosen"] = request.POST.get("kind") or request.GET.get("kind") or context["kinds"][0]["code"]
    return render(request, "backoffice/imports/overview.html", context, status=refused.status_code if refused else 200)


def _bring(request: HttpRequest) -> ImportBatch:
    """A chosen file, or rows as a spreadsheet copies them, which are read as a file with tabs would be."""
    file, pasted = request.FILES.get("file"), request.POST.get("pasted", "").strip("\r\n")
    if KINDS.get(request.POST.get("kind", "")) not in allowed(acting(request)):
        raise PermissionDenied
    if file is None and pasted.strip():
        return staging.stage(kind=request.POST["kind"], name=PASTED, content=pasted.encode(), by=acting(request))
    if file is None:
        raise Invalid(_("Choose a file, or paste rows."), field="file")
    if (file.size or 0) > MOST_BYTES:
        raise FileTooLarge(_("The file is larger than 5 MB. Split it."))
    return staging.stage(kind=request.POST["kind"], name=file.name or "", content=file.read(), by=acting(request))


def to_batch(batch: ImportBatch) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:imports_batch", args=[batch.pk]))


def found(request: HttpRequest, pk: int) -> ImportBatch:
    """Of a kind that is this person's work; 404 and 403 else."""
    batch = ImportBatch.objects.select_related("made_by", "undone_by").filter(pk=pk).first()
    if batch is None:
        raise Http404
    if KINDS[batch.kind] not in allowed(acting(request)):
        raise PermissionDenied
    return batch


def batch_page(request: HttpRequest, pk: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    batch = found(request, pk)
    context = {**frame, "title": _("Import %(number)s") % {"number": batch.pk}, "is_fullwidth": "1", **shown.batch(request, batch)}
    return render(request, "backoffice/imports/batch.html", context)


def progress(request: HttpRequest, pk: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    batch = found(request, pk)
    return JsonResponse(
        {"busy": batch.is_busy or shown.is_moving(batch), "done": batch.done_count, "of": batch.row_count, "status": batch.status}
    )


def errors(request: HttpRequest, pk: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    return templates.errors_of(found(request, pk))


def template(request: HttpRequest, kind: str, form: str, *, frame: Mapping[str, Any]) -> HttpResponse:
    """Empty, or with what waits (`?filled=1`)."""
    if form not in templates.FORMS:
        raise Http404
    return templates.answer(_kind(request, kind), form=form, is_filled=request.GET.get("filled") == "1")


def sample(request: HttpRequest, kind: str, *, frame: Mapping[str, Any]) -> HttpResponse:
    return templates.sample(_kind(request, kind))


def _kind(request: HttpRequest, name: str) -> Kind:
    if name not in KINDS:
        raise Http404
    if KINDS[name] not in allowed(acting(request)):
        raise PermissionDenied
    return KINDS[name]


# --- Buttons --------------------------------------------------------------------------------------------------------------


def _pressed(request: HttpRequest, pk: int, act: Callable[[], object], *, done: Any = "") -> HttpResponse:
    batch = found(request, pk)
    try:
        act()
    except BidangilError as refused:
        messages.error(request, str(refused))
    else:
        batch.refresh_from_db()
        if batch.error:
            messages.error(request, batch.error)
        elif done and not batch.is_busy:
            messages.success(request, done)
    return to_batch(batch)


def confirm(request: HttpRequest, pk: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    only_good, and_move = request.POST.get("rows") == "good", request.POST.get("and_move") == "1"
    return _pressed(
        request, pk, lambda: applying.confirm(pk, only_good=only_good, and_move=and_move, by=acting(request)), done=_("Applied.")
    )


def check(request: HttpRequest, pk: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    return _pressed(request, pk, lambda: staging.check_again(pk, by=acting(request)), done=_("Checked again."))


def discard(request: HttpRequest, pk: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    return _pressed(request, pk, lambda: claims.discard(pk, by=acting(request)), done=_("Discarded. Nothing was changed."))


def undo(request: HttpRequest, pk: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    return _pressed(request, pk, lambda: undoing.request(pk, by=acting(request)), done=_("Undone where nothing had changed since."))


def move(request: HttpRequest, pk: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    done = _("Under way. What became of each order is listed here in a moment.")
    return _pressed(request, pk, lambda: moving.request(pk, by=acting(request)), done=done)
