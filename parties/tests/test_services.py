from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from audit.actors import SYSTEM
from audit.models import Change
from core.errors import NotFound
from parties.services import delete_customer, move_period_lock, update_company, update_customer
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db

COMMANDS: dict[str, Callable[[int], Any]] = {
    "update_company": lambda pk: update_company(actor=SYSTEM, company_id=pk, city="Durban"),
    "move_period_lock": lambda pk: move_period_lock(
        actor=SYSTEM, company_id=pk, locked_through=date(2026, 1, 31), reason="Filed"
    ),
    "update_customer": lambda pk: update_customer(actor=SYSTEM, customer_id=pk, city="Durban"),
    "delete_customer": lambda pk: delete_customer(actor=SYSTEM, customer_id=pk),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_gone_is_not_found_and_nothing_is_recorded(name: str) -> None:
    before = Change.objects.count()

    with pytest.raises(NotFound):
        COMMANDS[name](999_999)

    assert Change.objects.count() == before


def test_the_entry_that_makes_a_company_names_none() -> None:
    assert make_company().change.company_id is None
