"""The count of wrong passwords moves here from the customers' door (its table stays), and staff accounts get their log."""

import core.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('customer_api', '0001_initial'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.CreateModel(
                name='WrongPasswords',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('address', core.fields.ExactCharField(max_length=64, unique=True)),
                    ('tried_at', models.JSONField(default=list)),
                    ('changed_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ],
                options={
                    'db_table': 'customer_api_wrongpasswords',
                },
            ),
        ]),
        migrations.AddField(
            model_name='user',
            name='session_stamp',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name='AccountEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('made', 'account made'), ('changed', 'roles or account changed'), ('two_step_on', 'two-step sign-in set up'), ('two_step_off', 'two-step sign-in removed'), ('two_step_reset', 'two-step sign-in reset'), ('codes_renewed', 'new recovery codes'), ('code_used', 'recovery code used')], max_length=20)),
                ('detail', models.CharField(blank=True, max_length=200)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='account_events', to=settings.AUTH_USER_MODEL)),
            ],
        ),
    ]
