"""How long a password may be. No ORM."""

from typing import Any

from django.core.exceptions import ValidationError

MAXIMUM_PASSWORD_CHARACTERS = 200
"""More would only keep the hash busy; a password is refused, never cut off."""


class MaximumLengthValidator:
    """Refuses a password that no form of ours would take again."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError for a password that is too long."""
        if len(password) > MAXIMUM_PASSWORD_CHARACTERS:
            raise ValidationError(
                f"This password is too long. It may have up to {MAXIMUM_PASSWORD_CHARACTERS} characters.",
                code="password_too_long",
            )

    def get_help_text(self) -> str:
        """The rule."""
        return f"Your password may have up to {MAXIMUM_PASSWORD_CHARACTERS} characters, and any of them."
