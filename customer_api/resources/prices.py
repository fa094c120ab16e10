"""What things will cost: today's exchange rate, and an estimate of every fee before anything is asked for. Open to everybody."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from ninja import Router
from pydantic import Field

from core.errors import Conflict
from customer_api.schema import In, Out, language
from workflow import pricing
from workflow.invoices import line_title
from workflow.models import ExchangeRate, LineKind

router = Router(tags=["Prices"])


class RateOut(Out):
    krw_per_usd: str = Field(description="Won for one dollar, as a decimal number in text.", examples=["1472.1500"])
    source: str
    as_of: date
    stale: bool = Field(description="No source has answered for a while; the number may be old.")


class WantedPrice(In):
    price_krw: Annotated[int, Field(ge=1, le=1_000_000_000)]
    quantity: Annotated[int, Field(ge=1, le=999)] = 1


class Wanted(In):
    items: Annotated[list[WantedPrice], Field(min_length=1, max_length=50)]
    weight_g: Annotated[int, Field(ge=0, le=1_000_000)]
    volume_cm3: Annotated[int, Field(ge=0, le=10_000_000)]


class EstimateLine(Out):
    kind: str
    title: str
    quantity: int
    amount_krw: int
    amount_usd_cents: int


class Estimate(Out):
    lines: list[EstimateLine]
    amount_krw: int
    amount_usd_cents: int
    chargeable_weight_g: int = Field(description="The larger of the weight and volume_cm3 / 6; one parcel is assumed.")
    exchange_rate: RateOut


class NoRate(Conflict):
    code = "no_exchange_rate"
    message = _("There is no exchange rate yet. Please try again in a moment.")


def rate_out(krw_per_usd: Decimal, *, source: str, as_of: date, stale: bool) -> RateOut:
    return RateOut(krw_per_usd=str(krw_per_usd), source=source, as_of=as_of, stale=stale)


def _last_rate() -> ExchangeRate:
    rate = pricing.last_rate()
    if rate is None:
        raise NoRate(headers={"Retry-After": "60"})
    return rate


def _todays(rate: ExchangeRate) -> RateOut:
    return rate_out(rate.krw_per_usd, source=rate.source, as_of=rate.as_of, stale=pricing.is_stale(rate))


def _line(line: pricing.Line, *, position: int) -> EstimateLine:
    is_item = line.kind == LineKind.ITEM
    return EstimateLine(
        kind=line.kind,
        title=gettext("Item %(position)s") % {"position": position} if is_item else line_title(line, locale=language()),
        quantity=line.quantity,
        amount_krw=line.amount_krw,
        amount_usd_cents=line.amount_usd_cents,
    )


@router.get("/exchange-rate", response=RateOut, auth=None)
def read_exchange_rate(request: HttpRequest) -> RateOut:
    return _todays(_last_rate())


@router.post("/estimates", response=Estimate, auth=None)
def make_estimate(request: HttpRequest, body: Wanted) -> Estimate:
    """Goods, service fee, delivery and card fee at the last rate. Nothing is kept; staff confirm the real prices."""
    rate = _last_rate()
    estimate = pricing.estimate(
        [(item.price_krw, item.quantity) for item in body.items], weight_g=body.weight_g, volume_cm3=body.volume_cm3, rate=rate
    )
    return Estimate(
        lines=[_line(line, position=number) for number, line in enumerate(estimate.lines, start=1)],
        amount_krw=estimate.total_krw,
        amount_usd_cents=estimate.total_usd_cents,
        chargeable_weight_g=estimate.chargeable_weight_g,
        exchange_rate=_todays(rate),
    )
