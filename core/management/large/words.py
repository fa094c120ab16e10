"""What people and products are called in the large database. Each list is drawn from at random."""

from typing import NamedTuple

FAMILIES = tuple("김이박최정강조윤장임한오서신권황안송류홍전고문양손배백허남심")
GIVEN = (  # noqa: SIM905 - forty words to be read
    "민지 서연 지우 하은 수아 지민 예은 도윤 서준 시우 하준 주원 지호 현우 준서 유진 소영 은정 미경 영호 "
    "성민 재현 태윤 나래 보람 가을 하늘 은비 다은 채원 지훈 승현 동현 혜진 수빈 유나 정우 민재 예린 서윤"
).split()
#: street, city, region, postal code, country
PLACES = (
    ("Amphitheatre Pkwy", "Mountain View", "CA", "94043", "US"),
    ("Wilshire Blvd", "Los Angeles", "CA", "90010", "US"),
    ("Northern Blvd", "Flushing", "NY", "11354", "US"),
    ("Broad Ave", "Palisades Park", "NJ", "07650", "US"),
    ("Old Dominion Dr", "McLean", "VA", "22101", "US"),
    ("Steve Reynolds Blvd", "Duluth", "GA", "30096", "US"),
    ("Aurora Ave N", "Shoreline", "WA", "98133", "US"),
    ("Royal Ln", "Dallas", "TX", "75229", "US"),
    ("W Lawrence Ave", "Chicago", "IL", "60625", "US"),
    ("Yonge St", "Toronto", "ON", "M2N 5S3", "CA"),
    ("Kingsway", "Burnaby", "BC", "V5H 2A9", "CA"),
    ("High St", "New Malden", "Surrey", "KT3 4HG", "GB"),
    ("Rowe St", "Eastwood", "NSW", "2122", "AU"),
)


class Goods(NamedTuple):
    name: str
    #: where it is sold; the product's number follows
    url: str
    options: tuple[str, ...]
    won: int


