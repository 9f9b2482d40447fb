"""The daily digest of the journal: for those who ask and may read it, once a day."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone

from accounts.services import grant_role, revoke_role
from accounts.tests.factories import make_user
from audit.books import faults
from audit.models import Change
from audit.tests.races import race
from audit.tests.tampering import without_constraint
from core.errors import ConstraintBroken, NotFound
from invoices.services import cancel_invoice
from notifications.digests import services
from notifications.digests.selectors import digest_of
from notifications.digests.services import ask_for_digest, prepare_digest, prepare_due_digests, stop_digest
from notifications.kinds import Kind
from notifications.models import DailyRun, Delivery, DigestWish, Message
from notifications.selectors import messages_of
from notifications.services import deliver_due
from notifications.tests.conftest import Postbox
from notifications.tests.factories import make_sendable
from parties.models import Company
from parties.tests.factories import make_company

pytestmark = pytest.mark.django_db


def today(company: Company) -> Any:
    """The company's day by the database's clock, by which the journal goes."""
    return (Change.objects.aggregate(now=Max("at"))["now"] or timezone.now()).astimezone(company.zone).date()


def morning_after(company: Company, *, days: int = 1, hour: int = 6) -> datetime:
    """That time of the company's clock, so many days from now."""
    day = today(company) + timedelta(days=days)
    return datetime(day.year, day.month, day.day, hour, tzinfo=company.zone).astimezone(UTC)


def make_reader(role: str = "Auditor", company: Company | None = None, **details: Any) -> Any:
    reader = make_user(role, company or make_company(), **details)
    ask_for_digest(actor=reader, company=Company.objects.get(pk=reader.company_ids[0]))
    return reader


