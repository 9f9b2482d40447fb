"""Mail that comes back: recorded once, shown where it matters, and a reason for automatic mail to wait."""

import io
from email.message import EmailMessage
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.tests.factories import api_client, make_user
from audit.actors import SYSTEM
from audit.books import faults
from audit.models import Change
from invoices.models import Invoice
from invoices.services import issue_invoice
from invoices.tests.factories import make_draft
from notifications.bounces.delivery_status import returned_in
from notifications.bounces.services import (
    NothingRefused,
    NotReturnable,
    ReasonMissing,
    confirm_address,
    record_bounce,
    release_held,
)
from notifications.models import Message, RefusedAddress
from notifications.schedule import beat
from notifications.services import deliver_due, request_sending, retry_message
from notifications.tests.conftest import Postbox
from notifications.tests.factories import ADDRESS, make_sendable, make_sending_company
from parties.services import update_customer

pytestmark = pytest.mark.django_db

REASON = "5.1.1 550 No such user"


def make_returned(company: Any = None) -> Message:
    """A message that was sent and came back."""
    invoice = make_sendable(company)
    message = invoice.messages.first() or request_sending(actor=SYSTEM, invoice_id=invoice.pk)
    deliver_due()
    return record_bounce(actor=SYSTEM, message_id=message.pk, reason=REASON)


def issue_another(earlier: Invoice) -> Message:
    """The message of another invoice to the same customer, sent by itself when it is issued."""
    draft = make_draft(earlier.company, customer=earlier.customer)
    return issue_invoice(actor=SYSTEM, invoice_id=draft.pk).messages.get()


def test_what_came_back_is_on_record_once(postbox: Postbox) -> None:
    message = make_returned()

    message.refresh_from_db()
    refused = RefusedAddress.objects.get()
    assert (message.state, message.error, message.attempts) == ("bounced", REASON, 1)
    assert (refused.customer, refused.invoice, refused.address) == (message.customer, message.invoice, ADDRESS)
    assert (refused.change.action, refused.change.reason) == ("message.bounced", REASON)
    with pytest.raises(NotReturnable):
        record_bounce(actor=SYSTEM, message_id=message.pk, reason=REASON)
    assert list(faults()) == []


def test_what_was_not_sent_cannot_come_back_and_a_reason_is_named() -> None:
    waiting = request_sending(actor=SYSTEM, invoice_id=make_sendable().pk)

    with pytest.raises(NotReturnable):
        record_bounce(actor=SYSTEM, message_id=waiting.pk, reason=REASON)
    with pytest.raises(ReasonMissing):
        record_bounce(actor=SYSTEM, message_id=waiting.pk, reason="  ")


def test_automatic_mail_to_the_address_waits_until_a_person_confirms_it(postbox: Postbox) -> None:
    company = make_sending_company()
    returned = make_returned(company)
    held = issue_another(returned.invoice)
    sent_before = len(postbox.mails)

    deliver_due()
    beat()
    deliver_due()
    held.refresh_from_db()
    assert (held.state, len(postbox.mails)) == ("held", sent_before)
    assert "came back on" in held.error
    confirm_address(actor=make_user("Finance", company), customer_id=returned.customer_id)
    deliver_due()

    held.refresh_from_db()
    assert (held.state, len(postbox.mails)) == ("sent", sent_before + 1)
    assert Change.objects.filter(action="customer.address_confirmed").count() == 1
    with pytest.raises(NothingRefused):
        confirm_address(actor=SYSTEM, customer_id=returned.customer_id)
    assert list(faults()) == []


def test_automatic_mail_goes_to_the_new_address_once_it_is_changed(postbox: Postbox) -> None:
    returned = make_returned(make_sending_company())
    held = issue_another(returned.invoice)
    deliver_due()

    update_customer(actor=SYSTEM, customer_id=returned.customer_id, email="new@acme.test")
    beat()
    deliver_due()

    held.refresh_from_db()
    assert (held.state, held.recipient, postbox.mails[-1]["To"]) == ("sent", "new@acme.test", "new@acme.test")


def test_the_same_address_in_other_letters_is_still_the_same(postbox: Postbox) -> None:
    returned = make_returned(make_sending_company())
    update_customer(actor=SYSTEM, customer_id=returned.customer_id, email=ADDRESS.replace("accounts", "Accounts"))
    held = issue_another(returned.invoice)

    deliver_due()
    assert release_held(held.created_at) == 0

    held.refresh_from_db()
    assert held.state == "held"


def test_a_person_may_send_to_the_address_all_the_same(postbox: Postbox) -> None:
    returned = make_returned(make_sending_company())
    held = issue_another(returned.invoice)
    deliver_due()
    before = len(postbox.mails)

    request_sending(actor=SYSTEM, invoice_id=held.invoice_id)
    retry_message(actor=SYSTEM, message_id=returned.pk)
    deliver_due()

    held.refresh_from_db()
    assert len(postbox.mails) == before + 2
    assert (held.state, held.error) == ("needless", "Somebody sent it by hand.")
    assert Message.objects.get(pk=returned.pk).deliveries.count() == 2


