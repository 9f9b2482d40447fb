"""The lists of the desk show what unfold would show, cell by cell."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from unfold.templatetags.unfold_list import items_for_result, result_headers

from accounts.models import User
from core.admin import ScopedAdmin
from core.templatetags.desk_list import cells, columns_of
from fintrack.tests.worlds import make_world

pytestmark = pytest.mark.django_db


def lists() -> list[Any]:
    """The admins of all models that have a list."""
    return [each for each in admin.site._registry.values() if isinstance(each, ScopedAdmin)]


@pytest.fixture
def client() -> Client:
    """Somebody who may see everything, in books where every kind of row was made."""
    make_world()
    client = Client()
    client.force_login(User.objects.create_superuser(email="root@fintrack.test", password=None))
    return client


def test_every_cell_of_every_list_is_drawn_as_unfold_draws_it(client: Client) -> None:
    drawn = 0
    for each in lists():
        reply: Any = client.get(reverse(f"admin:{each.opts.app_label}_{each.opts.model_name}_changelist"))
        change_list = reply.context_data["cl"]
        columns = columns_of(change_list, list(result_headers(change_list)))
        for row in change_list.result_list:
            for ours, theirs in zip(
                cells(change_list, columns, row), items_for_result(change_list, row, None), strict=True
            ):
                assert ours == theirs
            drawn += 1
    assert drawn > 20


def test_a_list_that_opens_in_a_window_of_its_own_can_still_be_chosen_from(client: Client) -> None:
    page = client.get(reverse("admin:parties_customer_changelist"), {"_popup": "1"}).content.decode()
    assert "data-popup-opener" in page
