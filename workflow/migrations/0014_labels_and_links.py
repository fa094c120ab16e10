"""What parcels that were there before have to get: their label's record, the number on their scans, and the order's public page."""

import secrets

from django.db import migrations
from django.db.models import OuterRef, Subquery

STEP = 500


def in_steps(rows):
    last = 0
    while step := list(rows.filter(pk__gt=last).order_by("pk")[:STEP]):
        yield step
        last = step[-1].pk


def fill(apps, schema_editor):
    Order, Parcel, ParcelLabel, TrackLink, TrackingEvent = (
        apps.get_model("workflow", name) for name in ("Order", "Parcel", "ParcelLabel", "TrackLink", "TrackingEvent")
    )
    for parcels in in_steps(Parcel.objects.exclude(tracking_number="")):
        ParcelLabel.objects.bulk_create(
            ParcelLabel(
                parcel=parcel,
                courier=parcel.courier,
                tracking_number=parcel.tracking_number,
                since=parcel.handed_over_at or parcel.order.delivery_paid_at or parcel.order.requested_at,
                until=parcel.closed_at,
            )
            for parcel in Parcel.objects.filter(pk__in=[parcel.pk for parcel in parcels]).select_related("order")
        )
        number = Subquery(Parcel.objects.filter(pk=OuterRef("parcel_id")).values("tracking_number"))
        TrackingEvent.objects.filter(parcel__in=parcels, tracking_number="").update(tracking_number=number)
    shipped = Order.objects.filter(state__in=["shipped", "delivered", "returned"], track_link=None)
    for orders in in_steps(shipped):
        TrackLink.objects.bulk_create(TrackLink(order=order, token=secrets.token_urlsafe(16)) for order in orders)


class Migration(migrations.Migration):
    dependencies = [("workflow", "0013_parcels")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
