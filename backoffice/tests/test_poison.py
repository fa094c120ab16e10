"""Whatever a customer writes is text on every page: never markup, never a script, never a link that is not a plain web address.

Each page is rendered twice, with poison and with harmless text of the same shape (`poison.py`), and must have the same skeleton. The
pages of registered models are found by themselves; a page of its own is one line in `extra_pages`.
"""

import csv
import io
import json
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.timezone import now

from backoffice.templatetags.backoffice import shop
from backoffice.tests import poison
from backoffice.tests.conftest import do_url, page_url, work_url
from backoffice.tests.poison import ALL, CLASSES, POISON, assert_inert_table, assert_same_skeleton, harmless, packed
from core.accounts.models import Address, User
from core.notices import Letter
from core.notices.models import Notice
from core.notices.rendering import as_html
from core.outbox.models import Effect
from workflow.models import (
    Attempt,
    Dispute,
    ImportBatch,
    ImportRow,
    Inspection,
    Item,
    LedgerEntry,
    Order,
    OrderMessage,
    OrderNote,
    Parcel,
    RateCard,
    Refund,
    StaffTask,
    StripeEvent,
    TrackingEvent,
)
from workflow.process import Role, State
from workflow.tests.factories import by, order_at, reload
from workflow.transitions import ask_customer, hold

pytestmark = [pytest.mark.django_db, pytest.mark.once]

Words = Callable[[str], str]
ITEMS, ROUNDS = 4, 12
BAD_ADDRESSES = (
    "javascript:alert(document.cookie)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example.com/x",
    "https://coupang.com@evil.kr/",
    "http://127.0.0.1/admin/",
    "file:///etc/passwd",
)


# --- Writing it past the checks at the door -------------------------------------------------------------------------------


def piece(most: int, number: int) -> str:
    pieces = packed(most)
    return pieces[number % len(pieces)]


def write_order(order: Order, words: Words, *, turn: int) -> None:
    """Poison in every text of an order and its customer; turn by turn each of them in the short ones too."""
    short = {"line1": 80, "line2": 80, "recipient_name": 80, "city": 80, "region": 40, "postal_code": 12, "recipient_phone": 20}
    fields = {field: piece(most, turn * 4 + place) for place, (field, most) in enumerate(short.items())}
    fields |= {"note": ALL, "question": ALL, "hold_reason": piece(200, turn), "closed_reason": ALL}
    Order.objects.filter(pk=order.pk).update(**{field: words(text) for field, text in fields.items()})
    for place, item in enumerate(order.items.all()):
        number = turn * ITEMS + place
        Item.objects.filter(pk=item.pk).update(
            name=words(piece(200, number)),
            options=words(piece(500, number)),
            note=words(piece(1000, number)),
            screening_note=words(piece(500, number)),
            shop_order_number=words(piece(60, number)),
            inbound_number=words(piece(40, number)),
        )
    User.objects.filter(pk=order.customer_id).update(
        nickname=words(piece(40, turn)), phone=words(piece(20, turn)), email=words(piece(80, turn) + "@x")
    )


