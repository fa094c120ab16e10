"""Every page of the back office. Django's admin discovers this module; models that are not named here have no page."""

from django.contrib import admin
from django.contrib.admin import sites

from backoffice.exports.lists import OF_LIST
from backoffice.exports.pages import ExportLogPage, exported
from backoffice.fee_pages import FeePolicyPage
from backoffice.goods.restriction_pages import RestrictionPage
from backoffice.job_pages import EffectPage, NoticePage, TaskPage
from backoffice.money.attempts import AttemptPage
from backoffice.money.disputes import DisputePage
from backoffice.money.events import StripeEventPage
from backoffice.money.invoices import InvoicePage
from backoffice.money.ledger import LedgerPage
from backoffice.money.rates import ExchangeRatePage
from backoffice.money.refunds import RefundPage
from backoffice.orders.admin import OrderAdmin
from backoffice.people_pages import PeoplePage
from backoffice.rate_card_pages import RateCardPage
from backoffice.reconciliation_pages import ReconciliationPage
from backoffice.show_page import ReadingPage
from backoffice.site import BackOffice
from core.accounts.models import User
from core.notices.models import Notice
from core.outbox.models import Effect
from workflow.models import (
    Attempt,
    Dispute,
    ExchangeRate,
    ExportLog,
    FeePolicy,
    Invoice,
    LedgerEntry,
    Order,
    PersonalDataRead,
    RateCard,
    Reconciliation,
    Refund,
    Restriction,
    StaffTask,
    StripeEvent,
)

# As Unfold itself puts its site in place of Django's. What other packages registered stays on theirs, so no page appears unasked.
admin.site = sites.site = BackOffice()

for model, page in {
    Order: OrderAdmin,
    StaffTask: TaskPage,
    Refund: RefundPage,
    Dispute: DisputePage,
    Invoice: InvoicePage,
    Attempt: AttemptPage,
    LedgerEntry: LedgerPage,
    Reconciliation: ReconciliationPage,
    StripeEvent: StripeEventPage,
    ExchangeRate: ExchangeRatePage,
    FeePolicy: FeePolicyPage,
    RateCard: RateCardPage,
    Restriction: RestrictionPage,
    ExportLog: ExportLogPage,
    Effect: EffectPage,
    Notice: NoticePage,
    User: PeoplePage,
    PersonalDataRead: ReadingPage,
}.items():
    admin.site.register(model, exported(page) if model in OF_LIST else page)