_CLOTHES = ("블랙 / M", "블랙 / L", "오트밀 / S", "네이비 / M", "색상: 크림, 사이즈: FREE", "차콜 / XL")
GOODS = (
    Goods("울 니트 가디건", "https://smartstore.naver.com/carnaby/products/", _CLOTHES, 58_900),
    Goods("릴렉스드 반팔 티셔츠", "https://www.musinsa.com/products/", _CLOTHES, 29_000),
    Goods("와이드 데님 팬츠", "https://www.musinsa.com/products/", ("연청 / 28", "중청 / 30", "흑청 / 32"), 69_000),
    Goods("경량 패딩 조끼", "https://www.ssg.com/item/itemView.ssg?itemId=", _CLOTHES, 89_000),
    Goods("캔버스 에코백", "https://www.29cm.co.kr/products/", ("아이보리", "카키"), 34_000),
    Goods("수분 크림 50ml 더블 기획", "https://www.oliveyoung.co.kr/store/goods/getGoodsDetail.do?goodsNo=A", ("50ml 더블 기획",), 24_500),
    Goods("선크림 SPF50+ 1+1", "https://www.oliveyoung.co.kr/store/goods/getGoodsDetail.do?goodsNo=A", ("본품", "기획 세트"), 21_000),
    Goods("어성초 토너 패드 70매", "https://www.oliveyoung.co.kr/store/goods/getGoodsDetail.do?goodsNo=A", ("70매",), 26_000),
    Goods("시카 마스크팩 10매", "https://www.gmarket.co.kr/item?goodscode=", ("10매", "20매"), 12_800),
    Goods("아기 내의 세트", "https://www.coupang.com/vp/products/", ("80호 / 크림", "90호 / 민트"), 12_900),
    Goods("유아 실리콘 식판", "https://www.coupang.com/vp/products/", ("베이지", "블루"), 18_900),
    Goods("전기 찜질기", "https://www.auction.co.kr/item?itemNo=", ("일반형", "대형"), 45_000),
    Goods("스테인리스 보온 도시락", "https://www.11st.co.kr/products/", ("1.2L 네이비", "1.5L 실버"), 36_700),
    Goods("뚝배기 2호", "https://www.11st.co.kr/products/", ("뚜껑 포함",), 9_900),
    Goods("무선 청소기 필터", "https://www.lotteon.com/p/product/LO", ("2개입", "4개입"), 15_500),
    Goods("정규 4집 앨범 (포토북 버전)", "https://weverseshop.io/shop/KRW/artists/2/sales/", ("포토북 A", "포토북 B"), 21_800),
    Goods("공식 응원봉 ver.3", "https://weverseshop.io/shop/KRW/artists/7/sales/", ("단품",), 49_000),
    Goods("포토카드 바인더", "https://www.ktown4u.com/iteminfo?goods_no=", ("A5 / 투명",), 16_000),
    Goods("작별하지 않는다 (소설)", "https://product.kyobobook.co.kr/detail/S", ("",), 15_120),
    Goods("초등 국어 문제집", "https://www.yes24.com/Product/Goods/", ("3-1", "4-2"), 13_500),
    Goods("그림책 세트 (전 10권)", "https://www.aladin.co.kr/shop/wproduct.aspx?ItemId=", ("전 10권",), 98_000),
    Goods("홍삼 스틱 30포", "https://www.kgcshop.co.kr/product/", ("30포", "60포"), 78_000),
    Goods("볶음 김 선물 세트", "https://www.kurly.com/goods/", ("12봉",), 19_800),
    Goods("한복 저고리 원단", "https://www.idus.com/v2/product/", ("연분홍", "옥색"), 32_000),
    Goods("자개 손거울", "https://www.idus.com/v2/product/", ("학", "모란"), 27_500),
)
#: what is asked for and cannot be sent; customers say so in their own words
FORBIDDEN = (
    Goods("오 드 퍼퓸 50ml", "https://www.oliveyoung.co.kr/store/goods/getGoodsDetail.do?goodsNo=A", ("향수 50ml", "향수 100ml"), 89_000),
    Goods("리드 디퓨저 200ml", "https://www.29cm.co.kr/products/", ("디퓨저 / 코튼", "디퓨저 / 블랙체리"), 32_000),
    Goods("젤네일 세트", "https://www.coupang.com/vp/products/", ("젤네일 12색", "매니큐어 6종"), 24_900),
    Goods("컵라면 한 상자", "https://www.kurly.com/goods/", ("라면 12개입",), 15_600),
)
REJECTED = (
    "향수는 인화성 액체라 항공으로 보낼 수 없습니다.",
    "리튬 배터리만으로는 보낼 수 없습니다.",
    "신선 식품은 통관되지 않습니다.",
    "의약품은 대신 살 수 없습니다.",
)
CANCELLED = ("마음이 바뀌었어요", "다른 곳에서 샀어요", "배송비가 부담돼요", "주소를 잘못 적었어요")
HELD = ("주소 확인이 필요함", "결제자 이름이 다름", "고객 요청으로 보류")
QUESTIONS = (
    "검정색은 품절입니다. 네이비로 괜찮으실까요?",
    "사이즈 표가 바뀌었습니다. 그대로 살까요?",
    "부품 하나가 빠진 상품입니다. 진행할까요?",
)
NOTES = ("", "", "", "", "선물이라 가격표는 빼 주세요.", "한 번에 같이 보내 주세요.", "천천히 보내 주셔도 돼요.")
LETTERS = (
    "언제쯤 발송될까요?",
    "상자는 하나로 합쳐 주실 수 있나요?",
    "Could you send a photo before you ship it?",
    "주소를 바꾸고 싶어요.",
    "감사합니다!",
)
ANSWERS = ("네, 그렇게 해 드릴게요.", "이번 주 안에 발송됩니다.", "Gladly, we will.", "마이페이지에서 바꾸실 수 있어요.")
MEMOS = (
    "판매자와 통화함: 내일 발송 예정.",
    "고객이 급하다고 함.",
    "상자가 조금 눌려서 왔음. 내용물은 이상 없음.",
    "Regular customer, friendly.",
)
#: what the warehouse writes of an item that is not as ordered, and what customers say to it
FOUND = ("상자가 눌려 모서리가 찢어졌습니다.", "색상이 주문과 다릅니다 (네이비).", "The lid is cracked.", "한 개가 모자랍니다.")
WISHES = ("", "", "괜찮아요, 그대로 보내 주세요.", "It is a gift, but fine.")
