"""/pay/{token}: the page behind the pay link in our mails and messages; one address per order and kind, good for every version of the
quote. It shows what is asked for and what has become of it, never where the parcel goes.

Looking starts nothing: only the button's POST asks for a session at Stripe, and goes there, or to the "one moment" page until a job
has opened it.
"""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import localtime
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from core.money import format_krw, format_usd
from customer_api.paying import NothingToPay, PaymentInProcess, wanted_session
from workflow.checkout import is_payable
from workflow.invoices import Changes, line_title, what_changed
from workflow.models import Attempt, Invoice, InvoiceLine, PayLink
from workflow.payments import open_attempt

View = Callable[[HttpRequest, str], HttpResponse]
#: the hosted page lives here, whatever the address of the API
STRIPE_PAGES = "https://checkout.stripe.com"
#: after so many looks, one a second, the waiting page says that it takes longer, and looks less often
PATIENCE = 30


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def guarded(view: View) -> View:
    """Own files only, no scripts, no frames, nothing kept, nothing told to the next site."""
    # Chrome holds a form's redirect to form-action too: without Stripe's origin the button would do nothing.
    targets = " ".join(dict.fromkeys(["'self'", STRIPE_PAGES, _origin(settings.STRIPE_API_BASE)]))
    policy = f"default-src 'none'; style-src 'self'; img-src 'self' data:; form-action {targets}; base-uri 'none'; frame-ancestors 'none'"

    @wraps(view)
    def answer(request: HttpRequest, token: str) -> HttpResponse:
        response = view(request, token)
        response["Content-Security-Policy"] = policy
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex, nofollow"
        # Not no-referrer: browsers then send the form with `Origin: null`, which the CSRF check refuses.
        response["Referrer-Policy"] = "same-origin"
        return response

    return answer


@csrf_exempt  # for the middleware, which would look before the method; `csrf_protect` below checks
@guarded
@require_http_methods(["GET", "HEAD", "POST"])
@csrf_protect
def pay(request: HttpRequest, token: str) -> HttpResponse:
    link = _link(token)
    if link is None:
        return render(request, "customer_api/pay_missing.html", status=404)
    with override(link.order.customer.locale):
        return _go(request, link) if request.method == "POST" else _page(request, link)


@guarded
@require_http_methods(["GET", "HEAD"])
def wait(request: HttpRequest, token: str) -> HttpResponse:
    """Asks again each second, by itself and without a script, until the session is there; it only looks."""
    link = _link(token)
    if link is None:
        return render(request, "customer_api/pay_missing.html", status=404)
    invoice = _invoice(link)
    if invoice is None or not invoice.is_open:
        return redirect("pay", token=token)
    attempt = open_attempt(link.order, kind=link.kind)
    if attempt is not None and is_payable(attempt):
        return _see_other(attempt)
    asked = request.GET.get("n", "")
    times = int(asked) + 1 if re.fullmatch("[0-9]{1,3}", asked) else 1
    locale = link.order.customer.locale
    shown = {"link": link, "order": link.order, "language": locale, "times": times, "takes_long": times > PATIENCE}
    with override(locale):
        return render(request, "customer_api/pay_wait.html", shown)


def _link(token: str) -> PayLink | None:
    found = PayLink.objects.select_related("order__customer").filter(token=token)
    return found.prefetch_related("order__invoices__attempts", "order__invoices__lines__item", "order__invoices__quote__policy").first()


def _invoice(link: PayLink) -> Invoice | None:
    """The newest invoice of the link's kind: the one that holds."""
    return max((one for one in link.order.invoices.all() if one.kind == link.kind), key=lambda one: one.number, default=None)


def _see_other(attempt: Attempt) -> HttpResponse:
    return HttpResponse(status=303, headers={"Location": attempt.url})


def _go(request: HttpRequest, link: PayLink) -> HttpResponse:
    try:
        with transaction.atomic():
            attempt = wanted_session(link.order_id, kind=link.kind)
    except (NothingToPay, PaymentInProcess):
        # Paid, withdrawn or run out meanwhile: the page says so.
        return HttpResponse(status=303, headers={"Location": request.path})
    if attempt is None:
        return HttpResponse(status=303, headers={"Location": f"{request.path}/wait"})
    return _see_other(attempt)


def _page(request: HttpRequest, link: PayLink) -> HttpResponse:
    invoice, locale = _invoice(link), link.order.customer.locale
    shown = {"link": link, "order": link.order, "language": locale, "invoice": invoice, "status": _status(link, invoice)}
    if invoice is not None:
        shown |= {
            "lines": [
                (line_title(line, locale=locale), format_usd(line.amount_usd_cents), format_krw(line.amount_krw))
                for line in invoice.lines.all()
            ],
            "total_usd": format_usd(invoice.amount_usd_cents),
            "total_krw": format_krw(invoice.amount_krw),
            "rate": f"{invoice.quote.krw_per_usd:,.2f}",
            "pay_by": localtime(invoice.pay_by) if invoice.pay_by else None,
            "paid_at": localtime(invoice.paid_at) if invoice.paid_at else None,
        }
        changes = what_changed(invoice, among=link.order.invoices.all()) if invoice.is_open else None
        shown |= _changed(changes, locale=locale) if changes and changes.lines else {}
    # Stripe sends people back here before its webhook has told us: look again until it has.
    shown["is_awaited"] = "done" in request.GET and shown["status"] in ("open", "processing")
    return render(request, "customer_api/pay.html", shown)


def _changed(changes: Changes, *, locale: str) -> dict[str, Any]:
    """For those who have the earlier bill in a mail: what differs, before and now."""
    lines = [(line_title(one.line, locale=locale), one.was, one.now, one.is_new_price) for one in changes.lines]
    return {
        "changes": [(title, _sum(was, in_won=in_won), _sum(now, in_won=in_won)) for title, was, now, in_won in lines],
        "was_usd": format_usd(changes.was.usd_cents),
        "was_rate": f"{changes.was.krw_per_usd:,.2f}" if changes.is_new_rate else "",
    }


def _sum(line: InvoiceLine | None, *, in_won: bool) -> str:
    """In won where the price is another one, in dollars where only the rate has moved; empty where there is no such line."""
    if line is None:
        return ""
    return format_krw(line.amount_krw) if in_won else format_usd(line.amount_usd_cents)


def _status(link: PayLink, invoice: Invoice | None) -> str:
    if invoice is None:
        return "none"
    attempt = open_attempt(link.order, kind=link.kind)
    if invoice.is_open and attempt is not None and attempt.processing:
        return "processing"
    return invoice.status
