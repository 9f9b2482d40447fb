"""Which addresses mail came back from, and was not confirmed since."""

from django.db.models import QuerySet

from notifications.models import RefusedAddress
from parties.models import Customer


def refusal_of(customer_id: int | None, address: str) -> RefusedAddress | None:
    """The last time that mail to this address of the customer came back, unless a person has confirmed it since."""
    return standing_refusals().filter(customer=customer_id, address__iexact=address).order_by("-id").first()


def refusal_of_customer(customer: Customer) -> RefusedAddress | None:
    """The refusal that stands in the way of automatic mail to the address that the customer has now."""
    return refusal_of(customer.pk, customer.email)


def standing_refusals() -> QuerySet[RefusedAddress]:
    """The refusals that nobody has confirmed the address of."""
    return RefusedAddress.objects.filter(is_confirmed=False)
