"""What an item's words hint at: keywords, their exceptions, links, and what is stored with the order."""

from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from workflow import restrictions, work
from workflow.hints import look, words_of_link
from workflow.intake import WantedItem, change_request, request_quote
from workflow.models import Order
from workflow.process import Role
from workflow.tests.factories import DESTINATION, by, customer, reload
from workflow.transitions import By

pytestmark = pytest.mark.django_db


def codes(text: str, *, where: str = "options") -> list[str]:
    return [hint["code"] for hint in look({where: text})]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("참이슬 소주 640ml", ["alcohol"]),
        ("최소주문수량 2개", []),  # the same two letters inside another word
        ("채소주스 만드는 법, 추가품목 있음, 천사케이스, 사진검색", ["beverage"]),  # only the juice is meant
        ("무알콜 맥주 6캔", []),
        ("무알콜 맥주 6캔과 수입 맥주", ["alcohol"]),  # harmless once, meant once
        ("소주잔 세트", []),
        ("현금영수증 부탁드려요", []),
        ("현금 10만원 같이 보내주세요", ["cash"]),
        ("콜라겐 크림", []),
        ("코카콜라 1박스", ["beverage"]),
        ("강아지 사료 2kg", ["pet-food"]),
        ("살아있는 곤충", ["live-animals"]),
        ("캠핑용 하이라이터", []),
        ("터보라이터", ["explosives"]),
        ("Wine glass, red", []),
        ("a bottle of WINE", ["alcohol"]),
        ("swine leather", []),  # Latin words stand alone
        ("original print", []),
        ("rum-raisin", ["alcohol"]),
        ("air-freshener for cars", ["air-freshener"]),
        ("ＷＩＮＥ", ["alcohol"]),  # NFKC
        ("소\u200b주 선물세트", ["alcohol"]),  # a sign that is not seen
        ("\u1109\u1169\u110c\u116e", ["alcohol"]),  # decomposed Hangul
        ("네일 리무버", ["manicure"]),
        ("네일리무버", ["manicure"]),
        ("소주soju", ["alcohol"]),
        ("<script>alert('x')</script> %s %(a)s", []),
        ("", []),
    ],
)
def test_words(text, found):
    assert codes(text) == found


def test_a_link_is_read_decoded_by_its_host_and_path_only():
    korean = quote("전통주-선물세트")
    assert words_of_link(f"https://shop.example.kr/{korean}/1?q={quote('담배')}#x") == "shop.example.kr /전통주-선물세트/1"
    assert words_of_link("https://shop.example.kr/" + quote("담배", encoding="cp949")) == "shop.example.kr /담배"
    assert words_of_link("https://[broken") == ""
    assert look({"link": words_of_link(f"https://shop.example.kr/{korean}")})[0] | {"version": 0} == {
        "code": "alcohol", "version": 0, "kind": "prohibited", "word": "전통주", "in": "link"
    }  # fmt: skip


def test_the_strictest_comes_first_and_another_destination_is_not_meant():
    assert codes("비타민, 선크림과 담배") == ["tobacco", "cosmetic", "supplement"]
    assert look({"note": "담배"}, country="KR") == []


# --- Stored with the order ------------------------------------------------------------------------------------------------


def ask_for(*options: str) -> Order:
    person = customer()
    items = [WantedItem(url=f"https://shop.example.kr/{n}", options=text) for n, text in enumerate(options)]
    return request_quote(person, items=items, destination=DESTINATION, by=By.customer(person))


def test_hints_are_stored_at_intake_and_the_order_carries_the_strictest():
    order = ask_for("티셔츠 L", "비타민 60정", "담배 한 보루")
    hints = [item.hints for item in order.items.all()]
    assert hints[0] is None
    assert [(found["code"], found["word"], found["in"]) for found in hints[1] + hints[2]] == [
        ("supplement", "비타민", "options"),
        ("tobacco", "담배", "options"),
    ]
    assert reload(order).hint == "prohibited"
    assert ask_for("티셔츠 L").hint == ""
    assert ask_for("비타민").hint == "restricted"


def test_hints_cost_one_statement_however_many_items_there_are():
    look({"note": "compiled"})
    counts = []
    for items in (["담배"], ["담배"] * 30):
        with CaptureQueriesContext(connection) as queries:
            ask_for(*items)
        counts.append(len(queries))
        assert sum("workflow_restriction" in query["sql"] for query in queries) == 1
    assert counts[0] == counts[1]


def test_a_changed_request_and_a_name_are_looked_at_again():
    order = ask_for("담배")
    item = WantedItem(url="https://shop.example.kr/1", options="셔츠")
    change_request(order.pk, by=By.customer(order.customer), items=[item])
    assert (reload(order).hint, order.items.get().hints) == ("", None)

    buyer = by(Role.BUYER)
    work.price_items(order.pk, prices={}, names={order.items.get().pk: "고체 향수 아닌 향수"}, by=buyer)
    found = order.items.get().hints[0]
    assert (found["code"], found["in"], reload(order).hint) == ("perfume", "name", "prohibited")

    work.price_items(order.pk, prices={}, names={order.items.get().pk: "셔츠"}, by=buyer)
    assert (reload(order).hint, order.items.get().hints) == ("", None)


def test_a_new_version_is_used_from_its_beginning_and_what_was_found_keeps_the_old_one():
    order = ask_for("소주")
    old = next(topic for topic in restrictions.in_force() if topic.code == "alcohol")
    fields = {name: getattr(old, name) for name in (*restrictions.TEXTS, "kind", "keywords_en", "sources", "icon")}
    new = restrictions.add_version(by=by(Role.BUYER), code="alcohol", keywords_ko=[{"word": "이강주"}], **fields)
    assert [hint["version"] for hint in look({"note": "이강주"})] == [new.pk]
    assert codes("소주") == []
    assert order.items.get().hints[0]["version"] == old.pk
