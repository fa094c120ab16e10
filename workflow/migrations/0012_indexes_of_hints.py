"""Orders by what their items hint at, and the counts of the screening report within an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflow", "0011_imports")]

    operations = [
        migrations.AddIndex(model_name="order", index=models.Index(fields=["hint", "state", "-id"], name="order_by_hint")),
        migrations.RemoveIndex(model_name="item", name="item_by_screening"),
        migrations.AddIndex(
            model_name="item", index=models.Index(fields=["screened_at", "status", "restriction"], name="item_by_screening")
        ),
    ]
