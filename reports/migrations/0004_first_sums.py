"""Add up the books that are there already."""

from typing import Any

from django.db import migrations


def add_up(apps: Any, schema_editor: Any) -> None:
    """On PostgreSQL the triggers come first, so that what others write meanwhile is in the sums, and nobody waits long.

    On SQLite nobody writes while the triggers stand aside for a migrate, and they come when it ends.
    """
    if not apps.get_model("invoices", "Invoice").objects.exists():
        return
    from reports.summaries import work_out
    from reports.triggers import install_on_postgresql

    if schema_editor.connection.vendor == "postgresql":
        install_on_postgresql(schema_editor)
    work_out()


class Migration(migrations.Migration):
    """Data only. Not one transaction: nothing is held up while the rows are added."""

    atomic = False
    dependencies = [
        ("reports", "0003_sums_of_credit_notes"),
        ("parties", "0004_printing"),
        ("invoices", "0012_series_have_a_kind"),
        ("payments", "0006_customers_credit"),
        ("credits", "0001_initial"),
    ]
    operations = [migrations.RunPython(add_up, migrations.RunPython.noop, elidable=True)]
