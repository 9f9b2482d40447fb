from django.db import migrations


class Migration(migrations.Migration):
    """Browsers sign in once more: sessions from before are in no list of devices, from which they could be ended."""

    dependencies = [
        ('accounts', '0004_second_factor_and_devices'),
        ('sessions', '0001_initial'),
    ]

    operations = [
        migrations.RunSQL('DELETE FROM django_session', reverse_sql=migrations.RunSQL.noop),
    ]