def write_beside(order: Order, words: Words) -> list[str]:
    """Rows around the order with poison in all that a customer, a shop, a courier, a bank or Stripe could have written; extra pages."""
    all_of_it, invoice = words(ALL), order.invoices.first()
    address = {field: words(piece(40, place)) for place, field in enumerate(("label", "recipient_name", "line1", "line2", "city", "state"))}
    Address.objects.create(user=order.customer, postal_code=words("<b>94043"), **address)
    StaffTask.objects.create(key="t", kind="k", order=order, text=all_of_it)
    notice = {"kind": "k", "recipient": words(POISON[0]), "locale": "ko", "text": all_of_it}
    Notice.objects.create(key="n", channel="email", subject=words(piece(200, 3)), html=all_of_it, **notice)
    Notice.objects.create(key=f"{order.subject}:1:ship", channel="sms", **notice)
    Effect.objects.create(name="notify_customer", subject="x", payload={"a": all_of_it}, last_error=all_of_it)
    entry = LedgerEntry.objects.create(
        order=order, invoice=invoice, kind="unapplied", amount_cents=900_000, source="stripe", reference=words(POISON[0]),
        payment_intent_id=words(POISON[5]), note=words(piece(200, 7)),
    )  # fmt: skip
    StaffTask.objects.create(key=f"unapplied:{words(POISON[0])}", kind="unapplied_money", order=order, text=all_of_it)
    refund = Refund.objects.create(
        order=order, invoice=invoice, payment=entry, payment_intent_id=words(POISON[5]), amount_usd_cents=1, reason="late",
        note=words(piece(300, 1)), status="failed", key=words(POISON[6]), stripe_id=words(POISON[4]), last_error=words(piece(300, 2)),
    )  # fmt: skip
    Dispute.objects.create(
        stripe_id=words(POISON[0]), order=order, payment=entry, payment_intent_id=words(POISON[5]), amount_cents=1, currency=words("<b>"),
        reason=words(POISON[4]), status=words(POISON[0][:30]),
    )  # fmt: skip
    StripeEvent.objects.create(
        event_id=words(POISON[0]), type=words(POISON[5]), payload={"a": all_of_it}, settled_at=now(), outcome=words(piece(200, 4))
    )
    Attempt.objects.filter(invoice=invoice).update(
        last_error=words(piece(300, 3)), session_id=words(POISON[0]), payment_intent_id=words(POISON[5])
    )
    parcel = order.parcels.first()
    Parcel.objects.filter(pk=parcel.pk).update(tracking_number=words(piece(40, 5)), poll_error=words(piece(300, 5)))
    TrackingEvent.objects.create(parcel=parcel, at=now(), status="exception", text=words(piece(200, 6)), place=words(piece(120, 7)))
    found = {"note": words(piece(500, 8)), "choice": "other", "answer": words(piece(1000, 9)), "asked_at": now(), "answered_at": now()}
    Inspection.objects.create(item=order.items.all()[0], number=1, verdict="damaged", by=order.customer, **found)
    OrderMessage.objects.create(order=order, author=order.customer, from_staff=False, text=all_of_it)
    OrderNote.objects.create(order=order, author=order.customer, text=all_of_it)
    RateCard.objects.create(courier="ems", valid_from=now(), steps=[{"up_to_g": 500, "krw": 1}], note=words(piece(300, 12)))
    batch = import_of(words, person=order.customer)
    return [*extra_pages(order, words, refund=refund), f"/admin/imports/{batch.pk}/"]


def import_of(words: Words, *, person: User) -> ImportBatch:
    """A file whose rows say poison, good and bad ones."""
    batch = ImportBatch.objects.create(
        kind="prices", status="ready", file_name=words(piece(200, 8)), sha256="0" * 64, size_bytes=1, read_as="CSV", made_by=person,
        row_count=2, good_count=1, bad_count=1, error=words(ALL),
    )  # fmt: skip
    said = {"price_krw": 1, "name": words(piece(200, 9))}
    row = {"order_number": words(piece(40, 10)), "said": said, "wanted": said, "seen": {"name": words(piece(200, 11))}, "target": "item"}
    ImportRow.objects.create(batch=batch, number=2, outcome="good", **row)
    ImportRow.objects.create(batch=batch, number=3, outcome="bad", error=words(ALL), **row)
    return batch


def extra_pages(order: Order, words: Words, *, refund: Refund) -> list[str]:
    """Pages that belong to no model's list, and lists that say again what was searched for. A new page: a line here."""
    searched = quote(words(POISON[4] + POISON[23]))
    return [
        "/admin/",
        "/admin/unapplied/",
        "/admin/inspections/",
        f"/admin/arrivals/?q={order.number}",
        f"/admin/arrivals/?q={searched}",
        "/admin/letters/",
        *(f"/admin/letters/{kind}/?order={order.number}" for kind in ("request_quote", "ask", "ship", "remind_question_open")),
        *(f"/admin/letters/{kind}/{locale}/mail/?order={order.number}" for kind in ("request_quote", "ask") for locale in ("ko", "en")),
        f"/admin/letters/ask/?width={searched}&scheme={searched}&order={searched}",
        f"/admin/workflow/refund/{refund.pk}/hand/",
        f"/admin/workflow/order/{order.pk}/photos/item/{order.items.first().pk}/",
        f"/admin/workflow/ledgerentry/?order={order.number}",
        f"/admin/workflow/ledgerentry/?order={searched}",
        f"/admin/workflow/ledgerentry/?q={searched}&kind={searched}",
        f"/admin/workflow/order/?q={searched}",
        *(f"/admin/workflow/order/{order.pk}/{name}/" for name in ("receive_back", "parcel_lost", "extend_storage", "dispose")),
        f"/admin/accounts/user/?q={searched}",
        "/admin/imports/",
        "/admin/settings/",
        "/admin/screening/",
        "/admin/couriers/",
        f"/admin/workflow/ratecard/try/?country={searched}&weight_g={searched}",
        "/admin/hand-over/",
        f"/admin/many/?ids={order.pk}&move=record_delivery",
        f"/admin/workflow/restriction/try/?text={searched}",
        f"/admin/search/?extended&s={quote(words(piece(40, 2)))}",
        *(f"/admin/workflow/order/{order.pk}/{page}/" for page in ("customer", "assign", "write/message", "write/note")),
        do_url(order, "cancel"),
        *(work_url(order, task) for task in ("price_items", "screen_items", "pack_parcels", "label_parcels")),
        *(f"/admin/workflow/order/{order.pk}/{dialog}/" for dialog in ("refund", "sold_out", "dearer")),
    ]


