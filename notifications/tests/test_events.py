"""The events of a company: every command once, in one order that never changes, whoever writes meanwhile (J1)."""

from functools import partial
from threading import Event as Signal
from threading import Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.services import grant_role
from accounts.tests.factories import add_role, api_client, make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.events import events_after, sequence_all, sequence_entries
from audit.models import Change, SequencedEntry, UnsequencedEntry
from audit.tests.races import PATIENCE_SECONDS, race, start
from audit.tests.tampering import execute, without_triggers
from invoices.services import issue_invoice
from invoices.tests.factories import make_draft, make_issued
from notifications.schedule import beat
from parties.models import Company
from parties.services import create_customer, update_customer
from parties.tests.factories import make_company, make_customer
from payments.services import apply_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    return make_company(name="Acme Trading")


def actions(company: Company, after: int = 0) -> list[str]:
    return [event.action for event in events_after(company.pk, after, size=1000)]


def follow(company: Company, after: int, seen: list[int]) -> int:
    """What a program does that asks again and again: it remembers the last sequence. The next one to ask with."""
    for event in events_after(company.pk, after, size=1000):
        seen.append(event.sequence)
        after = event.sequence
    return after


def test_a_program_reads_what_happened_and_goes_on_where_it_stopped(company: Company) -> None:
    client = api_client(make_user("Finance", company))
    invoice = make_issued(company)
    apply_payment(actor=SYSTEM, invoice_id=invoice.pk, amount="15.00", reference="EFT 7")

    first = client.get("/api/events", {"pageSize": 3}).json()
    rest = client.get(first["next"]).json()

    events = [*first["results"], *rest["results"]]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert rest["next"] is None
    payment, issued = events[-1], events[-2]
    assert (issued["action"], issued["entityType"], issued["entityId"]) == ("invoice.issued", "Invoice", invoice.pk)
    assert (issued["data"]["invoiceNumber"], issued["data"]["status"]) == (invoice.number, "Issued")
    assert (payment["action"], payment["entityType"]) == ("payment.applied", "Payment")
    assert (payment["data"]["amount"], payment["data"]["invoiceId"]) == ("15.00", invoice.pk)
    assert set(payment) == {
        *("sequence", "action", "entityType", "entityId", "performedBy", "performedAt", "requestId", "data"),
    }
    assert client.get("/api/events", {"after": events[-1]["sequence"]}).json() == {"results": [], "next": None}


def test_the_data_are_those_that_the_command_left_not_those_of_today(company: Company) -> None:
    customer = make_customer(company, name="Before")
    update_customer(actor=SYSTEM, customer_id=customer.pk, name="After")
    named = [event.data["name"] for event in events_after(company.pk, 0, size=10) if event.entity_type == "Customer"]
    assert named == ["Before", "After"]


def test_an_event_about_people_names_them_and_tells_no_more(company: Company) -> None:
    grant_role(actor=SYSTEM, user=make_user("Viewer", company), company=company, role="Auditor")
    about_people = [
        event for event in events_after(company.pk, 0, size=50) if event.entity_type in ("User", "Membership")
    ]
    assert about_people
    assert all(event.data == {} for event in about_people)


def test_each_company_counts_for_itself_and_shows_nothing_to_others(company: Company) -> None:
    other = make_company(name="Other")
    make_customer(other, name="Theirs")
    client = api_client(make_user("Viewer", company))
    assert client.get("/api/events", {"companyId": other.pk}).status_code == 404
    texts = [str(event["data"]) for event in client.get("/api/events").json()["results"]]
    assert not any("Theirs" in text for text in texts)
    assert [event.sequence for event in events_after(other.pk, 0, size=1)] == [1]


def test_who_belongs_to_two_companies_says_which(company: Company) -> None:
    person = add_role(make_user("Viewer", company), make_company(name="Other"), "Viewer")
    reply = api_client(person).get("/api/events")
    assert (reply.status_code, reply.json()["code"]) == (400, "company_required")


@pytest.mark.parametrize("query", [{"after": "-1"}, {"after": "x"}, {"after": "1e3"}, {"since": "1"}])
def test_what_nobody_should_ask_is_refused(company: Company, query: dict[str, Any]) -> None:
    assert api_client(make_user("Viewer", company)).get("/api/events", query).status_code == 400


