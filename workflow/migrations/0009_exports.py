"""The log of exports, only ever added to, and the columns that each person takes; indexes by which lists and queues stay quick."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from workflow import append_only


def install(apps, schema_editor):
    append_only.install(schema_editor.connection)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('workflow', '0008_restricted_goods'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ExportChoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('list_name', models.CharField(max_length=20)),
                ('columns', models.JSONField(default=list)),
                ('format', models.CharField(max_length=4)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'list_name'), name='export_choice_once')],
            },
        ),
        migrations.CreateModel(
            name='ExportLog',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='time')),
                ('list_name', models.CharField(max_length=20, verbose_name='list')),
                ('format', models.CharField(max_length=4, verbose_name='format')),
                ('filters', models.JSONField(default=dict, verbose_name='filters')),
                ('columns', models.JSONField(default=list, verbose_name='columns')),
                ('rows', models.PositiveIntegerField(verbose_name='rows')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='person')),
            ],
            options={
                'verbose_name': 'export',
                'verbose_name_plural': 'exports',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['list_name', '-id'], name='export_by_list')],
            },
        ),
        migrations.RemoveIndex(
            model_name='ledgerentry',
            name='ledger_by_day',
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(fields=['processing', 'status', '-id'], name='attempt_in_process'),
        ),
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['booked_at', 'kind', 'source', 'currency', 'amount_cents'], name='ledger_by_day'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['held_at', '-id'], name='order_by_hold'),
        ),
        migrations.AddIndex(
            model_name='stripeevent',
            index=models.Index(fields=['type', 'received_at'], name='inbox_by_type'),
        ),
        migrations.AddIndex(
            model_name='stripeevent',
            index=models.Index(fields=['outcome', 'received_at'], name='inbox_by_outcome'),
        ),
        migrations.RunPython(install, migrations.RunPython.noop),
    ]
