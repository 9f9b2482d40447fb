"""Which conversation with a mail server the settings ask for."""

import pytest
from django.core.mail import get_connection

from notifications.smtp import WatchedSMTP, WatchedSMTPOverTLS


@pytest.mark.parametrize(("use_ssl", "conversation"), [(False, WatchedSMTP), (True, WatchedSMTPOverTLS)])
def test_conversations_are_watched_with_tls_from_the_beginning_and_without(use_ssl, conversation):
    backend = get_connection("notifications.smtp.WatchedBackend", use_ssl=use_ssl)

    assert backend.connection_class is conversation
