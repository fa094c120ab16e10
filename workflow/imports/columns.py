"""Which column of a file is which: by its header, in English or Korean, in the spellings people use."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import Invalid

#: longer headers name no column of ours
LONGEST = 100


@dataclass(frozen=True)
class Column:
    """`english` and `korean` stand in templates; `words` are other spellings."""

    name: str
    english: str
    korean: str
    words: tuple[str, ...] = ()
    required: bool = False
    #: in filled templates only: for people's eyes, not read
    is_shown_only: bool = False

    @property
    def spellings(self) -> frozenset[str]:
        return frozenset(key(word) for word in (self.name, self.english, self.korean, *self.words))

    def label(self, language: str) -> str:
        return self.korean if language.startswith("ko") else self.english


ORDER = Column("order", "order", "주문번호", ("order number", "order no", "주문", "주문 번호"), required=True)
ITEM = Column("item", "item", "순번", ("item no", "item number", "position", "no", "상품번호", "상품순번", "품목번호", "상품 순번"))
NAME = Column("name", "product name", "상품명", ("name", "title", "품명", "제품명", "상품이름"))
PRICE = Column("price", "price", "가격", ("unit price", "price krw", "price (won)", "단가", "금액", "판매가", "상품가격"), required=True)
URL = Column("url", "address", "상품주소", ("url", "link", "링크", "주소"), is_shown_only=True)
OPTIONS = Column("options", "options", "옵션", (), is_shown_only=True)
QUANTITY = Column("quantity", "quantity", "수량", ("qty",), is_shown_only=True)
PARCEL = Column("parcel", "parcel", "상자", ("parcel no", "box", "박스", "소포", "소포번호", "상자번호"))
COURIER = Column("courier", "courier", "택배사", ("carrier", "운송사", "배송사", "택배", "배송업체"))
TRACKING = Column(
    "tracking", "tracking number", "송장번호", ("tracking", "tracking no", "운송장번호", "운송장", "송장", "등기번호", "awb"), required=True
)
ARRIVED = Column("arrived", "arrived", "도착", ("received", "입고", "도착여부", "입고여부"))
INSPECTED = Column("inspected", "inspected", "검수", ("checked", "검수여부", "검품"))
WEIGHT = Column("weight", "weight (g)", "무게(g)", ("weight", "weight g", "무게", "중량"))
SIZE = Column("size", "size (cm)", "크기(cm)", ("size", "dimensions", "크기", "규격", "사이즈", "가로x세로x높이", "l×w×h"))
VOLUME = Column("volume", "volume (cm3)", "부피(cm3)", ("volume", "volume cm3", "부피", "용적"))


def key(header: str) -> str:
    """One spelling per header: no case, no blanks, no punctuation, no unit in brackets."""
    plain = unicodedata.normalize("NFKC", header[:LONGEST]).strip().lower()
    without_unit = re.sub(r"\((g|cm|cm3|원|won|krw|₩)\)", "", plain)
    return re.sub(r"[^0-9a-z가-힣×]", "", without_unit)


def known(header: Sequence[str], columns: Sequence[Column]) -> int:
    spellings = frozenset().union(*(column.spellings for column in columns))
    return sum(key(cell) in spellings for cell in header)


def places(header: Sequence[str], columns: Sequence[Column]) -> dict[str, int]:
    """Where each column stands. Refused with its name when one that is needed is missing or one stands there twice."""
    found: dict[str, int] = {}
    for place, cell in enumerate(header):
        for column in columns:
            if key(cell) and key(cell) in column.spellings:
                if column.name in found and not column.is_shown_only:
                    raise Invalid(_("The column “%(name)s” stands there twice.") % {"name": _both(column)}, field="file")
                found[column.name] = place
    missing = [_both(column) for column in columns if column.required and column.name not in found]
    if missing:
        words: Any = {"names": ", ".join(missing), "found": ", ".join(cell.strip()[:30] for cell in header if cell.strip())[:300] or "–"}
        raise Invalid(_("These columns are missing in the first row: %(names)s. Found: %(found)s.") % words, field="file")
    return found


def _both(column: Column) -> str:
    return f"{column.english} ({column.korean})"
