"""Messages over REST: sending an invoice, and what became of it."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import TextField
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from invoices.api import InvoiceStateSerializer
from invoices.selectors import invoice_reference
from notifications.bounces.services import record_bounce
from notifications.kinds import Kind, State
from notifications.models import Message
from notifications.selectors import messages_of
from notifications.services import request_sending
from notifications.smtp import ERROR_LENGTH


class SendSerializer(CamelCaseSerializer):
    """The version that the caller read, where they care. The mail goes to the address that the customer has now."""

    version = serializers.IntegerField(required=False, min_value=1)


class SendingSerializer(InvoiceStateSerializer):
    """Where the invoice stands, and the message that was made."""

    message_id = serializers.IntegerField()


class MessageSerializer(CamelCaseSerializer):
    """A mail about an invoice, and how it stands."""

    id = serializers.IntegerField()
    invoice_id = serializers.IntegerField(allow_null=True, help_text="Null for a statement.")
    customer_id = serializers.IntegerField(allow_null=True)
    kind = serializers.ChoiceField(Kind.choices)
    state = serializers.ChoiceField(State.choices)
    recipient = serializers.CharField()
    subject = serializers.CharField()
    attempts = serializers.IntegerField()
    error = serializers.CharField(help_text="What went wrong last; empty where nothing did.")
    internet_message_id = serializers.CharField(
        source="mail_id", help_text="The header Message-ID, the same in every attempt."
    )
    requested_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    next_attempt_at = serializers.DateTimeField(allow_null=True, help_text="While it waits.")
    sent_at = serializers.DateTimeField(allow_null=True)
    bounced_at = serializers.DateTimeField(allow_null=True, help_text="When it was recorded that it came back.")


class BounceSerializer(CamelCaseSerializer):
    """Why a mail came back."""

    reason = TextField(max_length=ERROR_LENGTH, help_text="What the other mail server said.")


class InvoiceMessagesSerializer(CamelCaseSerializer):
    """The mails about an invoice, newest first."""

    results = MessageSerializer(many=True)


class MessageViewSet(ScopedViewSet):
    """The mails about the invoices of your companies."""

    required_permissions = {
        "messages": "notifications.view_message",
        "send": "notifications.send_message",
        "bounced": "notifications.send_message",
    }
    serializer_class = MessageSerializer

    @extend_schema(operation_id="listInvoiceMessages", tags=["invoices"], responses=InvoiceMessagesSerializer)
    def messages(self, request: Request, id: int) -> Response:
        """The mails about an invoice, newest first: what waits, what was sent, what failed and why."""
        invoice = self.scoped_object(invoice_reference)
        rows = messages_of(self.caller).filter(invoice_id=invoice.pk)
        return Response({"results": [MessageSerializer.represent(row) for row in rows]})

    @extend_schema(operation_id="sendInvoice", tags=["invoices"], request=SendSerializer, responses=SendingSerializer)
    def send(self, request: Request, id: int) -> Response:
        """Mail an issued invoice to its customer, for the first time or again. It leaves in the background."""
        invoice = self.scoped_object(invoice_reference)
        version = self.stated_version(self.body(SendSerializer).get("version"))

        def command() -> Response:
            message = request_sending(actor=self.caller, invoice_id=invoice.pk, version=version)
            state = InvoiceStateSerializer.represent(message.invoice)
            return self.document({**state, "messageId": message.pk})

        return self.once(invoice.company_id, command)

    @extend_schema(
        operation_id="recordBounce", tags=["invoices"], request=BounceSerializer, responses=MessageSerializer
    )
    def bounced(self, request: Request, id: int) -> Response:
        """Record that a mail came back: no automatic mail goes there until a person confirms or changes the address."""
        message = self.scoped_object()
        reason = self.body(BounceSerializer)["reason"]

        def command() -> Response:
            returned = record_bounce(actor=self.caller, message_id=message.pk, reason=reason)
            return Response(MessageSerializer.represent(returned))

        return self.once(message.company_id, command)

    def visible(self) -> QuerySet[Message]:
        """The messages that exist for the caller."""
        return messages_of(self.caller)
