"""Korea Post's EMS tracking (EMS행방조회, data.go.kr 15000241): XML, always HTTP 200, Korean words, times of Seoul without a zone.

The gateway's own errors (wrong key, quota) come under another root element than the service's answers, as the real gateway does it.
"""

from datetime import datetime
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from integrations.sandbox.books import Document
from integrations.sandbox.faults import Fault
from integrations.sandbox.parcels import Parcels, is_s10_number

PATH = "/trace/retrieveLongitudinalEMSService/retrieveLongitudinalEMSService/getLongitudinalEMSList"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_KEY_CODE, _KEY_WORDS = "30", "SERVICE_KEY_IS_NOT_REGISTERED_ERROR"
_QUOTA_CODE, _QUOTA_WORDS = "22", "LIMITED_NUMBER_OF_SERVICE_REQUESTS_EXCEEDS_ERROR"
_NOTHING_FOUND = ("ERR-031", "조회결과가 없습니다.")
_BAD_NUMBER = ("ERR-011", "등기번호가 올바르지 않습니다.")
_CENTER, _ABROAD = "국제우편물류센터", "US"
WORDINGS = {
    "info_received": ("접수준비", "서울강남우체국", ""),
    "picked_up": ("접수", "서울강남우체국", ""),
    "in_transit": ("발송", _CENTER, ""),
    "customs": ("통관및분류", _ABROAD, ""),
    "out_for_delivery": ("배달준비", _ABROAD, ""),
    "delivered": ("배달완료", _ABROAD, "수령인 본인"),
    "attempt_failed": ("미배달", _ABROAD, "수취인부재"),
    "available_for_pickup": ("보관", _ABROAD, "우체국 보관"),
    "exception": ("통관보류", _ABROAD, "세관 확인 중"),
    "returning": ("반송", _ABROAD, ""),
    "returned": ("반송완료", "서울강남우체국", "발송인에게 반송"),
}
"""status -> processSttus, nowLc, detailDc"""


class Ems:
    def __init__(self, parcels: Parcels, *, service_key: str) -> None:
        self._parcels = parcels
        self._service_key = service_key

    def app(self) -> Starlette:
        return Starlette(routes=[Route(PATH, self._trace)])

    async def _trace(self, request: Request) -> Response:
        if request.query_params.get("serviceKey") != self._service_key:
            return _gateway_error(_KEY_CODE, _KEY_WORDS)
        number = request.query_params.get("rgist", "").strip().upper()
        if not is_s10_number(number):
            return _xml(_header("N", *_BAD_NUMBER))
        scans = self._parcels.scans("ems", number)
        if not scans:
            return _xml(_header("N", *_NOTHING_FOUND))
        return Response(document(number, scans), media_type="application/xml")


def document(number: str, scans: list[Document]) -> str:
    """A parcel's history, as it is answered and as a relay passes it on."""
    return _document(_header("Y", "00", "") + "".join(_row(number, scan) for scan in scans))


def _row(number: str, scan: Document) -> str:
    status, place, detail = WORDINGS[scan["status"]]
    when = datetime.fromisoformat(scan["at"]).astimezone(ZoneInfo("Asia/Seoul")).strftime("%Y.%m.%d %H:%M")
    fields = (("rgist", number), ("processDe", when), ("processSttus", status), ("nowLc", place), ("detailDc", detail))
    return "<longitudinalEMSList>" + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields) + "</longitudinalEMSList>"


def _header(success: str, code: str, message: str) -> str:
    return (
        "<cmmMsgHeader><requestMsgId></requestMsgId><responseMsgId></responseMsgId><responseTime></responseTime>"
        f"<successYN>{success}</successYN><returnCode>{code}</returnCode><errMsg>{escape(message)}</errMsg></cmmMsgHeader>"
    )


def _xml(inside: str) -> Response:
    return Response(_document(inside), media_type="application/xml")


def _document(inside: str) -> str:
    return f"{_HEAD}<LongitudinalEMSListResponse>{inside}</LongitudinalEMSListResponse>"


def _gateway_error(code: str, words: str) -> Response:
    return Response(
        f"{_HEAD}<OpenAPI_ServiceResponse><cmmMsgHeader><errMsg>SERVICE ERROR</errMsg><returnAuthMsg>{words}</returnAuthMsg>"
        f"<returnReasonCode>{code}</returnReasonCode></cmmMsgHeader></OpenAPI_ServiceResponse>",
        media_type="application/xml",
    )


def error_answer(mode: str, _: Fault) -> Response:
    """A bad key and the spent quota are HTTP 200 here, as the gateway has it."""
    if mode == "500":
        return Response("<html><body>Internal Server Error</body></html>", status_code=500, media_type="text/html")
    return _gateway_error(_KEY_CODE, _KEY_WORDS) if mode == "401" else _gateway_error(_QUOTA_CODE, _QUOTA_WORDS)