def notification(mail_id: str, *, action: str = "failed", headers_only: bool = False) -> bytes:
    """A delivery status notification as RFC 3464 has it."""
    fields = f"Reporting-MTA: dns; mx.acme.test\n\nFinal-Recipient: rfc822; {ADDRESS}\nAction: {action}\n"
    status = "Status: 5.1.1\nDiagnostic-Code: smtp; 550 No such\n user\n"
    original = f"Message-ID: {mail_id}\nSubject: Invoice\nTo: {ADDRESS}\n"
    kind = "text/rfc822-headers" if headers_only else "message/rfc822"
    body = original if headers_only else f"{original}\nDear Acme\n"
    return (
        "From: MAILER-DAEMON@mx.acme.test\nTo: books@fintrack.test\nSubject: Undelivered Mail\nMessage-ID: <dsn@mx>\n"
        'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nIt did not arrive.\n\n"
        f"--b\nContent-Type: message/delivery-status\n\n{fields}{status}\n"
        f"--b\nContent-Type: {kind}\n\n{body}\n--b--\n"
    ).encode()


@pytest.mark.parametrize("headers_only", [False, True])
def test_a_notification_names_the_mail_and_why_it_came_back(headers_only: bool) -> None:
    returned = returned_in(io.BytesIO(notification("<abc@fintrack.test>", headers_only=headers_only)))

    assert returned is not None
    assert (returned.mail_ids, returned.reason) == (("<abc@fintrack.test>",), REASON)


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_what_is_only_late_or_has_arrived_did_not_come_back(action: str) -> None:
    assert returned_in(io.BytesIO(notification("<abc@fintrack.test>", action=action))) is None


@pytest.mark.parametrize(
    "mail", [b"", b"\xff\xfe\x00", b"Subject: Out of office\n\nBack on Monday.", b"Content-Type: multipart/report\n\n"]
)
def test_other_mail_is_no_notification(mail: bytes) -> None:
    assert returned_in(io.BytesIO(mail)) is None


def bounces(tmp_path: Any, content: bytes) -> str:
    file = tmp_path / "notification.eml"
    file.write_bytes(content)
    said = StringIO()
    call_command("bounces", str(file), stdout=said)
    return said.getvalue()


def test_the_command_finds_the_message_of_a_notification(postbox: Postbox, tmp_path: Any) -> None:
    message = request_sending(actor=SYSTEM, invoice_id=make_sendable().pk)
    deliver_due()
    sent = postbox.mails[0]
    assert isinstance(sent, EmailMessage)
    content = notification(str(sent["Message-ID"]))

    first, again = bounces(tmp_path, content), bounces(tmp_path, content)

    message.refresh_from_db()
    assert (message.state, message.error) == ("bounced", REASON)
    assert first == f"Message {message.pk} to {ADDRESS} came back: {REASON}\n"
    assert again == f"Message {message.pk} was not sent, or came back before: nothing to record.\n"
    assert RefusedAddress.objects.get().change.actor == "system:bounces"
    with pytest.raises(CommandError, match="No message of ours"):
        bounces(tmp_path, notification("<other@elsewhere.test>"))
    assert "nothing to record" in bounces(tmp_path, b"Subject: Out of office\n\nBack on Monday.")


def test_the_command_reads_its_standard_input(postbox: Postbox, monkeypatch: Any) -> None:
    message = request_sending(actor=SYSTEM, invoice_id=make_sendable().pk)
    deliver_due()

    class Input:
        buffer = io.BytesIO(notification(message.mail_id))

    monkeypatch.setattr("sys.stdin", Input)
    call_command("bounces", stdout=StringIO())

    message.refresh_from_db()
    assert message.state == "bounced"


def test_a_gateway_records_it_over_rest(postbox: Postbox) -> None:
    message = request_sending(actor=SYSTEM, invoice_id=make_sendable().pk)
    deliver_due()
    client = api_client(make_user("Finance", message.company))

    reply = client.post(f"/api/messages/{message.pk}/bounced", {"reason": REASON})
    again = client.post(f"/api/messages/{message.pk}/bounced", {"reason": REASON})

    assert (reply.status_code, reply.json()["state"], reply.json()["error"]) == (200, "bounced", REASON)
    assert (again.status_code, again.json()["code"]) == (400, "not_returnable")
    [listed] = client.get(f"/api/invoices/{message.invoice_id}/messages").json()["results"]
    assert listed == reply.json()


def test_it_is_typed_on_the_message_and_seen_on_the_invoice_and_the_customer(postbox: Postbox, client: Any) -> None:
    message = request_sending(actor=SYSTEM, invoice_id=make_sendable().pk)
    deliver_due()
    client.force_login(make_user("Finance", message.company))
    page = reverse("admin:notifications_message_change", args=[message.pk])
    assert "It came back" in client.get(page).content.decode()

    client.post(reverse("admin:notifications_message_bounced", args=[message.pk]), {"reason": REASON})

    shown = client.get(page).content.decode()
    assert REASON in shown
    assert "Send once more" in shown
    for address in (
        reverse("admin:invoices_invoice_change", args=[message.invoice_id]),
        reverse("admin:parties_customer_change", args=[message.customer_id]),
    ):
        assert f"Mail to {ADDRESS} came back on" in client.get(address).content.decode()
    history = client.get(reverse("admin:invoices_invoice_history", args=[message.invoice_id])).content.decode()
    assert REASON in history
    confirm = reverse("admin:parties_customer_confirm-address", args=[message.customer_id])
    assert ADDRESS in client.get(confirm).content.decode()
    done = client.post(confirm, {"version": 1}, follow=True).content.decode()
    assert f"Mail is sent to {ADDRESS} again." in done
    assert (
        "came back on"
        not in client.get(reverse("admin:parties_customer_change", args=[message.customer_id])).content.decode()
    )
