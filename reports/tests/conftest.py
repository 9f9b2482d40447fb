"""The real mail server of the tests of mail."""

from notifications.tests.conftest import postbox

__all__ = ["postbox"]