def test_what_was_rolled_back_did_not_happen(company: Company) -> None:
    before = actions(company)
    with transaction.atomic():
        make_customer(company)
        transaction.set_rollback(True)
    assert actions(company) == before


def test_the_worker_gives_places_too_and_the_books_know_that_none_is_missing(company: Company) -> None:
    make_issued(company)
    assert list(faults()) == []
    beat()
    assert not UnsequencedEntry.objects.exists()
    assert sequence_all() == 0
    assert list(faults()) == []


def test_verify_books_names_an_entry_without_event_and_a_gap(company: Company) -> None:
    for _ in range(3):
        make_customer(company)
    sequence_entries(company.pk)
    lost = Change.objects.filter(company_id=company.pk).order_by("id")[1]
    with without_triggers():
        execute(f"DELETE FROM audit_sequencedentry WHERE change_id = {lost.pk}")
    messages = [str(fault) for fault in faults()]
    assert f"Change {lost.pk}: is missing in the events" in messages
    assert any("events of company" in message for message in messages)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_sequencedentry SET sequence = 99", "DELETE FROM audit_sequencedentry"]
)
def test_a_place_is_given_for_ever(company: Company, statement: str) -> None:
    make_customer(company)
    sequence_entries(company.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        execute(statement)


def commit_late(company: Company, entered: Signal, may_commit: Signal) -> None:
    """A command whose entry has its id already, and that commits when it is told to."""
    with transaction.atomic():
        create_customer(actor=SYSTEM, company=company, name="Late")
        entered.set()
        may_commit.wait(PATIENCE_SECONDS)


@pytest.fixture
def late_commit(company: Company) -> Any:
    """Two commands, of which the one that began first commits last; between them the fixture yields."""
    entered, may_commit, done = Signal(), Signal(), []
    thread = start(partial(commit_late, company, entered, may_commit), done)
    assert entered.wait(PATIENCE_SECONDS)
    create_customer(actor=SYSTEM, company=company, name="Early")

    def finish() -> None:
        may_commit.set()
        thread.join(PATIENCE_SECONDS)
        assert done == [None]

    yield finish
    may_commit.set()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_command_that_commits_late_comes_later_and_is_not_missed(company: Company, late_commit: Any) -> None:
    seen: list[int] = []
    after = follow(company, 0, seen)
    late_commit()
    follow(company, after, seen)
    assert seen == list(range(1, len(seen) + 1))
    assert [event.data.get("name") for event in events_after(company.pk, 0, size=10)][-2:] == ["Early", "Late"]
    assert list(faults()) == []


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_control_who_remembers_the_last_id_misses_it(company: Company, late_commit: Any) -> None:
    entries = Change.objects.filter(company_id=company.pk).order_by("id")
    seen = list(entries.values_list("id", flat=True))
    late_commit()
    seen += entries.filter(id__gt=seen[-1]).values_list("id", flat=True)
    assert len(seen) == entries.count() - 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_reader_beside_eight_writers_sees_every_command_once(company: Company) -> None:
    drafts = [make_draft(company) for _ in range(24)]
    seen: list[int] = []
    is_over = Signal()

    def read_on() -> None:
        after = 0
        while not is_over.is_set():
            after = follow(company, after, seen)
        follow(company, after, seen)
        connection.close()

    reader = Thread(target=read_on)
    reader.start()

    def issue(part: int) -> None:
        for draft in drafts[part::8]:
            issue_invoice(actor=SYSTEM, invoice_id=draft.pk)

    assert race([partial(issue, part) for part in range(8)]) == [None] * 8
    is_over.set()
    reader.join(PATIENCE_SECONDS)

    assert seen == list(range(1, Change.objects.filter(company_id=company.pk).count() + 1))
    assert list(faults()) == []


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_eight_sequencers_at_once_give_each_entry_one_place(company: Company) -> None:
    for _ in range(20):
        make_customer(company)
    assert (
        sum(race([partial(sequence_entries, company.pk)] * 8)) == Change.objects.filter(company_id=company.pk).count()
    )
    places = (
        SequencedEntry.objects.filter(company_id=company.pk).order_by("sequence").values_list("sequence", flat=True)
    )
    assert list(places) == list(range(1, len(places) + 1))
    assert list(faults()) == []
