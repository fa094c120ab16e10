"""EMS: XML over plain http that is always "200", in free Korean text."""

from datetime import UTC, datetime
from html import escape

import pytest

from integrations.base import AuthRefused, BadAnswer, InvalidRequest, QuotaExceeded, Unavailable
from integrations.ems import track
from integrations.tests.conftest import Reply, TinyServer
from integrations.tracking import TrackingResult, TrackingScan, TrackingStatus

ONE, TWO = "EG123456785KR", "EG230930844KR"


@pytest.fixture
def server(tiny: TinyServer, settings) -> TinyServer:
    settings.EMS_BASE_URL = tiny.url
    settings.EMS_SERVICE_KEY = "sandbox+ems/key=="
    return tiny


def row(at: str, said: str, *, place: str = "", detail: str = "", number: str = ONE) -> str:
    fields = {"rgist": number, "processDe": at, "processSttus": said, "nowLc": place, "detailDc": detail}
    return "<longitudinalEMSList>" + "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items()) + "</longitudinalEMSList>"


def document(*rows: str, success: str = "Y", code: str = "00", message: str = "") -> Reply:
    header = f"<cmmMsgHeader><successYN>{success}</successYN><returnCode>{code}</returnCode><errMsg>{message}</errMsg></cmmMsgHeader>"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return Reply(
        f"{head}<LongitudinalEMSListResponse>{header}{''.join(rows)}</LongitudinalEMSListResponse>", content_type="text/xml;charset=UTF-8"
    )


def gateway(code: str, words: str = "SERVICE_KEY_IS_NOT_REGISTERED_ERROR") -> Reply:
    inner = f"<errMsg>SERVICE ERROR</errMsg><returnAuthMsg>{words}</returnAuthMsg><returnReasonCode>{code}</returnReasonCode>"
    return Reply(f"<OpenAPI_ServiceResponse><cmmMsgHeader>{inner}</cmmMsgHeader></OpenAPI_ServiceResponse>", content_type="text/xml")


def one(reply: Reply, server: TinyServer) -> TrackingResult:
    server.replies_with(reply)
    return track([ONE])[ONE]


def error_of(found: TrackingResult) -> tuple[type, str]:
    assert (found.status, found.scans, found.delivered_at) == (TrackingStatus.PENDING, (), None)
    return type(found.error), found.error.code


def test_a_delivered_parcel_is_read_with_its_way(server):
    found = one(
        document(
            row("2026.11.13 16:20", "접수", place="서울강남우체국"),
            row("2026.11.16 20:30", "통관및분류", place="US"),
            row("2026.11.18 14:05", "배달완료", place="US", detail="수령인 본인"),
        ),
        server,
    )

    assert found == TrackingResult(
        ONE,
        TrackingStatus.DELIVERED,
        scans=(
            TrackingScan(datetime(2026, 11, 13, 7, 20, tzinfo=UTC), "접수", TrackingStatus.IN_TRANSIT, "접수", "서울강남우체국"),
            TrackingScan(datetime(2026, 11, 16, 11, 30, tzinfo=UTC), "통관및분류", TrackingStatus.CUSTOMS, "통관및분류", "US"),
            TrackingScan(datetime(2026, 11, 18, 5, 5, tzinfo=UTC), "배달완료", TrackingStatus.DELIVERED, "배달완료 (수령인 본인)", "US"),
        ),
        delivered_at=datetime(2026, 11, 18, 5, 5, tzinfo=UTC),
    )


@pytest.mark.parametrize("key", ["sandbox+ems/key==", "sandbox%2Bems%2Fkey%3D%3D"])
def test_the_key_arrives_decoded_once_in_either_of_its_forms(server, settings, key):
    settings.EMS_SERVICE_KEY = key
    server.replies_with(document())

    track(["eg 123 456 785 kr"])

    (request,) = server.seen
    assert request.path == "/trace/retrieveLongitudinalEMSService/retrieveLongitudinalEMSService/getLongitudinalEMSList"
    assert request.query == {"serviceKey": ["sandbox+ems/key=="], "rgist": [ONE]}


