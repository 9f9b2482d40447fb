import django.db.models.functions.text
from django.db import migrations, models

from core.indexes import AddIndexOnline, DropIndexOfField


class Migration(migrations.Migration):
    """Nobody waits for these indexes; interrupted, the migration is run again."""

    atomic = False

    dependencies = [
        ('audit', '0002_seals'),
    ]

    operations = [
        DropIndexOfField(
            model_name='change',
            name='company_id',
            field=models.BigIntegerField(null=True),
        ),
        AddIndexOnline(
            model_name='change',
            index=models.Index(fields=['company_id', 'id'], name='change_company'),
        ),
        AddIndexOnline(
            model_name='change',
            index=models.Index(fields=['action', 'id'], name='change_action'),
        ),
        AddIndexOnline(
            model_name='change',
            index=models.Index(django.db.models.functions.text.Upper('actor'), models.F('id'), name='change_actor'),
        ),
        AddIndexOnline(
            model_name='change',
            index=models.Index(condition=models.Q(('request_id', ''), _negated=True), fields=['request_id', 'id'], name='change_request'),
        ),
        AddIndexOnline(
            model_name='change',
            index=models.Index(fields=['-at', '-id'], name='change_at'),
        ),
    ]
