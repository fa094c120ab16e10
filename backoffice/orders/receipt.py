"""The customer's receipt, for staff, in either language."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core.accounts.models import Locale
from workflow.models import Order
from workflow.receipts import NothingPaid, pdf_of


def download(request: HttpRequest, order_id: int, language: str) -> HttpResponse:
    if not request.user.has_perm("workflow.view_invoice"):
        raise PermissionDenied
    number = Order.objects.filter(pk=order_id).values_list("number", flat=True).first()
    if number is None or language not in Locale.values:
        raise Http404
    try:
        response = HttpResponse(pdf_of(order_id, locale=language), content_type="application/pdf")
    except NothingPaid as refused:
        messages.error(request, str(refused))
        return HttpResponseRedirect(reverse("admin:workflow_order_change", args=[order_id]))
    response["Content-Disposition"] = f'inline; filename="receipt-{number}-{language}.pdf"'
    response["Content-Language"] = language
    return response
