"""POST /webhooks/stripe and /webhooks/couriers/{courier}: stored before the 2xx, settled by a job (workflow/settlement.py,
workflow/courier_messages.py). Nothing is decided here.

Whatever they truly signed is answered with 200, however odd: another answer only makes it come again, from Stripe for three days.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from customer_api import problems
from workflow import courier_messages, settlement

MAX_BYTES = 1024 * 1024


@csrf_exempt
def stripe(request: HttpRequest) -> HttpResponse:
    return _received(request, lambda: settlement.receive_signed(request.body, request.headers.get("Stripe-Signature", "")))


@csrf_exempt
def courier(request: HttpRequest, code: str) -> HttpResponse:
    return _received(request, lambda: courier_messages.receive(code, request.body, request.headers))


def _received(request: HttpRequest, receive: Callable[[], None]) -> HttpResponse:
    if request.method != "POST":
        return problems.method_not_allowed("POST")
    try:
        if int(request.headers.get("Content-Length") or 0) > MAX_BYTES:
            return problems.too_large()
        receive()
    except Exception as error:  # never a page; a database that is away answers 503, and it comes again
        return problems.of_exception(error)
    return JsonResponse({"received": True})
