from django.db import migrations
from django.db.models import F, OuterRef, Q, Subquery


def show_present_names(apps, schema_editor):
    """What a rename does from now on, for those before: no column on record is written."""
    customers = apps.get_model('parties', 'Customer').objects.filter(pk=OuterRef('customer'))
    unissued = apps.get_model('invoices', 'Invoice').objects.filter(issued_at=None)
    differing = ~Q(customer_name=F('customer__name')) | ~Q(search_text=F('customer__search_text'))
    unissued.filter(differing).update(
        present_customer_name=Subquery(customers.values('name')),
        search_text=Subquery(customers.values('search_text')),
    )


class Migration(migrations.Migration):

    dependencies = [
        ('invoices', '0005_present_customer_name'),
        ('parties', '0002_seals'),
    ]

    operations = [
        migrations.RunPython(show_present_names, migrations.RunPython.noop, elidable=True),
    ]
