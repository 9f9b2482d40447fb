"""Mail that came back: recording it, confirming the address all the same, and letting go what waited for that.

Errors: NotFound, NotReturnable, ReasonMissing, NothingRefused, TextInvalid.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery
from django.utils import timezone

from audit.actors import Actor
from audit.services import recording, write_version
from core.database import locked
from core.errors import DomainError
from core.text import clean_text
from notifications.bounces.selectors import standing_refusals
from notifications.kinds import State
from notifications.models import Message, RefusedAddress
from notifications.smtp import ERROR_LENGTH
from parties.models import Customer

RETURNABLE = (State.SENT, State.UNCERTAIN)


class NotReturnable(DomainError):
    """It was never sent, or came back already."""

    code = "not_returnable"
    title = "Nothing that could come back"
    default_detail = "Only messages that were sent come back, each once."


class ReasonMissing(DomainError):
    """Whoever reads it later wants to know why."""

    code = "reason_missing"
    title = "No reason"
    default_detail = "Say why it came back: what the other mail server wrote."


class NothingRefused(DomainError):
    """No mail to the address came back, or the address was confirmed or changed since."""

    code = "nothing_refused"
    title = "Nothing to confirm"
    default_detail = "No mail to the customer's present address came back."


def record_bounce(*, actor: Actor, message_id: int, reason: str) -> Message:
    """The message, which came back for `reason`; no automatic mail goes to its address until a person confirms that.

    Raises NotReturnable for what was not sent, or came back already.
    """
    reason = clean_text(reason, max_length=ERROR_LENGTH, field="reason")
    if not reason:
        raise ReasonMissing(field="reason")
    with transaction.atomic():
        message = locked(Message.objects.all(), pk=message_id)
        if message.state not in RETURNABLE:
            raise NotReturnable
        with recording(actor=actor, action="message.bounced", company_id=message.company_id, reason=reason) as change:
            message.state, message.bounced_at, message.error = State.BOUNCED, timezone.now(), reason
            message.save(update_fields=["state", "bounced_at", "error"])
            if message.customer_id is not None:
                RefusedAddress.objects.create(
                    company_id=message.company_id,
                    customer_id=message.customer_id,
                    invoice_id=message.invoice_id,
                    message=message,
                    address=message.recipient,
                    reason=reason,
                    refused_at=message.bounced_at,
                    change=change,
                )
    return message


def confirm_address(*, actor: Actor, customer_id: int) -> Customer:
    """The customer, whose address a person knows to be right although mail came back: automatic mail goes there again.

    Raises NothingRefused where no mail to the present address came back.
    """
    with transaction.atomic():
        customer = locked(Customer.objects.all(), pk=customer_id)
        refusals = list(
            standing_refusals()
            .filter(customer=customer, address__iexact=customer.email)
            .select_for_update()
            .order_by("id")
        )
        if not refusals:
            raise NothingRefused
        with recording(actor=actor, action="customer.address_confirmed", company_id=customer.company_id) as change:
            for refusal in refusals:
                write_version(refusal, change=change, is_confirmed=True)
        release_held(timezone.now())
    return customer


def release_held(now: datetime) -> int:
    """Let the messages go whose customers have a confirmed or another address now, to that one; how many."""
    refused = standing_refusals().filter(customer=OuterRef("customer"), address__iexact=OuterRef("customer__email"))
    free = Message.objects.filter(~Exists(refused), state=State.HELD).exclude(customer__email="")
    email = Customer.objects.filter(pk=OuterRef("customer")).values("email")
    return Message.objects.filter(pk__in=list(free.values_list("pk", flat=True)), state=State.HELD).update(
        state=State.WAITING, next_attempt_at=now, error="", recipient=Subquery(email[:1])
    )
