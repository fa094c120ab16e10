"""Who read whose personal data; its log and that of staff accounts become append-only."""

import core.fields
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
        ('workflow', '0004_ledger_chain'),
        ('accounts', '0002_staff_sign_in'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PersonalDataRead',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('how', models.CharField(choices=[('opened', 'opened the page'), ('shown', 'asked to be shown')], max_length=10, verbose_name='how')),
                ('fields', models.CharField(max_length=80, verbose_name='what')),
                ('reason', models.CharField(blank=True, max_length=200, verbose_name='why')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='at')),
                ('once', core.fields.ExactCharField(max_length=64, unique=True)),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='whose')),
                ('order', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workflow.order', verbose_name='order')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='who')),
            ],
            options={
                'verbose_name': 'reading of personal data',
                'verbose_name_plural': 'who read what',
                'indexes': [models.Index(fields=['user', 'order', 'how', 'at'], name='read_by'), models.Index(fields=['how', 'id'], name='read_how')],
            },
        ),
        migrations.RunPython(install, migrations.RunPython.noop),
    ]
