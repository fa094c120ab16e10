
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('workflow', '0016_arrivals'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='order',
            name='order_by_storage',
        ),
        migrations.RemoveIndex(
            model_name='parcellabel',
            name='label_by_number',
        ),
        migrations.AlterField(
            model_name='couriermessage',
            name='received_at',
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='received'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['storage_since', 'storage_used_s'], name='order_by_storage_clock'),
        ),
    ]
