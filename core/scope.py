"""Companies scope everything: what belongs to another company does not exist for the caller."""

from typing import Protocol, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


class CompanyMember(Protocol):
    """The part of a user that scoping needs."""

    @property
    def is_superuser(self) -> bool:
        """Whether all companies are visible."""
        ...

    @property
    def company_ids(self) -> list[int]:
        """The companies the user belongs to."""
        ...


def visible_to(user: CompanyMember, rows: QuerySet[Row], *, company: str = "company_id") -> QuerySet[Row]:
    """The rows of the user's companies; `company` is the path from the row to its company's id."""
    if user.is_superuser:
        return rows
    return rows.filter(**{f"{company}__in": user.company_ids})


def sees(user: CompanyMember, company_id: int) -> bool:
    """Whether what belongs to the company exists for the user."""
    return user.is_superuser or company_id in user.company_ids
