"""The counter row of the staff's channel, made once here: two transactions that both make one would wait for each other."""

from django.db import migrations
from django.utils import timezone


def make_staff_channel(apps, schema_editor):
    counters = apps.get_model("django_eventstream", "EventCounter").objects
    counters.get_or_create(name="staff", defaults={"updated": timezone.now()})


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0001_heartbeat"),
        ("django_eventstream", "0001_initial"),
    ]

    operations = [migrations.RunPython(make_staff_channel, migrations.RunPython.noop)]