def model_pages() -> list[str]:
    """The list of every registered model, and the page of its newest row."""
    found = []
    for model in admin.site._registry:
        url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        found.append(url)
        newest = model._default_manager.order_by("-pk").first()
        if newest is not None:
            found.append(f"{url}{newest.pk}/change/")
    return found


# --- Looking --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def order(db) -> Order:
    found = order_at(State.SHIPPED, items=ITEMS)
    hold(found.pk, reason="wait", by=by(Role.SUPPORT))
    ask_customer(found.pk, question="which?", by=by(Role.BUYER))
    return reload(found)


def looked_at(client, write: Callable[[], list[str]]) -> list[tuple[str, str]]:
    """What the pages say with these texts, which are taken back afterwards."""
    mark = transaction.savepoint()
    pages = []
    for url in write():
        cache.clear()
        response = client.get(url)
        pages.append((url, response.content.decode()))
        assert response.status_code in (200, 302, 403, 404), (url, response.status_code)
    transaction.savepoint_rollback(mark)
    return pages


def assert_inert(client, write: Callable[[Words], list[str]]) -> int:
    """The same pages with poison and without; how many of them showed any of it."""
    found, clean = looked_at(client, lambda: write(str)), looked_at(client, lambda: write(harmless))
    assert len(found) == len(clean)
    for (url, poisoned), (_url, other) in zip(found, clean, strict=True):
        assert_same_skeleton(poisoned, other, where=url)
    return sum(poisoned != other for (_url, poisoned), (_other, other) in zip(found, clean, strict=True))


def test_there_are_forty_classes_of_poison_and_more():
    assert len(CLASSES) == len(set(POISON)) >= 40


def test_poison_is_inert_on_every_page(owner, order):
    def write(words: Words) -> list[str]:
        write_order(order, words, turn=0)
        return [*write_beside(reload(order), words), *model_pages(), page_url(order)]

    assert assert_inert(owner, write) > 30


def test_the_errors_of_an_import_hold_no_formula(owner):
    batch = import_of(str, person=owner.user)
    answer = owner.get(f"/admin/imports/{batch.pk}/errors.csv")
    assert (answer["Content-Type"], answer["Content-Disposition"][:10]) == ("text/csv; charset=utf-8", "attachment")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert len(rows) == 2
    assert_inert_table(rows)


def test_poison_is_inert_while_it_is_priced(owner):
    waiting = order_at(State.QUOTE_APPROVED, items=ITEMS)

    def write(words: Words) -> list[str]:
        write_order(waiting, words, turn=3)
        Order.objects.filter(pk=waiting.pk).update(hold_reason="", question="")
        return ["/admin/prices/", f"/admin/many/?ids={waiting.pk}&move=confirm_item_prices"]

    assert assert_inert(owner, write) == 2


def test_each_of_them_is_inert_in_each_short_text_of_an_order(owner, order):
    def write(words: Words, turn: int) -> list[str]:
        write_order(order, words, turn=turn)
        return [page_url(order), "/admin/workflow/order/"]

    clean = looked_at(owner, lambda: write(harmless, 0))
    for turn in range(ROUNDS):
        for (url, page), (_url, other) in zip(looked_at(owner, lambda turn=turn: write(str, turn)), clean, strict=True):
            assert_same_skeleton(page, other, where=f"{url} {turn}")


def test_each_of_them_is_inert_in_a_product_address():
    link, text = (render_to_string("backoffice/order/_shop.html", shop(url)) for url in ("https://shop.kr/a", "no address"))
    for one in POISON:
        for url in (one, f"https://shop.kr/{one}", f"https://shop.kr/?q={one}#{one}", f"https://{one}/"):
            page = render_to_string("backoffice/order/_shop.html", shop(url))
            assert_same_skeleton(page, link if "<a " in page else text, where=url)


