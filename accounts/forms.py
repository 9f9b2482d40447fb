"""The forms of users, roles and passwords in the admin."""

from typing import Any, ClassVar

from django import forms
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordMixin

from accounts.models import Membership, User
from accounts.roles import Role
from accounts.services import change_password
from core.admin import CommandForm, companies_where
from core.widgets import dress_fields
from parties.models import Company

ROLE_CHOICES = [("", "---------"), *Role.choices]


class UserForm(CommandForm):
    """What can be changed of a user: each role held can become another one or be taken away, and one be given."""

    new_company = forms.ModelChoiceField(Company.objects.none(), required=False, label="Company")
    new_role = forms.ChoiceField(choices=ROLE_CHOICES, required=False, label="Role")

    class Meta:
        model = User
        fields = ("full_name", "is_active")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.held = list(self.instance.memberships.select_related("company", "group"))
        for membership in self.held:
            self.fields[_role_field(membership)] = forms.ChoiceField(
                choices=[*Role.choices, ("", "No role any more")],
                required=False,
                initial=membership.role,
                label=str(membership.company),
            )
        companies = companies_where(self.user, "accounts.add_membership", Company.objects.all())
        others = companies.exclude(pk__in=[membership.company_id for membership in self.held])
        self.fields["new_company"].queryset = others
        dress_fields(self)

    @property
    def role_fields(self) -> list[Any]:
        """The fields of the roles held, as they stand in the page."""
        return [self[_role_field(membership)] for membership in self.held]

    def clean(self) -> dict[str, Any]:
        """The roles as they shall be, as `roles`, where they shall be others."""
        values = super().clean() or self.cleaned_data
        company, role = values.pop("new_company", None), values.pop("new_role", "")
        if company and not role:
            self.add_error("new_role", "Choose the role.")
        if role and not company:
            self.add_error("new_company", "Choose the company.")
        before = {membership.company: str(membership.role) for membership in self.held}
        typed = {membership.company: self._typed_role(membership, values) for membership in self.held}
        after = {held_in: kept for held_in, kept in typed.items() if kept} | ({company: role} if company else {})
        return values | ({"roles": after} if after != before else {})

    def _typed_role(self, membership: Membership, values: dict[str, Any]) -> str:
        """What was chosen in place of the role; a field that was not sent changes nothing."""
        name = _role_field(membership)
        typed = values.pop(name, "")
        return typed if self.add_prefix(name) in self.data else str(membership.role)


class NewUserForm(CommandForm):
    """A new user, and the first role. They choose a password themselves, by the link of a mail."""

    company = forms.ModelChoiceField(Company.objects.none())
    role = forms.ChoiceField(choices=ROLE_CHOICES)

    class Meta:
        model = User
        fields = ("email", "full_name")
        help_texts: ClassVar[dict[str, str]] = {
            "email": "An invitation goes there, with a link that leads to a password of their own."
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        companies = companies_where(self.user, "accounts.add_user", Company.objects.all())
        self.fields["company"].queryset = companies
        first_two = list(companies[:2])
        if len(first_two) == 1:
            self.fields["company"].initial = first_two[0].pk


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
        dress_fields(self)

    def clean(self) -> dict[str, Any]:
        """Both passwords agree, and are good enough for this user."""
        self.validate_passwords()
        self.validate_password_for_user(self.user)
        return super().clean() or self.cleaned_data


class OwnPasswordForm(PasswordChangeForm):
    """One's own password, changed on the record."""

    required_css_class = "required"

    def __init__(self, *args: Any, kept_sign_in: str | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.kept_sign_in = kept_sign_in
        dress_fields(self)

    def save(self, commit: bool = True) -> User:
        """The user with the new password."""
        new = self.cleaned_data["new_password1"]
        change_password(actor=self.user, user=self.user, password=new, kept_sign_in=self.kept_sign_in)
        self.user.refresh_from_db()
        return self.user


def _role_field(membership: Membership) -> str:
    return f"role_{membership.company_id}"
