import django.db.models.deletion
import django.db.models.functions.comparison
from django.db import migrations, models

from core.indexes import AddIndexOnline, AddTrigramIndex, DropIndexOfField, RemoveIndexOnline


def _reference(name):
    return models.ForeignKey(
        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='invoices', to=f'parties.{name}'
    )


class Migration(migrations.Migration):
    """Nobody waits for these indexes; interrupted, the migration is run again."""

    atomic = False

    dependencies = [
        ('invoices', '0006_present_names_of_drafts'),
    ]

    operations = [
        AddIndexOnline(
            model_name='invoice',
            index=models.Index(
                models.F('company'),
                django.db.models.functions.comparison.Coalesce('present_customer_name', 'customer_name'),
                models.F('id'),
                name='invoice_company_customer_name',
            ),
        ),
        AddIndexOnline(
            model_name='invoice',
            index=models.Index(fields=['company', 'currency', 'created_at', 'id'], name='invoice_company_currency'),
        ),
        AddIndexOnline(
            model_name='invoice',
            index=models.Index(
                condition=models.Q(('status__in', ('Issued', 'PartiallyPaid'))),
                fields=['company', 'created_at', 'id'],
                name='invoice_company_open',
            ),
        ),
        AddIndexOnline(
            model_name='invoice',
            index=models.Index(
                fields=['company', '-issue_date', '-id'], include=('created_at',), name='invoice_issue_days'
            ),
        ),
        AddIndexOnline(
            model_name='invoice',
            index=models.Index(
                fields=['company', '-due_date', '-id'], include=('created_at',), name='invoice_due_days'
            ),
        ),
        AddIndexOnline(
            model_name='invoice',
            index=models.Index(
                condition=models.Q(('status__in', ('Issued', 'PartiallyPaid'))),
                fields=['company', 'currency', 'customer'],
                include=('id', 'issue_date', 'due_date', 'outstanding'),
                name='invoice_open_amounts',
            ),
        ),
        AddIndexOnline(
            model_name='invoice',
            index=models.Index(
                condition=models.Q(('cancelled_at__isnull', False)),
                fields=['company', 'cancelled_at'],
                name='invoice_cancelled',
            ),
        ),
        AddTrigramIndex('invoice_search', table='invoices_invoice', column='search_text'),
        RemoveIndexOnline(model_name='invoice', name='invoice_company_issue_date'),
        RemoveIndexOnline(model_name='invoice', name='invoice_company_due_date'),
        RemoveIndexOnline(model_name='invoice', name='invoice_customer'),
        DropIndexOfField(model_name='invoice', name='company', field=_reference('company')),
        DropIndexOfField(model_name='invoice', name='customer', field=_reference('customer')),
    ]
