"""POST /webhooks/stripe: stored before the 2xx, settled by a job (workflow/settlement.py). Nothing is decided here.

Whatever Stripe truly signed is answered with 200, however odd: another answer only makes it come again for three days.
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from customer_api import problems
from workflow import settlement

MAX_BYTES = 1024 * 1024


@csrf_exempt
def stripe(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return problems.method_not_allowed("POST")
    try:
        if int(request.headers.get("Content-Length") or 0) > MAX_BYTES:
            return problems.too_large()
        settlement.receive_signed(request.body, request.headers.get("Stripe-Signature", ""))
    except Exception as error:  # never a page; a database that is away answers 503, and Stripe comes again
        return problems.of_exception(error)
    return JsonResponse({"received": True})