@pytest.mark.parametrize("most", [20, 10_000])
def test_a_mail_of_nothing_but_poison_is_inert(most):
    def mail(words: Words) -> str:
        said = tuple(words(text) for text in packed(most))
        rows = tuple(zip(said, reversed(said), strict=True))
        letter = Letter(
            subject=said[0], lines=said, code=said[-1], rows=rows, total=rows[0], after=said, notes=said, footer=said[-1],
            button=(said[-1], "https://bidangil.example/"), links=((said[0], "https://bidangil.example/"),),
        )  # fmt: skip
        return as_html(letter, locale="en")

    assert_same_skeleton(mail(str), mail(harmless), where="mail")


def test_the_judge_sees_what_is_not_inert():
    """The negative control: pages in which poison did become something."""
    page = "<p title='%s'>%s</p><script>let a = '%s'</script><a href='%s'>x</a><div x-data='%s'></div>"
    clean = page % (("a",) * 5)
    assert_same_skeleton(page % ("b", "&lt;b&gt;", "a", "/b", "a"), clean, where="escaped")
    for spoilt in (
        page % ("a", "<b>", "a", "a", "a"),
        page % ("' onclick='x", "a", "a", "a", "a"),
        page % ("a", "a", "b", "a", "a"),
        page % ("a", "a", "a", "a", "alert(1)"),
        page % ("a", "<!-- -->", "a", "a", "a"),
        page % ("a", "a", "a", "javascript:alert(1)", "a"),
        page % ("a", "a", "a", "//evil.example/", "a"),
    ):
        with pytest.raises(AssertionError):
            assert_same_skeleton(spoilt, clean, where="spoilt")
    assert_inert_table([["'=1+1", "a=b", "-12.50", "+3%", 7, None], ["'|x", "", "-1,200"]])
    for cell in ("=1+1", "+1+1", "-1-1", "@SUM(1)", "\tx", "\rx", "|x", "\uff1d1"):
        with pytest.raises(AssertionError):
            assert_inert_table([[cell]])


def test_templates_are_not_run(owner, order):
    write_order(order, str, turn=0)
    page = owner.get(page_url(order)).content.decode()
    assert "{{ 7|add:7 }}{% debug %}" in page
    assert "${7*7}#{7*7}&lt;%= 7*7 %&gt;" in page
    assert json.dumps(poison.CLASSES["JSON"])[1:-1] not in page


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_a_bad_address_is_text_and_no_link(owner, address):
    order = order_at(State.QUOTE_REQUESTED, items=1)
    Item.objects.filter(order=order).update(url=address)
    page = owner.get(page_url(order)).content.decode()
    assert not re.search(r'<a [^>]*href="[^"]*(javascript|data:|evil|127\.0\.0\.1|passwd|onmouseover)', page, re.IGNORECASE)
    assert "bo-shop__text" in page


def test_a_quote_in_an_address_does_not_end_its_link(owner):
    order = order_at(State.QUOTE_REQUESTED, items=1)
    Item.objects.filter(order=order).update(url='https://shop.kr/"onmouseover="alert(1)')
    assert 'href="https://shop.kr/&quot;onmouseover=&quot;alert(1)"' in owner.get(page_url(order)).content.decode()


def test_a_good_address_is_a_safe_link_with_its_whole_host(owner):
    order = order_at(State.QUOTE_REQUESTED, items=1)
    Item.objects.filter(order=order).update(url="https://a-very-long-sub.domain.of.smartstore.naver.com/x?q=1&b=<2>")
    page = owner.get(page_url(order)).content.decode()
    link = re.search(r'<a href="https://a-very[^>]*>.*?</a>', page, re.DOTALL).group()
    assert 'target="_blank"' in link
    assert 'rel="noopener noreferrer nofollow"' in link
    assert "<b>a-very-long-sub.domain.of.smartstore.naver.com</b>" in link
    assert "&lt;2&gt;" in link


def test_no_page_of_ours_carries_script_or_handlers_in_line():
    """A strict content security policy must be able to come later."""
    from pathlib import Path

    for template in (Path(__file__).parent.parent / "templates").rglob("*.html"):
        words = template.read_text()
        assert "<script" not in words, template
        assert not re.search(r"\son[a-z]+=", words), template
        assert " style=" not in words, template
