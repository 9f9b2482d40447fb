"""The shape of the record over REST."""

from rest_framework import serializers

from audit.selectors import ACTIONS
from core.api.serializers import CamelCaseSerializer


class TimelineEntrySerializer(CamelCaseSerializer):
    """One version of one object: what changed (only what differs), by whom, when and why."""

    entity_type = serializers.CharField(help_text="Invoice, InvoiceLine, Payment, Customer…")
    entity_id = serializers.IntegerField()
    version = serializers.IntegerField()
    action = serializers.ChoiceField([(action, action) for action in ACTIONS.values()])
    command = serializers.CharField(help_text="The journal's word, for example invoice.issued.")
    old_values = serializers.DictField()
    new_values = serializers.DictField()
    performed_by = serializers.CharField()
    performed_at = serializers.DateTimeField()
    request_id = serializers.CharField()
    reason = serializers.CharField()
