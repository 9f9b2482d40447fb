from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('invoices', '0004_indexes_of_lists'),
    ]

    operations = [
        migrations.AddField(
            model_name='invoice',
            name='present_customer_name',
            field=models.CharField(editable=False, max_length=200, null=True),
        ),
    ]
