"""The count of wrong passwords is `core.accounts`' now; its table stays as it is."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('customer_api', '0001_initial'),
        ('accounts', '0002_staff_sign_in'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name='WrongPasswords')]),
    ]
