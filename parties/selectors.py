"""The companies and customers that exist for a user, and how the documents of a company look."""

from typing import Any

from django.db.models import QuerySet

from core.errors import DomainError
from core.scope import CompanyMember, visible_to
from parties.models import BankAccount, Company, CompanyLogo, Customer


class CompanyRequired(DomainError):
    """The caller belongs to several companies and did not say which is meant."""

    code = "company_required"
    title = "Which company?"
    default_detail = "You belong to several companies (or to none): name one with companyId."


class CompanyUnknown(DomainError):
    """There is no such company for this caller."""

    status = 404
    code = "not_found"
    title = "Not found"
    default_detail = "There is no such company that you can see."


def companies_of(user: CompanyMember) -> QuerySet[Company]:
    """The companies that the user belongs to; all of them for a superuser."""
    return visible_to(user, Company.objects.all(), company="id")


def customers_of(user: CompanyMember) -> QuerySet[Customer]:
    """The customers of the user's companies."""
    return visible_to(user, Customer.objects.all())


def company_for(user: CompanyMember, company_id: int | None) -> Company:
    """The company a command is meant for: the named one, or the only one there is for the user.

    Raises CompanyUnknown, CompanyRequired.
    """
    if company_id is not None:
        company = companies_of(user).filter(pk=company_id).first()
        if company is None:
            raise CompanyUnknown(field="company_id")
        return company
    candidates = list(companies_of(user)[:2])
    if len(candidates) != 1:
        raise CompanyRequired(field="company_id")
    return candidates[0]


def bank_accounts_of(user: CompanyMember) -> QuerySet[BankAccount]:
    """The bank accounts of the user's companies."""
    return visible_to(user, BankAccount.objects.all())


def seller_as_issued(company: Company, customer: Customer, currency: str) -> dict[str, Any]:
    """All that a document issued now keeps of its company: who it is, how it prints, where it is paid in `currency`.

    The language is the customer's, where it has one.
    """
    account = company.bank_account_by_currency.get(currency)
    return {
        **company.seller_details(),
        **company.print_settings(),
        **({"language": customer.language} if customer.language else {}),
        "bankAccount": account.details(company) if account else None,
    }


def logo_of(company_id: int, digest: str) -> CompanyLogo | None:
    """The company's image with this SHA-256."""
    return CompanyLogo.objects.filter(company=company_id, sha256=digest).first() if digest else None
