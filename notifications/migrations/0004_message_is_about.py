from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("notifications", "0003_customers_of_messages")]

    operations = [
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('customer__isnull', False), ('invoice__isnull', False), ('kind__in', ['invoice', 'reminder'])), models.Q(('customer__isnull', False), ('invoice__isnull', True), ('kind', 'statement')), models.Q(('customer__isnull', True), ('invoice__isnull', True), ('kind', 'digest'), ('reader__isnull', False)), _connector='OR'), name='message_is_about'),
        ),
    ]