def test_yesterday_is_mailed_in_the_morning_once(postbox: Postbox, settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    company = make_company(name="Demo Trading")
    reader = make_reader(company=company, email="auditor@demo.test")
    invoice = make_sendable(company)
    cancel_invoice(actor=make_user("Finance", company), invoice_id=invoice.pk, reason="Ordered twice")

    assert prepare_due_digests(morning_after(company, hour=5)) == 0
    assert prepare_due_digests(morning_after(company)) == 1
    assert prepare_due_digests(morning_after(company) + timedelta(hours=3)) == 0
    deliver_due()

    [mail] = postbox.mails
    day = today(company)
    assert mail["To"] == reader.email
    assert mail["Subject"].startswith(f"Journal of Demo Trading on {day}: ")
    text = mail.get_body(("plain",)).get_content()
    assert "invoice.cancelled by" in text
    assert f"invoice {invoice.number}" in text
    assert "Ordered twice" in text
    assert "      1  invoice.issued" in text
    change = Change.objects.get(action="invoice.cancelled")
    assert f"http://127.0.0.1:8000{reverse('admin:audit_change_change', args=[change.pk])}" in text
    assert not list(mail.iter_attachments())
    assert Delivery.objects.get().change.action == "digest.sent"
    assert list(faults()) == []


def test_a_day_without_entries_brings_no_mail_and_is_not_looked_at_again() -> None:
    reader = make_reader()
    company = Company.objects.get(pk=reader.company_ids[0])
    prepare_due_digests(morning_after(company))
    Message.objects.all().delete()

    assert prepare_due_digests(morning_after(company, days=2)) == 0
    assert not Message.objects.exists()
    assert DailyRun.objects.filter(kind=Kind.DIGEST).count() == 2


def test_days_without_a_worker_are_caught_up_for_a_week_at_most() -> None:
    reader = make_reader()
    company = Company.objects.get(pk=reader.company_ids[0])

    prepare_due_digests(morning_after(company, days=3))
    assert DailyRun.objects.filter(kind=Kind.DIGEST).count() == 3
    prepare_due_digests(morning_after(company, days=30))
    assert DailyRun.objects.filter(kind=Kind.DIGEST).count() == 10


@pytest.mark.parametrize("lose", ["right", "role", "wish"])
def test_who_may_no_longer_read_the_journal_gets_no_digest_even_if_it_is_written(postbox: Postbox, lose: str) -> None:
    company = make_company()
    admin = make_user("Admin", company)
    reader = make_reader(company=company)
    prepare_due_digests(morning_after(company))
    if lose == "right":
        grant_role(actor=admin, user=reader, company=company, role="Viewer")
    elif lose == "role":
        revoke_role(actor=admin, user=reader, company=company)
    else:
        stop_digest(actor=reader, wish_id=DigestWish.objects.get().pk)

    deliver_due()

    message = Message.objects.get()
    assert (message.state, postbox.tried) == ("needless", 0)
    assert prepare_due_digests(morning_after(company, days=2)) == 0


def test_roles_that_may_not_read_the_journal_get_nothing() -> None:
    company = make_company()
    make_reader("Finance", company)

    assert prepare_due_digests(morning_after(company)) == 0


def test_the_entries_of_another_company_are_not_told() -> None:
    company, other = make_company(), make_company()
    make_reader(company=company)
    make_user("Admin", other, email="stranger@other.test")
    make_sendable(other)

    digest = digest_of(company, today(company))

    assert not any("stranger@other.test" in thing for entry in digest.entries for thing in entry.things)
    assert {entry.change.company_id for entry in digest.entries} <= {company.pk, None}
    assert dict(digest.counts).get("invoice.issued") is None


def test_one_asks_once_and_stops_only_what_is_one_s_own() -> None:
    reader = make_reader()
    company = Company.objects.get(pk=reader.company_ids[0])

    with pytest.raises(ConstraintBroken):
        ask_for_digest(actor=reader, company=company)
    with pytest.raises(NotFound):
        stop_digest(actor=make_user("Admin", company), wish_id=DigestWish.objects.get().pk)


def test_the_text_of_a_digest_is_seen_by_its_reader_only() -> None:
    company = make_company()
    reader = make_reader(company=company)
    prepare_due_digests(morning_after(company))

    assert messages_of(reader).count() == 1
    assert messages_of(make_user("Viewer", company)).count() == 0
    assert messages_of(make_user("Admin", company)).count() == 0


def test_it_is_asked_for_and_stopped_in_the_admin(client: Any) -> None:
    company = make_company()
    auditor = make_user("Auditor", company)
    client.force_login(auditor)

    client.post(reverse("admin:notifications_digestwish_add"), {"company": company.pk})
    wish = DigestWish.objects.get()
    assert (wish.reader, wish.company) == (auditor, company)
    listed = client.get(reverse("admin:notifications_digestwish_changelist")).content.decode()
    assert company.name in listed
    client.post(reverse("admin:notifications_digestwish_delete", args=[wish.pk]), {"post": "yes", "version": 1})
    assert not DigestWish.objects.exists()


@pytest.mark.parametrize("role", ["Viewer", "Finance"])
def test_who_may_not_read_the_journal_cannot_ask_for_it(client: Any, role: str) -> None:
    company = make_company()
    client.force_login(make_user(role, company))

    assert client.get(reverse("admin:notifications_digestwish_add")).status_code == 403
    client.post(reverse("admin:notifications_digestwish_add"), {"company": company.pk})
    assert not DigestWish.objects.exists()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_three_schedulers_at_once_write_one_digest_for_each_reader() -> None:
    company = make_company()
    for _ in range(5):
        make_reader(company=company)

    results = race([lambda: prepare_digest(company, today(company))] * 3)

    assert sorted(results) == [0, 0, 5]
    assert Message.objects.filter(kind=Kind.DIGEST).count() == 5


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_key_alone_makes_a_second_digest_impossible_and_without_it_there_are_three(monkeypatch: Any) -> None:
    company = make_company()
    make_reader(company=company)
    day = today(company)

    class NoMark:
        objects = type("", (), {"get_or_create": staticmethod(lambda **given: (given["company"], True))})

    monkeypatch.setattr(services, "DailyRun", NoMark)
    NoMark.objects.filter = staticmethod(lambda **given: DailyRun.objects.none())  # type: ignore[attr-defined]

    race([lambda: prepare_digest(company, day)] * 3)
    assert Message.objects.filter(kind=Kind.DIGEST).count() == 1
    with without_constraint(Message, "message_digest_unique"):
        race([lambda: prepare_digest(company, day)] * 3)
        assert Message.objects.filter(kind=Kind.DIGEST).count() == 4
        Message.objects.all().delete()
