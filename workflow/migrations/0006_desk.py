"""Notes, messages, who looks after an order and who looks at it. Questions that are open become the first messages of their threads;
the notes get their triggers, and the orders' table, which SQLite may have made anew, loses none."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from workflow import append_only


def questions_are_messages(apps, schema_editor):
    Order, OrderEvent, OrderMessage = (apps.get_model("workflow", name) for name in ("Order", "OrderEvent", "OrderMessage"))
    for order in Order.objects.exclude(question="").iterator():
        asked = OrderEvent.objects.filter(order=order, name="ask").exclude(user=None).order_by("-number").first()
        if asked:
            OrderMessage.objects.create(
                order=order, author_id=asked.user_id, from_staff=True, asks=True, text=order.question, at=order.asked_at or asked.at
            )


def install(apps, schema_editor):
    append_only.install(schema_editor.connection)


class Migration(migrations.Migration):
    atomic = False  # rows and tables are changed by turns

    dependencies = [
        ("workflow", "0005_access"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OrderMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_staff", models.BooleanField(verbose_name="from us")),
                ("asks", models.BooleanField(default=False, verbose_name="question")),
                ("text", models.TextField(max_length=4000, verbose_name="text")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="time")),
                ("read_at", models.DateTimeField(blank=True, null=True, verbose_name="read by the other side")),
            ],
            options={
                "verbose_name": "message",
                "verbose_name_plural": "messages",
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="OrderNote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.TextField(max_length=4000, verbose_name="note")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="time")),
            ],
            options={
                "verbose_name": "internal note",
                "verbose_name_plural": "internal notes",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="OrderViewer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seen_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="order",
            name="assigned_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="looked after since"),
        ),
        migrations.AddField(
            model_name="order",
            name="assigned_to",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="looked after by",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="unanswered_since",
            field=models.DateTimeField(blank=True, null=True, verbose_name="customer waits for an answer since"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["unanswered_since"], name="order_by_unanswered"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["assigned_to", "state", "-id"], name="order_by_assigned"),
        ),
        migrations.AddField(
            model_name="ordermessage",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="author"
            ),
        ),
        migrations.AddField(
            model_name="ordermessage",
            name="order",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="messages", to="workflow.order"),
        ),
        migrations.AddField(
            model_name="ordernote",
            name="author",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="author"
            ),
        ),
        migrations.AddField(
            model_name="ordernote",
            name="order",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="notes", to="workflow.order"),
        ),
        migrations.AddField(
            model_name="orderviewer",
            name="order",
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="viewers", to="workflow.order"),
        ),
        migrations.AddField(
            model_name="orderviewer",
            name="user",
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name="ordermessage",
            index=models.Index(fields=["order", "from_staff", "read_at"], name="message_unread"),
        ),
        migrations.AddConstraint(
            model_name="orderviewer",
            constraint=models.UniqueConstraint(fields=("order", "user"), name="order_viewer_once"),
        ),
        migrations.RunPython(questions_are_messages, migrations.RunPython.noop),
        migrations.RunPython(install, migrations.RunPython.noop),
    ]
