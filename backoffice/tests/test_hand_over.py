"""The hand-over list of a day: what the drivers took, by courier, and what still waits for them."""

from datetime import timedelta

import pytest
from django.utils.timezone import localdate, now

from backoffice import hand_over
from workflow import hand_over as queue
from workflow import work
from workflow.models import ExportLog, Order, Parcel
from workflow.process import Role, State
from workflow.tests.factories import EMS_NUMBER, FEDEX_NUMBER, by, order_at

pytestmark = pytest.mark.django_db
URL = "/admin/hand-over/"


def ready(number: str = EMS_NUMBER) -> Order:
    order = order_at(State.DELIVERY_PAID)
    work.label_parcel(order.pk, parcel_id=order.parcels.get().pk, courier="ems", tracking_number=number, by=by(Role.WAREHOUSE))
    return order


def test_the_day_by_courier_with_sums_and_what_is_ready(sign_in):
    # Given: two handed over today, one yesterday; one ready since yesterday
    client = sign_in(Role.WAREHOUSE)
    today, second, yesterday, waiting = order_at(State.SHIPPED), order_at(State.SHIPPED), order_at(State.SHIPPED), ready()
    Parcel.objects.filter(order=second).update(courier="ems", tracking_number="EG123456808KR")
    Parcel.objects.filter(order=yesterday).update(handed_over_at=now() - timedelta(days=1))
    Order.objects.filter(pk=waiting.pk).update(state_since=now() - timedelta(days=1))
    # When
    shown = client.get(URL).context
    # Then
    assert [(group.courier, group.count, group.weight_g) for group in shown["groups"]] == [("EMS", 1, 1200), ("FedEx", 1, 1200)]
    assert [(parcel.order, is_late) for parcel, is_late in shown["ready"]] == [(waiting, True)]
    assert [parcel.pieces for group in shown["groups"] for parcel in group.parcels] == [3, 3]
    before = client.get(URL, {"day": (localdate() - timedelta(days=1)).isoformat()}).context
    assert [parcel.order for group in before["groups"] for parcel in group.parcels] == [yesterday]
    assert before["ready"] == []
    assert today.recipient_name not in client.get(URL).content.decode()


def test_of_a_long_queue_the_first_that_were_paid_are_shown(sign_in, monkeypatch):
    monkeypatch.setattr(hand_over, "MOST_READY", 1)
    later, first = ready(), ready("EG123456808KR")
    order_at(State.DELIVERY_PAID)  # without a label it is not ready
    Order.objects.filter(pk=first.pk).update(state_since=now() - timedelta(hours=2))
    shown = sign_in(Role.WAREHOUSE).get(URL).context
    assert ([parcel.order for parcel, _is_late in shown["ready"]], shown["more_ready"]) == ([first], True)
    assert [parcel.order for parcel in queue.ready(most=9)] == [first, later]


def test_a_long_day_has_pages_with_the_sums_of_all(sign_in, monkeypatch):
    client = sign_in(Role.OWNER)
    monkeypatch.setattr(hand_over, "PER_PAGE", 2)
    order = order_at(State.SHIPPED)
    Parcel.objects.bulk_create(
        Parcel(order=order, position=n, courier="fedex", tracking_number=f"X{n}", weight_g=100, handed_over_at=now()) for n in (2, 3)
    )
    first, second = client.get(URL).context, client.get(URL, {"page": "2"}).context
    assert [[len(group.parcels) for group in shown["groups"]] for shown in (first, second)] == [[2], [1]]
    assert [(shown["groups"][0].count, shown["groups"][0].weight_g, shown["next_page"]) for shown in (first, second)] == [
        (3, 1400, 2),
        (3, 1400, None),
    ]


def test_the_file_is_logged_and_only_for_those_who_hand_over(sign_in):
    order_at(State.SHIPPED)
    client = sign_in(Role.WAREHOUSE)
    day = localdate().isoformat()
    answer = client.post(f"{URL}csv/?day={day}")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert FEDEX_NUMBER in lines[1]
    log = ExportLog.objects.get()
    assert (log.list_name, log.rows, log.format, log.filters) == ("hand_over", 1, "csv", {"day": day})
    assert client.get(f"{URL}csv/").status_code == 405
    for role in (Role.BUYER, Role.FINANCE, Role.SUPPORT):
        assert [sign_in(role).get(URL).status_code, sign_in(role).post(f"{URL}csv/").status_code] == [403, 403]


@pytest.mark.parametrize("query", ["?day=x", "?day=9999-01-01", "?page=-1", "?page=%EF%BC%92", "?day=1999-01-01&page=9999"])
def test_a_day_that_nobody_can_mean_is_today(sign_in, query):
    assert sign_in(Role.WAREHOUSE).get(URL + query).status_code == 200


def test_the_number_of_statements_does_not_grow(sign_in, django_assert_num_queries):
    client = sign_in(Role.WAREHOUSE)
    order = order_at(State.SHIPPED)
    client.get(URL)

    def statements() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as asked:
            client.get(URL)
        return len(asked)

    before = statements()
    Parcel.objects.bulk_create(
        Parcel(order=order, position=n, courier="ems", tracking_number=f"X{n}", weight_g=1, handed_over_at=now()) for n in range(2, 40)
    )
    assert statements() == before
