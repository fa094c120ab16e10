"""The journal and the ledger become append-only, and the first fee policy (4 % service, 4 % card on delivery, 3,000 won a kg) holds."""

from datetime import UTC, datetime

from django.db import migrations

from workflow import append_only


def install(apps, schema_editor):
    append_only.install(schema_editor.connection)


def remove(apps, schema_editor):
    append_only.remove(schema_editor.connection)


def first_policy(apps, schema_editor):
    FeePolicy = apps.get_model("workflow", "FeePolicy")
    FeePolicy.objects.get_or_create(valid_from=datetime(2026, 1, 1, tzinfo=UTC))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("workflow", "0001_initial")]
    operations = [
        migrations.RunPython(install, remove),
        migrations.RunPython(first_policy, migrations.RunPython.noop),
    ]
