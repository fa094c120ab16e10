"""The card on which photos of an item, an inspection or a parcel are added and taken away; a page of its own without scripts."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backoffice import privacy
from backoffice.access import acting
from backoffice.orders import reading
from backoffice.orders.strips import KINDS, Strip
from core.errors import BidangilError
from workflow import photos
from workflow.models import Inspection, Order, Parcel, Photo


def manage(request: HttpRequest, order_id: int, kind: str, pk: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    """Several files at once; those that are refused are named with the reason, the others are kept."""
    order = reading.load(order_id)
    owner = _owner(order, kind, pk)
    privacy.opened(request, order=order)
    _refuse_others(request, owner)
    refused: list[tuple[str, Any]] = []
    if request.method == "POST":
        uploads = request.FILES.getlist("photo")
        if not uploads:
            refused = [("", _("Please choose a picture first."))]
        else:
            added, refused = _add(request, order, photos.Subject(**{f"{kind}_id": pk}), uploads)
            if added:
                words = ngettext("%(count)s photo is kept.", "%(count)s photos are kept.", added) % {"count": added}
                messages.success(request, words)
        if not refused:
            return HttpResponseRedirect(reverse("admin:workflow_order_change", args=[order_id]))
        order = reading.load(order_id)
        owner = _owner(order, kind, pk)
    context = {
        **frame,
        **reading.heading(order),
        "title": _("Photos"),
        "owner": owner,
        "kind": kind,
        "strip": Strip.of(request, order, owner),
        "refused_files": refused,
        "action": reverse("admin:workflow_order_photos", args=[order_id, kind, pk]),
    }
    return render(request, "backoffice/photos/manage.html", context, status=422 if refused else 200)


def _add(request: HttpRequest, order: Order, subject: photos.Subject, uploads: list[Any]) -> tuple[int, list[tuple[str, Any]]]:
    try:
        added = photos.add_photos(order.pk, uploads=uploads, subject=subject, by=acting(request))
    except BidangilError as error:
        return 0, [("", error.message)]
    return len(added.photos), [(name, error.message) for name, error in added.refused]


def remove(request: HttpRequest, order_id: int, photo_id: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    """Asks first; a POST does it."""
    order = reading.load(order_id)
    photo = Photo.objects.filter(pk=photo_id, order_id=order_id, removed_at=None).first()
    if photo is None:
        raise Http404
    privacy.opened(request, order=order)
    _refuse_others(request, photo.parcel)
    if request.method == "POST":
        try:
            photos.remove_photo(order_id, photo_id=photo_id, by=acting(request))
        except BidangilError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("The photo is removed."))
        return HttpResponseRedirect(reverse("admin:workflow_order_change", args=[order_id]))
    [link] = photos.links([photo], lifetime=photos.FOR_STAFF)
    context = {**frame, **reading.heading(order), "title": _("Remove this photo?"), "link": link}
    return render(request, "backoffice/photos/remove.html", context)


def _owner(order: Order, kind: str, pk: int) -> Any:
    """With its live photos at hand; 404 for a thing of another order."""
    if kind not in KINDS:
        raise Http404
    among: Any = {"item": order.items.all, "parcel": order.parcels.all}.get(kind)
    if among is None:
        among = Inspection.objects.filter(item__order=order, pk=pk).prefetch_related(photos.prefetched()).all
    owner = next((found for found in among() if found.pk == pk), None)
    if owner is None:
        raise Http404
    return owner


def _refuse_others(request: HttpRequest, owner: Any) -> None:
    """Who does not read addresses does not see parcels, on whose labels they stand."""
    if not acting(request).roles & photos.ADDERS or (isinstance(owner, Parcel) and not privacy.sees(request, privacy.Personal.ADDRESS)):
        raise PermissionDenied
