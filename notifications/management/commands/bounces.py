"""Reads what mail servers send back, and records it on the message that came back."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actors import SystemActor
from notifications.bounces.delivery_status import Returned, returned_in
from notifications.bounces.services import NotReturnable, record_bounce
from notifications.models import Message
from notifications.smtp import ERROR_LENGTH

BOUNCES = SystemActor("system:bounces")


class Command(BaseCommand):
    """For a mail gateway that pipes the mails to the sender's address into it, one at a time."""

    help = "Record a mail that came back (a delivery status notification, RFC 3464)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where the notification is."""
        parser.add_argument("file", nargs="?", default="-", help="the mail as it came; - is the standard input")

    def handle(self, **options: Any) -> None:
        """Find the message by its Message-ID, and record why it came back."""
        returned = _read(options["file"])
        if returned is None:
            self.stdout.write("This says of no mail that it could not be delivered: nothing to record.")
            return
        message = Message.objects.filter(mail_id__in=returned.mail_ids).first()
        if message is None:
            raise CommandError(
                f"No message of ours is named in it ({', '.join(returned.mail_ids) or 'no Message-ID'})."
            )
        try:
            record_bounce(actor=BOUNCES, message_id=message.pk, reason=returned.reason[:ERROR_LENGTH])
        except NotReturnable:
            self.stdout.write(f"Message {message.pk} was not sent, or came back before: nothing to record.")
        else:
            self.stdout.write(f"Message {message.pk} to {message.recipient} came back: {returned.reason}")


def _read(name: str) -> Returned | None:
    if name == "-":
        return returned_in(sys.stdin.buffer)
    try:
        with Path(name).open("rb") as file:
            return returned_in(file)
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
