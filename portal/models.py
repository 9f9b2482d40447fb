"""The link to an invoice's page, which is recorded, and how often it was used, which is not."""

from typing import Any, ClassVar

from django.db import models

from audit.models import Recorded, RecordedHistory
from invoices.models import Invoice
from parties.models import Company

NONCE_LENGTH = 32


class InvoiceLink(Recorded):
    """The link of an invoice: at most one, good while `revoked_at` is not set.

    A new link is the same row with another nonce: the address changes with it, and the old one is dead.
    """

    internal_fields: ClassVar[frozenset[str]] = frozenset({"nonce"})

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="link")
    nonce = models.CharField(max_length=NONCE_LENGTH)
    created_at = models.DateTimeField(help_text="When the present link was made.")
    revoked_at = models.DateTimeField(null=True)

    history = RecordedHistory(indexed_fields=["invoice"])

    class Meta:
        verbose_name = "customer's link"

    def __str__(self) -> str:
        return f"Customer's link {self.pk}"

    @property
    def is_live(self) -> bool:
        """Whether it leads anywhere."""
        return self.revoked_at is None


class LinkUse(models.Model):
    """How often the present link was used. Not recorded: it counts what strangers do, and changes no books."""

    link = models.OneToOneField(InvoiceLink, on_delete=models.CASCADE, primary_key=True, related_name="use")
    views = models.PositiveIntegerField(default=0)
    downloads = models.PositiveIntegerField(default=0)
    first_viewed_at = models.DateTimeField(null=True)
    last_viewed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.views} views, {self.downloads} downloads"


UNUSED: dict[str, Any] = {"views": 0, "downloads": 0, "first_viewed_at": None, "last_viewed_at": None}
"""The use of a link that was just made."""
