from django.db import migrations, models

from core.indexes import AddIndexOnline


class Migration(migrations.Migration):
    """Nobody waits for these indexes; interrupted, the migration is run again."""

    atomic = False

    dependencies = [
        ('audit', '0003_indexes_of_the_feed'),
        ('invoices', '0008_indexes_of_the_feed'),
        ('parties', '0003_indexes_of_the_feed'),
        ('payments', '0003_indexes_of_lists'),
    ]

    operations = [
        AddIndexOnline(
            model_name='historicalpayment',
            index=models.Index(condition=models.Q(('history_type', '+'), _negated=True), fields=['history_type', 'change', 'id'], name='payment_history_changed'),
        ),
    ]
