from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True, verbose_name="name")),
                ("beat_at", models.DateTimeField(db_index=True, verbose_name="last beat")),
                ("pid", models.PositiveIntegerField(verbose_name="process")),
                ("host", models.CharField(max_length=100, verbose_name="host")),
                ("detail", models.JSONField(blank=True, default=dict, verbose_name="detail")),
            ],
            options={"verbose_name": "heartbeat", "verbose_name_plural": "heartbeats"},
        ),
    ]
