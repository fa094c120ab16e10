"""Product addresses that are no shops: odd schemes, userinfo, ports, every spelling of a private address; through the API."""

import pytest

from customer_api.tests.client import wanted
from workflow.models import Order

pytestmark = pytest.mark.django_db

REFUSED = [
    "http://127.0.0.1", "http://127.1/", "http://2130706433", "http://0x7f.1", "http://0177.0.0.1", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
    "http://169.254.169.254/latest/meta-data", "http://①②⑦.⓪.⓪.①/", "http://localhost/", "http://LOCALHOST./", "http://shop.kr@127.0.0.1/",
    "http://shop.kr:22/", "https://coupang.com@evil.kr/", "https://coupang.com:pw@evil.kr/", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)", "data:text/html,x", "file:///etc/passwd", "gopher://shop.kr/", "//evil.kr/x",
    "https:///x.kr", "https://", "shop.kr/a",
    "http://10.0.0.1/", "http://192.168.0.1/", "http://0/", "http://0.0.0.0/", "http://[fe80::1%25eth0]/", "http://127.0.0.1.", "http://127。0。0。1/",
    "http://1.1/", "http://shop.kr\\@evil.kr/", "http://shop.kr /", "https://sh\u00adop.kr:8443/", "http://printer.local/", "http://db.internal/",
    "http://intranet/", "http://x.localhost/", "https://shop.kr:99999/", "https://shop.kr/\u202etxt", "https://shop.kr/\x00", "http://0x7f000001/",
    "http://017700000001/", "http://127.0.0.1:80/", "http://[0:0:0:0:0:ffff:7f00:1]/", "https://-shop.kr/", "https://sh_op.kr/", "http://metadata.google.internal/",
    "https://shop.kr/" + "a" * 4000, "http:shop.kr", "http:/shop.kr/x", "https://shop..kr/", "https://\u0000.kr/", "https://\ud800.kr/",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_no_public_shop_is_refused(app, url):
    answer = app.post("/orders", wanted(url))
    assert answer.status == 422, answer
    assert answer.fields["items.0.url"] in ("url_not_allowed", "string_too_long", "string_too_short", "text_not_allowed")
    assert Order.objects.count() == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://smartstore.naver.com/shop/products/123?NaPm=ct%3Dabc#detail",
        "http://www.coupang.com/vp/products/7654321?itemId=1&vendorItemId=2",
        "https://www.11st.co.kr/products/1?query=한글 검색".replace(" ", "%20"),
        "https://www.oliveyoung.co.kr:443/store/goods/getGoodsDetail.do?goodsNo=A000000",
        "https://한글.kr/상품",
        "https://xn--bj0bj06e.kr/",
        "https://m.bunjang.co.kr/products/1?q=" + "a" * 1900,
    ],
)
def test_real_shops_are_taken_as_they_are(app, url):
    answer = app.post("/orders", wanted(url))
    assert answer.status == 201, answer
    assert answer["items"][0]["url"] == url
