"""Users for tests, built through the services."""

from itertools import count
from typing import Any

from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from accounts.services import create_user, grant_role
from audit.actors import SYSTEM
from parties.models import Company
from parties.tests.factories import make_company

PASSWORD = "correct-horse-battery"

_numbers = count(1)


def make_user(role: str | None = "Finance", company: Company | None = None, **details: Any) -> User:
    """A user with `role` in `company` (a new one where none is given); with no role at all for None."""
    memberships = {} if role is None else {company or make_company(): role}
    values: dict[str, Any] = {"email": f"user{next(_numbers)}@example.test", "password": PASSWORD}
    return create_user(actor=SYSTEM, memberships=memberships, **values | details)


def add_role(user: User, company: Company, role: str) -> User:
    """`user` with a role in one more company, its cached roles forgotten."""
    grant_role(actor=SYSTEM, user=user, company=company, role=role)
    return User.objects.get(pk=user.pk)


def api_client(user: User | None = None) -> APIClient:
    """A REST client signed in as `user` with a real access token; anonymous for None."""
    client = APIClient()
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
    return client