@pytest.mark.parametrize(
    ("said", "detail", "status"),
    [
        ("접수", "", TrackingStatus.IN_TRANSIT),
        ("접수준비", "", TrackingStatus.INFO_RECEIVED),
        ("발송", "", TrackingStatus.IN_TRANSIT),
        ("도착", "", TrackingStatus.IN_TRANSIT),
        ("교환국 도착", "", TrackingStatus.CUSTOMS),
        ("통관 및 분류", "", TrackingStatus.CUSTOMS),
        ("통관보류", "", TrackingStatus.EXCEPTION),
        ("배달준비", "", TrackingStatus.OUT_FOR_DELIVERY),
        ("배달중", "", TrackingStatus.OUT_FOR_DELIVERY),
        ("미배달", "수취인부재", TrackingStatus.ATTEMPT_FAILED),
        ("재배달 예정", "", TrackingStatus.ATTEMPT_FAILED),
        ("보관", "", TrackingStatus.AVAILABLE_FOR_PICKUP),
        ("반송", "", TrackingStatus.RETURNING),
        ("반송중", "", TrackingStatus.RETURNING),
        ("반송완료", "", TrackingStatus.RETURNED),
        ("배달완료", "", TrackingStatus.DELIVERED),
        ("배달완료 ( 배달 )", "", TrackingStatus.DELIVERED),
        (" 배달 완료", "", TrackingStatus.DELIVERED),
        ("배달완료(반송)", "", TrackingStatus.RETURNED),
        ("배달완료", "발송인에게 반송", TrackingStatus.RETURNED),
        ("미배달완료", "", TrackingStatus.ATTEMPT_FAILED),
        ("접수(취소)", "", TrackingStatus.CANCELLED),
        ("접수취소", "", TrackingStatus.CANCELLED),
        ("새로운 상태", "", TrackingStatus.IN_TRANSIT),
        ("Delivered", "", TrackingStatus.IN_TRANSIT),
        ("", "", TrackingStatus.PENDING),
    ],
)
def test_each_wording_has_its_meaning_and_an_unknown_one_is_never_delivered(server, said, detail, status):
    assert one(document(row("2026.11.18 14:05", said, detail=detail)), server).status is status


def test_delivered_after_turning_round_is_returned(server):
    found = one(document(row("2026.11.15 10:00", "반송"), row("2026.11.19 10:00", "배달완료")), server)

    assert (found.status, found.delivered_at) == (TrackingStatus.RETURNED, None)


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_last_row_counts_whichever_way_they_are_listed(server, newest_first):
    rows = [row("2026.11.13 16:20", "접수"), row("2026.11.14 09:05", "발송"), row("2026.11.18 14:05", "배달준비")]

    found = one(document(*(reversed(rows) if newest_first else rows)), server)

    assert found.status is TrackingStatus.OUT_FOR_DELIVERY
    assert [scan.text for scan in found.scans] == ["접수", "발송", "배달준비"]


def test_values_may_be_cdata_and_lines_broken(server):
    found = one(document(row("2026.11.18 14:05", "X").replace("X", "<![CDATA[ 배달완료\n( 배달 ) ]]>")), server)

    assert (found.status, found.scans[0].code) == (TrackingStatus.DELIVERED, "배달완료 ( 배달 )")


@pytest.mark.parametrize("at", ["", "어제", "1970.01.01 00:00", "2099.01.01 00:00", "2026.13.45 99:99", "0001.01.01 00:00", "２０26.11.18"])
def test_a_row_without_a_possible_time_is_no_scan_but_still_the_status(server, at):
    found = one(document(row("2026.11.13 16:20", "접수"), row(at, "배달완료")), server)

    assert (found.status, len(found.scans), found.delivered_at) == (TrackingStatus.DELIVERED, 1, None)


@pytest.mark.parametrize(
    "reply", [document(), document(success="N", code="ERR-031", message="조회결과가 없습니다."), document(success="N", message="NO DATA")]
)
def test_an_unknown_number_is_pending(server, reply):
    assert one(reply, server) == TrackingResult(ONE, TrackingStatus.PENDING)


