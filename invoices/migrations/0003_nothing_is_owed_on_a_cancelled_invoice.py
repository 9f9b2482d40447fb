import core.model_fields
import django.db.models.expressions
import django.db.models.functions.math
from decimal import Decimal
from django.db import migrations, models

NOT_OVERPAID = models.CheckConstraint(condition=models.Q(('outstanding__gte', 0)), name='invoice_not_overpaid', violation_error_code='payment_exceeds_outstanding', violation_error_message='Payment exceeds outstanding amount.')
STATUS_FOLLOWS_MONEY = models.CheckConstraint(condition=models.Q(models.Q(('cancelled_at', None), ('issued_at', None), ('number', None), ('status', 'Draft'), ('buyer__isnull', True), ('credited', 0), ('entry_count', 0), ('paid', 0), ('seller__isnull', True)), models.Q(('cancelled_at__isnull', False), ('credited', 0), ('entry_count', 0), ('paid', 0), ('status', 'Cancelled'), models.Q(models.Q(('buyer__isnull', True), ('issued_at', None), ('number', None), ('seller__isnull', True)), models.Q(('issued_at__isnull', False), ('number__isnull', False), ('buyer__isnull', False), ('seller__isnull', False)), _connector='OR')), models.Q(('cancelled_at', None), ('issued_at__isnull', False), ('number__isnull', False), ('buyer__isnull', False), ('seller__isnull', False), models.Q(('paid', 0), ('entry_count__gt', 0), _connector='OR'), models.Q(models.Q(('credited', 0), ('outstanding__gt', 0), ('paid', 0), ('status', 'Issued')), models.Q(('outstanding__gt', 0), ('status', 'PartiallyPaid'), models.Q(('paid__gt', 0), ('credited__gt', 0), _connector='OR')), models.Q(('outstanding', 0), ('status', 'Paid')), _connector='OR')), _connector='OR'), name='invoice_status_follows_money', violation_error_code='wrong_status', violation_error_message='The status does not fit the amounts.')


def _outstanding():
    """What is owed: nothing on a cancelled document."""
    return models.GeneratedField(
        db_persist=True,
        expression=models.Case(
            models.When(cancelled_at__isnull=False, then=models.Value(Decimal('0'))),
            default=django.db.models.functions.math.Round(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('total'), '-', models.F('paid')), '-', models.F('credited')), 4),
        ),
        output_field=core.model_fields.AmountField(decimal_places=4, max_digits=19),
    )


class Migration(migrations.Migration):
    """A generated column cannot be altered: it goes and comes back, and with it the constraints that name it."""

    dependencies = [
        ('invoices', '0002_seals'),
    ]

    operations = [
        migrations.RemoveConstraint(model_name='invoice', name='invoice_status_follows_money'),
        migrations.RemoveConstraint(model_name='invoice', name='invoice_not_overpaid'),
        migrations.RemoveField(model_name='invoice', name='outstanding'),
        migrations.AddField(model_name='invoice', name='outstanding', field=_outstanding()),
        migrations.AddConstraint(model_name='invoice', constraint=NOT_OVERPAID),
        migrations.AddConstraint(model_name='invoice', constraint=STATUS_FOLLOWS_MONEY),
        migrations.RemoveField(model_name='historicalinvoice', name='outstanding'),
        migrations.AddField(model_name='historicalinvoice', name='outstanding', field=_outstanding()),
    ]
