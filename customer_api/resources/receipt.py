"""The receipt of an order as a PDF. What it says is workflow/receipts.py."""

from django.http import HttpResponse
from django.utils.cache import patch_cache_control
from django.utils.translation.trans_real import parse_accept_lang_header
from ninja import Router

from core.accounts.models import Locale, User
from customer_api.resources.orders import my_order_id
from customer_api.security import Asked
from workflow.receipts import pdf_of

router = Router(tags=["Orders"])

DOCUMENT = {
    "responses": {200: {"description": "The receipt.", "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}},
}


@router.get("/{number}/receipt", openapi_extra=DOCUMENT)
def read_receipt(request: Asked, number: str) -> HttpResponse:
    """Every payment of the order with its lines, and what went back, as a PDF in Korean or English; 409 `nothing_paid` before the first.

    In the language of `Accept-Language`; where it names neither, in the profile's.
    """
    user: User = request.auth
    order_id = my_order_id(user, number)
    locale = _language(request, user)
    response = HttpResponse(pdf_of(order_id, locale=locale), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="receipt-{number}.pdf"'
    response["Content-Language"] = locale
    patch_cache_control(response, private=True, no_store=True)
    return response


def _language(request: Asked, user: User) -> str:
    """Not the one that is active: that falls back to English, and this is a paper that the customer keeps."""
    for asked, quality in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        locale = asked.partition("-")[0]
        if quality and locale in Locale.values:
            return locale
    return user.locale
