"""Companies and customers for tests, built through the services: never a state that the program cannot reach."""

from decimal import Decimal
from itertools import count
from typing import Any

from audit.actors import SYSTEM
from parties.models import Company, Customer
from parties.services import create_company, create_customer

_numbers = count(1)


def make_company(**details: Any) -> Company:
    """A ZAR company in Johannesburg, registered for VAT at 15 %."""
    values: dict[str, Any] = {
        "name": f"Company {next(_numbers)}",
        "currency": "ZAR",
        "time_zone": "Africa/Johannesburg",
        "vat_number": "4123456789",
        "default_vat_rate": Decimal("0.15"),
    }
    return create_company(actor=SYSTEM, **values | details)


def make_customer(company: Company, **details: Any) -> Customer:
    """A customer of `company`."""
    return create_customer(actor=SYSTEM, company=company, **{"name": f"Customer {next(_numbers)}"} | details)
