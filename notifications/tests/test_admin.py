"""Mail in the admin: sending, what failed and why, settings, templates, and the next reminders."""

from datetime import date

import pytest
from django.urls import reverse
from django.utils.html import escape

from accounts.tests.factories import make_user
from notifications.agreements.services import save_settings
from notifications.models import MailSettings, MailTemplate, Message, Preference
from notifications.services import deliver_due, request_sending
from notifications.tests.factories import ADDRESS, make_sendable

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice():
    return make_sendable(issue_date=date(2026, 3, 1), due_date=date(2026, 3, 31))


@pytest.fixture
def sign_in(client, invoice):
    def as_role(role):
        client.force_login(make_user(role, invoice.company))
        return client

    return as_role


def page(name, row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{name}", args=[row.pk])


def test_the_invoice_has_a_button_that_shows_the_mail_and_sends_it(sign_in, invoice, postbox):
    client = sign_in("Finance")
    assert page("send", invoice) in client.get(page("change", invoice)).content.decode()
    shown = client.get(page("send", invoice)).content.decode()

    reply = client.post(page("send", invoice), {"version": invoice.version}, follow=True)
    deliver_due()

    assert ADDRESS in shown
    assert f"attached is invoice {invoice.number}" in shown
    assert f"is on its way to {ADDRESS}" in reply.content.decode()
    assert len(postbox.mails) == 1
    assert "invoice.sent" in client.get(page("history", invoice)).content.decode()


def test_a_second_click_sends_nothing_more(sign_in, invoice, postbox):
    client = sign_in("Finance")

    for _ in range(2):
        reply = client.post(page("send", invoice), {"version": invoice.version}, follow=True)

    assert "is being sent already" in reply.content.decode()
    assert Message.objects.count() == 1


@pytest.mark.parametrize("role", ["Viewer", "Auditor"])
def test_readers_see_messages_and_cannot_send(sign_in, invoice, role):
    message = request_sending(actor=make_user("Finance", invoice.company), invoice_id=invoice.pk)
    Message.objects.update(state="failed", error="550 No such user")
    client = sign_in(role)

    assert client.post(page("send", invoice), {"version": invoice.version}).status_code == 403
    assert client.post(page("retry", message)).status_code == 403
    assert client.post(page("agreement", invoice), {"version": 1}).status_code == 403
    shown = client.get(page("change", message)).content.decode()
    assert "550 No such user" in shown
    assert "Send once more" not in shown


def test_a_failed_message_says_why_and_is_sent_once_more_by_its_button(sign_in, invoice, postbox):
    postbox.recipient_answer = "550 No such user"
    message = request_sending(actor=make_user("Finance", invoice.company), invoice_id=invoice.pk)
    deliver_due()
    postbox.recipient_answer = "250 OK"
    client = sign_in("Finance")
    listed = client.get(reverse("admin:notifications_message_changelist")).content.decode()
    shown = client.get(page("change", message)).content.decode()

    reply = client.post(page("retry", message), follow=True)
    deliver_due()

    assert "550 No such user" in listed
    assert page("retry", message) in shown
    assert "once more" in reply.content.decode()
    assert len(postbox.mails) == 1
    assert "Send once more" not in client.get(page("change", message)).content.decode()


def test_messages_of_another_company_do_not_exist(sign_in, invoice):
    foreign = make_sendable()
    message = request_sending(actor=make_user("Finance", foreign.company), invoice_id=foreign.pk)
    client = sign_in("Admin")

    assert client.get(page("change", message)).status_code == 404
    assert client.post(page("retry", message)).status_code == 404
    assert ADDRESS not in client.get(reverse("admin:notifications_message_changelist")).content.decode()


def test_waiting_for_too_long_is_said_aloud(sign_in, invoice):
    request_sending(actor=make_user("Finance", invoice.company), invoice_id=invoice.pk)
    client = sign_in("Viewer")
    address = reverse("admin:notifications_message_changelist")
    assert "is a worker running" not in client.get(address).content.decode()

    Message.objects.update(next_attempt_at="2026-01-01T00:00:00Z")

    assert "is a worker running" in client.get(address).content.decode()


def test_an_admin_sets_what_the_company_sends_by_itself_and_looks_at_the_next_reminders(sign_in, invoice):
    client = sign_in("Admin")
    typed = {"company": invoice.company_id, "send_on_issue": "on", "remind": "on", "language": "en"}
    add = reverse("admin:notifications_mailsettings_add")
    wrong = client.post(add, typed | {"stages": "soon", "remind_at": "08:00"})

    client.post(add, typed | {"stages": "7, -3,0", "remind_at": "09:30"})

    settings = MailSettings.objects.get()
    assert "Write whole numbers" in wrong.content.decode()
    assert (settings.stages, settings.send_on_issue, f"{settings.remind_at}") == ([-3, 0, 7], True, "09:30:00")
    client.post(page("change", settings), {"version": 1, "language": "de", "stages": "0", "remind_at": "08:00"})
    settings.refresh_from_db()
    assert (settings.stages, settings.send_on_issue, settings.remind, settings.language) == ([0], False, False, "de")
    shown = client.get(page("preview", settings)).content.decode()
    assert str(invoice.number) in shown
    assert "Reminders are switched off" in shown


def test_what_was_promised_is_typed_on_the_invoice_and_silences_reminders(sign_in, invoice):
    client = sign_in("Finance")
    save_settings(actor=make_user("Admin", invoice.company), company=invoice.company, remind=True)

    client.post(page("agreement", invoice), {"version": 1, "promised_on": "2999-01-01"})
    client.post(page("agreement", invoice.customer), {"version": 1, "do_not_remind": "on", "language": "de"})

    about_invoice, about_customer = Preference.objects.order_by("id")
    assert (about_invoice.invoice, about_invoice.promised_on) == (invoice, date(2999, 1, 1))
    assert (about_customer.customer, about_customer.language) == (invoice.customer, "de")
    assert 'value="2999-01-01"' in client.get(page("agreement", invoice)).content.decode()
    shown = client.get(page("preview", MailSettings.objects.get())).content.decode()
    assert "Nothing is due." in shown


def test_a_template_is_written_with_a_preview_and_refused_with_the_placeholder_that_is_none(sign_in, invoice):
    client = sign_in("Admin")
    add = reverse("admin:notifications_mailtemplate_add")
    typed = {"company": invoice.company_id, "kind": "invoice", "language": "en", "subject": "Bill", "body": "{totl}"}

    refused = client.post(add, typed).content.decode()
    client.post(add, typed | {"body": "<b>Pay</b> {total}"})

    assert "{totl} is not filled in by anything" in refused
    shown = client.get(page("change", MailTemplate.objects.get())).content.decode()
    assert "&lt;b&gt;Pay&lt;/b&gt; 1,150.00" in shown
    again = client.post(add, typed | {"body": "Pay"}).content.decode()
    assert "There is a template of this kind in this language already." in again


def test_the_lines_of_a_mail_stand_as_they_are_sent(sign_in, invoice):
    message = request_sending(actor=make_user("Finance", invoice.company), invoice_id=invoice.pk)

    shown = sign_in("Finance").get(page("change", message)).content.decode()

    assert "\n" in message.body
    assert f'<div class="as-typed">{escape(message.body)}</div>' in shown


def test_a_message_has_no_page_of_a_history_that_is_not_kept(sign_in, invoice):
    message = request_sending(actor=make_user("Finance", invoice.company), invoice_id=invoice.pk)

    answer = sign_in("Finance").get(page("history", message))

    assert answer.headers["Location"] == page("change", message)
