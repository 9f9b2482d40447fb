"""Nothing: the books that are there already are added up once all that is summed exists (0004)."""

from django.db import migrations


class Migration(migrations.Migration):
    """Kept for databases that have it on their list."""

    dependencies = [
        ("reports", "0001_sums"),
        ("parties", "0004_printing"),
        ("invoices", "0009_stored_documents"),
        ("payments", "0004_indexes_of_the_feed"),
    ]
    operations: list[migrations.operations.base.Operation] = []
