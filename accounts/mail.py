"""Mails about accounts. They leave in the background, so that a reply takes no longer where there is one to send."""

import logging
from concurrent.futures import ThreadPoolExecutor

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

logger = logging.getLogger(__name__)

post_office = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")


def send_reset_link(email: str, link: str) -> None:
    """Mail the link that leads to a new password. A failure is logged, without the link."""
    body = render_to_string("accounts/reset_mail.txt", {"email": email, "link": link})
    post_office.submit(_send, EmailMessage("Choose a new FinTrack password", body, to=[email]))


def send_invitation(email: str, link: str, *, inviter: str, days: int) -> None:
    """Mail the link by which somebody new chooses a password."""
    context = {"email": email, "link": link, "inviter": inviter, "days": days}
    body = render_to_string("accounts/invitation_mail.txt", context)
    post_office.submit(_send, EmailMessage("Your FinTrack account", body, to=[email]))


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except Exception:
        logger.exception("The mail to %s was not sent.", ", ".join(message.to))
