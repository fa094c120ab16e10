"""Every page of the back office. Django's admin discovers this module; models that are not named here have no page."""

from django.contrib import admin
from django.contrib.admin import sites

from backoffice.fee_pages import FeePolicyPage
from backoffice.job_pages import EffectPage, NoticePage, TaskPage
from backoffice.money_pages import ExchangeRatePage, LedgerPage, RefundPage, StripeEventPage
from backoffice.orders.admin import OrderAdmin
from backoffice.people_pages import PeoplePage
from backoffice.reconciliation_pages import ReconciliationPage
from backoffice.site import BackOffice
from core.accounts.models import User
from core.notices.models import Notice
from core.outbox.models import Effect
from workflow.models import ExchangeRate, FeePolicy, LedgerEntry, Order, Reconciliation, Refund, StaffTask, StripeEvent

# As Unfold itself puts its site in place of Django's. What other packages registered stays on theirs, so no page appears unasked.
admin.site = sites.site = BackOffice()

for model, page in {
    Order: OrderAdmin,
    StaffTask: TaskPage,
    Refund: RefundPage,
    LedgerEntry: LedgerPage,
    Reconciliation: ReconciliationPage,
    StripeEvent: StripeEventPage,
    ExchangeRate: ExchangeRatePage,
    FeePolicy: FeePolicyPage,
    Effect: EffectPage,
    Notice: NoticePage,
    User: PeoplePage,
}.items():
    admin.site.register(model, page)