BODIES = [
    (gateway("30"), AuthRefused, "gateway_30"),
    (gateway("31"), AuthRefused, "gateway_31"),
    (gateway("32"), AuthRefused, "gateway_32"),
    (gateway("22", "LIMITED_NUMBER_OF_SERVICE_REQUESTS_EXCEEDS_ERROR"), QuotaExceeded, "gateway_22"),
    (gateway("01"), Unavailable, "gateway_01"),
    (gateway("99"), Unavailable, "gateway_99"),
    (gateway("x" * 500), Unavailable, "gateway_xxxxxxxxxx"),
    (document(success="N", code="ERR-011", message="등기번호가 올바르지 않습니다."), InvalidRequest, "return_ERR-011"),
    (document(success="N", code="ERR-999", message="시스템 오류"), Unavailable, "return_ERR-999"),
    (document(success=""), BadAnswer, "shape"),
    (document(success="maybe"), BadAnswer, "shape"),
    (document(row("2026.11.18 14:05", "배달완료", number=TWO)), BadAnswer, "other_number"),
    (Reply("<LongitudinalEMSListResponse/>", content_type="text/xml"), BadAnswer, "shape"),
    (Reply("<html><body>점검 중</body></html>", content_type="text/xml"), BadAnswer, "shape"),
    (Reply("<html><body>점검 중</body></html>", content_type="text/html"), BadAnswer, "content_type"),
    (Reply('{"a": 1}', content_type="application/json"), BadAnswer, "content_type"),
    (Reply("", content_type="text/xml"), BadAnswer, "not_xml"),
    (Reply("<a><b></a>", content_type="text/xml"), BadAnswer, "not_xml"),
    (Reply(document().body[:150], content_type="text/xml"), BadAnswer, "not_xml"),
    (Reply("<?xml version='1.0' encoding='EUC-KR'?><a/>", content_type="text/xml"), BadAnswer, "not_xml"),
    (Reply("<?xml version='1.0' encoding='klingon'?><a/>", content_type="text/xml"), BadAnswer, "not_xml"),
    (Reply(b"\xff\xfe\x00", content_type="text/xml"), BadAnswer, "not_xml"),
    (Reply('<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>', content_type="text/xml"), BadAnswer, "not_xml"),
    (Reply('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', content_type="text/xml"), BadAnswer, "not_xml"),
    (Reply("<a>" * 100_000, content_type="text/xml"), BadAnswer, "not_xml"),
    (Reply("<a>" * 100_000 + "</a>" * 100_000, content_type="text/xml"), BadAnswer, "shape"),
    (Reply(" " * 1_000_001, content_type="text/xml"), BadAnswer, "too_large"),
    (Reply("", 302, headers={"Location": "http://169.254.169.254/"}), BadAnswer, "http_302"),
    (Reply("<html>", 500, "text/html"), Unavailable, "http_500"),
]


@pytest.mark.parametrize(("reply", "kind", "code"), BODIES)
def test_whatever_else_comes_is_an_error_and_changes_nothing(server, reply, kind, code):
    assert error_of(one(reply, server)) == (kind, code)


def test_one_bad_number_spoils_only_itself(server):
    server.replies_with(Reply("<html>", 500, "text/html"), document(row("2026.11.18 14:05", "배달준비", number=TWO)))

    found = track([ONE, "", TWO])

    assert error_of(found[ONE]) == (Unavailable, "http_500")
    assert error_of(found[""]) == (InvalidRequest, "no_number")
    assert found[TWO].status is TrackingStatus.OUT_FOR_DELIVERY
    assert len(server.seen) == 2


@pytest.mark.parametrize("reply", [gateway("30"), gateway("22")])
def test_a_refused_key_or_a_used_up_quota_is_not_asked_about_again(server, reply):
    server.replies_with(reply)

    found = track([ONE, TWO])

    assert error_of(found[ONE]) == error_of(found[TWO])
    assert len(server.seen) == 1
