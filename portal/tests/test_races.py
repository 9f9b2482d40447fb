"""The promise: no view is lost, no limit is passed and no second link is made, whoever comes at the same moment."""

import json
import os
import subprocess
import sys
from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts import services as account_services
from accounts.models import AttemptLog
from audit.actors import SYSTEM
from audit.books import faults
from audit.tests.races import outcomes, race, race_rounds
from invoices.models import Invoice
from invoices.tests.factories import make_issued
from parties.tests.factories import make_company
from portal import pages
from portal.models import InvoiceLink, LinkUse
from portal.services import create_link, revoke_link
from portal.tests.factories import make_linked, page_of

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

RIVALS = 8
ROUNDS = 10
REQUESTS_OF_EACH = 30
VISITOR = """
import json, sys
import django
django.setup()
from django.conf import settings
from django.test import Client
settings.ALLOWED_HOSTS = ["testserver"]
settings.DATABASES["default"]["NAME"] = sys.argv[1]
visits = range(int(sys.argv[3]))
headers = [{"X-Forwarded-For": f"203.0.113.{visit}"} for visit in visits]
print(json.dumps([Client().get(sys.argv[2], headers=header).status_code for header in headers]))
"""


@pytest.fixture
def invoice() -> Invoice:
    return make_linked()


def visit(path: str, number: int = 0) -> int:
    """A look from an address that nobody else has in this round."""
    return int(Client().get(path, REMOTE_ADDR=f"2001:db8:{number:x}::1").status_code)


def look(path: str) -> None:
    visits = [lambda number, own=own: visit(path, RIVALS * number + own) for own in range(RIVALS)]
    results = race_rounds(visits, rounds=ROUNDS)
    assert Counter(status for round_ in results for status in round_) == {200: RIVALS * ROUNDS}


def test_every_view_is_counted(invoice: Invoice) -> None:
    look(page_of(invoice))

    use = LinkUse.objects.get()
    assert use.views == RIVALS * ROUNDS
    assert use.first_viewed_at < use.last_viewed_at


def test_control_reading_first_and_writing_then_loses_views(invoice: Invoice, monkeypatch: pytest.MonkeyPatch) -> None:
    def count_naively(link: InvoiceLink) -> None:
        use = LinkUse.objects.get(link=link)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.005)")
        LinkUse.objects.filter(link=link).update(views=use.views + 1)

    monkeypatch.setattr(pages, "count_view", count_naively)

    look(page_of(invoice))

    assert LinkUse.objects.get().views < RIVALS * ROUNDS


def processes_visit(path: str, processes: int) -> Counter[int]:
    """The statuses that so many processes got, all from one address and each saying that it is another."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "fintrack.tests.settings", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", VISITOR, str(connection.settings_dict["NAME"]), path, str(REQUESTS_OF_EACH)]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=settings.BASE_DIR)
        for _ in range(processes)
    ]
    return Counter(status for process in started for status in json.loads(process.communicate(timeout=120)[0]))


def test_the_limit_of_an_address_holds_over_several_processes(invoice: Invoice) -> None:
    # 120 requests within a minute; nobody is let through for saying that it comes from elsewhere
    assert processes_visit(page_of(invoice), 4) == {200: 60, 429: 60}
    assert LinkUse.objects.get().views == 60


def test_the_limit_holds_for_rivals_at_the_same_moment(invoice: Invoice) -> None:
    path = page_of(invoice)
    for _ in range(56):
        Client().get(path)

    assert Counter(race([lambda: Client().get(path).status_code] * RIVALS)) == {200: 4, 429: 4}


def test_control_a_limit_that_is_looked_up_and_then_counted_lets_more_in(
    invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = page_of(invoice)
    for _ in range(56):
        Client().get(path)

    def count_without_lock(counters: Any) -> list[Any]:
        counted = account_services._require_room(counters)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.2)")
        for counter, moments in counted.items():
            AttemptLog.objects.filter(key=counter.key).update(moments=[*moments, 0])
        return []

    monkeypatch.setattr(account_services, "_count_attempt", count_without_lock)

    assert Counter(race([lambda: Client().get(path).status_code] * RIVALS))[200] > 4


def test_many_who_make_a_link_get_one() -> None:
    invoice = make_issued(make_company())

    results = race([partial(create_link, actor=SYSTEM, invoice_id=invoice.pk)] * RIVALS)

    assert outcomes(results) == {"done": RIVALS}
    assert Counter(was_made for _, was_made in results) == {True: 1, False: RIVALS - 1}
    assert len({link.nonce for link, _ in results}) == 1
    assert list(faults()) == []


def test_a_link_is_revoked_once(invoice: Invoice) -> None:
    results = race([partial(revoke_link, actor=SYSTEM, invoice_id=invoice.pk, version=1)] * RIVALS)

    assert outcomes(results) == {"done": 1, "StaleVersion": RIVALS - 1}
    assert list(faults()) == []
