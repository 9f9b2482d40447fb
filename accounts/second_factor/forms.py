"""What is typed about a second factor."""

from typing import Any

from django import forms

from accounts.password_rules import MAXIMUM_PASSWORD_CHARACTERS
from core.widgets import dress_fields

CODE_CHARACTERS = 40


def code_field(*, digits_only: bool = False, **options: Any) -> forms.CharField:
    """A field for a code, filled in by those programs that know it; `digits_only` asks a telephone for its digits."""
    attributes = {"autocomplete": "one-time-code", "spellcheck": "false", "autocapitalize": "characters"}
    if digits_only:
        attributes["inputmode"] = "numeric"
    widget = forms.TextInput(attrs=attributes)
    return forms.CharField(max_length=CODE_CHARACTERS, widget=widget, **{"label": "Code", **options})


class ConfirmForm(forms.Form):
    """The first code of an app, which shows that it knows the secret."""

    required_css_class = "required"
    code = code_field(digits_only=True, label="Code of the app", help_text="Six digits, as your app shows them now.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        dress_fields(self)


class RecoveryCodesForm(ConfirmForm):
    """A code, so that nobody who finds an open browser takes new recovery codes away."""

    code = code_field(help_text="Of your app, or one of the old recovery codes.")


class SwitchOffForm(RecoveryCodesForm):
    """Password and code."""

    field_order = ("password", "code")
    password = forms.CharField(
        strip=False,
        max_length=MAXIMUM_PASSWORD_CHARACTERS,
        label="Your password",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = code_field(help_text="Of your app, or a recovery code.")
