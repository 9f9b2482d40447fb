from django.db import migrations, models

from core.indexes import AddIndexOnline


class Migration(migrations.Migration):
    """Nobody waits for these indexes; interrupted, the migration is run again."""

    atomic = False

    dependencies = [
        ('audit', '0003_indexes_of_the_feed'),
        ('parties', '0002_seals'),
    ]

    operations = [
        AddIndexOnline(
            model_name='historicalcompany',
            index=models.Index(condition=models.Q(('history_type', '+'), _negated=True), fields=['history_type', 'change', 'id'], name='company_history_changed'),
        ),
        AddIndexOnline(
            model_name='historicalcustomer',
            index=models.Index(condition=models.Q(('history_type', '+'), _negated=True), fields=['history_type', 'change', 'id'], name='customer_history_changed'),
        ),
    ]
