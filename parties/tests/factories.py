"""Companies and customers for tests, built through the services: never a state that the program cannot reach."""

import struct
import zlib
from decimal import Decimal
from itertools import count
from typing import Any

from audit.actors import SYSTEM
from parties.models import BankAccount, Company, Customer
from parties.services import create_bank_account, create_company, create_customer

_numbers = count(1)
IBAN = "DE89370400440532013000"
"""The example of the German banks."""


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


def make_bank_account(company: Company, **details: Any) -> BankAccount:
    """Where `company` is paid in ZAR."""
    values = {"currency": "ZAR", "bank_name": "First Bank", "account_number": "62812345", "branch_code": "250655"}
    return create_bank_account(actor=SYSTEM, company_id=company.pk, **values | details)


def png_image(width: int = 4, height: int = 2) -> bytes:
    """A PNG, all of it grey."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks
