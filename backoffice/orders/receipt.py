"""The customer's receipt, for staff, in either language: for those who see the personal data on it, which a PDF cannot mask."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from backoffice.privacy import Personal, opened, sees
from core.accounts.models import Locale
from workflow.models import Order
from workflow.receipts import NothingPaid, pdf_of

SAID = (Personal.NAME, Personal.EMAIL, Personal.ADDRESS)


def download(request: HttpRequest, order_id: int, language: str) -> HttpResponse:
    if not request.user.has_perm("workflow.view_invoice"):
        raise PermissionDenied
    order = Order.objects.filter(pk=order_id).first()
    if order is None or language not in Locale.values:
        raise Http404
    opened(request, order=order)
    if not all(sees(request, what) for what in SAID):
        messages.error(request, _("The receipt says the customer’s name, e-mail and address: press “Show” beside them first."))
        return HttpResponseRedirect(reverse("admin:workflow_order_change", args=[order_id]))
    try:
        response = HttpResponse(pdf_of(order_id, locale=language), content_type="application/pdf")
    except NothingPaid as refused:
        messages.error(request, str(refused))
        return HttpResponseRedirect(reverse("admin:workflow_order_change", args=[order_id]))
    response["Content-Disposition"] = f'inline; filename="receipt-{order.number}-{language}.pdf"'
    response["Content-Language"] = language
    return response
