"""Each message names the customer that it goes to."""

from typing import Any

from django.db import migrations
from django.db.models import OuterRef, Subquery


def name_customers(apps: Any, schema_editor: Any) -> None:
    Message = apps.get_model("notifications", "Message")
    Invoice = apps.get_model("invoices", "Invoice")
    of_invoice = Invoice.objects.filter(pk=OuterRef("invoice_id")).values("customer_id")
    Message.objects.filter(customer=None, invoice__isnull=False).update(customer_id=Subquery(of_invoice))


class Migration(migrations.Migration):

    dependencies = [("notifications", "0002_runs_digests_bounces")]

    operations = [migrations.RunPython(name_customers, migrations.RunPython.noop)]
