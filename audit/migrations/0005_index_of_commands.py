from django.db import migrations, models

from core.indexes import AddIndexOnline, RemoveIndexOnline


class Migration(migrations.Migration):
    """Nobody waits for the index; interrupted, the migration is run again."""

    atomic = False

    dependencies = [
        ('audit', '0004_events'),
    ]

    operations = [
        AddIndexOnline(
            model_name='change',
            index=models.Index(fields=['action', 'id'], include=('company_id',), name='change_command'),
        ),
        RemoveIndexOnline(
            model_name='change',
            name='change_action',
        ),
    ]
