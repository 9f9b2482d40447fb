from django.db import migrations, models

from core.indexes import AddIndexOnline


class Migration(migrations.Migration):
    """Nobody waits for these indexes; interrupted, the migration is run again."""

    atomic = False

    dependencies = [
        ('audit', '0003_indexes_of_the_feed'),
        ('invoices', '0007_indexes_of_every_list'),
        ('parties', '0003_indexes_of_the_feed'),
    ]

    operations = [
        AddIndexOnline(
            model_name='historicalinvoice',
            index=models.Index(condition=models.Q(('history_type', '+'), _negated=True), fields=['history_type', 'change', 'id'], name='invoice_history_changed'),
        ),
        AddIndexOnline(
            model_name='historicalinvoiceline',
            index=models.Index(condition=models.Q(('history_type', '+'), _negated=True), fields=['history_type', 'change', 'id'], name='invoiceline_history_changed'),
        ),
    ]
