"""What verify_books proves of companies: their logos are those that were chosen."""

from collections.abc import Iterator
from hashlib import sha256

from audit.books import Fault, register
from parties.models import CompanyLogo

LOGOS_AT_A_TIME = 50


def register_checks() -> None:
    """Let verify_books look at the logos."""
    register(logos_are_unchanged)


def logos_are_unchanged() -> Iterator[Fault]:
    """Each logo has the hash that was recorded when it was chosen."""
    logos = CompanyLogo.objects.select_related("company").order_by("id")
    for logo in logos.iterator(chunk_size=LOGOS_AT_A_TIME):
        if sha256(logo.content).hexdigest() != logo.sha256:
            yield Fault("CompanyLogo", logo.pk, logo.company.name, "is not what was chosen: its hash differs")
