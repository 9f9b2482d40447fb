"""The forms of users, roles and passwords in the admin."""

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordMixin

from accounts.models import Membership, User
from accounts.roles import Role
from accounts.services import change_password
from core.admin import CommandForm, companies_where
from parties.models import Company

ROLE_CHOICES = [("", "---------"), *Role.choices]


class UserForm(CommandForm):
    """What can be changed of a user."""

    class Meta:
        model = User
        fields = ("full_name", "is_active")


class NewUserForm(SetPasswordMixin, CommandForm):
    """A new user, and the first role."""

    password1, password2 = SetPasswordMixin.create_password_fields()
    company = forms.ModelChoiceField(Company.objects.none())
    role = forms.ChoiceField(choices=ROLE_CHOICES)

    class Meta:
        model = User
        fields = ("email", "full_name")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        companies = companies_where(self.user, "accounts.add_user", Company.objects.all())
        self.fields["company"].queryset = companies
        first_two = list(companies[:2])
        if len(first_two) == 1:
            self.fields["company"].initial = first_two[0].pk

    def clean(self) -> dict[str, Any]:
        """Both passwords agree, and are good enough for this user."""
        self.validate_passwords()
        user = User(email=self.cleaned_data.get("email", ""), full_name=self.cleaned_data.get("full_name", ""))
        self.validate_password_for_user(user)
        return super().clean()

    def _field_of(self, refusal: Any) -> str | None:
        return "password2" if refusal.field == "password" else super()._field_of(refusal)


class MembershipForm(CommandForm):
    """A role in a company. Who is in the company already has that role changed, not a second one given."""

    role = forms.ChoiceField(choices=ROLE_CHOICES)

    class Meta:
        model = Membership
        fields = ("user", "company")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.initial["role"] = self.instance.role

    def clean(self) -> dict[str, Any]:
        """Refuse a second role in the same company."""
        values = super().clean() or self.cleaned_data
        user, company = values.get("user"), values.get("company")
        if user and company:
            held = Membership.objects.filter(user=user, company=company).select_related("group").first()
            if held:
                self.add_error("company", f"{user} is {held.role} of {company} already: change that role instead.")
        return values


class PasswordForm(SetPasswordMixin, forms.Form):
    """A new password for somebody, typed twice. The version is the user's."""

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    password1, password2 = SetPasswordMixin.create_password_fields()

    def __init__(self, user: User, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.user = user

    def clean(self) -> dict[str, Any]:
        """Both passwords agree, and are good enough for this user."""
        self.validate_passwords()
        self.validate_password_for_user(self.user)
        return super().clean() or self.cleaned_data


class OwnPasswordForm(PasswordChangeForm):
    """One's own password, changed on the record."""

    required_css_class = "required"

    def save(self, commit: bool = True) -> User:
        """The user with the new password."""
        change_password(actor=self.user, user=self.user, password=self.cleaned_data["new_password1"])
        self.user.refresh_from_db()
        return self.user
