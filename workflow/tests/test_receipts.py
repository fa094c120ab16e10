"""Receipts: what they say to the cent, in both languages, and that nothing anybody wrote can break the paper."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.text import capfirst
from django.utils.translation import override

from workflow import receipts
from workflow.invoices import receipt_number
from workflow.letters.moments import PACIFIC, SEOUL
from workflow.models import Invoice, InvoiceKind, InvoiceLine, Item, LedgerEntry, LedgerKind, LineKind, Order, Refund, RefundReason
from workflow.process import Role, State
from workflow.receipt_pdf import render
from workflow.receipt_sheet import printable
from workflow.receipt_words import ENGLISH, KOREAN
from workflow.receipts import Line, MoneyBack, NothingPaid, Payment, Receipt, receipt_of
from workflow.tests import factories
from workflow.tests.papers import facts_of, fonts_of, text_of
from workflow.transitions import perform

PAID_AT = datetime(2026, 11, 26, 1, 30, tzinfo=UTC)
SOCKS = Line(title="빨간 양말 × 2", amount_krw=20_000, amount_usd_cents=1429)


def payment(*lines: Line, number: str = "BD-7K3QM-9XW2A-1", reference: str = "pi_1") -> Payment:
    lines = lines or (SOCKS,)
    return Payment(
        number=number,
        kind="Items",
        paid_at=PAID_AT,
        reference=reference,
        lines=lines,
        amount_krw=sum(line.amount_krw for line in lines),
        amount_usd_cents=sum(line.amount_usd_cents for line in lines),
        krw_per_usd=Decimal("1400.0000"),
        rate_source="test",
        rate_as_of=date(2026, 11, 25),
    )


def receipt(*payments: Payment, locale: str = "en", refunds: tuple[MoneyBack, ...] = (), customer_name: str = "민지", **fields) -> Receipt:
    people = {
        "order_number": "BD-7K3QM-9XW2A",
        "zone": PACIFIC,
        "customer_email": "minji@example.com",
        "recipient_name": "Kim Minji",
        "address": ("1600 Amphitheatre Parkway", "Mountain View, CA 94043, US"),
    }
    return Receipt(locale=locale, payments=payments or (payment(),), refunds=refunds, customer_name=customer_name, **{**people, **fields})


def paid_order(**options) -> Order:
    """Both invoices paid: items of ₩10,000 and ₩40,000 with 4 % (₩52,000, $37.14), delivery of ₩30,000 with 4 % (₩31,200, $22.29)."""
    factories.rate("1400.00")
    return factories.order_at(State.DELIVERY_PAID, **options)


def refund(order: Order, invoice: Invoice, *, cents: int, status: str, **fields) -> Refund:
    key = f"{order.number}:{Refund.objects.count()}"
    return Refund.objects.create(
        order=order, invoice=invoice, amount_usd_cents=cents, status=status, key=key, **{"reason": RefundReason.SOLD_OUT, **fields}
    )


# --- What it says ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_it_holds_every_paid_invoice_with_its_lines_to_the_cent():
    order = paid_order(owner=factories.customer(nickname="alex"))

    said = receipt_of(order.pk, locale="en")

    items, delivery = said.payments
    assert [(line.title, line.amount_krw, line.amount_usd_cents) for line in items.lines] == [
        ("Item 1", 10_000, 714),
        ("Item 2 × 2", 40_000, 2857),
        ("Service fee 4%", 2_000, 143),
    ]
    assert [(line.title, line.amount_krw, line.amount_usd_cents) for line in delivery.lines] == [
        ("International delivery", 30_000, 2143),
        ("Card fee 4%", 1_200, 86),
    ]
    assert (items.number, delivery.number) == (f"{order.number}-1", f"{order.number}-2")
    assert (items.kind, delivery.kind) == ("Items", "Delivery")
    assert (items.amount_krw, items.amount_usd_cents) == (52_000, 3714)
    assert (delivery.amount_krw, delivery.amount_usd_cents) == (31_200, 2229)
    assert (items.krw_per_usd, items.rate_source, items.rate_as_of) == (Decimal("1400"), "test", date.today())  # noqa: DTZ011
    assert items.reference == f"pi_test_{order.number}:items:1:1"
    assert items.paid_at == order.invoices.get(number=1).paid_at
    assert (said.paid_usd_cents, said.refunded_usd_cents, said.remaining_usd_cents) == (5943, 0, 5943)
    assert (said.customer_name, said.customer_email) == ("alex", order.customer.email)
    assert (said.recipient_name, said.zone) == ("Kim Minji", PACIFIC)
    assert said.address == ("1600 Amphitheatre Parkway", "Apt 5", "Mountain View, CA 94043, US")


@pytest.mark.django_db
def test_an_adjustment_is_a_payment_like_the_others():
    order = paid_order()
    quote = order.quotes.get()
    invoice = Invoice.objects.create(
        order=order,
        kind=InvoiceKind.ADJUSTMENT,
        number=3,
        quote=quote,
        status="paid",
        amount_krw=4_200,
        amount_usd_cents=300,
        paid_at=PAID_AT,
    )
    InvoiceLine.objects.create(invoice=invoice, position=1, kind=LineKind.DIFFERENCE, amount_krw=4_200, amount_usd_cents=300)

    said = receipt_of(order.pk, locale="en")

    assert (said.payments[2].kind, said.payments[2].number, said.paid_usd_cents) == ("Adjustment", f"{order.number}-3", 6243)
    assert [line.title for line in said.payments[2].lines] == ["Price difference"]


@pytest.mark.django_db
def test_what_is_not_paid_is_not_in_it():
    order = factories.order_at(State.AWAITING_DELIVERY_PAYMENT)
    assert [one.number for one in receipt_of(order.pk, locale="ko").payments] == [f"{order.number}-1"]


@pytest.mark.django_db
@pytest.mark.parametrize("state", [State.QUOTE_REQUESTED, State.AWAITING_ITEM_PAYMENT, State.QUOTE_EXPIRED, State.CANCELLED])
def test_without_a_payment_there_is_no_receipt(state):
    order = factories.order_at(state)
    with pytest.raises(NothingPaid) as refused:
        receipt_of(order.pk, locale="en")
    assert (refused.value.status_code, refused.value.code) == (409, "nothing_paid")


@pytest.mark.django_db
def test_a_payment_recorded_by_hand_names_no_reference_of_stripe():
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    perform(order.pk, Order.record_item_payment, by=factories.by(Role.FINANCE), proof="bank statement line 7")

    (said,) = receipt_of(order.pk, locale="en").payments

    assert said.reference == ""
    assert "bank statement" not in text_of(receipts.pdf_of(order.pk, locale="en"))


@pytest.mark.django_db
def test_refunds_that_went_out_are_in_it_with_reason_time_and_what_remains():
    order = paid_order()
    items = order.invoices.get(number=1)
    sent = refund(order, items, cents=714, status="sent", stripe_id="re_1")
    by_hand = refund(order, items, cents=100, status="by_hand", reason=RefundReason.GOODWILL)
    for status in ("proposed", "approved", "failed", "declined", "replaced"):
        refund(order, items, cents=5, status=status)
    Refund.objects.filter(pk=sent.pk).update(created_at=datetime(2026, 1, 1, tzinfo=UTC))
    booked = LedgerEntry.objects.create(
        order=order, invoice=items, kind=LedgerKind.REFUND, amount_cents=-714, source="stripe", reference="re_1", booked_at=PAID_AT
    )

    said = receipt_of(order.pk, locale="en")

    assert sorted(said.refunds, key=lambda one: -one.amount_usd_cents) == [
        MoneyBack(number=f"{order.number}-1", at=booked.booked_at, reason="Sold out", amount_usd_cents=714),
        MoneyBack(number=f"{order.number}-1", at=by_hand.created_at, reason="Goodwill", amount_usd_cents=100),
    ]
    assert (said.paid_usd_cents, said.refunded_usd_cents, said.remaining_usd_cents) == (5943, 814, 5129)


@pytest.mark.django_db
def test_what_went_back_of_money_that_paid_no_invoice_is_in_no_receipt():
    order = paid_order()
    items = order.invoices.get(number=1)
    unexpected = LedgerEntry.objects.create(
        order=order, invoice=items, kind=LedgerKind.UNAPPLIED, amount_cents=3714, source="stripe", reference="pi_twice"
    )
    refund(order, items, cents=3714, status="succeeded", payment=unexpected)
    refund(order, items, cents=3714, status="succeeded", reason=RefundReason.UNAPPLIED)

    said = receipt_of(order.pk, locale="en")

    assert (said.refunds, said.remaining_usd_cents) == ((), 5943)


@pytest.mark.django_db
@pytest.mark.parametrize("locale", ["ko", "en"])
def test_reasons_and_kinds_are_in_the_language_of_the_receipt(locale):
    order = paid_order()
    refund(order, order.invoices.get(number=1), cents=100, status="succeeded")
    said = receipt_of(order.pk, locale=locale)
    with override(locale):
        assert said.refunds[0].reason == capfirst(str(RefundReason.SOLD_OUT.label))
        assert said.payments[0].kind == str(InvoiceKind.ITEMS.label)
        assert said.payments[1].lines[1].title.endswith("4%")


@pytest.mark.django_db
def test_it_asks_the_same_number_of_statements_however_much_there_is():
    small, large = factories.order_at(State.ITEMS_PAID, items=1), paid_order(items=20)
    quote = large.quotes.get()
    for number in range(3, 21):
        invoice = Invoice.objects.create(
            order=large, kind="adjustment", number=number, quote=quote, status="paid", amount_krw=1, amount_usd_cents=1, paid_at=PAID_AT
        )
        InvoiceLine.objects.create(invoice=invoice, position=1, kind=LineKind.DIFFERENCE, amount_krw=1, amount_usd_cents=1)
        refund(large, invoice, cents=1, status="succeeded")
    for order, payments in ((small, 1), (large, 20)):
        with CaptureQueriesContext(connection) as asked:
            assert len(receipt_of(order.pk, locale="en").payments) == payments
        assert len(asked) == 5, [query["sql"] for query in asked]


@pytest.mark.django_db
def test_the_number_is_the_one_in_the_mail():
    from workflow.letters import CUSTOMER, About
    from workflow.models import OrderEvent

    order = factories.order_at(State.ITEMS_PAID)
    event = OrderEvent.objects.get(order=order, name="record_item_payment")
    letter = CUSTOMER["record_item_payment"](About(order, "en", event))
    assert receipt_number(order.invoices.get()) == f"{order.number}-1"
    assert letter.notes[0].startswith(f"Receipt {order.number}-1, ")


# --- The paper ------------------------------------------------------------------------------------------------------------


def test_an_english_receipt_reads_back():
    back = MoneyBack(number="BD-7K3QM-9XW2A-1", at=PAID_AT, reason="Sold out", amount_usd_cents=714)
    text = text_of(render(receipt(payment(), payment(number="BD-7K3QM-9XW2A-2", reference=""), refunds=(back,))))
    for line in (
        "Bidangil 비단길 Receipt",
        "Business registration number 000-00-00000",
        "Remains paid",
        "$21.44",
        "Items $14.29",
        "Refunded −$7.14",
        "Paid by Recipient",
        "minji@example.com 1600 Amphitheatre Parkway",
        "Items Receipt number BD-7K3QM-9XW2A-1",
        "November 25, 2026, 5:30 PM (Pacific time) · November 26, 2026, 10:30 AM (Korea time)",
        "Online, through Stripe · pi_1",
        "Received outside Stripe and recorded by our staff",
        "Description Won U.S. dollars",
        "빨간 양말 × 2 ₩20,000 $14.29",
        "Total ₩20,000 $14.29",
        "Exchange rate: $1 = ₩1,400.00, as of November 25, 2026 (source: test). Charged in U.S. dollars.",
        "Sold out BD-7K3QM-9XW2A-1 −$7.14",
        "BD-7K3QM-9XW2A Page 1 of 1",
    ):
        assert line in text, f"{line}\n\n{text}"


def test_a_korean_receipt_reads_back_and_carries_its_letters():
    pdf = render(receipt(locale="ko", zone=SEOUL))
    text = text_of(pdf)
    for line in (
        "Bidangil 비단길 영수증",
        "사업자등록번호 000-00-00000",
        "결제 금액",
        "결제하신 분 받는 분",
        "영수증 번호 BD-7K3QM-9XW2A-1",
        "2026년 11월 26일 오전 10시 30분 (한국 시간)",
        "온라인 결제 (Stripe) · pi_1",
        "빨간 양말 × 2 20,000원 $14.29",
        "합계 20,000원 $14.29",
        "적용 환율: 1달러 = 1,400.00원 (2026년 11월 25일 기준, 출처 test). 달러로 결제되었습니다.",
        "BD-7K3QM-9XW2A 1 / 1쪽",
    ):
        assert line in text, f"{line}\n\n{text}"
    assert text.count("한국 시간") == 1
    ((name, kind, *_encoding, embedded, subset, readable, _object, _generation),) = fonts_of(pdf)
    assert name.endswith("+NotoSansKR")
    assert (embedded, subset, readable) == ("yes", "yes", "yes"), kind


def test_it_is_small_the_same_each_time_and_says_what_it_is():
    said = receipt(locale="ko")
    pdf = render(said)
    assert pdf == render(said)
    assert len(pdf) < 150_000
    assert b"/Lang (ko-KR)" in pdf
    facts = facts_of(pdf)
    assert (facts["Title"], facts["Author"]) == ("영수증 BD-7K3QM-9XW2A", "Bidangil 비단길")
    assert facts["Page size"].endswith("(A4)")


def test_what_is_not_known_of_the_seller_is_left_out(settings):
    settings.BUSINESS_NAME, settings.BUSINESS_ADDRESS, settings.BUSINESS_NUMBER = "Silk Ltd.", "", ""
    text = text_of(render(receipt()))
    assert text.startswith("Silk Ltd. Receipt")
    assert "registration" not in text


def test_fifty_items_flow_over_pages_with_the_head_repeated():
    title = "a cup with a name long enough for two lines, as many shops give them, and on"
    lines = [Line(title=f"Item {n}: {title}", amount_krw=n, amount_usd_cents=n) for n in range(1, 51)]
    pages = text_of(render(receipt(payment(*lines)))).split("\f")[:-1]
    assert len(pages) == 3
    assert [page.count("Description Won U.S. dollars") for page in pages] == [1, 1, 1]
    assert [f"Page {n} of 3" in page for n, page in enumerate(pages, start=1)] == [True, True, True]
    assert [n for n in range(1, 51) if sum(f"Item {n}: a cup" in page for page in pages) != 1] == []
    assert "Total ₩1,275 $12.75" in pages[-1]
    assert "Item 50: a cup" in pages[-1]


@pytest.mark.parametrize("count", range(10, 36))
def test_no_head_stands_alone_at_the_end_of_a_page(count):
    """However the rows fall: below the head of a table there is a row, and a total is never without one."""
    lines = [Line(title=f"Cup {n}", amount_krw=n, amount_usd_cents=n) for n in range(1, count + 1)]
    back = MoneyBack(number="BD-7K3QM-9XW2A-1", at=PAID_AT, reason="Sold out", amount_usd_cents=1)
    pages = text_of(render(receipt(payment(*lines), payment(*lines[:3]), refunds=(back, back)))).split("\f")[:-1]
    for page in pages:
        rows = page.splitlines()
        assert "Description" not in rows[-2]
        assert "Reason" not in rows[-2]
        assert not rows[2].startswith(("Total", "Refunded"))


POISON = [
    "🙂👩‍👩‍👧‍👦🏽 and 🇰🇷",
    "\u202egnp.exe\u202c \u2066x\u2069",
    "x" * 4000,
    "가" * 4000,
    "a b " * 1000,
    "<script>alert(1)</script> &amp; <b>bold</b>",
    "{nb} {{ x }} %(x)s {page}",
    "\x00\x07\n\r\t\x1b[31m",
    "مرحبا שלום ไทย हिन्दी",
    "\ud800 lone",
    "(unbalanced \\ ) parentheses ((",
    "",
    "\u0301\u0301 e\u0301",
    "\u3164\u115f\uffff\U0010ffff\ue000",
]


@pytest.mark.parametrize("poison", POISON, ids=ascii)
def test_nothing_that_people_write_breaks_it(poison):
    back = MoneyBack(number=poison, at=PAID_AT, reason=poison, amount_usd_cents=1)
    line = Line(title=poison, amount_krw=2_147_483_647, amount_usd_cents=99_999_999)
    pdf = render(
        receipt(
            payment(line, SOCKS, reference=poison),
            refunds=(back,),
            customer_name=poison,
            customer_email=poison,
            recipient_name=poison,
            address=(poison, poison),
        )
    )
    text = text_of(pdf)
    assert "빨간 양말 × 2 ₩20,000 $14.29" in text
    assert "₩2,147,483,647 $999,999.99" in text
    assert len(pdf) < 150_000
    assert not set(text) & set("\u202e\u202c\u2066\u2069\x00\x07\x1b")


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("Red  socks\n× 2", "Red socks × 2"),
        ("a\u202eb\u200db\ufeff\u00ad", "abb"),
        ("ok 🙂", "ok □"),
        ("❤\ufe0f", "□"),
        ("한", "한"),
        ("e\u0301", "é"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
    ],
)
def test_what_can_be_printed(written, printed):
    known = {ord(char) for char in " ab<>&;mpoéRedsck×2한" + "0123456789"} | {ord("/")}
    assert printable(written, known=known) == printed


def test_long_names_are_cut_only_after_six_lines():
    text = text_of(render(receipt(payment(Line(title="word " * 500, amount_krw=1, amount_usd_cents=1)))))
    rows = [line for line in text.splitlines() if "word" in line]
    assert len(rows) == 6
    assert rows[-1].endswith("…")


def test_both_languages_say_the_same():
    for name in ("rate", "page"):
        korean, english = getattr(KOREAN, name), getattr(ENGLISH, name)
        assert sorted(part.split("}")[0] for part in korean.split("{")[1:]) == sorted(part.split("}")[0] for part in english.split("{")[1:])


@pytest.mark.django_db
def test_a_name_of_staffs_choosing_stands_on_it():
    order = factories.order_at(State.ITEMS_PAID, items=1)
    Item.objects.filter(order=order).update(name="도자기 컵 🙂")
    assert "도자기 컵 □ 10,000원 $7.14" in text_of(receipts.pdf_of(order.pk, locale="ko"))
