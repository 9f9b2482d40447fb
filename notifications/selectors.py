"""The messages, settings and templates that exist for a user, and what was agreed about an invoice."""

from django.db.models import Q, QuerySet

from accounts.models import User
from core.scope import CompanyMember, visible_to
from invoices.models import Invoice
from notifications.kinds import Kind
from notifications.models import MailSettings, MailTemplate, Message, Preference
from parties.models import Customer


def messages_of(user: User) -> QuerySet[Message]:
    """The messages of the user's companies, newest first. Digests of the journal are seen by their readers only."""
    messages = Message.objects.select_related("invoice", "customer", "company")
    return visible_to(user, messages).filter(~Q(kind=Kind.DIGEST) | Q(reader=user.pk))


def settings_of(user: CompanyMember) -> QuerySet[MailSettings]:
    """The mail settings of the user's companies."""
    return visible_to(user, MailSettings.objects.select_related("company"))


def templates_of(user: CompanyMember) -> QuerySet[MailTemplate]:
    """The templates of the user's companies."""
    return visible_to(user, MailTemplate.objects.select_related("company"))


def preferences_about(invoice: Invoice) -> list[Preference]:
    """What was agreed about the invoice and about its customer."""
    return list(Preference.objects.filter(Q(invoice=invoice) | Q(customer=invoice.customer_id)))


def settings_of_company(company_id: int) -> MailSettings:
    """What the company sends by itself; nothing, where it never said."""
    return MailSettings.objects.filter(company=company_id).first() or MailSettings(company_id=company_id)


def language_of(invoice: Invoice, settings: MailSettings) -> str:
    """The language in which its customer is written to."""
    return language_of_customer(invoice.customer, settings)


def language_of_customer(customer: Customer, settings: MailSettings) -> str:
    """The language in which the customer is written to."""
    agreed = getattr(customer, "preference", None)
    return (agreed.language if agreed else "") or settings.language
