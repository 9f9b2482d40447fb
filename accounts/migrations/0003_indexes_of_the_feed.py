from django.db import migrations, models

from core.indexes import AddIndexOnline


class Migration(migrations.Migration):
    """Nobody waits for these indexes; interrupted, the migration is run again."""

    atomic = False

    dependencies = [
        ('accounts', '0002_seals'),
        ('audit', '0003_indexes_of_the_feed'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('parties', '0003_indexes_of_the_feed'),
    ]

    operations = [
        AddIndexOnline(
            model_name='historicalmembership',
            index=models.Index(condition=models.Q(('history_type', '+'), _negated=True), fields=['history_type', 'change', 'id'], name='membership_history_changed'),
        ),
        AddIndexOnline(
            model_name='historicaluser',
            index=models.Index(condition=models.Q(('history_type', '+'), _negated=True), fields=['history_type', 'change', 'id'], name='user_history_changed'),
        ),
    ]
